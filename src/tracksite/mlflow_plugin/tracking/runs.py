"""What MLflow clients ask of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.entities import LifecycleStage, RunStatus
from mlflow.entities.dataset_summary import _DatasetSummary
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_RUN_NAME
from mlflow.utils.name_utils import _generate_random_name

from tracksite.mlflow_plugin import (
    experiments,
    fields,
    files,
    lifecycle,
    run_search,
    runs,
    searching,
)
from tracksite.mlflow_plugin.entity import from_millis
from tracksite.mlflow_plugin.tracking.calls import Calls, texts_of
from tracksite.mlflow_plugin.uri import below
from tracksite.store.ids import new_run_id

if TYPE_CHECKING:
    from mlflow.entities import Run, RunInfo, RunTag

    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.uri import Artifacts


MOST_DATASETS = 1000


class RunCalls(Calls):
    """Runs: begun, found, ended, deleted and restored."""

    _asked: set[str]  # runs that got artifacts, perhaps after their end

    def create_run(
        self,
        experiment_id: str,
        user_id: str | None,
        start_time: int,
        tags: list[RunTag] | None,
        run_name: str | None,
    ) -> Run:
        """Begin a run; it is running as long as this process lives or until it is ended."""
        experiment = experiments.last_seen(self.ledger, experiment_id)
        experiments.check_active(experiment)
        texts = texts_of(tags)
        tagged = texts.pop(MLFLOW_RUN_NAME, None)
        if run_name and tagged and run_name != tagged:
            raise MlflowException(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
                f"different values (run_name='{run_name}', mlflow.runName='{tagged}').",
                INVALID_PARAMETER_VALUE,
            )
        run_id = new_run_id()
        patch = fields.to_patch(texts, fields.RUN_FIELDS)
        location = experiment.tags.get(fields.ARTIFACTS) or _foreign_root(self.artifacts)
        if location:
            kept = below(location, run_id, "artifacts")
            patch.setdefault("tags", {})[fields.ARTIFACTS] = kept
        begun = {
            "experiment": experiment.fields["name"],
            "name": run_name or tagged or _generate_random_name(),
            "status": "running",
            "started_at": from_millis(start_time),
        }
        user = {"user": user_id or fields.UNKNOWN_USER}
        entity = self.ledger.begin(run_id, "run", {**user, **patch, **begun})
        return runs.run(entity, experiments.id_of(experiment), self.artifacts)

    def get_run(self, run_id: str) -> Run:
        """Return a run as it stands now, deleted or not."""
        entity = self._run(run_id)
        self._asked.add(run_id)
        return runs.run(entity, experiments.of_run(self.ledger, entity), self.artifacts)

    def update_run_info(
        self,
        run_id: str,
        run_status: int | None,
        end_time: int | None,
        run_name: str | None,
    ) -> RunInfo:
        """Change status, end and name of a run; one that ends is on disk soon."""
        entity = self._active(run_id)
        patch: dict[str, Any] = {} if run_status is None else runs.status_patch(run_status)
        if end_time is not None:
            patch["ended_at"] = from_millis(end_time)
        if run_name:
            patch["name"] = run_name
            patch.setdefault("tags", {})[fields.UNNAMED] = None
        over = run_status is not None and RunStatus.is_terminated(run_status)
        if run_status is not None and not over:
            self.ledger.resume(entity)
        self.ledger.patch(entity, {name: it for name, it in patch.items() if it is not None})
        entity = self.ledger.peek(run_id) or entity
        if over:
            self._end(entity)
        return runs.run_info(entity, experiments.of_run(self.ledger, entity), self.artifacts)

    def delete_run(self, run_id: str) -> None:
        """Delete a run, until it is restored."""
        self.ledger.patch(self._run(run_id), {"deleted": True})

    def restore_run(self, run_id: str) -> None:
        """Restore a deleted run."""
        self.ledger.patch(self._run(run_id), {"deleted": False})

    def _search_runs(
        self,
        experiment_ids: list[str],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: list[str] | None,
        page_token: str | None,
    ) -> tuple[list[Run], bytes | None]:
        """Return one page of the runs that match, and the token of the next page."""
        searching.check_max_results(max_results, optional=True)
        stages = LifecycleStage.view_type_to_stages(run_view_type)
        known = experiments.known(self.ledger)
        ids = {
            known[str(one)].fields["name"]: str(one) for one in experiment_ids if str(one) in known
        }
        found = run_search.search(
            (
                one
                for one in lifecycle.all_standing(self.ledger, "run")
                if lifecycle.owner_name(one) in ids and runs.lifecycle(one) in stages
            ),
            filter_string,
            order_by,
            self.artifacts,
        )
        page, token = searching.page(found, max_results, page_token)
        return [
            runs.run(one, ids[lifecycle.owner_name(one)], self.artifacts) for one in page
        ], token

    def _search_datasets(self, experiment_ids: list[str]) -> list[_DatasetSummary]:
        """Return the data sets that runs of some experiments read, each context once."""
        found = {}
        for one in experiment_ids:
            experiment = experiments.find(self.ledger, one)
            for run in experiments.members(self.ledger, experiment, "run"):
                for used in runs.dataset_inputs(run):
                    contexts: list[Any] = [
                        it.value for it in used.tags if it.key == MLFLOW_DATASET_CONTEXT
                    ]
                    key = (str(one), used.dataset.name, used.dataset.digest, *(contexts or [None]))
                    found[key] = _DatasetSummary(*key[:4])
        return list(found.values())[:MOST_DATASETS]

    def _end(self, entity: Entity) -> None:
        """Let go of a run that ended, and of the models that it made; note its artifacts."""
        files.note(self.ledger, entity)
        self._asked.discard(entity.entity_id)
        for key in entity.tags:
            if key.startswith(fields.MODEL_OUTPUT):
                self.ledger.close_soon(key.removeprefix(f"{fields.MODEL_OUTPUT}m-"))
        self.ledger.close_soon(entity.entity_id)


def _foreign_root(artifacts: Artifacts) -> str | None:
    """Return an artifact root that is neither the store's folder nor served by MLflow."""
    root = artifacts.root
    return None if root is None or root.startswith("mlflow-artifacts:") else root
