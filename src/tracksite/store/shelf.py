"""Shelf: puts files into the artifact folder of one run, and never over another file.

Two copies of a store may both log a path, with other content, and meet again by plain copying. So
the plain name, which is the path, is for the writer that began the run, once; all others, and the
same writer with other content, put the digest of the content into the name on disk. Any file name
stands for one content then, whoever writes, and copying overwrites nothing.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tracksite.errors import ArgumentError
from tracksite.store import artifacts, disk_names, parts, replaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

REPLACED_S = 3600.0  # for which a file stays that this writer has replaced by a newer one
_COARSEST_NS = 2_000_000_000  # two seconds: how exactly FAT keeps a file's time


class _Known(NamedTuple):
    """A file as it was seen: its content is this one for as long as size and time stay."""

    bytes: int
    mtime_ns: int
    sha256: str
    own: bool  # written here, and named by nobody else as far as its time tells


class Shelf:
    """The artifact folder of one run, for one writer; any of its threads may put files there.

    What it replaces itself, such as a checkpoint of each epoch, it removes an hour later, so a long
    run does not fill the disk. What others wrote, or have named since, it leaves alone.
    """

    def __init__(self, folder: Path, *, began: bool) -> None:
        """Take the run's folder, and whether this process has just begun the run."""
        self.folder = folder
        self._begin(began=began)

    def _begin(self, *, began: bool) -> None:
        self._began, self._pid = began, os.getpid()
        self._names: dict[str, dict[str, str]] = {}  # folder → key of a name → the name
        self._known: dict[str, _Known] = {}
        self._current: dict[str, str] = {}  # path → where what was logged last lies
        self._replaced: dict[str, float] = {}  # where what it replaced lies → since when

    def put(self, path: str, content: Iterable[bytes]) -> dict[str, Any]:
        """Write one artifact, durable under its final name when this returns.

        Args:
            path: checked by `check.artifact_path`.
            content: the file's bytes, in pieces.

        Returns:
            The artifact's row: path, bytes, sha256, file.

        Raises:
            ArgumentError: a link in the artifact folder leads the path out of it.
            OSError: the disk refused; nothing is left behind.
        """
        if os.getpid() != self._pid:  # a fork is a writer of its own, and owns no file
            self._begin(began=False)
        self._sweep()
        at = self._folder(path)
        temporary = artifacts.temporary_in(self.folder.parent)
        try:
            size, sha256 = artifacts.write(temporary, content)
            file = self._settle(temporary, self._candidates(path, at, sha256), size, sha256)
        finally:
            temporary.unlink(missing_ok=True)
        parts.sync_folder(self.folder / at)
        self._note(path, file)
        return {
            "path": path,
            "bytes": size,
            "sha256": sha256,
            "file": None if file == path else file,
        }

    def put_file(self, path: str, source: Path) -> dict[str, Any]:
        """Copy one file in; returns and raises as `put`."""
        with source.open("rb") as file:
            return self.put(path, artifacts.chunks(file))

    def newest(self, path: str, told: artifacts.Row | None) -> str | None:
        """Return where the latest content of a path lies below the folder; None: nowhere.

        Args:
            path: as it was logged.
            told: its row as the store has it, which may not know yet what this writer logged.
        """
        if told is None or artifacts.disk_name(told) in self._replaced:
            return self._current.get(path)
        return artifacts.disk_name(told)

    def _folder(self, path: str) -> str:
        """Make and return the folder of a path below the run's: spelled as it is there already.

        It is the run's own where a file has the name of a folder, and where it would be too long.
        """
        self._is_folder(self.folder, path)
        at = ""
        for part in disk_names.portable(path).split("/")[:-1]:
            at = _joined(at, self._spelled(at, part))
            if len(at) + disk_names.LONGEST_NAME > disk_names.LONGEST_PATH:
                return ""
            if not self._is_folder(self.folder / at, path):
                return ""
        return at

    def _is_folder(self, place: Path, path: str) -> bool:
        """Whether a place is a folder: made where nothing is, False where a file is."""
        try:
            mode = os.lstat(place).st_mode  # thousands of images, each looks here
        except FileNotFoundError:
            parts.make_folder(place)
            return True
        if stat.S_ISLNK(mode):
            raise ArgumentError(
                f"artifact path {path!r} leaves {self.folder} through the link {place}: remove it."
            )
        return stat.S_ISDIR(mode)

    def _spelled(self, at: str, name: str) -> str:
        """Return how the first one wrote a name in a folder, of names that some cannot tell apart.

        A folder is listed once. What others put there since is not seen; their names have digests.
        """
        if at not in self._names:
            found = sorted(os.listdir(self.folder / at))  # noqa: PTH208 - names alone
            self._names.setdefault(at, {disk_names.key(one): one for one in found})
        return self._names[at].setdefault(disk_names.key(name), name)

    def _candidates(self, path: str, at: str, sha256: str) -> Iterator[tuple[str, bool]]:
        """Yield where a content may lie, best first, and whether it may be written there."""
        name = disk_names.portable(path).rpartition("/")[2]
        if disk_names.is_portable(path) and _joined(at, name) == path:
            first = self._began and path not in self._current
            yield path, first and self._spelled(at, name) == name
        for mark in (sha256[: disk_names.SHORT_DIGEST], sha256):
            yield _joined(at, self._spelled(at, disk_names.with_digest(name, mark))), True
        while True:  # damaged files have these names
            mark = f"{sha256[: disk_names.SHORT_DIGEST]}-{secrets.token_hex(4)}"
            yield _joined(at, disk_names.with_digest(name, mark)), True

    def _settle(
        self, temporary: Path, candidates: Iterator[tuple[str, bool]], size: int, sha256: str
    ) -> str:
        """Give a written file the first name that is free, or that has the same content."""
        written = _Known(size, temporary.lstat().st_mtime_ns, sha256, own=True)
        for file, may_write in candidates:
            if may_write and artifacts.take_name(temporary, self.folder / file):
                self._known[file] = written
                return file
            if self._holds(file, size, sha256):
                return file
        raise AssertionError  # the candidates have no end

    def _holds(self, file: str, size: int, sha256: str) -> bool:
        """Whether a file has this content; another writer's is touched, so that it stays."""
        place = self.folder / file
        try:
            status = place.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size != size:
                return False
            known = self._known.get(file)
            if known is None or known[:2] != (status.st_size, status.st_mtime_ns):
                known = _Known(size, status.st_mtime_ns, artifacts.sha256(place), own=False)
            if known.sha256 != sha256:
                self._known[file] = known
                return False
            if not known.own or self._replaced.pop(file, None) is not None:
                known = known._replace(mtime_ns=_touched(place, status))
        except OSError:
            return False
        self._known[file] = known
        return True

    def _note(self, path: str, file: str) -> None:
        before, self._current[path] = self._current.get(path), file
        self._replaced.pop(file, None)
        if before not in {None, file}:
            self._replaced[str(before)] = time.monotonic()

    def _sweep(self) -> None:
        """Remove files of this writer's own that it replaced a grace time ago."""
        due = time.monotonic() - REPLACED_S
        for file, since in list(self._replaced.items()):
            if since > due:
                break
            known = self._known.get(file)
            named = self._replaced.pop(file, None) is None or file in list(self._current.values())
            if known is not None and known.own and not named:
                aside = artifacts.temporary_in(self.folder.parent)
                replaced.remove_untouched(self.folder / file, aside, known.mtime_ns)
                self._known.pop(file, None)


def _touched(place: Path, status: os.stat_result) -> int:
    """Set a file's time to another one and return it: who would remove the file sees that.

    Raises:
        OSError: it cannot be set, or the file is another one now.
    """
    later = max(time.time_ns(), status.st_mtime_ns + _COARSEST_NS)
    try:
        os.utime(place, ns=(status.st_atime_ns, later))
    except PermissionError:  # of another user: anybody who may write it may set it to now
        os.utime(place)
    now = place.lstat()
    if now.st_ino != status.st_ino or now.st_mtime_ns == status.st_mtime_ns:
        raise FileNotFoundError(place)
    return now.st_mtime_ns


def _joined(at: str, name: str) -> str:
    return f"{at}/{name}" if at else name
