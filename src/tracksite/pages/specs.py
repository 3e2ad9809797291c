"""Vega-Lite figures of anybody's: which of them a page draws.

A specification is a program for the browser: a few of its words make a thousand million rows, or a
loop without an end, and a page cannot stop what it has begun. So a figure is drawn only where what
it makes can be counted here and is within the budgets; any other one is left to be downloaded.
Names and meanings are those of the Vega-Lite 6 and the Vega expression references.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from tracksite import budgets
from tracksite.budgets import OverBudgetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Spec = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/"
# What counts something that is made, and how much of it at most.
_MOST = {
    "maxbins": 1000,
    "steps": 10_000,
    "minsteps": 10_000,
    "maxsteps": 10_000,
    "tickCount": 1000,
    "count": 1000,  # colours of a scheme
    "order": 20,  # of a polynomial
    "symbolLimit": 1000,
    "width": 20_000,
    "height": 20_000,
}
_LEAST = {"base": 1.2, "precision": 0.01, "stepMinor": 1, "stepMajor": 1}  # but for 0
_MOST_STEPS = 10_000  # of a bin or a scale across its field
_OTHER_STEPS = ("width", "height", "sequence", "keyvals", "timeUnit")
# Functions that make much of little, or search by an expression that may backtrack; and letters
# behind which one could be hidden from this search.
_FUNCTIONS = re.compile(r"\b(sequence|pad|regexp|test|replace)\s*\(|\\u[0-9a-fA-F{]")
_WIDE = re.compile(r"[0-9]{4}")  # in a format: so many characters
_TITLES = ("title", "subtitle", "text", "description", "name")
_CHANNELS = ("row", "column", "facet")
_COMPOSED = ("hconcat", "vconcat", "concat", "layer")


def vega_spec(value: object) -> Spec | None:
    """Return a Vega-Lite specification that a page can draw; None for other JSON.

    Args:
        value: of a JSON document that is within the budgets of `json_value`.

    Raises:
        OverBudgetError: what it makes is too much, or cannot be told; or it needs the network.
    """
    if not isinstance(value, dict) or not str(value.get("$schema", "")).startswith(_SCHEMA):
        return None
    spec = {key: item for key, item in value.items() if key != "usermeta"}
    rows = _rows(spec)
    if len(rows) > budgets.SPEC_ROWS:
        raise OverBudgetError(f"a figure of more than {budgets.SPEC_ROWS:,} rows is not drawn")
    fields = _Fields(rows)
    _check_words(spec, fields)
    _check_cells(spec, fields)
    return spec


def _rows(spec: Spec) -> list[Any]:
    """Return every row of data inside a specification."""
    rows: list[Any] = []
    for item, _ in budgets.nested(spec):
        if isinstance(item, dict):
            rows += [row for table in _tables(item) for row in table]
    return rows


def _tables(item: Spec) -> Iterator[list[Any]]:
    """Yield the rows of the data that stand in one object of a specification."""
    data, sets = item.get("data"), item.get("datasets")
    found = [data.get("values")] if isinstance(data, dict) else []
    found += sets.values() if isinstance(sets, dict) else []
    for table in found:
        if isinstance(table, list):
            yield table
        elif isinstance(table, str):  # CSV, or JSON, which a browser would read
            yield [None] * (table.count("\n") + table.count("{") + 1)
        elif isinstance(table, dict):  # shapes, or rows somewhere below it
            yield [inner for inner, _ in budgets.nested(table)]


class _Fields:
    """What the rows of a specification say of each field, read once."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = len(rows)
        self.longest = max((len(it) for it, _ in budgets.nested(rows)), default=1)
        self._ends: dict[str | None, tuple[float, float]] = {}
        self._values: dict[str, set[str]] = {}
        for row in rows:
            for name, value in row.items() if isinstance(row, dict) else ():
                self._values.setdefault(name, set()).add(str(value)[:200])
                if isinstance(value, int | float) and math.isfinite(value):
                    for key in (name, None):
                        low, high = self._ends.get(key, (0, 1))
                        self._ends[key] = min(low, value), max(high, value)

    def steps(self, field: str, step: float) -> float:
        """Return how many steps there are across a field; across all where no row has it."""
        low, high = self._ends.get(field if field in self._ends else None, (0, 1))
        return (high - low) / abs(step)

    def values(self, field: str) -> int:
        """Return how many values a field has; as many as rows where none has it."""
        return len(self._values.get(field, ())) or max(1, self.rows)


