"""A mount that lists late: what it says of folders and of growing files is up to a minute old."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LATE_S = 60.0


@dataclass(frozen=True)
class Entry:
    """A name in a folder, as it was when the folder was listed."""

    name: str
    path: str
    folder: bool

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - the signature is os.DirEntry's
        """Return whether it was a file."""
        return not self.folder

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - the signature is os.DirEntry's
        """Return whether it was a folder."""
        return self.folder

    def is_symlink(self) -> bool:
        """Return that it was no link."""
        return False


@dataclass
class Kept:
    """What a mount remembers of a folder or a file, and until when."""

    since: float
    until: float
    what: Any


class LateListings:
    """The file calls of whoever reads a folder over such a mount, while `looking`.

    Each folder's names, and each live log's size, time and bytes, are those of a moment up to a
    minute ago, each of a moment of its own. What is opened by its name is there if it is there.

    Attributes:
        now: seconds, by the clock that this goes by.
        refreshes: whether a change made over the mount lets it list that folder anew, as sshfs and
            NFS do; else that one change is all it learns, as with rclone.
    """

    def __init__(
        self, root: Path, aside: Path, draw: random.Random, *, refreshes: bool = True
    ) -> None:
        """Mount the folder `root`; `aside` is where the mount keeps what it remembers."""
        self.now = 0.0
        self.refreshes = refreshes
        self._root, self._aside, self._draw = str(root), aside, draw
        self._folders: dict[str, Kept] = {}
        self._logs: dict[str, Kept] = {}
        aside.mkdir()

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Let all file calls of this process go over the mount."""
        with pytest.MonkeyPatch.context() as patch:
            self._listings(patch)
            self._files(patch)
            self._changes(patch)
            yield

    def _listings(self, patch: pytest.MonkeyPatch) -> None:
        scandir, listdir = os.scandir, os.listdir

        @contextlib.contextmanager
        def late_scandir(folder: Any = ".") -> Iterator[Any]:
            if self._is_ours(folder):
                yield iter(self._entries(os.fspath(folder), scandir))
            else:
                with scandir(folder) as entries:
                    yield entries

        def late_listdir(folder: Any = ".") -> list[str]:
            if not self._is_ours(folder):
                return listdir(folder)
            return [entry.name for entry in self._entries(os.fspath(folder), scandir)]

        patch.setattr(os, "scandir", late_scandir)
        patch.setattr(os, "listdir", late_listdir)

    def _entries(self, folder: str, scandir: Callable) -> list[Entry]:
        kept = self._folders.get(folder)
        if kept is None or self.now > kept.until:
            with scandir(folder) as found:
                entries = [Entry(it.name, it.path, it.is_dir()) for it in found]
            kept = self._folders[folder] = self._remembered(entries)
        return list(kept.what)

    def _files(self, patch: pytest.MonkeyPatch) -> None:
        opened, read, status = Path.open, Path.read_bytes, Path.stat

        def late_open(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
            found = opened(self._late(path) if mode == "rb" else path, mode, *rest, **named)
            if mode != "rb":
                self._changed(path)
            return found

        patch.setattr(Path, "open", late_open)
        patch.setattr(Path, "read_bytes", lambda path: read(self._late(path)))
        patch.setattr(Path, "stat", lambda path, **named: status(self._late(path), **named))

    def _late(self, path: Path) -> Path:
        """Return what the mount shows for a file: of a live log, a copy that may be old."""
        if path.suffix != ".wal" or not self._is_ours(path):
            return path
        kept = self._logs.get(str(path))
        if kept is None or self.now > kept.until:
            shadow = self._aside / path.name
            shadow.unlink(missing_ok=True)
            if not os.path.exists(path):  # noqa: PTH110 - Path.exists is what is replaced here
                return path
            shutil.copy2(path, shadow)
            kept = self._logs[str(path)] = self._remembered(os.path.getmtime(shadow))  # noqa: PTH204
        shadow = self._aside / path.name
        if not os.path.exists(path):  # noqa: PTH110
            return path
        seen = kept.what - (self.now - kept.since)
        os.utime(shadow, (seen, seen))
        return shadow

    def _changes(self, patch: pytest.MonkeyPatch) -> None:
        made = os.open

        def late_make(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            found = made(path, flags, *rest, **named)
            if flags & os.O_CREAT:
                self._changed(path)
            return found

        patch.setattr(os, "open", late_make)
        for name in ("replace", "rename", "link", "unlink", "mkdir", "rmdir"):
            patch.setattr(os, name, self._noticed(getattr(os, name)))

    def _noticed(self, change: Callable) -> Callable:
        def noticed(*paths: Any, **named: Any) -> Any:
            try:
                return change(*paths, **named)
            finally:
                for path in paths:
                    if isinstance(path, (str, os.PathLike)):
                        self._changed(path)

        return noticed

    def _changed(self, path: Any) -> None:
        """Let the mount know of what was changed over it."""
        if isinstance(path, int) or not self._is_ours(path):
            return
        self._logs.pop(os.fspath(path), None)
        folder, name = os.path.split(os.fspath(path))
        kept = self._folders.get(folder)
        if kept is None:
            return
        if self.refreshes:
            del self._folders[folder]
            return
        kept.what = [entry for entry in kept.what if entry.name != name]
        if os.path.lexists(path):
            is_folder = os.path.isdir(path)  # noqa: PTH112
            kept.what.append(Entry(name, os.fspath(path), is_folder))

    def _remembered(self, what: Any) -> Kept:
        return Kept(self.now, self.now + self._draw.uniform(0, LATE_S), what)

    def _is_ours(self, path: Any) -> bool:
        return not isinstance(path, int) and os.fspath(path).startswith(self._root)
