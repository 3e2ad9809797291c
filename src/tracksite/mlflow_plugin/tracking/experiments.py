"""What MLflow clients ask of experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_DEFAULT
from mlflow.utils import validation
from mlflow.utils.uri import resolve_uri_if_local

from tracksite.mlflow_plugin import experiments, fields, searching
from tracksite.mlflow_plugin.tracking.calls import Calls, public, texts_of

if TYPE_CHECKING:
    from mlflow.entities import Experiment, ExperimentTag


class ExperimentCalls(Calls):
    """Experiments: made, found, changed, deleted and restored."""

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = SEARCH_MAX_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return one page of the experiments that match."""
        searching.check_max_results(max_results)
        found = experiments.search(self.ledger, view_type, filter_string, order_by)
        page, token = searching.page(found, max_results, page_token)
        return PagedList([experiments.entity_of(one, self.artifacts) for one in page], token)

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: list[ExperimentTag] | None = None,
    ) -> str:
        """Create an experiment; return its id."""
        validation._validate_experiment_name(name)
        if artifact_location:
            artifact_location = resolve_uri_if_local(artifact_location)
            validation._validate_experiment_artifact_location_length(artifact_location)
        for tag in tags or ():
            validation._validate_experiment_tag(tag.key, tag.value)
        return experiments.create(self.ledger, name, texts_of(tags), artifact_location)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted or not."""
        return experiments.entity_of(experiments.find(self.ledger, experiment_id), self.artifacts)

    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        """Return an experiment, deleted or not, or None."""
        found = experiments.named(self.ledger, experiment_name)
        return None if found is None else experiments.entity_of(found, self.artifacts)

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and its runs, until they are restored."""
        found = experiments.find(self.ledger, experiment_id, ViewType.ACTIVE_ONLY)
        experiments.mark(self.ledger, found, deleted=True)

    def restore_experiment(self, experiment_id: str) -> None:
        """Restore a deleted experiment and all of its runs."""
        found = experiments.deleted(self.ledger, experiment_id)
        experiments.mark(self.ledger, found, deleted=False)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name; its id stays."""
        validation._validate_experiment_name(new_name)
        experiments.rename(self.ledger, experiments.find(self.ledger, experiment_id), new_name)

    def set_experiment_tag(self, experiment_id: str, tag: ExperimentTag) -> None:
        """Set one tag of an experiment."""
        validation._validate_experiment_tag(tag.key, tag.value)
        found = experiments.find(self.ledger, experiment_id)
        experiments.check_active(found)
        tags = public({tag.key: tag.value})
        experiments.update(self.ledger, found, fields.to_patch(tags, fields.NOTE))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove one tag of an experiment."""
        found = experiments.find(self.ledger, experiment_id)
        experiments.check_active(found)
        if fields.tag_of(found, key, fields.NOTE) is None:
            raise MlflowException(
                f"No tag with name: {key} in experiment with id {experiment_id}",
                RESOURCE_DOES_NOT_EXIST,
            )
        experiments.update(self.ledger, found, fields.to_patch({key: None}, fields.NOTE))
