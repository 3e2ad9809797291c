"""`tracksite.models`: the names of `mlflow.models`."""

from __future__ import annotations

from tracksite.tracking.entities import ModelInfo
from tracksite.tracking.signatures import ModelSignature, infer_signature

__all__ = ["ModelInfo", "ModelSignature", "infer_signature"]
