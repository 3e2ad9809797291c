"""What MLflow clients ask of registered models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow.exceptions import MlflowException
from mlflow.prompt.registry_utils import handle_resource_already_exist_error, has_prompt_tag
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD,
)
from mlflow.utils import validation

from tracksite.mlflow_plugin import registered as entries
from tracksite.mlflow_plugin import registry_search, searching
from tracksite.mlflow_plugin.registry.calls import Calls, check_threshold

if TYPE_CHECKING:
    from mlflow.entities.model_registry import RegisteredModel, RegisteredModelTag

    from tracksite.mlflow_plugin.entity import Entity


class ModelCalls(Calls):
    """Registered models: made, found, changed and deleted."""

    def create_registered_model(
        self,
        name: str,
        tags: list[RegisteredModelTag] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,  # noqa: ARG002 - of Databricks alone
    ) -> RegisteredModel:
        """Create a registered model without versions."""
        validation._validate_model_name(name)
        for tag in tags or ():
            validation._validate_registered_model_tag(tag.key, tag.value)
        known = entries.find(self.ledger, name)
        if known is not None:
            handle_resource_already_exist_error(
                name, has_prompt_tag(known.tags), has_prompt_tag(tags)
            )
        texts = {one.key: str(one.value) for one in tags or ()}
        entries.create(self.ledger, name, texts, description)
        return self._registered(self._model(name))

    def update_registered_model(
        self,
        name: str,
        description: str | None,
        deployment_job_id: str | None = None,  # noqa: ARG002 - of Databricks alone
    ) -> RegisteredModel:
        """Change the description of a registered model."""
        model = self._model(name)
        entries.touch(self.ledger, model, {"description": description or ""})
        return self._registered(self._model(name))

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give a registered model another name; its versions follow."""
        validation._validate_model_renaming(new_name)
        model = self._model(name)
        if new_name != name and entries.find(self.ledger, new_name) is not None:
            raise MlflowException(
                f"Registered Model (name={new_name}) already exists.", RESOURCE_ALREADY_EXISTS
            )
        entries.rename(self.ledger, model, new_name)
        return self._registered(self._model(new_name))

    def delete_registered_model(self, name: str) -> None:
        """Delete a registered model with all its versions."""
        entries.delete(self.ledger, self._model(name))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = SEARCH_REGISTERED_MODEL_MAX_RESULTS_DEFAULT,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Return one page of the registered models that match."""
        check_threshold(max_results, SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD)
        found = registry_search.models(entries.models(self.ledger), filter_string, order_by)
        page, token = searching.page(found, max_results, page_token)
        return PagedList([self._registered(one) for one in page], token)

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return a registered model."""
        return self._registered(self._model(name))

    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Set one tag of a registered model."""
        validation._validate_model_name(name)
        validation._validate_registered_model_tag(tag.key, tag.value)
        self.ledger.patch(self._model(name), {"tags": {tag.key: str(tag.value)}})

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove one tag of a registered model; no error when there is none."""
        validation._validate_model_name(name)
        validation._validate_tag_name(key)
        self.ledger.patch(self._model(name), {"tags": {key: None}})

    def _registered(self, model: Entity) -> RegisteredModel:
        return entries.model_entity(self.ledger, model, self.artifacts)
