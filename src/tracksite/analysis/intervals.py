"""Student's t and Fisher's F, as far as intervals and tests here need them.

Both come from the regularised incomplete beta function, computed by its continued fraction
(NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov/8.17, equation 8.17.22) with
the modified Lentz algorithm (Thompson and Barnett, J. Comput. Phys. 64, 1986, pages 490-509).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVEL = 0.95
_TINY, _PRECISION, _TERMS = 1e-300, 1e-15, 100_000


@lru_cache(maxsize=4096)
def t_quantile(df: int, level: float = LEVEL) -> float:
    """Return the t for which Student's t with `df` degrees of freedom is in [-t, t] at `level`.

    Relative error below 1e-9 up to a million degrees of freedom (1e-6 beyond); `df` is 1 or more
    and `level` between 0 and 1.
    """
    low, high = 0.0, 1.0
    while (middle := (low + high) / 2) not in (low, high):  # until floats lie no closer
        if incomplete_beta(0.5, df / 2, middle) < level:
            low = middle
        else:
            high = middle
    return math.sqrt(df * middle / (1 - middle))


def f_tail(f: float, df_between: int, df_within: int) -> float:
    """Return the probability that F with these degrees of freedom is `f` or more."""
    if math.isinf(f):
        return 0.0
    return incomplete_beta(df_within / 2, df_between / 2, df_within / (df_within + df_between * f))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 <= x <= 1."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # there the fraction of the mirror image converges faster
        return 1 - incomplete_beta(b, a, 1 - x)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta) / a
    return front * _lentz(_beta_fraction(a, b, x))


def with_interval(frame: pl.DataFrame, count: str = "count") -> pl.DataFrame:
    """Return the frame with `low` and `high`: the t-interval at LEVEL of each mean.

    Args:
        frame: `mean`, `sd` (with n - 1 in its denominator) and n in the column `count`.
        count: name of that column. Below 2 there is no interval: null.
    """
    if frame.is_empty():  # polars 2.1 panics when there is nothing to replace
        return frame.with_columns(low=pl.col("mean"), high=pl.col("mean"))
    counts = frame[count].unique().to_list()
    quantiles = [t_quantile(n - 1) / math.sqrt(n) if n > 1 else None for n in counts]
    factor = pl.col(count).replace_strict(counts, quantiles, return_dtype=pl.Float64)
    half = factor * pl.col("sd")
    known = pl.when(half.is_finite())
    low, high = pl.col("mean") - half, pl.col("mean") + half
    return frame.with_columns(low=known.then(low), high=known.then(high))


def _beta_fraction(a: float, b: float, x: float) -> Iterator[float]:
    """Yield the partial numerators of DLMF 8.17.22; all partial denominators are 1."""
    for m in range(_TERMS):
        if m:
            yield m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))


def _lentz(numerators: Iterator[float]) -> float:
    """Return 1 / (1 + n1 / (1 + n2 / (1 + …)))."""
    value, c, d = 1.0, 1.0, 0.0
    for numerator in numerators:
        d = 1 / (1 + numerator * d or _TINY)
        c = 1 + numerator / c or _TINY
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return 1 / value
