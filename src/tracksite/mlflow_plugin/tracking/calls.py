"""What every group of calls needs: the store behind it, and its runs by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.tracking.abstract_store import AbstractStore

from tracksite.mlflow_plugin import fields, lifecycle

if TYPE_CHECKING:
    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.ledger import Ledger
    from tracksite.mlflow_plugin.uri import Artifacts


class Calls(AbstractStore):
    """Calls on the experiments, runs and logged models of a store."""

    ledger: Ledger
    artifacts: Artifacts

    def _run(self, run_id: str) -> Entity:
        entity = self.ledger.get(run_id)
        if entity is None or entity.kind != "run":
            raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)
        return lifecycle.standing(self.ledger, entity)

    def _active(self, run_id: str) -> Entity:
        entity = self._run(run_id)
        if entity.deleted:
            raise MlflowException(
                f"The run {run_id} must be in the 'active' state. "
                f"Current state is {LifecycleStage.DELETED}.",
                INVALID_PARAMETER_VALUE,
            )
        return entity


def texts_of(items: Any) -> dict[str, str]:  # noqa: ANN401 - lists of MLflow's pairs
    """Return MLflow's pairs of key and value as texts, ours refused."""
    return public({one.key: str(one.value) for one in items or ()})


def public(texts: dict[str, str]) -> dict[str, str]:
    """Return tags that a client may set; those that begin as ours do are refused."""
    for key in texts:
        if key.startswith(fields.PRIVATE):
            raise MlflowException(
                f"Tag {key!r} begins with {fields.PRIVATE!r}, which tracksite keeps for itself: "
                "use another key.",
                INVALID_PARAMETER_VALUE,
            )
    return texts
