"""Where artifacts are: below the folders that the user named, and nowhere else.

What MLflow notes is an absolute path or URI of the machine that logged, which may be Windows, and
anybody could have written it. So it is not believed: its last parts are looked for below the
folders of the source.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from tracksite.importers.entry import File, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_DRIVE = re.compile(r"^/?[A-Za-z]:[\\/]")
_LOCAL_SCHEMES = {"", "file", "mlflow-artifacts"}
_LONGEST_TAIL = 5  # <experiment>/<run>/artifacts, <experiment>/models/<model>/artifacts


@dataclass(frozen=True)
class Places:
    """The folders in which artifacts may be."""

    roots: tuple[Path, ...]

    def folder(self, uri: str | None) -> Path | None:
        """Return the folder that a URI means; None where it is empty or not there.

        Raises:
            UnreadableError: the URI leads somewhere else.
        """
        if not uri:
            return None
        parts = path_parts(uri)
        if parts is None:
            raise UnreadableError(f"its artifacts are at {uri!r}, which is no local folder")
        for root in self.roots:
            for length in range(min(_LONGEST_TAIL, len(parts)), 1, -1):
                found = _below(root, parts[-length:])
                if found is not None:
                    return found
        named = Path(os.sep, *parts)
        for root in self.roots:
            if named.is_relative_to(root):
                return _below(root, list(named.relative_to(root).parts))
        if named.is_dir():
            raise UnreadableError(
                f"its artifacts are at {str(named)!r}, outside of what is imported: "
                "allow that with --artifacts FOLDER"
            )
        return None

    def files(self, uri: str | None) -> tuple[File, ...]:
        """Return the files of the folder that a URI means; raises as `folder`."""
        found = self.folder(uri)
        return () if found is None else tuple(files_in(found))


def path_parts(uri: str) -> list[str] | None:
    """Return the parts of the path in a local URI of any system; None for any other URI."""
    if _DRIVE.match(uri) or ("\\" in uri and "://" not in uri):
        return [part for part in PureWindowsPath(uri).parts if part[-1:] not in {"\\", "/"}]
    split = urlsplit(uri)
    if split.scheme not in _LOCAL_SCHEMES:
        return None
    path = unquote(split.path) if split.scheme else uri
    if _DRIVE.match(path):
        path = path.lstrip("/")[2:]
    return [part for part in path.replace("\\", "/").split("/") if part not in {"", "."}]


def _below(root: Path, parts: list[str]) -> Path | None:
    """Return the folder below a root, unless a link is on the way to it."""
    place = root
    for part in parts:
        if part == ".." or "\0" in part:
            return None
        place /= part
        if place.is_symlink():
            return None
    return place if place.is_dir() else None


def files_in(folder: Path) -> Iterator[File]:
    """Yield the regular files of a folder and its folders, sorted; links are left out."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            status = path.lstat()
            if path.is_file() and not path.is_symlink():
                relative = path.relative_to(folder).as_posix()
                yield File(relative, status.st_size, status.st_mtime_ns, opener(path))


def opener(path: Path) -> Callable[[], AbstractContextManager[BinaryIO]]:
    """Return what opens a file, unless it has become a link meanwhile."""

    def open_file() -> BinaryIO:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags), "rb")

    return open_file
