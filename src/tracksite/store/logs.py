"""Live logs as they lie in a store: found, with their bytes and how they end."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.schema import Problem
from tracksite.store import ages, listing, seals
from tracksite.store.livelog import SLOT

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterable

HEADER_BYTES = 1 << 13  # more than any header of a live log
GONE = (errno.ENOENT, errno.ESTALE)  # it went since it was listed; over NFS the handle did


@dataclass(frozen=True)
class SegmentName:
    """A live log's name, bytes and time, as found.

    Attributes:
        run_id: whose log.
        writer: as in its name.
        seq: as in its name.
        file: its name.
        content: all its bytes, with the zeros that it was filled up with; none yet where the seal
            says that they are in parts.
        heartbeat: when it was last written to, seconds since 1970.
        folder: the store's `live/`.
        seal: how it ends, where nobody appends to it any more.
    """

    run_id: str
    writer: str
    seq: int
    file: str
    content: bytes
    heartbeat: float
    folder: Path = Path()
    seal: seals.Seal | None = None

    @property
    def blank(self) -> bool:
        """Whether its writer has not said who it is, and may have died before it could."""
        return not self.content[:SLOT].strip(b"\0") and not self.content.strip(b"\0")

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / self.file

    @property
    def commit(self) -> tuple[str, str, int]:
        """What its parts will be called."""
        return self.run_id, self.writer, self.seq

    @property
    def used(self) -> int:
        """How many bytes are in use, in whole slots."""
        used = len(self.content.rstrip(b"\0"))
        return used + -used % SLOT

    @property
    def stamp(self) -> str:
        """What changes when the log grows, or is sealed."""
        return f"{self.file}:{self.used if self.seal is None else 'sealed'}"


def list_segments(
    folder: Path,
    run_ids: Collection[str] | None,
    problems: list[Problem] | None = None,
    *,
    most_bytes: int = -1,
) -> list[SegmentName]:
    """Return the live logs, as they are at this moment.

    Of a sealed log whose parts were written only the end is read; `unsaved` reads the rest where
    it is needed.

    Args:
        folder: the store's `live/`.
        run_ids: of these runs alone.
        problems: gets one for each log that cannot be read.
        most_bytes: read no more of each than this; -1: all.
    """
    found, gone = [], []
    for name in listing.segment_names(folder, run_ids):
        try:
            found.append(_read_segment(folder, name, most_bytes))
        except OSError as error:
            if error.errno == errno.ENOENT:
                gone.append(name.string)
            elif error.errno not in GONE and problems is not None:
                problems.append(_unreadable(name.string, error))
    if gone and problems is not None:
        problems += _hidden(folder, set(gone) - set(map(_follower, found)))
    return found


def _follower(segment: SegmentName) -> str:
    """Return the name of the log in which the writer of a sealed one goes on, "" where in none."""
    if segment.seal is None or segment.seal.next is None:
        return ""
    return f"{segment.run_id}.{segment.writer}.{segment.seal.next}.wal"


def _hidden(folder: Path, files: Collection[str]) -> list[Problem]:
    """Name the logs that have a name and a size, and still cannot be opened.

    Some mounts (rclone without a cache of writes) show what is in a file when it is closed; its
    writer saves what it holds now and then, so only the first log of a run is missed. One that is
    listed because the listing is late is not meant: a new file in the folder renews it.
    """
    if not files:
        return []
    ages.clock_of(folder)
    listed = set(listing.names_in(folder, None)).intersection(files)
    return [
        Problem(
            f"live/{file}",
            file[:32],
            f"{file} is being written and cannot be read before it is closed, on this mount: look "
            f"again, or mount it with a cache of writes",
        )
        for file in sorted(listed)
        if (folder / file).is_file()
    ]


def _read_segment(folder: Path, name: re.Match[str], most_bytes: int) -> SegmentName:
    file = name.string
    with (folder / file).open("rb", buffering=0) as log:
        status = os.fstat(log.fileno())
        seal = seals.at_end(log)
        content = b""
        if seal is None or not seal.saved:
            log.seek(0)
            content = log.read(most_bytes)
            if most_bytes >= 0 and not content.strip(b"\0"):
                content += log.read()
    seq = int(name["seq"])
    return SegmentName(
        name["run_id"], name["writer"], seq, file, content, status.st_mtime, folder, seal
    )


def unsaved(
    segments: Iterable[SegmentName],
    have: Collection[str],
    problems: list[Problem] | None = None,
    *,
    final: bool = False,
) -> list[SegmentName]:
    """Return the logs that say what is in no part; those that are sealed are read now.

    Args:
        segments: as `list_segments` found them.
        have: the hashes of the parts that are known, loose and packed.
        problems: gets one for each log that cannot be read.
        final: one that went meanwhile is such, too: it goes again and again.

    Raises:
        FileNotFoundError: one went meanwhile, so its parts are there: list them again.
    """
    found = []
    for segment in segments:
        if segment.seal is None or not segment.seal.saved:
            found.append(segment)
        elif not segment.seal.is_in(have):
            try:
                found.append(replace(segment, content=segment.path.read_bytes()))
            except OSError as error:
                if error.errno in GONE and not final:
                    raise FileNotFoundError(*error.args) from error
                if problems is not None:
                    problems.append(_unreadable(segment.file, error))
    return found


def _unreadable(file: str, error: OSError) -> Problem:
    message = f"{file} cannot be read ({error.strerror}): its run may have logged more; look again"
    return Problem(f"live/{file}", file[:32], message)
