"""Student's t and Fisher's F against printed tables."""

from __future__ import annotations

import math
import statistics

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksite.analysis.intervals import f_tail, incomplete_beta, t_quantile, with_interval

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: upper critical values of t.
T_TABLE = {
    0.95: {1: 12.706, 2: 4.303, 3: 3.182, 5: 2.571, 10: 2.228, 30: 2.042, 100: 1.984},
    0.99: {1: 63.657, 2: 9.925, 3: 5.841, 5: 4.032, 10: 3.169, 30: 2.750, 100: 2.626},
    0.80: {1: 3.078, 2: 1.886, 3: 1.638, 5: 1.476, 10: 1.372, 30: 1.310, 100: 1.290},
}
# The same, 1.3.6.7.3: upper critical values of F at 5 %: (df between, df within) -> F.
F_TABLE = {(1, 1): 161.448, (2, 5): 5.786, (1, 10): 4.965, (3, 10): 3.708, (4, 25): 2.759}
CELLS = [(level, df, t) for level, row in T_TABLE.items() for df, t in row.items()]


@pytest.mark.parametrize(("level", "df", "t"), CELLS)
def test_t_table(level, df, t):
    """Quantiles of t agree with the printed table to its last digit."""
    assert t_quantile(df, level) == pytest.approx(t, abs=5.1e-4)


@pytest.mark.parametrize(("df", "level"), [(1, 0.95), (1, 0.5), (2, 0.95), (2, 0.5)])
def test_t_closed_form(df, level):
    """With one and two degrees of freedom, where t has a closed form, nine digits agree."""
    closed = {
        1: math.tan(math.pi * level / 2),
        2: level * math.sqrt(2 / (1 - level**2)),
    }
    assert t_quantile(df, level) == pytest.approx(closed[df], rel=1e-9)


def test_t_tends_to_normal():
    """With very many degrees of freedom t is the normal z + (z³ + z) / 4 df (AMS 55, 26.7.5)."""
    z = statistics.NormalDist().inv_cdf(0.975)
    assert t_quantile(10**6) == pytest.approx(z + (z**3 + z) / 4e6, rel=1e-9)
    assert t_quantile(10**9) == pytest.approx(z, rel=1e-6)


@pytest.mark.parametrize(("dfs", "f"), F_TABLE.items())
def test_f_table(dfs, f):
    """The tail above a printed 5 % value of F holds 5 %."""
    assert f_tail(f, *dfs) == pytest.approx(0.05, abs=2e-5)


def test_f_ends():
    """Everything lies above 0 and nothing above infinity."""
    assert f_tail(0.0, 2, 20) == 1.0
    assert f_tail(math.inf, 2, 20) == 0.0


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0, 1))
def test_beta_mirror(a, b, x):
    """I_x(a, b) is a probability, and 1 less that of the mirror image (DLMF 8.17.4)."""
    assert 0 <= incomplete_beta(a, b, x) <= 1
    assert incomplete_beta(a, b, x) == pytest.approx(1 - incomplete_beta(b, a, 1 - x), abs=1e-9)


def test_interval_of_a_mean():
    """The interval of 1, 2, 3 is 2 ± 4.303 / sqrt(3); fewer than two values have none."""
    frame = pl.DataFrame({"count": [3, 1], "mean": [2.0, 5.0], "sd": [1.0, None]})
    (low, high), none = with_interval(frame).select("low", "high").rows()
    assert low == pytest.approx(2 - 4.30265 / 3**0.5, abs=1e-4)
    assert high == pytest.approx(2 + 4.30265 / 3**0.5, abs=1e-4)
    assert none == (None, None)


def test_interval_of_nothing():
    """A frame without rows stays one, with the two columns added."""
    frame = pl.DataFrame(schema={"count": pl.Int64, "mean": pl.Float64, "sd": pl.Float64})
    assert with_interval(frame).columns == ["count", "mean", "sd", "low", "high"]
