"""Texts as the numbers that they spell, as Polars expressions: `schema.number` for columns.

Doubles do for all but whole numbers from `schema.EXACT` on. Those are few, so Python reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracksite import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any


def doubles(texts: pl.Expr) -> pl.Expr:
    """Return texts as finite numbers, each the nearest double; null where they spell none."""
    spelled = pl.when(texts.str.contains(f"^(?:{schema.NUMBER})$")).then(texts)
    numbers = spelled.cast(pl.Float64, strict=False)
    return pl.when(numbers.is_finite()).then(numbers)


def alike(texts: pl.Expr, known: pl.Expr) -> pl.Expr:
    """Return one text for all that spell the same number ("0.1", "0.10"), others as they are.

    Args:
        texts: any.
        known: their `doubles`.
    """
    large = pl.when(known.abs() >= schema.EXACT).then(texts)
    whole = _said_of(large, str, pl.String())
    unsigned = pl.when(known == 0).then(0.0).otherwise(known)  # as -0 is 0
    return pl.coalesce(whole, unsigned.cast(pl.String), texts)


def compared(texts: pl.Expr, sign: Callable[[Any, Any], Any], value: float) -> pl.Expr:
    """Return whether `sign` (such as `operator.lt`) holds of each number and `value`, exactly.

    Null where a text spells no number.
    """
    whole = _each(texts, lambda number: bool(sign(number, value)), pl.Boolean())
    return pl.coalesce(whole, sign(doubles(texts), float(value)))


def among(texts: pl.Expr, values: Collection[float]) -> pl.Expr:
    """Return whether each number is one of the values, exactly; null where a text spells none."""
    known = frozenset(values)
    whole = _each(texts, lambda number: number in known, pl.Boolean())
    return pl.coalesce(whole, doubles(texts).is_in([float(value) for value in known]))


def order(texts: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the two keys by which numbers are sorted exactly: null where a text spells none."""
    return doubles(texts), _large(texts).map_batches(_places, return_dtype=pl.Int64())


def _large(texts: pl.Expr) -> pl.Expr:
    return pl.when(doubles(texts).abs() >= schema.EXACT).then(texts)


def _each(texts: pl.Expr, of: Callable[[float], Any], kind: pl.DataType) -> pl.Expr:
    """Return what a function says of each number that a double may not hold, null for others."""
    return _said_of(_large(texts), of, kind)


def _said_of(large: pl.Expr, of: Callable[[float], Any], kind: pl.DataType) -> pl.Expr:
    def said(text: str) -> Any:  # noqa: ANN401 - what the function says
        number = schema.number(text)
        return None if number is None else of(number)

    return large.map_elements(said, return_dtype=kind)


def _places(texts: pl.Series) -> pl.Series:
    """Return for each of some texts the place of its number among them all."""
    numbers = [schema.number(text) for text in texts]
    known = sorted({number for number in numbers if number is not None})
    places = {number: place for place, number in enumerate(known)}
    found = [None if number is None else places[number] for number in numbers]
    return pl.Series(texts.name, found, dtype=pl.Int64)
