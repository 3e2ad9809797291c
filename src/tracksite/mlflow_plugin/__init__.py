"""The `tracksite:` store for MLflow clients: `mlflow.set_tracking_uri("tracksite:runs")`.

MLflow loads this module whenever it is imported itself, so it holds the two entry points alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracksite.mlflow_plugin.registry import ModelRegistry
    from tracksite.mlflow_plugin.tracking import TrackingStore

__all__ = ["model_registry_store", "tracking_store"]

LOWEST = (3, 16)  # of MLflow, as pyproject.toml says


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> TrackingStore:
    """Return the tracking store of a `tracksite:` URI; entry point `mlflow.tracking_store`.

    Args:
        store_uri: `tracksite:runs`, `tracksite:/abs/path` or `tracksite:///abs/path`.
        artifact_uri: the artifact root of an MLflow server; None where the client is local.

    Raises:
        TracksiteError: MLflow is too old for it.
    """
    _check_version()
    from tracksite.mlflow_plugin.tracking import TrackingStore

    return TrackingStore(store_uri, artifact_uri)  # type: ignore[abstract] # see `unsupported`


def model_registry_store(store_uri: str, tracking_uri: str | None = None) -> ModelRegistry:
    """Return the model registry of a `tracksite:` URI; entry point `mlflow.model_registry_store`.

    Args:
        store_uri: as for `tracking_store`.
        tracking_uri: where the runs are that models came from.

    Raises:
        TracksiteError: MLflow is too old for it.
    """
    _check_version()
    from tracksite.mlflow_plugin.registry import ModelRegistry

    return ModelRegistry(store_uri, tracking_uri)


def _check_version() -> None:
    """Say what to install where MLflow lacks what a store is made of."""
    from mlflow.version import VERSION

    from tracksite.errors import TracksiteError

    if tuple(map(int, VERSION.split(".")[:2])) < LOWEST:
        lowest = ".".join(map(str, LOWEST))
        raise TracksiteError(
            f"MLflow {VERSION} cannot log to a tracksite store, which needs {lowest} or newer: "
            f"pip install 'mlflow>={lowest}', or log as before and `tracksite import mlflow`."
        )
