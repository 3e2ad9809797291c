"""The search for runs: filters and order of MLflow's grammar over entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_RUN_NAME
from mlflow.utils.search_utils import SearchUtils

from tracksite.mlflow_plugin import fields, runs
from tracksite.mlflow_plugin.searching import compare, ordered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.searching import Key, Test
    from tracksite.mlflow_plugin.uri import Artifacts


def search(
    found: Iterable[Entity],
    filter_string: str | None,
    order_by: list[str] | None,
    artifacts: Artifacts,
) -> list[Entity]:
    """Return the runs that match, in order; newest first by default.

    Raises:
        MlflowException: a filter or an order that MLflow does not understand.
    """
    clauses = SearchUtils.parse_search_filter(filter_string)
    keys = _keys(order_by or [], artifacts)
    tests = [_test(clause, artifacts) for clause in clauses]
    return ordered([one for one in found if all(test(one) for test in tests)], keys)


def _test(clause: dict[str, Any], artifacts: Artifacts) -> Test:
    kind, value = clause["type"], clause["value"]
    key, comparator = SearchUtils.translate_key_alias(clause["key"]), clause["comparator"].upper()
    if SearchUtils.is_string_attribute(kind, key, comparator) or SearchUtils.is_numeric_attribute(
        kind, key, comparator
    ):
        look = _tag(MLFLOW_RUN_NAME) if key == "run_name" else _attribute(key, artifacts)
    elif SearchUtils.is_metric(kind, comparator):
        look, value = _metric(key), float(value)
    elif SearchUtils.is_param(kind, comparator):
        look = _param(key)
    elif SearchUtils.is_tag(kind, comparator):
        look = _tag(key)
    elif SearchUtils.is_dataset(kind, comparator):
        return _any_dataset(key, compare(comparator, value))
    else:
        raise MlflowException(f"Invalid search expression type '{kind}'", INVALID_PARAMETER_VALUE)
    passes = compare(comparator, value)
    return lambda entity: passes(look(entity))


def _keys(order_by: list[str], artifacts: Artifacts) -> list[tuple[Key, bool]]:
    keys: list[tuple[Key, bool]] = []
    seen = set()
    for clause in order_by:
        kind, key, ascending = SearchUtils.parse_order_by_for_search_runs(clause)
        key = SearchUtils.translate_key_alias(key)
        if SearchUtils.is_string_attribute(kind, key, "=") or SearchUtils.is_numeric_attribute(
            kind, key, "="
        ):
            look = _attribute(key, artifacts)
        elif SearchUtils.is_metric(kind, "="):
            look = _metric(key)
        elif SearchUtils.is_tag(kind, "="):
            look = _tag(key)
        elif SearchUtils.is_param(kind, "="):
            look = _param(key)
        else:
            raise MlflowException(f"Invalid identifier type '{kind}'", INVALID_PARAMETER_VALUE)
        if (kind, key) in seen:
            raise MlflowException(f"`order_by` contains duplicate fields: {order_by}")
        seen.add((kind, key))
        keys.append((look, ascending))
    if ("attribute", "start_time") not in seen:
        keys.append((_attribute("start_time", artifacts), False))
    return [*keys, (lambda entity: entity.entity_id, True)]


def _attribute(name: str, artifacts: Artifacts) -> Key:
    known: dict[str, Key] = {
        "run_id": lambda entity: entity.entity_id,
        "run_name": lambda entity: entity.fields.get("name"),
        "status": fields.status,
        "user_id": lambda entity: entity.fields.get("user") or fields.UNKNOWN_USER,
        "start_time": lambda entity: entity.began_ms,
        "end_time": lambda entity: entity.millis("ended_at"),
        "artifact_uri": lambda entity: runs.artifact_uri(entity, artifacts),
    }
    return known[name]


def _metric(key: str) -> Key:
    return lambda entity: entity.metrics[key].value if key in entity.metrics else None


def _param(key: str) -> Key:
    return lambda entity: entity.params.get(key)


def _tag(key: str) -> Key:
    return lambda entity: fields.tag_of(entity, key, fields.RUN_FIELDS)


def _any_dataset(key: str, passes: Test) -> Test:
    def test(entity: Entity) -> bool:
        for one in runs.dataset_inputs(entity):
            if key == "context":
                found = [tag.value for tag in one.tags if tag.key == MLFLOW_DATASET_CONTEXT]
            else:
                found = [getattr(one.dataset, key)]
            if any(map(passes, found)):
                return True
        return False

    return test
