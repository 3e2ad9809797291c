"""`tracksite.sklearn`: the names of `mlflow.sklearn` for scikit-learn models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.tracking import models, verbs

if TYPE_CHECKING:
    from tracksite.tracking.entities import ModelInfo
    from tracksite.tracking.kinds import Model

__all__ = ["load_model", "log_model"]

load_model = models.load_model


def log_model(
    sk_model: Model, artifact_path: str | None = None, *, name: str = "model", **options: Any
) -> ModelInfo:
    """Write a scikit-learn model into the active run; see `ActiveRun.log_model`.

    Args:
        sk_model: the estimator or pipeline.
        artifact_path: the older name of `name`.
        name: its folder among the run's artifacts.
        options: flavor, registered_model_name, input_example or signature.

    Returns:
        ModelInfo, whose `model_uri` is what `load_model` takes.
    """
    return verbs.log_model(sk_model, artifact_path or name, **options)
