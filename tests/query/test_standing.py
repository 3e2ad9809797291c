"""What counts, what a setting is, and where runs tie: the rules that all pages share."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import frame_of, later, patch, snapshot_of
from tracksite.query import standing
from tracksite.query.runs import fold, runs
from tracksite.schema import STATUSES

PARAMS = {"lr": "0.1"}


def settings_of(*patches):
    """Return the settings of runs as numbers, in order: equal ones have equal numbers."""
    texts = standing.settings(frame_of(*patches))["setting"].to_list()
    return [texts.index(text) for text in texts]


def test_only_finished_runs_count():
    """A run that failed, was killed, was interrupted or still runs has no rank, however good."""
    made = frame_of(*(patch(it, metrics={"m": len(it)}, status=it) for it in STATUSES))
    assert standing.counted(made, "m").rows() == [("finished", 8.0)]
    assert standing.rank(made, "m", "maximize")["run_id"].to_list() == ["finished"]


def test_a_run_that_a_dead_process_left_running_does_not_count():
    """A run without a living writer is interrupted, and has no rank."""
    finished = patch("a", metrics={"m": 1.0})
    made = snapshot_of([finished, patch("b", metrics={"m": 2.0}, status="running")])
    dead = dataclasses.replace(made, alive=frozenset())
    assert standing.rank(runs(fold(dead)), "m", "maximize")["run_id"].to_list() == ["a"]


def test_a_setting_has_one_commit():
    """Runs of equal params are one setting on one commit, and several on several."""
    commits = ["c1", "c1", "c2", None, None]
    patches = [patch(f"r{at}", PARAMS, git_commit=it) for at, it in enumerate(commits)]
    assert settings_of(*patches) == [0, 0, 2, 3, 3]


def test_runs_without_params_are_settings_of_their_own_on_one_commit():
    """Nothing says what runs without any param share, not even their commit."""
    assert settings_of(*(patch(it, git_commit="c") for it in "abc")) == [0, 1, 2]


def test_large_whole_numbers_are_told_apart():
    """Whole numbers that share a double are settings of their own; equal ones are one."""
    texts = [str(2**53), str(2**53 + 1), str(2**53 - 1), f"{2**53 - 1}.0"]
    patches = [patch(f"r{at}", {"id": text}) for at, text in enumerate(texts)]
    assert settings_of(*patches) == [0, 1, 2, 2]


def test_zero_is_one_setting_whatever_its_sign():
    """Minus zero is the number zero."""
    assert settings_of(patch("a", {"lr": "0"}), patch("b", {"lr": "-0.0"})) == [0, 0]


def test_values_that_rounding_explains_share_a_rank():
    """0.3 and 0.1 + 0.2 tie; their order is that of their values, as a search orders them."""
    values = {"a": 0.3, "b": 0.1 + 0.2, "c": 0.299}
    made = frame_of(*(patch(key, metrics={"m": it}) for key, it in values.items()))
    ranked = standing.rank(made, "m", "maximize")
    assert ranked.select("run_id", "rank").rows() == [("b", 1), ("a", 1), ("c", 3)]


def test_small_values_do_not_tie_with_each_other():
    """What rounding explains is relative: values near zero are told apart."""
    assert standing.places([1e-300, 2e-300, 0.0]) == [1, 2, 3]
    assert not standing.tied(0.0, 1e-17)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FLOATS, max_size=30))
def test_places_law(values):
    """Equal values share a place, places never fall, and a tie never chains beyond rounding."""
    best_first = sorted(values, reverse=True)
    found = standing.places(best_first)
    assert found == sorted(found)
    for value, place in zip(best_first, found, strict=True):
        assert place <= best_first.index(value) + 1
        assert standing.tied(value, best_first[place - 1])


def test_seeds_are_compared_as_settings_are():
    """Equal seeds have equal texts; a run without any has none."""
    logged = [{"seed": "1"}, {"seed": "1.0"}, {"model/seed": "1"}, {"lr": "1"}]
    patches = [patch(f"r{at}", params, started_at=later(at)) for at, params in enumerate(logged)]
    first, same, other, none = standing.seeds(frame_of(*patches))["seeds"]
    assert first == same != other
    assert none is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_has_no_rank(value):
    """NaN and infinities are no results."""
    assert standing.rank(frame_of(patch("a", metrics={"m": value})), "m", "maximize").is_empty()
