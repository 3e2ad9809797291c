"""What the figures of param impact claim, and on which axes."""

from __future__ import annotations

import sys

import pytest

from tests.query.made import frame_of, patch
from tracksite.analysis import impact
from tracksite.charts.impact import figures, specs
from tracksite.query.goal import Goal
from tracksite.query.standing import counted

GOAL = Goal("r2", "maximize", inferred=False, why="")


def figures_of(rows):
    """Return the figures of runs of (params, value) pairs."""
    runs = frame_of(*(patch(f"{at:03}", p, {"r2": m}) for at, (p, m) in enumerate(rows)))
    effects = impact.withheld(impact.main_effects(runs, GOAL))
    return figures(effects, impact.slices(runs, GOAL), counted(runs, "r2")["value"], GOAL)


def test_five_runs_claim_nothing():
    """Of five runs there is no bar: only what was measured at each value."""
    found = figures_of([({"lr": at % 2, "d": at}, 0.1 * at) for at in range(5)])
    assert "effects" not in found
    assert set(found) == {"slice lr", "slice d"}


def test_a_bar_has_its_n_and_p():
    """Each bar says of how many settings it is, and how likely chance makes as much of it."""
    rows = [({"lr": at % 2, "d": at // 2}, at % 2 + 0.01 * (at % 3)) for at in range(24)]
    for bar in figures_of(rows)["effects"]["data"]["effects"]:
        assert bar["units"] == 24
        assert 0 <= bar["p"] <= 1
    text = str(specs()["effects"])
    assert "datum.p" in text
    assert "'field': 'units'" in text


def test_axes_stay_with_the_values():
    """An interval of two values reaches far beyond them; the axis does not."""
    rows = [({"lr": at // 2}, value) for at, value in enumerate([0.2, 0.9, 0.3, 0.8, 0.7])]
    found = figures_of(rows)["slice lr"]
    assert min(row["low"] for row in found["data"]["slice"] if row["low"] is not None) < -3
    assert 0 <= found["fill"]["$low"] < 0.2
    assert 0.9 < found["fill"]["$high"] < 1


@pytest.mark.parametrize("value", [0.0, 1.0, -2.0, 1e300, -1e300, sys.float_info.max])
def test_an_axis_has_room_for_one_value(value):
    """Whatever the values, also all equal ones or huge ones, the axis has a range around them."""
    fill = figures_of([({"lr": at}, value) for at in range(3)])["slice lr"]["fill"]
    assert fill["$low"] <= value <= fill["$high"]
    assert fill["$low"] < fill["$high"] < float("inf")


@pytest.mark.parametrize(("values", "most"), [([0.2, 0.9, 0.99], 1.0), ([20.0, 90.0, 99.0], None)])
def test_an_axis_stays_within_what_the_metric_can_be(values, most):
    """There is no room above an R² of 1, unless a value shows that it is in per cent."""
    fill = figures_of([({"lr": at}, value) for at, value in enumerate(values)])["slice lr"]["fill"]
    assert fill["$high"] == most or (most is None and fill["$high"] > max(values))
