"""Logged models: entities of their own, whose files lie among the artifacts of their run.

A metric of a model is a series of the model's own; its key has what MLflow keeps beside the value:
key, run id, name and digest of the data set, separated by U+001F.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from mlflow.entities import LoggedModel, LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.utils.name_utils import _generate_random_name

from tracksite.mlflow_plugin import experiments, fields, runs
from tracksite.mlflow_plugin.entity import from_millis, to_us
from tracksite.mlflow_plugin.history import points
from tracksite.mlflow_plugin.uri import below
from tracksite.store.ids import new_run_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.ledger import Ledger
    from tracksite.mlflow_plugin.uri import Artifacts

KIND = "logged_model"
_PREFIX, _SEPARATOR = "m-", "\x1f"
_PATH = "models"  # folder for models whose name another one of the run has


def create(
    ledger: Ledger,
    experiment: Entity,
    name: str | None,
    source_run_id: str | None,
    facts: Mapping[str, Mapping[str, str]],
    model_type: str | None,
) -> Entity:
    """Begin a logged model, which is pending until it is finalised.

    Args:
        ledger: where to write.
        experiment: that it belongs to.
        name: of the model; one is made up when None.
        source_run_id: the run that made it.
        facts: `params` and `tags` of the model.
        model_type: what kind of model the client says that it is.
    """
    entity_id, now = new_run_id(), experiments.now_ms()
    name = name or _generate_random_name()
    private = {
        fields.STATUS: str(LoggedModelStatus.PENDING),
        fields.UPDATED: str(now),
        fields.MODEL_TYPE: model_type,
    }
    tags = {key: text for key, text in private.items() if text is not None}
    return ledger.begin(
        entity_id,
        KIND,
        {
            "experiment": experiment.fields["name"],
            "name": name,
            "source_run_id": source_run_id,
            "source_path": _path(ledger, source_run_id, name, entity_id),
            "started_at": from_millis(now),
            "params": dict(facts.get("params", {})),
            "tags": {**facts.get("tags", {}), **tags},
        },
    )


def _path(ledger: Ledger, run_id: str | None, name: str, entity_id: str) -> str | None:
    """Return the model's folder among the artifacts of its run; None without a run."""
    if run_id is None or ledger.get(run_id) is None:
        return None
    taken = {
        one.fields.get("source_path")
        for one in ledger.all(KIND)
        if one.fields.get("source_run_id") == run_id
    }
    plain = name != _PATH and re.fullmatch(r"\w[\w +=@,-]*", name) is not None
    free = name not in taken and not (ledger.store.artifact_dir(run_id) / name).exists()
    return name if plain and free else f"{_PATH}/{_PREFIX}{entity_id}"


def is_there(ledger: Ledger, model_id: str) -> bool:
    """Return whether a store has a logged model of MLflow's id."""
    found = ledger.get(str(model_id).removeprefix(_PREFIX))
    return found is not None and found.kind == KIND


def find(ledger: Ledger, model_id: str, *, deleted: bool = True) -> Entity:
    """Return a logged model by MLflow's id.

    Raises:
        MlflowException: there is none, or it is deleted and those are not wanted.
    """
    found = ledger.get(str(model_id).removeprefix(_PREFIX))
    if found is None or found.kind != KIND or (found.deleted and not deleted):
        raise MlflowException(
            f"Logged model with ID '{model_id}' not found.", RESOURCE_DOES_NOT_EXIST
        )
    return found


def model_id(entity: Entity) -> str:
    """Return MLflow's id of a logged model."""
    return f"{_PREFIX}{entity.entity_id}"


def location(ledger: Ledger, entity: Entity, artifacts: Artifacts) -> str:
    """Return where the files of a logged model are for whoever asks."""
    path, run_id = entity.fields.get("source_path"), entity.fields.get("source_run_id")
    if path is None or run_id is None:
        return artifacts.uri(entity.entity_id)
    run = ledger.peek(run_id)
    base = runs.artifact_uri(run, artifacts) if run else artifacts.uri(run_id)
    return below(base, path)


