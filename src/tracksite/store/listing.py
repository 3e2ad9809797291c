"""Listing: which files and folders of a store there are, by their names alone."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from tracksite.store import parts
from tracksite.store.livelog import SEGMENT_NAME

if TYPE_CHECKING:
    import re
    from collections.abc import Collection
    from pathlib import Path

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def names_in(folder: Path, run_ids: Collection[str] | None) -> list[str]:
    """Return the regular files in a folder that begin with one of these ids (any when None)."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry.name
                for entry in entries
                if (run_ids is None or entry.name[:32] in run_ids)
                and entry.is_file(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []


def folders_in(folder: Path) -> list[str]:
    """Return the folders in a folder, links to folders left out."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def list_parts(folder: Path, run_ids: Collection[str] | None) -> list[parts.PartName]:
    """Return the parts in `log/`, in order of name; a commit may have several `versions`."""
    return sorted(filter(None, map(parts.parse_name, names_in(folder, run_ids))))


def segment_names(folder: Path, run_ids: Collection[str] | None) -> list[re.Match[str]]:
    """Return the names of live logs, in order."""
    return list(filter(None, map(SEGMENT_NAME.fullmatch, sorted(names_in(folder, run_ids)))))
