"""What MLflow clients log to runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
)
from mlflow.utils import validation
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_MODELS, MLFLOW_RUN_NAME

from tracksite.mlflow_plugin import fields, lifecycle, models, runs
from tracksite.mlflow_plugin.tracking.calls import Calls, texts_of

if TYPE_CHECKING:
    from mlflow.entities import (
        DatasetInput,
        LoggedModelInput,
        LoggedModelOutput,
        Metric,
        Param,
        RunTag,
    )

    from tracksite.mlflow_plugin.entity import Entity


class LogCalls(Calls):
    """Metrics, params, tags, inputs and outputs of runs."""

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

    def _logging(self, run_id: str) -> Entity:
        """Return a run that may be logged to; one of this process as it was last seen."""
        entity = self.ledger.recent(run_id)
        if entity is None or entity.kind != "run":
            return self._active(run_id)
        if lifecycle.standing(self.ledger, entity).deleted:
            return self._active(run_id)
        return entity

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
        texts = texts_of(tags)
        patch = fields.to_patch(texts, fields.RUN_FIELDS)
        if MLFLOW_RUN_NAME in texts:
            patch["tags"][fields.UNNAMED] = None
        self.ledger.patch(entity, patch)
