"""Verify: recompute every hash of a store, and say in one digest what the store holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, DamageError, NotFoundError
from tracksite.schema import Problem, points_schema
from tracksite.store import (
    artifacts,
    bounds,
    edits,
    listing,
    manifests,
    oddities,
    packs,
    parts,
    pointers,
)
from tracksite.store.blocks import decode_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import polars as pl
    import pyarrow.parquet as pq

    from tracksite.store.local import LocalStore

    _Check = tuple[str, str | None, Callable[[], str | None]]  # path, run, what is wrong with it


@dataclass(frozen=True)
class Verification:
    """What verifying found.

    Attributes:
        digest: the state of the store, see `state_root`.
        files: how many files were checked, those among them that are missing.
        problems: what is damaged or missing, by path.
    """

    digest: str
    files: int
    problems: tuple[Problem, ...]


def verify(store: LocalStore, progress: Callable[[str], object] = bool) -> Verification:
    """Check every part, pack, live log and artifact of a store.

    Args:
        store: what to check.
        progress: told the path of each file as it is checked.
    """
    snapshot = store.snapshot()
    problems = {(one.path, one.message): one for one in snapshot.problems}
    checked = set()
    for path, owner, check in (*_store_files(store), *_artifacts(store, snapshot.patches)):
        progress(path)
        checked.add(path)
        message = check()
        if message is not None:
            problems[path, message] = Problem(path, owner, message)
    ordered = pointers.told(store.root, sorted(problems.values(), key=lambda it: it.path))
    distinct = tuple(dict.fromkeys(ordered))  # a pointer is wrong in more than one way
    files = checked.union(one.path for one in distinct)  # live logs are read by the snapshot
    return Verification(state_root(snapshot.stamps.items()), len(files), distinct)


def state_root(stamps: Iterable[tuple[str, str]]) -> str:
    """Return the root of the Merkle tree over (run id, stamp) in order of run id, 64 hex digits.

    The tree is that of RFC 6962, section 2.1, with SHA-256; a leaf is `<run_id>:<stamp>`, and a
    stamp is a digest over the names of all parts of the run, which carry their content's hash. It
    is the same whether parts are loose or packed, and changes with any of them.
    """
    leaves = [
        hashlib.sha256(b"\0" + f"{run_id}:{stamp}".encode()).digest()
        for run_id, stamp in sorted(stamps)
    ]
    return _tree(leaves).hex()


def _tree(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _tree(leaves[:split]) + _tree(leaves[split:])).digest()


def _store_files(store: LocalStore) -> Iterator[_Check]:
    for part in listing.list_parts(store.root / "log", None):
        yield f"log/{part.file}", part.run_id, partial(_part, store.root, part)
    manifest = manifests.in_force(store.root)
    for one in (*manifest.runs, *manifest.points):
        for name in (one.file, one.file + packs.BLOCKS):
            yield f"packs/{name}", None, partial(_pack, store.root, name)


def _part(root: Path, part: parts.PartName) -> str | None:
    try:
        content = parts.read_checked(root / "log", part)
        if part.table == "points":
            return _odd_times(part.file, bounds.open_parquet(part.file, content, points_schema))
    except DamageError as error:
        return str(error)
    except FileNotFoundError:
        return f"{part.file} went while it was checked: verify again"
    return None


def _pack(root: Path, name: str) -> str | None:
    try:
        content = (root / "packs" / name).read_bytes()
        if name.endswith(packs.BLOCKS):
            decode_blocks(name, content)
        elif not packs.is_sound(name, content):
            return f"{name} is damaged (its bytes do not match its name): restore it from a copy"
        elif name.endswith(".points.parquet"):  # a snapshot reads the others alone
            opened = bounds.open_parquet(name, content, packs.packed_points_schema)
            return _odd_times(name, opened)
    except (OSError, DamageError) as error:
        return f"{name} cannot be read ({error}): restore it from a copy"
    return None


def _odd_times(name: str, opened: pq.ParquetFile) -> str | None:
    if not oddities.odd_times(opened.metadata):
        return None
    return f"{name} holds points at times that no date can hold: they are shown without a time"


def _artifacts(store: LocalStore, patches: pl.DataFrame) -> Iterator[_Check]:
    import polars as pl

    rows = (
        edits.split(patches)
        .sort("run_id", "seq", "writer")
        .select("run_id", "artifacts")
        .explode("artifacts")
        .filter(pl.col("artifacts").is_not_null())
        .unnest("artifacts")
        .unique(["run_id", "path"], keep="last", maintain_order=True)
    )
    for row in rows.iter_rows(named=True):
        place = f"artifacts/{row['run_id']}/{artifacts.disk_name(row)}"
        yield place, row["run_id"], partial(_artifact, store, row)


def _artifact(store: LocalStore, row: Mapping[str, Any]) -> str | None:
    try:
        folder = store.artifact_dir(row["run_id"])
        if folder.parent.is_symlink():
            return f"{folder.parent} is a symbolic link: put the folder itself there"
        artifacts.check(folder, row)
    except (ArgumentError, NotFoundError, DamageError) as error:
        return str(error)
    return None
