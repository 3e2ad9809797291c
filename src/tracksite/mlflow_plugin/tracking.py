"""The tracking store for MLflow clients: it checks as MLflow does, then asks the ledger."""

from __future__ import annotations

import atexit
import json
import weakref
from typing import TYPE_CHECKING, Any

from mlflow.entities import LifecycleStage, RunStatus, ViewType
from mlflow.entities.dataset_summary import _DatasetSummary
from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import (
    SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT,
    SEARCH_MAX_RESULTS_DEFAULT,
)
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils import validation
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_LOGGED_MODELS, MLFLOW_RUN_NAME
from mlflow.utils.name_utils import _generate_random_name
from mlflow.utils.search_utils import SearchLoggedModelsPaginationToken
from mlflow.utils.uri import resolve_uri_if_local

from tracksite.mlflow_plugin import (
    experiments,
    fields,
    files,
    history,
    model_search,
    models,
    run_search,
    runs,
    searching,
)
from tracksite.mlflow_plugin.entity import from_millis
from tracksite.mlflow_plugin.ledger import ledger_of
from tracksite.mlflow_plugin.unsupported import refuse
from tracksite.mlflow_plugin.uri import Artifacts, folder_of
from tracksite.store.ids import new_run_id

if TYPE_CHECKING:
    from mlflow.entities import (
        DatasetInput,
        Experiment,
        ExperimentTag,
        LoggedModel,
        LoggedModelInput,
        LoggedModelOutput,
        LoggedModelParameter,
        LoggedModelStatus,
        LoggedModelTag,
        Metric,
        Param,
        Run,
        RunInfo,
        RunTag,
    )

    from tracksite.mlflow_plugin.entity import Entity

MOST_DATASETS = 1000
INHERITED = (
    "search_runs",
    "log_batch_async",
    "log_metric_async",
    "log_param_async",
    "set_tag_async",
    "end_async_logging",
    "flush_async_logging",
    "shut_down_async_logging",
    "list_scorers_across_experiments",
    "filter_active_experiment_ids",
)


