"""`tracksite.autolog()`: everything that can be logged without a line in the training."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from typing import Any

__all__ = ["autolog"]

# Which library has an `autolog` of its own, and where that is.
AUTOLOGS = {"sklearn": "tracksite.integrations.sklearn"}


def autolog(**settings: Any) -> None:
    """Log the trainings of every library that is installed and can be logged by itself.

    At present that is scikit-learn, which is imported for it; the other frameworks have callbacks
    and loggers in `tracksite.integrations`.

    Args:
        settings: as for `tracksite.sklearn.autolog`; `disable=True` ends it.

    Raises:
        ArgumentError: a setting that cannot be.
    """
    for library, home in AUTOLOGS.items():
        if importlib.util.find_spec(library) is not None:
            import_module(home).autolog(**settings)
