"""Live logs of other processes, of which the ledger wants to know when they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.store import logs, reading, seals

if TYPE_CHECKING:
    from pathlib import Path


class Watched:
    """A live log of another process: how far it went, and whether its writer lives."""

    def __init__(self, path: Path) -> None:
        """Take it as it is now."""
        self._path = path
        self._used = 0
        self._header, self._alive = b"", False
        self._sealed = self._is_sealed()
        if self._sealed:
            return
        self._header = self._read()
        self._used = -(-len(self._header) // 32) * 32
        self._header = self._header[: logs.HEADER_BYTES]
        self._alive = self._lives()

    def changed(self) -> bool:
        """Return whether it grew or lost its writer since it was first looked at."""
        return not self._sealed and (bool(self._read()) or self._lives() != self._alive)

    def _is_sealed(self) -> bool:
        """Return whether nothing comes any more: of such logs there may be a thousand."""
        try:
            with self._path.open("rb") as file:
                return seals.at_end(file) is not None
        except OSError:
            return False

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._used)
                return file.read().rstrip(b"\0")
        except OSError:
            return b""  # it became a part, which the names say

    def _lives(self) -> bool:
        run_id, writer, number, _ = self._path.name.split(".")
        try:
            heartbeat = self._path.stat().st_mtime
        except OSError:
            return False
        return reading.has_writer(
            logs.SegmentName(
                run_id,
                writer,
                int(number),
                self._path.name,
                self._header,
                heartbeat,
                self._path.parent,
            )
        )