@refuse(AbstractStore, INHERITED)
class TrackingStore(AbstractStore):
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
        self._asked: set[str] = set()  # runs that got artifacts, perhaps after their end
        atexit.register(_note_late, weakref.ref(self))

    # Experiments

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
        return experiments.create(self.ledger, name, _texts(tags), artifact_location)

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
        found = experiments.find(self.ledger, experiment_id, ViewType.DELETED_ONLY)
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
        tags = _public({tag.key: tag.value})
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

    # Runs

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
        texts = _texts(tags)
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
            kept = f"{location.rstrip('/')}/{run_id}/artifacts"
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
                for one in self.ledger.all("run")
                if (one.fields.get("experiment") or experiments.DEFAULT_NAME) in ids
                and runs.lifecycle(one) in stages
            ),
            filter_string,
            order_by,
            self.artifacts,
        )
        page, token = searching.page(found, max_results, page_token)
        names = [one.fields.get("experiment") or experiments.DEFAULT_NAME for one in page]
        return [
            runs.run(one, ids[name], self.artifacts) for one, name in zip(page, names, strict=True)
        ], token

    # What runs log

    def log_batch(
        self, run_id: str, metrics: list[Metric], params: list[Param], tags: list[RunTag]
    ) -> None:
        """Log metrics, params and tags; nothing is logged when one of them is refused."""
        validation._validate_run_id(run_id)
        metrics, params, tags = validation._validate_batch_log_data(metrics, params, tags)
        validation._validate_batch_log_limits(metrics, params, tags)
        validation._validate_param_keys_unique(params)
        entity = self._active(run_id) if params or tags else self._logging(run_id)
        self._log_params(entity, params)
        self._log_metrics(entity, metrics)
        self._set_tags(entity, tags)

    def log_metric(self, run_id: str, metric: Metric) -> None:
        """Log one point of a metric."""
        validation._validate_metric(metric.key, metric.value, metric.timestamp, metric.step)
        self._log_metrics(self._logging(run_id), [metric])

    def log_param(self, run_id: str, param: Param) -> None:
        """Log one param, which cannot change afterwards."""
        param = validation._validate_param(param.key, param.value)
        entity = self._active(run_id)
        old = entity.params.get(param.key)
        if old is not None and old != param.value:
            raise MlflowException(
                f"Changing param values is not allowed. Param with key='{param.key}' was already"
                f" logged with value='{old}' for run ID='{run_id}'. Attempted logging new value"
                f" '{param.value}'.",
                INVALID_PARAMETER_VALUE,
            )
        self._log_params(entity, [param])

    def set_tag(self, run_id: str, tag: RunTag) -> None:
        """Set one tag of a run."""
        tag = validation._validate_tag(tag.key, tag.value)
        self._set_tags(self._active(run_id), [tag])

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove one tag of a run."""
        entity = self._active(run_id)
        if fields.tag_of(entity, key, fields.RUN_FIELDS) is None:
            raise MlflowException(
                f"No tag with name: {key} in run with id {run_id}", RESOURCE_DOES_NOT_EXIST
            )
        patch = fields.to_patch({key: None}, fields.RUN_FIELDS)
        if key == MLFLOW_RUN_NAME:  # the tag goes, the run keeps its name
            patch = {"tags": {key: None, fields.UNNAMED: "1"}}
        self.ledger.patch(entity, patch)

    def log_inputs(
        self,
        run_id: str,
        datasets: list[DatasetInput] | None = None,
        models: list[LoggedModelInput] | None = None,
    ) -> None:
        """Note the data sets and logged models that a run reads."""
        validation._validate_run_id(run_id)
        if datasets is not None:
            if not isinstance(datasets, list):
                raise TypeError(f"Argument 'datasets' should be a list, got '{type(datasets)}'")
            validation._validate_dataset_inputs(datasets)
        entity = self._active(run_id)
        patch = runs.input_patch(entity, datasets or [])
        for one in models or ():
            patch.setdefault("tags", {})[fields.MODEL_INPUT + one.model_id] = ""
        if patch:
            self.ledger.patch(entity, patch)

    def log_outputs(self, run_id: str, models: list[LoggedModelOutput]) -> None:
        """Note the logged models that a run made."""
        entity = self._active(run_id)
        made = {fields.MODEL_OUTPUT + one.model_id: str(one.step) for one in models or ()}
        if made:
            self.ledger.patch(entity, {"tags": made})

    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:  # noqa: ANN401 - a Model
        """Note a model that a client of MLflow 2 logged, as the tag that it reads."""
        from mlflow.models import Model

        if not isinstance(mlflow_model, Model):
            raise TypeError(
                f"Argument 'mlflow_model' should be mlflow.models.Model, got '{type(mlflow_model)}'"
            )
        entity = self._active(run_id)
        before = json.loads(entity.tags.get(MLFLOW_LOGGED_MODELS, "[]"))
        text = json.dumps([*before, mlflow_model.get_tags_dict()])
        validation._validate_tag(MLFLOW_LOGGED_MODELS, text)
        self.ledger.patch(entity, {"tags": {MLFLOW_LOGGED_MODELS: text}})

    # Histories of metrics

    def get_metric_history(
        self,
        run_id: str,
        metric_key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        """Return one page of the points of a metric, in order of time, step and value."""
        self._run(run_id)
        found = history.history(self.ledger, run_id, metric_key)
        return searching.paged(found, max_results, page_token)

    def get_metric_history_bulk(
        self, run_ids: list[str], metric_key: str, max_results: int
    ) -> list[MetricWithRunId]:
        """Return the first points of a metric of several runs, in order of run id."""
        found = [
            MetricWithRunId(run_id=run_id, metric=metric)
            for run_id in sorted(set(run_ids))
            for metric in history.history(self.ledger, run_id, metric_key)
        ]
        return found[:max_results]

    def get_metric_history_bulk_interval_from_steps(
        self, run_id: str, metric_key: str, steps: list[int], max_results: int
    ) -> list[MetricWithRunId]:
        """Return the points of a metric at some steps, in order of step."""
        self._run(run_id)
        wanted = set(steps)
        found = history.by_step(history.history(self.ledger, run_id, metric_key))
        kept = [one for one in found if one.step in wanted][:max_results]
        return [MetricWithRunId(run_id=run_id, metric=one) for one in kept]

    def get_metric_history_bulk_interval(
        self,
        run_ids: list[str],
        metric_key: str,
        max_results: int,
        start_step: int | None,
        end_step: int | None,
    ) -> list[MetricWithRunId]:
        """Return evenly spaced points of a metric for a chart, the first and last ones kept."""
        if (start_step is None) != (end_step is None):
            raise MlflowException.invalid_parameter_value(
                "Both start_step and end_step must be specified together, "
                "or neither may be specified."
            )
        found = []
        for run_id in run_ids:
            self._run(run_id)
            all_points = history.by_step(history.history(self.ledger, run_id, metric_key))
            if start_step is not None and end_step is not None:
                all_points = [one for one in all_points if start_step <= one.step <= end_step]
            places = self._evenly_spaced_indices(len(all_points), max(1, max_results))
            found += [MetricWithRunId(run_id=run_id, metric=all_points[one]) for one in places]
        return found

    def get_max_step_for_metric(self, run_id: str, metric_key: str) -> int:
        """Return the greatest step of a metric, 0 where there is none."""
        latest = self._run(run_id).metrics.get(metric_key)
        return latest.step if latest else 0

    # Logged models

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
        facts = {"tags": _texts(tags), "params": _texts(params)}
        made = models.create(self.ledger, experiment, name, source_run_id, facts, model_type)
        return self._model(made)

    def log_logged_model_params(self, model_id: str, params: list[LoggedModelParameter]) -> None:
        """Add params to a logged model."""
        self.ledger.patch(models.find(self.ledger, model_id), {"params": _texts(params)})

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Say that a logged model is ready, or that making it failed."""
        found = models.find(self.ledger, model_id)
        models.finalize(self.ledger, found, status)
        return self._model(models.find(self.ledger, model_id))

    def set_logged_model_tags(self, model_id: str, tags: list[LoggedModelTag]) -> None:
        """Set tags of a logged model."""
        self.ledger.patch(models.find(self.ledger, model_id), {"tags": _texts(tags)})

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
            for one in self.ledger.all(models.KIND)
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

    # What a user interface asks for, and no tracksite store has

    def search_traces(self, *_: Any, **__: Any) -> tuple[list[Any], None]:
        """Return no traces: they are not supported."""
        return [], None

    def query_trace_metrics(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no metrics of traces."""
        return PagedList([], None)

    def list_scorers(self, experiment_id: str) -> list[Any]:  # noqa: ARG002 - as in MLflow
        """Return no scorers."""
        return []

    def search_datasets(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no evaluation data sets."""
        return PagedList([], None)

    def search_issues(self, *_: Any, **__: Any) -> PagedList[Any]:
        """Return no issues."""
        return PagedList([], None)

    # Parts of the above

    def _run(self, run_id: str) -> Entity:
        entity = self.ledger.get(run_id)
        if entity is None or entity.kind != "run":
            raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)
        return entity

    def _logging(self, run_id: str) -> Entity:
        """Return a run that may be logged to; one of this process as it was last seen."""
        entity = self.ledger.recent(run_id)
        if entity is None or entity.kind != "run" or entity.deleted:
            return self._active(run_id)
        return entity

    def _active(self, run_id: str) -> Entity:
        entity = self._run(run_id)
        if entity.deleted:
            raise MlflowException(
                f"The run {run_id} must be in the 'active' state. "
                f"Current state is {LifecycleStage.DELETED}.",
                INVALID_PARAMETER_VALUE,
            )
        return entity

    def _end(self, entity: Entity) -> None:
        """Let go of a run that ended, and of the models that it made; note its artifacts."""
        files.note(self.ledger, entity)
        self._asked.discard(entity.entity_id)
        for key in entity.tags:
            if key.startswith(fields.MODEL_OUTPUT):
                self.ledger.close_soon(key.removeprefix(f"{fields.MODEL_OUTPUT}m-"))
        self.ledger.close_soon(entity.entity_id)

    def _model(self, entity: Entity) -> LoggedModel:
        return models.entities_of(self.ledger, [entity], self.artifacts)[0]

    def _log_params(self, entity: Entity, params: list[Param]) -> None:
        for one in params:
            if one.value is None:  # a database says that its column cannot be null
                raise MlflowException(f"Param {one.key!r} has no value: give it one.", BAD_REQUEST)
        clashes = [
            {"key": one.key, "old_value": entity.params[one.key], "new_value": one.value}
            for one in params
            if entity.params.get(one.key, one.value) != one.value
        ]
        if clashes:
            raise MlflowException(
                "Changing param values is not allowed. Params were already"
                f" logged='{clashes}' for run ID='{entity.entity_id}'.",
                INVALID_PARAMETER_VALUE,
            )
        fresh = {one.key: one.value for one in params if one.key not in entity.params}
        if fresh:
            self.ledger.patch(entity, {"params": fresh})

    def _log_metrics(self, entity: Entity, metrics: list[Metric]) -> None:
        if not metrics:
            return
        points = [(one.key, one.step, one.timestamp, float(one.value)) for one in metrics]
        self.ledger.log(entity, points)
        models.log_metrics(self.ledger, entity.entity_id, metrics)

    def _set_tags(self, entity: Entity, tags: list[RunTag]) -> None:
        if not tags:
            return
        texts = _texts(tags)
        patch = fields.to_patch(texts, fields.RUN_FIELDS)
        if MLFLOW_RUN_NAME in texts:
            patch["tags"][fields.UNNAMED] = None
        self.ledger.patch(entity, patch)


def _texts(items: Any) -> dict[str, str]:  # noqa: ANN401 - lists of MLflow's pairs
    return _public({one.key: str(one.value) for one in items or ()})


def _public(texts: dict[str, str]) -> dict[str, str]:
    """Return tags that a client may set; those that begin as ours do are refused."""
    for key in texts:
        if key.startswith(fields.PRIVATE):
            raise MlflowException(
                f"Tag {key!r} begins with {fields.PRIVATE!r}, which tracksite keeps for itself: "
                "use another key.",
                INVALID_PARAMETER_VALUE,
            )
    return texts


def _foreign_root(artifacts: Artifacts) -> str | None:
    """Return an artifact root that is neither the store's folder nor served by MLflow."""
    root = artifacts.root
    return None if root is None or root.startswith("mlflow-artifacts:") else root


def _note_late(reference: weakref.ref[TrackingStore]) -> None:
    """Note what was logged to runs after their end, as the process ends."""
    store = reference()
    if store is None:
        return
    for run_id in store._asked:
        entity = store.ledger.peek(run_id)
        if entity is not None and entity.kind == "run":
            files.note(store.ledger, entity)
