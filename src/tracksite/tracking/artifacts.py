"""What a user wants to log from a disk: a file, or all that is in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from tracksite.errors import ArgumentError, NotFoundError


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that the user wants to log, which exists.

    Raises:
        NotFoundError: there is no such file or folder.
        ArgumentError: it is neither a path, a file nor a folder.
    """
    try:
        found = Path(path)
    except TypeError:
        raise ArgumentError(f"{path!r} is no path: pass the name of a file or folder.") from None
    if not found.exists():
        raise NotFoundError(
            f"there is no file or folder {str(found)!r} to log (working folder {os.getcwd()!r}): "  # noqa: PTH109 - Path.cwd() says no more
            "write it first, or correct the path."
        )
    if not (found.is_file() or found.is_dir()):
        raise ArgumentError(f"{str(found)!r} is neither a file nor a folder: log a regular file.")
    return found


def files_below(folder: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """List the regular files of a folder by relative path, sorted.

    A link to a file inside the folder counts as that file; links to folders, and links that lead
    out of it, are left out.

    Returns:
        (relative path with forward slashes, file) of each file, and the paths of links left out.
    """
    root = folder.resolve()
    found: list[tuple[str, Path]] = []
    left_out: list[str] = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        linked = [name for name in folders if (here / name).is_symlink()]
        left_out += [(here / name).relative_to(folder).as_posix() for name in linked]
        for name in names:
            file = here / name
            relative = file.relative_to(folder).as_posix()
            if file.is_file() and file.resolve().is_relative_to(root):
                found.append((relative, file))
            else:
                left_out.append(relative)
    return sorted(found), sorted(left_out)
