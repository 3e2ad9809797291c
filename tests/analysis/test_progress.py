"""The best value so far, run after run."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import frame_of, later, patch
from tracksite.analysis.progress import best_so_far
from tracksite.query.goal import Goal
from tracksite.query.standing import tied

UP = Goal("f1", "maximize", inferred=False, why="")
DOWN = Goal("f1", "minimize", inferred=False, why="")


def test_line():
    """Runs that count, in order of their end, or start, with the best of all before."""
    runs = frame_of(
        patch("a", metrics={"f1": 0.5}, started_at=later(0), ended_at=later(9)),
        patch("b", metrics={"f1": 0.7}, started_at=later(1), ended_at=later(2)),
        patch("c", metrics={"f1": 0.9}, started_at=later(3)),
        patch("f", metrics={"f1": 9.9}, started_at=later(3), status="running"),
        patch("d", metrics={"f1": math.nan}, started_at=later(4)),
        patch("e", metrics={"loss": 9.0}, started_at=later(5)),
    )
    found = best_so_far(runs, UP)
    assert found.columns == ["run_id", "at", "value", "best", "improved"]
    assert found.drop("at").rows() == [
        ("b", 0.7, 0.7, True),
        ("c", 0.9, 0.9, True),
        ("a", 0.5, 0.9, False),
    ]
    assert found["at"].to_list() == [later(2), later(3), later(9)]


def test_empty():
    """No ranked runs, no line."""
    assert best_so_far(frame_of(patch("a")), UP).is_empty()
    assert best_so_far(frame_of(patch("a")).clear(), UP).is_empty()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=12))
def test_law(values):
    """The line is the running maximum, or minimum, and improves where it changes."""
    runs = frame_of(
        patch("none"),
        *(patch(f"{n:02}", metrics={"f1": v}, ended_at=later(n)) for n, v in enumerate(values)),
    )
    for goal, choose in ((UP, max), (DOWN, min)):
        found = best_so_far(runs, goal)
        best = list(itertools.accumulate(values, choose))
        assert found["best"].to_list() == best
        changes = [n == 0 or not tied(best[n], best[n - 1]) for n in range(len(best))]
        assert found["improved"].to_list() == changes
