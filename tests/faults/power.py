"""What a disk may hold after a power cut: what was synced, and of the rest any part.

A recorder stands before every call that syncs a file or changes a folder, and notes at each how
the files are just then. From these notes `disk_at` makes the folder again as a disk may have it:
of a file the bytes of its last sync, of a folder the names of its last sync; of what came after, a
random part. That is what POSIX allows, and more than file systems with a journal ever do.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SYNCS = ("fsync", "fdatasync")
CHANGES = ("rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir")
PAGE = 4096
Tree = dict[str, dict[str, int]]  # folder, relative → name → inode


@dataclass(frozen=True)
class Moment:
    """The folder as it was at one call.

    Attributes:
        call: its name.
        synced: the inode that it brought to disk; 0 for none.
        tree: every folder.
        folders: their inodes.
        contents: inode → the bytes of the file.
        acknowledged: what the workload was promised until then.
    """

    call: str
    synced: int
    tree: Tree
    folders: dict[str, int]
    contents: dict[int, bytes]
    acknowledged: dict[Any, Any]


@dataclass
class Recorder:
    """Notes the moments of a folder while `watch` is on; `calls` counts all, failed ones too."""

    base: Path
    moments: list[Moment] = field(default_factory=list)
    acknowledged: dict[Any, Any] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def watch(self) -> None:
        """Stand before the calls of this process, for good."""
        self._lock = threading.RLock()
        self._held: dict[int, int] = {}  # an open file each, so that no inode comes twice
        self._known: dict[bytes, bytes] = {}
        for name in SYNCS:
            setattr(os, name, self._sync(name, getattr(os, name)))
        for name in CHANGES:
            setattr(os, name, self._change(name, getattr(os, name)))

    def acknowledge(self, **promised: Any) -> None:
        """Note what the workload was promised just now."""
        with self._lock:
            self.acknowledged = {**self.acknowledged, **promised}
            self._note("acknowledged")

    def _sync(self, name: str, real: Callable[[int], None]) -> Callable[[int], None]:
        def sync(file: int) -> None:
            with self._lock:
                if self._is_ours(str(Path(f"/proc/self/fd/{file}").readlink())):
                    self.calls[name] += 1
                    self._note(name, os.fstat(file).st_ino)
            real(file)

        return sync

    def _change(self, name: str, real: Callable[..., None]) -> Callable[..., None]:
        def change(path: Any, *args: Any, **options: Any) -> None:
            with self._lock:
                self._note(f"before {name}")  # a file that this removes was there
                self.calls[name] += self._is_ours(str(Path(path).absolute()))
                real(path, *args, **options)
                self._note(name)

        return change

    def _is_ours(self, path: str) -> bool:
        return Path(path.removesuffix(" (deleted)")).is_relative_to(self.base)

    def _note(self, call: str, synced: int = 0) -> None:
        tree: Tree = {}
        folders: dict[str, int] = {}
        contents: dict[int, bytes] = {}
        for folder, _, _ in os.walk(self.base):
            relative = os.path.relpath(folder, self.base).lstrip(".")
            folders[relative] = Path(folder).stat().st_ino
            tree[relative] = names = {}
            for entry in os.scandir(folder):
                names[entry.name] = inode = entry.inode()
                if inode not in self._held:
                    self._held[inode] = os.open(entry.path, os.O_RDONLY)
                if entry.is_file():
                    content = Path(entry.path).read_bytes()
                    contents[inode] = self._known.setdefault(content, content)
        self.moments.append(Moment(call, synced, tree, folders, contents, self.acknowledged))


def disk_at(moments: list[Moment], to: Path, rng: random.Random | None) -> None:
    """Make the folder as a disk may have it after the last of these moments.

    Args:
        moments: from the beginning.
        to: where, a folder that is not there yet.
        rng: decides what of the rest had come to the disk by chance; None: nothing had.
    """
    synced = {
        moment.synced: moment.contents[moment.synced]
        for moment in moments
        if moment.synced in moment.contents
    }
    subset = bool(rng and rng.random() < 0.5)

    def content(inode: int) -> bytes:
        now = next((m.contents[inode] for m in reversed(moments) if inode in m.contents), b"")
        safe = synced.get(inode)
        if rng is None:
            return bytes(len(now)) if safe is None else safe
        return _torn(safe or b"", now, rng)

    def names(folder: str) -> dict[str, int]:
        inode = next(m.folders[folder] for m in reversed(moments) if folder in m.folders)
        trees = [moment.tree.get(folder, {}) for moment in moments]
        last = max((i for i, m in enumerate(moments) if m.synced == inode), default=-1)
        found = dict(trees[last]) if last >= 0 else {}
        steps = list(zip([found, *trees[last + 1 :]], trees[last + 1 :], strict=False))
        if rng is None:
            return found
        kept = rng.randrange(len(steps) + 1)
        for number, (before, after) in enumerate(steps):
            if rng.random() < 0.5 if subset else number < kept:
                _apply(found, before, after)
        return found

    def make(folder: str) -> None:
        (to / folder).mkdir()
        for name, inode in names(folder).items():
            relative = f"{folder}/{name}".lstrip("/")
            if any(relative in moment.tree for moment in moments):
                make(relative)
            else:
                (to / relative).write_bytes(content(inode))

    make("")


def _apply(found: dict[str, int], before: dict[str, int], after: dict[str, int]) -> None:
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            found.pop(name, None)
            if name in after:
                found[name] = after[name]


def _torn(safe: bytes, now: bytes, rng: random.Random) -> bytes:
    """Return pages of what was synced last and of what the file held at last, by chance."""
    size = max(len(safe), rng.choice((len(safe), len(now))))
    late = rng.random()
    pages = [
        (now if rng.random() < late else safe)[at : at + PAGE].ljust(PAGE, b"\0")
        for at in range(0, size, PAGE)
    ]
    return b"".join(pages)[:size]
