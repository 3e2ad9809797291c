"""The search for logged models, in MLflow's grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.utils.search_utils import SearchLoggedModelsUtils

from tracksite.mlflow_plugin.searching import compare, ordered

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Metric

    from tracksite.mlflow_plugin.searching import Key, Test

_NUMBERS = ("<", "<=", ">", ">=", "=", "!=")
_TEXTS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
_SAME = {"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"}
_NUMERIC = {"creation_timestamp", "last_updated_timestamp"}


def search(
    found: list[LoggedModel],
    filter_string: str | None,
    datasets: list[dict[str, Any]] | None,
    order_by: list[dict[str, Any]] | None,
) -> list[LoggedModel]:
    """Return the logged models that match, in order: newest first by default.

    Raises:
        MlflowException: a filter or an order that MLflow does not understand.
    """
    clauses = SearchLoggedModelsUtils.parse_search_filter(filter_string)
    tests = [_test(clause, datasets or []) for clause in clauses]
    if datasets and not any(clause["type"] == "metric" for clause in clauses):
        tests.append(lambda model: any(_on(one, datasets) for one in model.metrics))
    keys = [_key(one) for one in order_by or []]
    named = {one.get("field_name") for one in order_by or []}
    if not named & {"creation_timestamp", "creation_time"}:
        keys.append((lambda model: model.creation_timestamp, False))
    if "model_id" not in named:
        keys.append((lambda model: model.model_id, True))
    return ordered([one for one in found if all(test(one) for test in tests)], keys)


def _test(clause: dict[str, Any], datasets: list[dict[str, Any]]) -> Test:
    kind, sign, value = clause["type"], clause["comparator"].upper(), clause["value"]
    key = _SAME.get(clause["key"], clause["key"])
    numeric = kind == "metric" or key in _NUMERIC
    allowed = _NUMBERS if numeric else _TEXTS
    if sign not in allowed:
        raise MlflowException.invalid_parameter_value(
            f"Invalid comparison operator for {key}: {sign!r}. Expected one of {allowed}."
        )
    passes = compare(sign, float(value) if numeric else value)
    if kind == "metric":
        return lambda model: any(
            one.key == key and (not datasets or _on(one, datasets)) and passes(one.value)
            for one in model.metrics
        )
    look = _look(kind, key)
    return lambda model: passes(look(model))


def _look(kind: str, key: str) -> Key:
    if kind == "parameter":
        return lambda model: model.params.get(key)
    if kind == "tag":
        return lambda model: model.tags.get(key)
    if key == "status":
        return lambda model: str(model.status)
    return lambda model: getattr(model, key)


def _on(metric: Metric, datasets: list[dict[str, Any]]) -> bool:
    return any(SearchLoggedModelsUtils._is_metric_on_dataset(metric, one) for one in datasets)


def _key(order: Any) -> tuple[Key, bool]:  # noqa: ANN401 - what a client sends
    digest = order.get("dataset_digest") if isinstance(order, dict) else None
    if digest:  # MLflow's parser refuses it without a name, its database store takes it
        order = {key: text for key, text in order.items() if key != "dataset_digest"}
    parsed = SearchLoggedModelsUtils.parse_order_by_for_logged_models(order)
    if "." not in parsed.field_name:
        name = _SAME.get(parsed.field_name, parsed.field_name)
        return _look("attribute", name), parsed.ascending
    name = parsed.field_name.split(".", 1)[1]

    def latest(model: LoggedModel) -> float | None:
        found = [
            (one.timestamp, one.step, one.value)
            for one in model.metrics or ()
            if one.key == name
            and parsed.dataset_name in {None, one.dataset_name}
            and digest in {None, "", one.dataset_digest}
        ]
        return max(found)[2] if found else None

    return latest, parsed.ascending
