"""What MLflow clients ask of logged models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
from mlflow.utils import validation
from mlflow.utils.search_utils import SearchLoggedModelsPaginationToken

from tracksite.mlflow_plugin import experiments, fields, lifecycle, model_search, models
from tracksite.mlflow_plugin.tracking.calls import Calls, texts_of

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, LoggedModelParameter, LoggedModelStatus, LoggedModelTag

    from tracksite.mlflow_plugin.entity import Entity


class ModelCalls(Calls):
    """Logged models: begun, finalised, found, changed and deleted."""

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: list[LoggedModelTag] | None = None,
        params: list[LoggedModelParameter] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Begin a logged model, which is pending until it is finalised."""
        validation._validate_logged_model_name(name)
        experiment = experiments.find(self.ledger, experiment_id)
        experiments.check_active(experiment)
        facts = {"tags": texts_of(tags), "params": texts_of(params)}
        made = models.create(self.ledger, experiment, name, source_run_id, facts, model_type)
        return self._model(made)

    def log_logged_model_params(self, model_id: str, params: list[LoggedModelParameter]) -> None:
        """Add params to a logged model."""
        self.ledger.patch(models.find(self.ledger, model_id), {"params": texts_of(params)})

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Say that a logged model is ready, or that making it failed."""
        found = models.find(self.ledger, model_id)
        models.finalize(self.ledger, found, status)
        return self._model(models.find(self.ledger, model_id))

    def set_logged_model_tags(self, model_id: str, tags: list[LoggedModelTag]) -> None:
        """Set tags of a logged model."""
        self.ledger.patch(models.find(self.ledger, model_id), {"tags": texts_of(tags)})

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove one tag of a logged model."""
        found = models.find(self.ledger, model_id)
        if fields.tag_of(found, key, {}) is None:
            raise MlflowException(
                f"No tag with key {key!r} found for model with ID {model_id!r}.",
                RESOURCE_DOES_NOT_EXIST,
            )
        self.ledger.patch(found, {"tags": {key: None}})

    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> LoggedModel:  # noqa: FBT001, FBT002 - as in MLflow
        """Return a logged model as it stands now."""
        return self._model(models.find(self.ledger, model_id, deleted=allow_deleted))

    def delete_logged_model(self, model_id: str) -> None:
        """Delete a logged model."""
        models.update(self.ledger, models.find(self.ledger, model_id), {"deleted": True})

    def search_logged_models(
        self,
        experiment_ids: list[str],
        filter_string: str | None = None,
        datasets: list[dict[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: list[dict[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """Return one page of the logged models that match."""
        if datasets and not all(one.get("dataset_name") for one in datasets):
            raise MlflowException(
                "`dataset_name` in the `datasets` clause must be specified.",
                INVALID_PARAMETER_VALUE,
            )
        start = 0
        if page_token:
            token = SearchLoggedModelsPaginationToken.decode(page_token)
            token.validate(experiment_ids, filter_string, order_by)
            start = token.offset
        wanted = {str(one) for one in experiment_ids}
        candidates = [
            one
            for one in lifecycle.all_standing(self.ledger, models.KIND)
            if not one.deleted and experiments.of_run(self.ledger, one) in wanted
        ]
        entities = models.entities_of(self.ledger, candidates, self.artifacts)
        found = model_search.search(entities, filter_string, datasets, order_by)
        end = start + (max_results or SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT)
        following = SearchLoggedModelsPaginationToken(
            experiment_ids=experiment_ids,
            filter_string=filter_string,
            order_by=order_by,
            offset=end,
        )
        return PagedList(found[start:end], following.encode() if end < len(found) else None)

    def _model(self, entity: Entity) -> LoggedModel:
        return models.entities_of(self.ledger, [entity], self.artifacts)[0]
