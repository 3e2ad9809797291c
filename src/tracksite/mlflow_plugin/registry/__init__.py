"""The model registry for MLflow clients: it checks as MLflow does, then asks the ledger."""

from __future__ import annotations

from typing import Any

from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.abstract_store import AbstractStore

from tracksite.mlflow_plugin.ledger import ledger_of
from tracksite.mlflow_plugin.registry.models import ModelCalls
from tracksite.mlflow_plugin.registry.versions import VersionCalls
from tracksite.mlflow_plugin.unsupported import refuse
from tracksite.mlflow_plugin.uri import Artifacts, folder_of


@refuse(AbstractStore)
class ModelRegistry(ModelCalls, VersionCalls):
    """The registered models of a store in a folder.

    Attributes:
        ledger: what the store holds.
        artifacts: where artifacts are for the clients of this store.
        tracking_uri: where the runs are; None for where MLflow's present one is.
    """

    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        """Open the store of a `tracksite:` URI, making it if there is none.

        Raises:
            ArgumentError: the URI names no folder.
            StoreError: the store cannot be made or read.
        """
        super().__init__(store_uri, tracking_uri)  # type: ignore[no-untyped-call] # of MLflow
        root = folder_of(store_uri)
        self.tracking_uri = tracking_uri
        self.ledger = ledger_of(root)
        self.artifacts = Artifacts(root / "artifacts")

    # What a user interface asks for, and no tracksite store has

    def list_webhooks(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no webhooks: they are not supported."""
        return PagedList([], None)

    def list_webhooks_by_event(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no webhooks: nothing is called when something changes."""
        return PagedList([], None)
