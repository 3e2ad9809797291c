"""The searches of the model registry, in MLflow's grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.utils.search_utils import SearchModelUtils, SearchModelVersionUtils, SearchUtils

from tracksite.mlflow_plugin import fields, registered
from tracksite.mlflow_plugin.searching import compare, ordered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.searching import Key, Test
    from tracksite.mlflow_plugin.uri import Artifacts

_TEXTS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
_TAGS = ("=", "!=", "LIKE", "ILIKE")
_NUMBERS = ("=", "!=", "<", "<=", ">", ">=")


def models(
    found: list[Entity], filter_string: str | None, order_by: list[str] | None
) -> list[Entity]:
    """Return the registered models that match, in order of name by default.

    Raises:
        MlflowException: a filter or an order that MLflow does not understand.
    """
    clauses = SearchModelUtils.parse_search_filter(filter_string)
    keys = _model_keys(order_by or [])
    prompts = _asks_for_prompts(clauses)
    tests = [_model_test(one) for one in clauses if prompts or one["key"] != IS_PROMPT_TAG_KEY]
    if not prompts:
        tests.append(lambda model: not is_prompt(model))
    return ordered([one for one in found if all(test(one) for test in tests)], keys)


def is_prompt(model: Entity) -> bool:
    """Return whether a registered model is a prompt."""
    return model.tags.get(IS_PROMPT_TAG_KEY) == "true"


def _asks_for_prompts(clauses: list[dict[str, Any]]) -> bool:
    for one in clauses:
        if one["type"] == "tag" and one["key"] == IS_PROMPT_TAG_KEY:
            return (one["comparator"], str(one["value"]).lower()) in {
                ("=", "true"),
                ("!=", "false"),
            }
    return False


def _model_test(clause: dict[str, Any]) -> Test:
    kind, key, sign = clause["type"], clause["key"], clause["comparator"]
    if kind == "attribute":
        if key != "name":
            raise MlflowException(f"Invalid attribute name: {key}", INVALID_PARAMETER_VALUE)
        _allow(sign, _TEXTS, "attribute")
        return _passing(compare(sign, clause["value"]), lambda model: model.fields["name"])
    _allow(sign, _TAGS, "tag")
    return _passing(compare(sign, clause["value"]), _tag(key))


def _passing(passes: Test, look: Key) -> Test:
    return lambda entity: passes(look(entity))


def _tag(key: str) -> Key:
    return lambda entity: fields.tag_of(entity, key, {})


def _allow(sign: str, allowed: tuple[str, ...], what: str) -> None:
    if sign not in allowed:
        raise MlflowException(f"Invalid comparator for {what}: {sign}", INVALID_PARAMETER_VALUE)


def _model_keys(order_by: list[str]) -> list[tuple[Key, bool]]:
    looks: dict[str, Key] = {
        "name": lambda model: model.fields["name"],
        "last_updated_time": registered.updated_ms,
    }
    keys: dict[str, bool] = {}
    for clause in order_by:
        word, ascending = SearchUtils.parse_order_by_for_search_registered_models(clause)
        if word != "name" and word not in SearchUtils.VALID_TIMESTAMP_ORDER_BY_KEYS:
            raise MlflowException(
                f"Invalid order by key '{word}' specified.Valid keys are "
                f"'{SearchUtils.RECOMMENDED_ORDER_BY_KEYS_REGISTERED_MODELS}'",
                INVALID_PARAMETER_VALUE,
            )
        _once(keys, "name" if word == "name" else "last_updated_time", order_by)
        keys["name" if word == "name" else "last_updated_time"] = ascending
    keys.setdefault("name", True)
    return [(looks[key], ascending) for key, ascending in keys.items()]


def _once(keys: Mapping[str, bool], key: str, order_by: list[str]) -> None:
    if key in keys:
        raise MlflowException(f"`order_by` contains duplicate fields: {order_by}")


def versions(
    found: list[Entity],
    known: Mapping[str, Entity],
    filter_string: str | None,
    order_by: list[str] | None,
    artifacts: Artifacts,
) -> list[Entity]:
    """Return the versions that match, in order: those changed last first by default.

    Raises:
        MlflowException: a filter or an order that MLflow does not understand.
    """
    clauses = SearchModelVersionUtils.parse_search_filter(filter_string)
    prompts = _asks_for_prompts(clauses)
    tests = [
        _version_test(one, artifacts)
        for one in clauses
        if prompts or one["key"] != IS_PROMPT_TAG_KEY
    ]
    if not prompts:
        tests.append(lambda one: not is_prompt(one) and not is_prompt(known[one.fields["name"]]))
    kept = [one for one in found if all(test(one) for test in tests)]
    default = ["last_updated_timestamp DESC", "name ASC", "version_number DESC"]
    return ordered(kept, _version_keys(order_by or default))


def _version_test(clause: dict[str, Any], artifacts: Artifacts) -> Test:
    kind, key, sign, value = (clause[it] for it in ("type", "key", "comparator", "value"))
    if kind != "attribute":
        _allow(sign, _TAGS, "tag")
        return _passing(compare(sign, value), _tag(key))
    if key == "version_number":
        _allow(sign, _NUMBERS, f"attribute {key}")
        if isinstance(value, float) or not str(value).lstrip("-").isdecimal():
            raise MlflowException.invalid_parameter_value(
                f"Invalid value for numeric attribute '{key}': {value!r}"
            )
        value = int(value)
    elif sign not in _TEXTS or (sign in {"IN", "NOT IN"} and key not in {"run_id", "name"}):
        _allow(sign, (), "attribute")
    looks: dict[str, Key] = {
        "name": lambda one: one.fields["name"],
        "version_number": lambda one: one.fields["version"],
        "run_id": lambda one: one.fields.get("source_run_id"),
        "source_path": lambda one: registered.source(one, artifacts),
    }
    return _passing(compare(sign, value), looks[key])


def _version_keys(order_by: list[str]) -> list[tuple[Key, bool]]:
    looks: dict[str, Key] = {
        "name": lambda one: one.fields["name"],
        "version_number": lambda one: one.fields["version"],
        "creation_timestamp": lambda one: one.began_ms,
        "last_updated_timestamp": registered.updated_ms,
    }
    keys: dict[str, bool] = {}
    for clause in order_by:
        _, key, ascending = SearchModelVersionUtils.parse_order_by_for_search_model_versions(clause)
        _once(keys, key, order_by)
        keys[key] = ascending
    keys.setdefault("name", True)
    keys.setdefault("version_number", False)
    return [(looks[key], ascending) for key, ascending in keys.items()]