def entities_of(ledger: Ledger, found: list[Entity], artifacts: Artifacts) -> list[LoggedModel]:
    """Return MLflow's entities of logged models, with every point of their metrics."""
    measured = metrics_of(ledger, found)
    return [_entity(ledger, one, artifacts, measured[one.entity_id]) for one in found]


def _entity(
    ledger: Ledger, entity: Entity, artifacts: Artifacts, metrics: list[Metric]
) -> LoggedModel:
    created = entity.began_ms
    return LoggedModel(
        experiment_id=experiments.of_run(ledger, entity),
        model_id=model_id(entity),
        name=entity.fields["name"],
        artifact_location=location(ledger, entity, artifacts),
        creation_timestamp=created,
        last_updated_timestamp=int(entity.tags.get(fields.UPDATED, created)),
        model_type=entity.tags.get(fields.MODEL_TYPE),
        source_run_id=entity.fields.get("source_run_id"),
        status=status_of(entity),
        tags=fields.to_tags(entity, {}),
        params=dict(entity.params),
        metrics=metrics,
    )


def status_of(entity: Entity) -> LoggedModelStatus:
    """Return MLflow's status of a logged model."""
    return LoggedModelStatus(entity.tags.get(fields.STATUS, str(LoggedModelStatus.READY)))


def update(ledger: Ledger, entity: Entity, patch: Mapping[str, Any]) -> None:
    """Write a change of a logged model, and when it was made."""
    tags = {**patch.get("tags", {}), fields.UPDATED: str(experiments.now_ms())}
    ledger.patch(entity, {**patch, "tags": tags})


def finalize(ledger: Ledger, entity: Entity, status: LoggedModelStatus) -> None:
    """Say how making a model ended, and show it among the outputs of its run."""
    update(ledger, entity, {"tags": {fields.STATUS: str(status)}})
    path, run_id = entity.fields.get("source_path"), entity.fields.get("source_run_id")
    run = ledger.get(run_id) if run_id else None
    if run is not None and run_id and path:
        flavor = _flavor(ledger, run_id, path) or entity.tags.get(fields.MODEL_TYPE)
        ledger.patch(run, {"outputs": [{"path": path, "flavor": flavor, "digest": None}]})
    ledger.close_soon(entity.entity_id)


def _flavor(ledger: Ledger, run_id: str, path: str) -> str | None:
    """Return the first flavour that the model's MLmodel file names, its own before pyfunc."""
    import yaml

    with contextlib.suppress(OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        text = (ledger.store.artifact_dir(run_id) / path / "MLmodel").read_text()
        names = sorted(yaml.safe_load(text)["flavors"], key=lambda name: name == "python_function")
        return str(names[0]) if names else None
    return None


def log_metrics(ledger: Ledger, run_id: str, metrics: Iterable[Metric]) -> None:
    """Log the metrics of a run that belong to a logged model as metrics of that model too."""
    for metric in metrics:
        if metric.model_id is not None:
            about = (metric.key, run_id, metric.dataset_name or "", metric.dataset_digest or "")
            point = (_SEPARATOR.join(about), metric.step, metric.timestamp, metric.value)
            ledger.log(find(ledger, metric.model_id), [point])


def metrics_of(ledger: Ledger, found: Iterable[Entity]) -> dict[str, list[Metric]]:
    """Return id → every point of the metrics of logged models."""
    measured: dict[str, list[Metric]] = {one.entity_id: [] for one in found}
    wanted = [one.entity_id for one in found if one.metrics]
    if not wanted:
        return measured
    seen = set()
    for entity_id, key, step, time, value in points(ledger, wanted).iter_rows():
        point = (entity_id, key, step, to_us(time) // 1000, str(value))
        if point in seen:  # a client that got no answer logs a point again
            continue
        seen.add(point)
        name, run_id, dataset, digest = [*key.split(_SEPARATOR), "", "", ""][:4]
        measured[entity_id].append(
            Metric(
                name,
                value,
                point[3],
                step,
                model_id=f"{_PREFIX}{entity_id}",
                dataset_name=dataset or None,
                dataset_digest=digest or None,
                run_id=run_id or None,
            )
        )
    return measured
