"""Temporary folders for copies of artifacts: they go when the process ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_made: list[tuple[int, Path]] = []  # by which process


def folder() -> Path:
    """Return a new, empty folder `tracksite-artifacts-…`, below the one for temporary files."""
    made = Path(tempfile.mkdtemp(prefix="tracksite-artifacts-"))
    _made.append((os.getpid(), made))
    return made


def _remove_all() -> None:
    for pid, made in _made:
        if pid == os.getpid():  # a fork may still read what its parent copied
            shutil.rmtree(made, ignore_errors=True)


atexit.register(_remove_all)
