"""Warnings that point at the line of the user's code."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1])


def warn(message: str) -> None:
    """Warn once per place and message; the place is the nearest line outside tracksite."""
    level, frame = 1, sys._getframe()  # noqa: SLF001 - `warnings` skips files by name from 3.12 on
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"tracksite: {message}", RuntimeWarning, stacklevel=level)
