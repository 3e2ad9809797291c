"""`tracksite.client`: the name of `mlflow.client`."""

from __future__ import annotations

from tracksite.tracking.client import MlflowClient

__all__ = ["MlflowClient"]
