"""Which rows of a leaderboard pass a filter: the syntax tree translated to Polars."""

from __future__ import annotations

import difflib
import operator
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from tracksite.query import numbers
from tracksite.query.syntax import (
    DATASET_KEYS,
    And,
    Compare,
    Filter,
    Like,
    Missing,
    Name,
    Node,
    Not,
    OneOf,
    Or,
    as_number,
    complaint,
    parse,
    parse_order,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from tracksite.query.syntax import Value

__all__ = ["Filter", "apply", "column", "parse"]

PREFIXES: Mapping[str, str] = {"metric": "metrics.", "param": "params.", "tag": "tags."}
# MLflow's names of attributes.
ALIASES: Mapping[str, str] = {
    "start_time": "started_at",
    "created": "started_at",
    "end_time": "ended_at",
    "run_name": "name",
    "user_id": "user",
    "duration": "duration_s",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = re.compile(  # filter.js reads the same
    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    f"(?:[T ]{_CLOCK}(?::[0-5][0-9](?:[.][0-9]{{1,6}})?)?(?:Z|[+-]{_CLOCK})?)?"
)
_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def apply(
    wide: pl.DataFrame, wanted: Filter | str, inputs: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the rows of a leaderboard (`leaderboard.wide`) that pass, in their order.

    A test on a missing value is false (`is null`: true) and `not` turns the outcome round. NaN is
    not missing; it differs from every number and is neither above nor below one. A param, tag or
    other text against an unquoted number, or by `<` and its kin, is compared by the number that it
    spells (`schema.number`), and against text by its text. `status` ignores case; times are
    compared by the millisecond, with "2026-01-31", "2026-01-31T10:00" and on to seconds and their
    fractions (UTC unless it ends in an offset), or with milliseconds since 1970.

    A test of `dataset.name`, `.digest` or `.context` passes, as in MLflow, if it holds of one data
    set among those of the run: of `inputs`, the columns of `long.inputs`.

    Raises:
        ArgumentError: the text is not in the grammar (`syntax`), an attribute or bare name is not
            known, or the value does not fit the column; the message points at the place.
    """
    if isinstance(wanted, str):
        wanted = parse(wanted)
    return wide.filter(_Translation(wide, wanted.text, inputs).node(wanted.root))


def column(wide: pl.DataFrame, name: Name, text: str, what: str = "filter") -> str | None:
    """Return the column of `wide` that a name means; None where no run has such a key.

    Raises:
        ArgumentError: no such attribute, or a bare name that is nothing at all.
    """
    columns = wide.columns
    if name.family == "dataset":
        raise complaint(
            text, name.at, "a run may have several data sets, so they only filter", what
        )
    if name.family is not None and name.family in PREFIXES:
        found = PREFIXES[name.family] + name.key
        return found if found in columns else None
    attribute = ALIASES.get(name.key, name.key)
    families = tuple(prefix + name.key for prefix in PREFIXES.values())
    if name.family:
        families, columns = (), _attributes(columns)
    known = next((place for place in (attribute, *families) if place in columns), None)
    if known is None and (name.family or not wide.is_empty()):
        raise complaint(text, name.at, _unknown(wide.columns, name), what)
    return known


def _attributes(columns: Sequence[str]) -> list[str]:
    return [place for place in columns if not place.startswith(tuple(PREFIXES.values()))]


def unsorted(wide: pl.DataFrame, order_by: Iterable[str]) -> list[str]:
    """Return a sentence for each metric, param or tag of an order that no row has.

    Raises as `column`, and as `parse_order`.
    """
    names = [(text, parse_order(text).name) for text in order_by if not wide.is_empty()]
    return [
        f"nothing here is ordered by {text!r}: {_unknown(wide.columns, name)}"
        for text, name in names
        if column(wide, name, text, "order") is None
    ]


def _unknown(columns: Sequence[str], name: Name) -> str:
    attributes = _attributes(columns)
    kind, choices = name.family or "attribute", attributes
    if kind in PREFIXES:
        prefix = PREFIXES[kind]
        choices = [place.removeprefix(prefix) for place in columns if place.startswith(prefix)]
    elif name.family is None:
        keys = [place.partition(".")[2] for place in columns if place not in attributes]
        kind, choices = "attribute, metric, param or tag", [*keys, *attributes]
    near = difflib.get_close_matches(name.key, choices, n=1)
    remedy = f"did you mean `{near[0]}`?" if near else f"known are {_listed(choices)}"
    return f"no {kind} is called `{name.key[:80]}`; {remedy}"


def _listed(choices: Sequence[str]) -> str:
    return ", ".join(choices[:8]) or "none"


class _Translation:
    """Makes the expressions for one frame; `text` is the filter's, to point at in errors."""

    def __init__(self, wide: pl.DataFrame, text: str, inputs: pl.DataFrame | None) -> None:
        self.wide, self.text, self.inputs = wide, text, inputs

    def node(self, node: Node) -> pl.Expr:
        if isinstance(node, And):
            return pl.all_horizontal([pl.lit(True), *map(self.node, node.tests)])
        if isinstance(node, Or):
            return pl.any_horizontal(list(map(self.node, node.tests)))
        if isinstance(node, Not):
            return ~self.node(node.test)
        if node.name.family == "dataset":
            return self._any_dataset(node)
        place = column(self.wide, node.name, self.text)
        dtype = self._dtype(node.name, place)
        cells = pl.lit(None, dtype) if place is None else pl.col(place)
        if isinstance(node, Missing):
            return cells.is_not_null() if node.negated else cells.is_null()
        return self._test(node, cells, dtype).fill_null(value=False)

    def _any_dataset(self, node: Compare | OneOf | Like | Missing) -> pl.Expr:
        key, at = node.name.key, node.name.at
        if key not in DATASET_KEYS:
            raise complaint(self.text, at, f"a data set has {', '.join(DATASET_KEYS)}")
        if isinstance(node, Compare) or (isinstance(node, OneOf) and not _all_texts(node.values)):
            message = "of a data set all is text: compare it with text in single quotes, by `=`"
            raise complaint(self.text, node.at, message)
        if self.inputs is None:
            raise complaint(self.text, at, "only runs have data sets")
        cells = pl.col(key)
        if isinstance(node, Missing):
            has = _one_of(self.inputs, cells.is_not_null())
            return has if node.negated else ~has
        return _one_of(self.inputs, self._test(node, cells, pl.String()))

    def _dtype(self, name: Name, place: str | None) -> pl.DataType:
        if place is None:
            return pl.Float64() if name.family == "metric" else pl.String()
        return self.wide.schema[place]

    def _test(self, node: Compare | OneOf | Like, cells: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if isinstance(node, Like):
            return self._like(node, cells, dtype)
        if isinstance(dtype, pl.Datetime):
            return _against(node, cells.dt.epoch("ms"), self._values(node, self._time))
        if dtype.is_numeric():
            return _against(node, cells, self._values(node, self._number))
        if isinstance(node, Compare):
            value = self._number(node.value, node.at)
            return numbers.compared(cells, _SIGNS[node.sign], value)
        return _one_of_texts(node, cells)

    def _values(
        self, node: Compare | OneOf, read: Callable[[Value, int], float]
    ) -> tuple[float, ...]:
        values = (node.value,) if isinstance(node, Compare) else node.values
        return tuple(read(value, node.at) for value in values)

    def _number(self, value: Value, at: int) -> float:
        found = as_number(value)
        if found is None:
            raise complaint(
                self.text, at, f"{str(value)[:40]!r} is no number; write one, as in 0.9"
            )
        return found

    def _time(self, value: Value, at: int) -> float:
        """Return milliseconds since 1970."""
        if not isinstance(value, str):
            return value
        try:
            return _milliseconds(value)
        except ValueError as error:
            remedy = "write it as in '2026-01-31' or '2026-01-31T10:00:00Z'"
            raise complaint(self.text, at, f"{value[:40]!r} is no time; {remedy}") from error

    def _like(self, node: Like, cells: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if dtype != pl.String:
            message = f"`{node.name.key[:80]}` is no text; compare it with `<`, `=` or `>`"
            raise complaint(self.text, node.name.at, message)
        matches = cells.str.contains(_pattern(node))
        return ~matches if node.negated else matches


def _one_of(inputs: pl.DataFrame, test: pl.Expr) -> pl.Expr:
    """Return whether a test holds of one of a run's data sets."""
    found = inputs.filter(test.fill_null(value=False))["run_id"].unique()
    return pl.col("run_id").is_in(found.implode())


def _all_texts(values: Iterable[Value]) -> bool:
    return all(isinstance(value, str) for value in values)


def _against(node: Compare | OneOf, cells: pl.Expr, values: tuple[float, ...]) -> pl.Expr:
    cells = cells.cast(pl.Float64)
    doubles = [float(value) for value in values]
    if isinstance(node, Compare):
        outcome: pl.Expr = _SIGNS[node.sign](cells, doubles[0])
        return outcome & cells.is_not_nan()  # Polars puts NaN above every number
    found = cells.is_in(doubles)
    return ~found if node.negated else found


def _one_of_texts(node: OneOf, texts: pl.Expr) -> pl.Expr:
    words = [value for value in node.values if isinstance(value, str)]
    known = [value for value in node.values if not isinstance(value, str)]
    if node.name.key == "status" and node.name.family in (None, "attribute"):
        texts, words = texts.str.to_lowercase(), [word.lower() for word in words]
    found = texts.is_in(words)
    if known:
        found |= numbers.among(texts, known).fill_null(value=False)
    return ~found if node.negated else found


def _milliseconds(text: str) -> int:
    """Return the whole milliseconds from 1970 to a time; raise ValueError if it is none."""
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    time = datetime.fromisoformat(text)
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (zoned - _EPOCH) // timedelta(milliseconds=1)


def _pattern(node: Like) -> str:
    wildcards = {"%": ".*", "_": "."}
    body = "".join(wildcards.get(char) or re.escape(char) for char in node.pattern)
    return f"(?s{'i' if node.ignore_case else ''})^{body}$"
