"""What a user wants to log from a disk: a file, or all that is in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.tracking import check

# Where caches keep each content once, beside the folders that link to it: of model hubs
# (Hugging Face), of DVC and of git-annex.
CACHES = ("blobs", ".dvc/cache", ".git/annex/objects")


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that the user wants to log, which exists.

    Raises:
        NotFoundError: there is no such file or folder.
        ArgumentError: it is neither a path, a file nor a folder.
    """
    try:
        found = Path(path)
    except TypeError:
        raise ArgumentError(
            f"{check.shorten(path)} is no path: pass the name of a file or folder."
        ) from None
    try:
        there = found.exists()
    except OSError as error:
        raise ArgumentError(f"{str(path)[:200]!r} cannot be read ({error.strerror}).") from None
    if not there:
        raise NotFoundError(
            f"there is no file or folder {str(found)!r} to log (working folder {os.getcwd()!r}): "  # noqa: PTH109 - Path.cwd() says no more
            "write it first, or correct the path."
        )
    if not (found.is_file() or found.is_dir()):
        raise ArgumentError(f"{str(found)!r} is neither a file nor a folder: log a regular file.")
    return found


def check_readable(file: Path) -> None:
    """Raise ArgumentError where a file cannot be read: that is no fault of the store's disk."""
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise ArgumentError(
            f"{str(file)!r} cannot be read ({error.strerror}): check that it is there and yours."
        ) from None


def own_name(path: Path) -> str:
    """Return the name by which a file or folder was asked for: of a link, its own."""
    return path.name if path.name not in {"", ".."} else path.resolve().name


def files_below(folder: Path, *, cached: bool = False) -> tuple[list[tuple[str, Path]], list[str]]:
    """List the regular files of a folder by relative path, sorted.

    A link to a file inside the folder counts as that file; links to folders, and links that lead
    out of it, are left out.

    Args:
        folder: what to list.
        cached: follow links to files of the cache that the folder is part of, too.

    Returns:
        (relative path with forward slashes, file) of each file, and the paths of what is left out.
    """
    root = folder.resolve()
    found: list[tuple[str, Path]] = []
    left_out: list[str] = []
    unread: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unread.append):
        here = Path(parent)
        linked = [name for name in folders if (here / name).is_symlink()]
        left_out += [(here / name).relative_to(folder).as_posix() for name in linked]
        for name in names:
            file = here / name
            relative = file.relative_to(folder).as_posix()
            if _is_of(root, file, cached=cached):
                found.append((relative, file))
            else:
                left_out.append(relative)
    left_out += [Path(error.filename).relative_to(folder).as_posix() for error in unread]
    return sorted(found), sorted(left_out)


def _is_of(root: Path, file: Path, *, cached: bool) -> bool:
    """Return whether a regular file is in a folder, or among the contents of a cache around it."""
    try:
        if not file.is_file():
            return False
        file = file.resolve()
    except (OSError, RuntimeError):  # no permission to look, or links in a circle
        return False
    if file.is_relative_to(root):
        return True
    around = (root, *root.parents) if cached else ()
    return any(file.is_relative_to(parent / cache) for parent in around for cache in CACHES)
