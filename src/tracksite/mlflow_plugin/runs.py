"""Runs as MLflow's entities, made from what the ledger knows."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    RunTag,
)

from tracksite.mlflow_plugin import fields, inputs

if TYPE_CHECKING:
    from mlflow.entities import ExperimentTag

    from tracksite.mlflow_plugin.entity import Entity, Latest
    from tracksite.mlflow_plugin.uri import Artifacts


def status_patch(status: int) -> dict[str, Any]:
    """Return the fields that say a status of MLflow's; what is scheduled is a run's tag."""
    name = RunStatus.to_string(status)
    scheduled = {fields.STATUS: None if name in fields.STORED_STATUS else name}
    return {"status": fields.STORED_STATUS.get(name, "running"), "tags": scheduled}


def lifecycle(entity: Entity) -> str:
    """Return MLflow's word for deleted or not."""
    stage: str = LifecycleStage.DELETED if entity.deleted else LifecycleStage.ACTIVE
    return stage


def artifact_uri(entity: Entity, artifacts: Artifacts) -> str:
    """Return where the artifacts of a run are for whoever asks."""
    return entity.tags.get(fields.ARTIFACTS) or artifacts.uri(entity.entity_id)


def run_info(entity: Entity, experiment_id: str, artifacts: Artifacts) -> RunInfo:
    """Return what a run is, apart from what it logged."""
    return RunInfo(
        run_id=entity.entity_id,
        experiment_id=experiment_id,
        user_id=entity.fields.get("user") or fields.UNKNOWN_USER,
        status=fields.status(entity),
        start_time=entity.began_ms,
        end_time=entity.millis("ended_at"),
        lifecycle_stage=lifecycle(entity),
        artifact_uri=artifact_uri(entity, artifacts),
        run_name=entity.fields.get("name"),
    )


def run(entity: Entity, experiment_id: str, artifacts: Artifacts) -> Run:
    """Return a run with all that it logged."""
    data = RunData(
        metrics=[metric(key, latest) for key, latest in entity.metrics.items()],
        params=[Param(key, text) for key, text in entity.params.items()],
        tags=[RunTag(*item) for item in fields.to_tags(entity, fields.RUN_FIELDS).items()],
    )
    return Run(
        run_info(entity, experiment_id, artifacts),
        data,
        RunInputs(dataset_inputs(entity), model_inputs(entity)),
        RunOutputs(model_outputs(entity)),
    )


def metric(key: str, latest: Latest) -> Metric:
    """Return the latest point of a metric."""
    return Metric(key, latest.value, latest.time_us // 1000, latest.step)


def model_inputs(entity: Entity) -> list[LoggedModelInput]:
    """Return the logged models that a run read."""
    return [LoggedModelInput(model_id=key) for key in _after(entity, fields.MODEL_INPUT)]


def model_outputs(entity: Entity) -> list[LoggedModelOutput]:
    """Return the logged models that a run made."""
    found = _after(entity, fields.MODEL_OUTPUT)
    return [LoggedModelOutput(model_id=key, step=int(step)) for key, step in found.items()]


def _after(entity: Entity, prefix: str) -> dict[str, str]:
    return {
        key.removeprefix(prefix): text
        for key, text in entity.tags.items()
        if key.startswith(prefix)
    }


def input_patch(entity: Entity, found: list[DatasetInput]) -> dict[str, Any]:
    """Return the patch that adds data sets to a run; see `inputs.patch`."""
    return inputs.patch(
        entity, [(dict(one.dataset), {tag.key: tag.value for tag in one.tags}) for one in found]
    )


def dataset_inputs(entity: Entity) -> list[DatasetInput]:
    """Return the data sets that a run read, those that were logged without MLflow too."""
    found = []
    for dataset, tags in inputs.described(entity):
        with contextlib.suppress(TypeError):  # fields that this MLflow does not know
            found.append(DatasetInput(Dataset(**dataset), [InputTag(*it) for it in tags.items()]))
    return found


def as_dict(tags: list[RunTag] | list[ExperimentTag] | None) -> dict[str, str]:
    """Return MLflow's list of tags as a dict."""
    return {tag.key: tag.value for tag in tags or ()}
