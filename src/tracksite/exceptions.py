"""`tracksite.exceptions`: MLflow's name for what is raised on purpose."""

from __future__ import annotations

from tracksite.errors import TracksiteError

__all__ = ["MlflowException"]

MlflowException = TracksiteError
