"""What both groups of calls need: the store behind them, and its registered models by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.utils import validation

from tracksite.mlflow_plugin import registered as entries

if TYPE_CHECKING:
    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.ledger import Ledger
    from tracksite.mlflow_plugin.uri import Artifacts


class Calls(AbstractStore):
    """Calls on the registered models of a store."""

    ledger: Ledger
    artifacts: Artifacts
    tracking_uri: str | None

    def _model(self, name: str) -> Entity:
        validation._validate_model_name(name)
        found = entries.find(self.ledger, name)
        if found is None:
            raise MlflowException(
                f"Registered Model with name={name} not found", RESOURCE_DOES_NOT_EXIST
            )
        return found


def check_threshold(max_results: int, most: int) -> None:
    """Refuse a page that is larger than MLflow allows."""
    if max_results > most:
        raise MlflowException(
            "Invalid value for request parameter max_results. It must be at most "
            f"{most}, but got value {max_results}",
            INVALID_PARAMETER_VALUE,
        )
