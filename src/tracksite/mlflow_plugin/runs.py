"""Runs as MLflow's entities, made from what the ledger knows."""

from __future__ import annotations

import json
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
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from tracksite.mlflow_plugin import fields

if TYPE_CHECKING:
    from mlflow.entities import ExperimentTag

    from tracksite.mlflow_plugin.entity import Entity, Latest
    from tracksite.mlflow_plugin.uri import Artifacts

_STATUS = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "interrupted": "KILLED",  # MLflow has no word for a run whose process is gone
}
_STORED = {"RUNNING": "running", "FINISHED": "finished", "FAILED": "failed", "KILLED": "killed"}


def status_of(entity: Entity) -> str:
    """Return MLflow's status of a run."""
    status = str(entity.fields.get("status", "interrupted"))
    if status in {"running", "interrupted"} and fields.STATUS in entity.tags:
        return entity.tags[fields.STATUS]
    return _STATUS.get(status, "KILLED")


def status_patch(status: int) -> dict[str, Any]:
    """Return the fields that say a status of MLflow's; what is scheduled is a run's tag."""
    name = RunStatus.to_string(status)
    scheduled = {fields.STATUS: None if name in _STORED else name}
    return {"status": _STORED.get(name, "running"), "tags": scheduled}


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
        status=status_of(entity),
        start_time=entity.millis("started_at") or entity.first_us // 1000,
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


def input_patch(entity: Entity, inputs: list[DatasetInput]) -> dict[str, Any]:
    """Return the patch that adds data sets to a run; those that it has are left as they are.

    The store's row of a data set has its name, context, source, digest and schema; the rest of
    what MLflow knows is a private tag beside it.
    """
    rows: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    for one in inputs:
        key = f"{one.dataset.name} {one.dataset.digest}"
        if key in rows or fields.INPUT + key in entity.tags:
            continue
        tagged = {tag.key: tag.value for tag in one.tags}
        rows[key] = {
            "name": _free_name(entity, rows, one.dataset),
            "context": tagged.get(MLFLOW_DATASET_CONTEXT),
            "source": one.dataset.source,
            "digest": one.dataset.digest,
            "schema": _columns(one.dataset.schema),
            "rows": _row_count(one.dataset.profile),
        }
        tags[fields.INPUT + key] = json.dumps({"dataset": dict(one.dataset), "tags": tagged})
    return {"inputs": list(rows.values()), "tags": tags} if rows else {}


def _free_name(entity: Entity, rows: dict[str, dict[str, Any]], dataset: Dataset) -> str:
    """Return a name that no other data set of the run has: theirs may differ by digest alone."""
    taken = {*entity.inputs, *(row["name"] for row in rows.values())}
    return dataset.name if dataset.name not in taken else f"{dataset.name} {dataset.digest}"


def _columns(schema: str | None) -> str | None:
    """Return {column: type} as JSON from MLflow's schema of columns; None for any other."""
    try:
        columns = json.loads(schema or "")["mlflow_colspec"]
        return json.dumps({str(one["name"]): str(one["type"]) for one in columns})
    except (ValueError, KeyError, TypeError):
        return None


def _row_count(profile: str | None) -> int | None:
    try:
        count = json.loads(profile or "")["num_rows"]
        return int(count)
    except (ValueError, KeyError, TypeError):
        return None


def dataset_inputs(entity: Entity) -> list[DatasetInput]:
    """Return the data sets that a run read, those that were logged without MLflow too."""
    found = []
    known = set()
    for text in _after(entity, fields.INPUT).values():
        try:
            content = json.loads(text)
            dataset = Dataset(**content["dataset"])
            tags = [InputTag(*item) for item in content["tags"].items()]
        except (ValueError, KeyError, TypeError):
            continue
        known |= {dataset.name, f"{dataset.name} {dataset.digest}"}
        found.append(DatasetInput(dataset, tags))
    return found + [_own_input(row) for name, row in entity.inputs.items() if name not in known]


def _own_input(row: dict[str, Any]) -> DatasetInput:
    dataset = Dataset(
        name=row["name"],
        digest=row["digest"] or "",
        source_type="local",
        source=row["source"] or "",
        schema=row["schema"],
    )
    context = row["context"]
    return DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, context)] if context else [])


def as_dict(tags: list[RunTag] | list[ExperimentTag] | None) -> dict[str, str]:
    """Return MLflow's list of tags as a dict."""
    return {tag.key: tag.value for tag in tags or ()}