def _check_words(spec: Spec, fields: _Fields) -> None:
    """Raise OverBudgetError where a word of a specification makes too much."""
    waiting: list[tuple[Any, str, str, str]] = [(spec, "", "", "")]
    while waiting:
        item, key, parent, field = waiting.pop()
        if isinstance(item, list):
            waiting += [(one, key, parent, field) for one in item if key not in _MOST]
        elif isinstance(item, dict):
            _check_object(item, key)
            field = str(item.get("field", field))
            is_data = {"values"} if key == "data" else {"datasets"} if not key else set()
            waiting += [(one, it, key, field) for it, one in item.items() if it not in is_data]
        elif isinstance(item, str):
            _check_text(item, key)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            _check_number(item, key)
            if key == "step" and item and parent not in _OTHER_STEPS:
                _check_steps(fields.steps(field, item), f"step = {item:g}")


def _check_object(item: Spec, key: str) -> None:
    if "url" in item:
        raise OverBudgetError("a figure that loads something from elsewhere is not drawn")
    if key in {"sequence", "keyvals"}:
        start, stop, step = item.get("start", 0), item.get("stop"), item.get("step", 1)
        if not all(isinstance(it, int | float) for it in (start, stop, step)) or not step:
            raise OverBudgetError("a figure that makes rows by a formula is not drawn")
        _check_steps((stop - start) / step, f"{key} from {start:g} to {stop:g} by {step:g}")
    if (key in _MOST or key in _LEAST or key == "step") and {"expr", "signal"} & item.keys():
        raise OverBudgetError(f"a figure whose {key} is a formula is not drawn")
    if key == "tickCount" and "interval" in item:
        raise OverBudgetError("a figure with a tick for each interval is not drawn")


def _check_steps(steps: float, what: str) -> None:
    if abs(steps) > _MOST_STEPS:
        raise OverBudgetError(f"a figure with {what} is not drawn")


def _check_text(text: str, key: str) -> None:
    if key in _TITLES:
        return
    if _FUNCTIONS.search(text) or ("format" in text and _WIDE.search(text)):
        raise OverBudgetError("a figure with a formula that may make any amount is not drawn")
    if key.lower().endswith("format") and _WIDE.search(text):
        raise OverBudgetError(f"a figure with the format {text[:40]!r} is not drawn")
    if key == "tickCount":
        raise OverBudgetError(f"a figure with a tick for each {text[:40]} is not drawn")


def _check_number(value: float, key: str) -> None:
    if value > _MOST.get(key, math.inf) or (value and abs(value) < _LEAST.get(key, 0)):
        raise OverBudgetError(f"a figure with {key} = {value:g} is not drawn")


def _check_cells(spec: Spec, fields: _Fields) -> None:
    """Raise OverBudgetError where there are too many charts, or rows in all their marks."""
    charts = _marks(spec, fields.values)
    if charts > budgets.SPEC_VIEWS:
        raise OverBudgetError(f"a figure of {charts:,} charts is not drawn")
    cells = max(1, fields.rows) * max(1, _marks(spec, lambda _: 1))
    for item, _ in budgets.nested(spec):
        if isinstance(item, dict):
            cells *= max(1, len(_listed(item.get("fold"))))
            cells *= max(1, fields.longest) if isinstance(item.get("flatten"), list) else 1
        if cells > budgets.SPEC_CELLS:
            raise OverBudgetError("a figure that makes too many rows of its data is not drawn")


def _marks(view: object, values: Callable[[str], int]) -> int:
    """Return how many marks a view has, each as often as it is repeated.

    Args:
        view: a specification, or a part of one.
        values: how many charts a facet by a field makes.
    """
    if not isinstance(view, dict):
        return 0
    inner = [one for name in _COMPOSED for one in _listed(view.get(name))]
    total = sum(_marks(one, values) for one in (*inner, view.get("spec"))) + ("mark" in view)
    encoding = view.get("encoding")
    for place in (view, encoding if isinstance(encoding, dict) else {}):
        total *= math.prod(_groups(place.get(name), values) for name in _CHANNELS)
    repeat = view.get("repeat")
    lists = list(repeat.values()) if isinstance(repeat, dict) else [repeat]
    return total * math.prod(max(1, len(_listed(it))) for it in lists)


def _groups(channel: object, values: Callable[[str], int]) -> int:
    """Return how many charts a facet makes: one for each value of its field, or of its fields."""
    if not isinstance(channel, dict):
        return 1
    if "field" in channel:
        return values(str(channel["field"]))
    return math.prod(_groups(channel.get(name), values) for name in ("row", "column"))


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
