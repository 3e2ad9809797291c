"""The tracking store for MLflow clients: it checks as MLflow does, then asks the ledger."""

from __future__ import annotations

import atexit
import weakref
from typing import Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import NOT_IMPLEMENTED
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.tracing.constant import TraceMetadataKey

from tracksite.mlflow_plugin import files
from tracksite.mlflow_plugin.ledger import ledger_of
from tracksite.mlflow_plugin.tracking.experiments import ExperimentCalls
from tracksite.mlflow_plugin.tracking.histories import HistoryCalls
from tracksite.mlflow_plugin.tracking.logs import LogCalls
from tracksite.mlflow_plugin.tracking.models import ModelCalls
from tracksite.mlflow_plugin.tracking.runs import RunCalls
from tracksite.mlflow_plugin.unsupported import refuse
from tracksite.mlflow_plugin.uri import Artifacts, folder_of

TRACES = "traces"  # the tag of a run whose traces were refused


@refuse(AbstractStore)
class TrackingStore(ExperimentCalls, RunCalls, LogCalls, HistoryCalls, ModelCalls):
    """A store in a folder, for MLflow's clients and for its server.

    Attributes:
        ledger: what the store holds.
        artifacts: where artifacts are for the clients of this store.
    """

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        """Open the store of a `tracksite:` URI, making it if there is none.

        Raises:
            ArgumentError: the URI names no folder.
            StoreError: the store cannot be made or read.
        """
        super().__init__()  # type: ignore[no-untyped-call] # of MLflow
        root = folder_of(store_uri)
        self.ledger = ledger_of(root)
        self.artifacts = Artifacts.of(root, artifact_uri)
        self._asked = set()
        atexit.register(_note_late, weakref.ref(self))

    def start_trace(self, trace_info: Any) -> NoReturn:  # noqa: ANN401 - of MLflow
        """Refuse a trace; the run that it is of says so from then on, since clients go on."""
        run_id = (trace_info.trace_metadata or {}).get(TraceMetadataKey.SOURCE_RUN)
        run = self.ledger.recent(run_id) if run_id else None
        if run is not None and run.kind == "run" and TRACES not in run.tags:
            self.ledger.patch(run, {"tags": {TRACES: "not kept"}})
        raise MlflowException(
            "a tracksite store keeps no traces: log them to an MLflow server with a database, "
            "or switch them off with mlflow.tracing.disable().",
            NOT_IMPLEMENTED,
        )

    # What a user interface asks for, and no tracksite store has

    def list_scorers(self, experiment_id: str) -> list[Any]:  # noqa: ARG002 - as in MLflow
        """Return no scorers."""
        return []

    def search_datasets(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no evaluation data sets."""
        return PagedList([], None)

    def search_issues(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no issues."""
        return PagedList([], None)


def _note_late(reference: weakref.ref[TrackingStore]) -> None:
    """Note what was logged to runs after their end, as the process ends."""
    store = reference()
    if store is None:
        return
    for run_id in store._asked:
        entity = store.ledger.peek(run_id)
        if entity is not None and entity.kind == "run":
            files.note(store.ledger, entity)
