"""`tracksite.sklearn`: the names of `mlflow.sklearn` for scikit-learn models."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tracksite.integrations.sklearn import autolog
from tracksite.tracking import models, verbs
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from tracksite.tracking.entities import ModelInfo
    from tracksite.tracking.kinds import Dataset, Model

__all__ = ["autolog", "load_model", "log_model", "save_model"]

# What MLflow's functions take and nothing here needs: it changes nothing that is kept or loaded.
_NEEDLESS = {"await_registration_for", "pyfunc_predict_fn", "model_id", "skops_trusted_types"}
_FLAVORS = {"pickle": "cloudpickle"}

load_model = models.load_model


def log_model(
    sk_model: Model,
    artifact_path: str | None = None,
    *,
    name: str = "model",
    serialization_format: str | None = None,
    **options: Any,
) -> ModelInfo:
    """Write a scikit-learn model into the active run; see `ActiveRun.log_model`.

    Args:
        sk_model: the estimator or pipeline.
        artifact_path: the older name of `name`.
        name: its folder among the run's artifacts.
        serialization_format: MLflow's name of `flavor`.
        options: flavor, registered_model_name, input_example or signature; others that MLflow
            takes, such as conda_env, are named in a warning and not kept.

    Returns:
        ModelInfo, whose `model_uri` is what `load_model` takes.
    """
    known = {"flavor", "registered_model_name", "input_example", "signature"}
    left_out = sorted(options.keys() - known - _NEEDLESS)
    if left_out:
        warn(f"log_model() keeps nothing of {', '.join(left_out)}")
    kept = {key: value for key, value in options.items() if key in known}
    if serialization_format is not None:
        kept["flavor"] = _FLAVORS.get(serialization_format, serialization_format)
    return verbs.log_model(sk_model, artifact_path or name, **kept)


def save_model(
    sk_model: Model,
    path: str | os.PathLike[str],
    *,
    flavor: str | None = None,
    input_example: Dataset = None,
    signature: Mapping[str, Any] | None = None,
) -> None:
    """Write a scikit-learn model into a new folder, from which `load_model` reads it.

    Args:
        sk_model: the estimator or pipeline.
        path: the folder, which must not exist.
        flavor: as for `log_model`.
        input_example: as for `log_model`.
        signature: as for `log_model`.

    Raises:
        ArgumentError: no such flavour, or the flavour cannot write this model.
        FileExistsError: there is something at `path`.
    """
    with models.written(sk_model, flavor, input_example, signature) as (folder, _):
        shutil.copytree(folder, path)
