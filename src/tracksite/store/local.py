"""LocalStore: a store in a folder."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tracksite.errors import DamageError, NotFoundError, StoreError
from tracksite.schema import FORMAT, FORMATS, Snapshot
from tracksite.store import (
    clock,
    doubled,
    edits,
    listing,
    logs,
    marking,
    packs,
    parts,
    reading,
    snapshots,
)
from tracksite.store.ids import check_run_id, new_writer
from tracksite.store.patches import merge, normalise, to_table
from tracksite.store.writer import RunWriter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


_MOST_EDITS = 100_000
_MOST_NAMED = 3
FOLDERS = ("log", "live", "artifacts")


def open_store(uri: str | Path, *, create: bool = False) -> LocalStore:
    """Return the store at a path or `file:` URI.

    Args:
        uri: the store's folder.
        create: make the store if there is none.

    Raises:
        NotFoundError: there is no store and `create` is false.
        StoreError: the folder cannot be made, is not a store, or has a newer format.
    """
    root = path_of(uri)
    if not (root / "store.json").is_file():
        if not create:
            raise NotFoundError(f"there is no store at {root}: {_remedy(root)}")
        _create(root)
    _check_format(root)
    return LocalStore(root)


def path_of(uri: str | Path) -> Path:
    """Return the absolute folder that a path or a `file:` URI names.

    Raises:
        StoreError: a scheme that is not built in.
    """
    text = os.fspath(uri)
    scheme = urlsplit(text).scheme if "://" in text or text.startswith("file:") else ""
    if scheme == "file":
        return Path(unquote(urlsplit(text).path if "://" in text else text[5:])).absolute()
    if scheme:
        message = f"{text!r} is not a store that this tracksite can open: use a path or file: URI"
        raise StoreError(message)
    return Path(text).expanduser().absolute()


def _remedy(root: Path) -> str:
    """Return what to do where there is no store: a script may have logged to one beside it."""
    found: list[str] = []
    with contextlib.suppress(OSError):
        found = sorted(one.name for one in root.parent.iterdir() if (one / "store.json").is_file())
    if not found:
        return "log a run into it or name another folder"
    return f"name {' or '.join(found[:_MOST_NAMED])}, beside it, or log a run into it"


def _create(root: Path) -> None:
    try:
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        marking.upgrade(root)
        marking.mark(root)
        parts.sync_folder(root.parent)
    except OSError as error:
        message = f"no store can be made at {root} ({error.strerror}): choose a writable folder"
        raise StoreError(message) from error


def _check_format(root: Path) -> None:
    path = root / "store.json"
    try:
        number = doubled.decode(str(path), path.read_bytes())[0]["format"]
    except (OSError, DamageError, KeyError) as error:
        message = f"{path} does not say what store this is ({error}): restore it from a copy"
        raise StoreError(message) from error
    if number not in FORMATS:
        message = f"{path} says format {number!r}, this tracksite reads {FORMAT}: upgrade tracksite"
        raise StoreError(message)


class LocalStore:
    """A store in a folder of a local or mounted file system."""

    def __init__(self, root: Path) -> None:
        """Take the folder of an existing store; use `open_store` instead."""
        self.root = root
        self._edits: dict[str, int] = {}  # hash of a part → the number of its last edit
        for folder in FOLDERS:  # a copy or a git checkout loses empty folders
            if not (root / folder).is_dir():
                _make(root / folder)

    def state(self) -> str:
        """Return a digest of all names, how far the live logs go and who still writes them.

        No part is opened.
        """
        segments = logs.list_segments(self.root / "live", None)
        loose = self._parts(None)
        names = sorted(part.file for part in loose)
        for folder in ("manifest", "packs"):
            names += sorted(listing.names_in(self.root / folder, None))
        live = sorted(reading.going_on(segments, {part.commit for part in loose}))
        hashes = {part.hash for part in loose}
        live += sorted(
            f"{segment.stamp}:{reading.has_writer(segment)}"
            for segment in segments
            if segment.seal is None or not segment.seal.is_in(hashes)
        )
        return parts.digest("\n".join([*names, *live]).encode())

    def snapshot(self, run_ids: Collection[str] | None = None) -> Snapshot:
        """Return what the store holds now, of all entities or of these; see `Store`."""
        return snapshots.take(self.root, run_ids)

    def artifact_dir(self, run_id: str) -> Path:
        """Return the folder of a run's artifacts; it need not exist."""
        return self.root / "artifacts" / check_run_id(run_id)

    def write_patch(self, run_id: str, kind: str, fields: Mapping[str, Any]) -> parts.PartName:
        """Write one patch as a part, durable when this returns; return the part's name.

        Raises:
            OSError: the disk refused.
            ArgumentError: a field that the schema does not have.
        """
        row = to_table(
            {"kind": kind, **merge([normalise(fields)])},
            run_id=check_run_id(run_id),
            writer=(writer := new_writer()),
            seq=(seq := clock.tick(self._last_seq(run_id))),
            timestamp=time.time_ns() // 1000,
        )
        return parts.write_part(self.root / "log", (run_id, writer, seq), "runs", row)

    def open_writer(
        self,
        run_id: str,
        *,
        kind: str = "run",
        resume: bool = False,
        strict: bool = False,
        imported: bool = False,
    ) -> RunWriter:
        """Return a writer for a new run, or for one that exists when `resume`; see `RunWriter`."""
        marking.mark(self.root)  # a store of an older release has no marks yet
        known = self._last_seq(check_run_id(run_id)) if resume else 0
        return RunWriter(
            self.root,
            run_id,
            kind=kind,
            seq=clock.FIRST if imported else clock.tick(known),
            strict=strict,
            ahead_ns=clock.ahead_ns(known),
            imported=imported,
        )

    def _last_seq(self, run_id: str) -> int:
        """Return the greatest number that is known of a run: of its segments and later edits."""
        loose = self._parts({run_id})
        taken = [max(part.seq, self._last_edit(part)) for part in loose]
        taken += packs.packed_numbers(self.root, run_id)
        taken += reading.live_numbers(self.root / "live", run_id, {part.hash for part in loose})
        return max(taken, default=0)

    def _last_edit(self, part: parts.PartName) -> int:
        """Return the greatest number of what a part says later than its own; 0 if nothing."""
        if part.table != "runs" or part.seq < clock.FIRST:
            return 0
        if part.hash not in self._edits:
            if len(self._edits) >= _MOST_EDITS:
                self._edits.clear()
            self._edits[part.hash] = edits.last(self.root / "log" / part.file)
        return self._edits[part.hash]

    def _parts(self, run_ids: Collection[str] | None) -> list[parts.PartName]:
        return listing.list_parts(self.root / "log", run_ids)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        if not folder.is_dir() and error.errno not in listing.READ_ONLY:
            raise
