"""Where artifacts are: below the folders that the user named, and nowhere else.

What MLflow notes is an absolute path or URI of the machine that logged, which may be Windows, and
anybody could have written it. So it is not believed: its last parts are looked for below the
folders of the source.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from tracksite.importers.entry import File, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

_DRIVE = re.compile(r"^/?[A-Za-z]:[\\/]")
_SERVED = "mlflow-artifacts"  # by a server, which keeps them apart from what it knows of runs
_LOCAL_SCHEMES = {"", "file", _SERVED}
_LONGEST_TAIL = 5  # <experiment>/<run>/artifacts, <experiment>/models/<model>/artifacts
_OWNER = re.compile(r"(m-)?[0-9a-f]{32}")  # a run or a logged model, as MLflow names them
_OF_MLFLOW = ("mlruns", "mlartifacts")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Places:
    """The folders in which artifacts may be, and what was not found there.

    Attributes:
        roots: any folder below them may be read.
        near: below them a folder `<run>/artifacts` or `<model>/artifacts` alone.
        meta: the root that has what is known of runs, if it is one.
    """

    roots: tuple[Path, ...]
    near: tuple[Path, ...] = ()
    meta: Path | None = None
    _missing: list[tuple[str, str]] = field(default_factory=list)
    _found: set[tuple[str, ...]] = field(default_factory=set)

    @classmethod
    def around(cls, folder: Path, chosen: Iterable[Path], meta: Path | None = None) -> Places:
        """Return the places of a source in a folder, and those that the user chose.

        They are MLflow's own folders in it and beside it; beside a database, too, the folders of
        runs and models, wherever a server was told to keep them.

        Args:
            folder: an `mlruns/` folder, or where a database is.
            chosen: by the user.
            meta: the folder, if it is an `mlruns/` folder.
        """
        own = [place / name for place in (folder, folder.parent) for name in _OF_MLFLOW]
        roots = dict.fromkeys([*([meta] if meta else ()), *chosen, *own])
        return cls(tuple(roots), () if meta else (folder,), meta)

    def files(
        self, uri: str | None, label: str, skip: Callable[[str], None], folder: Path | None = None
    ) -> tuple[File, ...]:
        """Return the artifacts of a run or model, and tell what is left out.

        Args:
            uri: where they are, as MLflow notes it.
            label: whose they are, for messages.
            skip: told in a sentence what is left out; what is not found, `tell_missing` tells.
            folder: where they are in a folder of MLflow's; it comes first if there is anything.
        """
        try:
            if folder is not None and _is_there(folder):
                found = _told_files(folder, label, skip)
                if found or not uri:
                    return found
            place = self.folder(uri)
            found = _told_files(place, label, skip) if place is not None else ()
        except (UnreadableError, OSError) as error:
            skip(f"the artifacts of {label} were left out: {error}")
            return ()
        if found:
            self._found.add(_home(str(uri))[:-1])
        elif uri and not self._logged_none(uri, place or (folder and folder.parent)):
            self._missing.append((label, uri))
        return found

    def tell_missing(self, skip: Callable[[str], None]) -> None:
        """Tell, in one sentence, whose artifacts were not found since this was asked before.

        An experiment that logged none has no folder where those of others are.
        """
        told = [one for one in self._missing if _home(one[1])[:-1] not in self._found]
        self._missing.clear()
        if told:
            names = ", ".join(label for label, _ in told[:_MOST_NAMED])
            more = f" and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
            skip(
                f"the artifacts of {names}{more} were not found, those of the first at "
                f"{told[0][1]!r}: name the folder that they are in with --artifacts FOLDER"
            )

    def folder(self, uri: str | None) -> Path | None:
        """Return the folder that a URI means; None where it is empty or not there.

        Raises:
            UnreadableError: the URI leads somewhere else, or through a link.
        """
        if not uri:
            return None
        parts = path_parts(uri)
        if parts is None:
            raise UnreadableError(f"its artifacts are at {uri!r}, which is no local folder")
        tails = [parts[-length:] for length in range(min(_LONGEST_TAIL, len(parts)), 1, -1)]
        places = [root.joinpath(*tail) for root in self.roots for tail in _safe(tails)]
        if _owner_at(parts) == len(parts) - 2:
            places += [root.joinpath(*tail) for root in self.near for tail in _safe(tails)]
        named = Path(os.sep, *parts)
        places += [named for root in self.roots if named.is_relative_to(root) and _safe([parts])]
        found = [place for place in places if place.is_dir()]
        reached = [place for place in found if not self._is_behind_link(place)]
        if reached:  # of several the first one with files: MLflow makes empty folders, too
            return next((place for place in reached if any(place.iterdir())), reached[0])
        if found:
            raise UnreadableError(
                f"its artifacts are at {str(found[0])!r}, behind a link, which is not followed: "
                "put the folder itself there"
            )
        if _safe([parts]) and named.is_dir():
            raise UnreadableError(
                f"its artifacts are at {str(named)!r}, outside of what is imported: "
                "allow that with --artifacts FOLDER"
            )
        return None

    def _is_behind_link(self, place: Path) -> bool:
        """Whether a link is on the way from a root to a place."""
        tops = {*self.roots, *self.near}
        for step in (place, *place.parents):
            if step in tops:
                return False
            if step.is_symlink():
                return True
        return False

    def _logged_none(self, uri: str, place: Path | None) -> bool:
        """Whether a run or model logged no file, as far as can be told.

        Its folder is there, or that of its experiment is, in which MLflow makes one for each that
        logs a file. In what MLflow knows of runs it makes one for all, wherever their files go.
        """
        home, served = list(_home(uri)), urlsplit(uri).scheme == _SERVED
        roots = set(self.roots)
        if self.meta and (served or not {*home[-2:-1]} <= {self.meta.name, *_OF_MLFLOW}):
            roots.discard(self.meta)
        if place and place.is_dir() and (not self.meta or roots & {*place.parents}):
            return True
        tails = _safe([home[-length:] for length in range(1, min(_LONGEST_TAIL, len(home)) + 1)])
        places = [root.joinpath(*tail) for root in roots for tail in tails]
        places += [root.joinpath(*tail) for root in self.near for tail in tails if len(tail) > 1]
        return any(one.is_dir() for one in places) or (
            not served and bool(home) and Path(os.sep, *home).is_dir()
        )


def _home(uri: str) -> tuple[str, ...]:
    """Return the path of the folder of its experiment in a local URI of artifacts."""
    parts = path_parts(uri) or []
    owner = _owner_at(parts)
    home = parts[: len(parts) - 1 if owner is None else owner]
    return tuple(home[:-1] if home[-1:] == ["models"] else home)


def _owner_at(parts: list[str]) -> int | None:
    """Return where in a path the name of a run or logged model is: the last one."""
    found = [place for place, part in enumerate(parts) if _OWNER.fullmatch(part)]
    return found[-1] if found and parts[-1] == "artifacts" else None


def _safe(paths: Iterable[list[str]]) -> list[list[str]]:
    """Return the paths that lead down alone."""
    return [path for path in paths if not any(part == ".." or "\0" in part for part in path)]


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


def _is_there(folder: Path) -> bool:
    """Return whether a folder is there.

    Raises:
        UnreadableError: it is a link.
    """
    if folder.is_symlink():
        raise UnreadableError(
            f"{str(folder)!r} is a link, which is not followed: put the folder itself there"
        )
    return folder.is_dir()


def _told_files(folder: Path, label: str, skip: Callable[[str], None]) -> tuple[File, ...]:
    """Return the regular files below a folder; links are left out, and said so."""
    links: list[str] = []
    found = tuple(files_in(folder, links))
    if links:
        names = ", ".join(map(repr, links[:_MOST_NAMED]))
        more = ", …" if len(links) > _MOST_NAMED else ""
        skip(f"links among the artifacts of {label} were left out: {names}{more}")
    return found


def files_in(folder: Path, links: list[str] | None = None) -> Iterator[File]:
    """Yield the regular files of a folder and its folders, sorted.

    Links are left out; where they are is added to `links`.

    Raises:
        OSError: a folder cannot be listed.
    """

    def stop(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=stop):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if Path(parent, one).is_symlink())]):
            path = Path(parent, name)
            status = path.lstat()
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink():
                if links is not None:
                    links.append(relative)
            elif path.is_file():
                yield File(relative, status.st_size, status.st_mtime_ns, opener(path))


def opener(path: Path) -> Callable[[], AbstractContextManager[BinaryIO]]:
    """Return what opens a file, unless it has become a link meanwhile."""

    def open_file() -> BinaryIO:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags), "rb")

    return open_file
