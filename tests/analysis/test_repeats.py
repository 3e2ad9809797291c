"""Repeats of a setting, and whether a lead is more than seed noise."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import frame_of, patch
from tracksite.analysis.repeats import is_seed, lead, repeats, settings
from tracksite.query.goal import Goal

UP = Goal("f1", "maximize", inferred=False, why="")
DOWN = Goal("f1", "minimize", inferred=False, why="")


def sweep(values, param="lr"):
    """Return runs r00, r01, …: for each value of the param, one run per seed and metric value."""
    flat = [(value, seed, m) for value, ms in values.items() for seed, m in enumerate(ms)]
    return frame_of(
        *(
            patch(f"r{at:02}", {param: value, "seed": seed}, {"f1": m})
            for at, (value, seed, m) in enumerate(flat)
        )
    )


@pytest.mark.parametrize(
    "key", ["seed", "SEED", "random_state", "model/random_state", "svc__random_state", "data.seed"]
)
def test_seeds(key):
    """The last part of a key, in any case, makes a param a seed."""
    assert is_seed(key)


@pytest.mark.parametrize("key", ["lr", "seedling", "n_seeds", "seed_lr", "", "random"])
def test_no_seeds(key):
    """A name that only resembles a seed is none."""
    assert not is_seed(key)


def test_own_seeds():
    """The settings decide which names are seeds."""
    assert is_seed("shuffle", ["shuffle"])
    assert not is_seed("seed", ["shuffle"])


def test_groups():
    """Runs that differ only in their seed are one group, named by its oldest run."""
    found = repeats(sweep({0.1: [1.0, 2.0, 3.0], 0.2: [5.0]}), UP)
    assert found.columns == ["group", "run_ids", "count", "mean", "sd", "low", "high"]
    best, other = found.rows(named=True)
    assert (best["group"], best["run_ids"], best["count"]) == ("r03", ["r03"], 1)
    assert (best["mean"], best["sd"], best["low"], best["high"]) == (5.0, None, None, None)
    assert (other["group"], other["run_ids"]) == ("r00", ["r00", "r01", "r02"])
    assert (other["mean"], other["sd"]) == (2.0, 1.0)
    assert other["high"] == pytest.approx(2 + 4.30265 / 3**0.5, abs=1e-4)


def test_direction():
    """The best mean comes first, whichever way is better."""
    runs = sweep({0.1: [1.0, 3.0], 0.2: [5.0, 5.5]})
    assert repeats(runs, UP)["group"].to_list() == ["r02", "r00"]
    assert repeats(runs, DOWN)["group"].to_list() == ["r00", "r02"]


def test_equal_by_number():
    """Numbers that are written differently are the same setting, other texts are not."""
    texts = {"a": "0.1", "b": "0.10", "c": "1e-1", "d": "0.2", "e": "auto", "f": "auto "}
    found = settings(frame_of(*(patch(run, {"lr": text}) for run, text in texts.items())))
    of = dict(found.iter_rows())
    assert of["a"] == of["b"] == of["c"]
    assert len({of["a"], of["d"], of["e"], of["f"]}) == 4


def test_hostile_params():
    """Keys and values that run into each other do not make two settings one."""
    runs = frame_of(
        patch("a", {"x": "1:y", "z": ""}),
        patch("b", {"x": "1", "y": "z"}),
        patch("c", {"x1:": "y"}),
        patch("d", {"x": ""}),
    )
    assert settings(runs)["setting"].n_unique() == 4


def test_without_params():
    """Runs that logged no param are no repeats of each other; runs with only a seed are."""
    silent = frame_of(*(patch(run, metrics={"f1": 1.0}) for run in "ab"))
    assert repeats(silent, UP)["count"].to_list() == [1, 1]
    seeded = frame_of(*(patch(run, {"seed": run}, {"f1": 1.0}) for run in "ab"))
    assert repeats(seeded, UP)["count"].to_list() == [2]


def test_what_counts():
    """Only finished runs with a finite value are measured."""
    runs = frame_of(
        patch("a", {"lr": 1}, {"f1": 1.0}),
        patch("b", {"lr": 1}, {"f1": math.nan}),
        patch("c", {"lr": 1}, {"f1": math.inf}),
        patch("d", {"lr": 1}, {"f1": 9.0}, status="failed"),
        patch("e", {"lr": 1}, {"f1": 9.0}, status="running"),
        patch("f", {"lr": 1}, {"loss": 9.0}),
    )
    assert repeats(runs, UP)["run_ids"].to_list() == [["a"]]


def test_nothing_measured():
    """Without measured runs there are no groups and no lead."""
    for runs in (frame_of(patch("a")), frame_of(patch("a")).clear()):
        assert repeats(runs, UP).is_empty()
        assert lead(runs, UP) is None


def test_clear_lead():
    """A lead much larger than the noise is clear, in both directions."""
    runs = sweep({0.1: [0.80, 0.81, 0.82], 0.2: [0.90, 0.91, 0.92], 0.3: [0.70, 0.71, 0.72]})
    found = lead(runs, UP)
    assert (found.best, found.second, found.groups) == ("r03", "r00", 3)
    assert found.difference == pytest.approx(0.1)
    assert found.noise_sd == pytest.approx(0.01)
    half = 2.446912 * 0.01 * math.sqrt(2 / 3)  # t of 6 degrees of freedom
    assert found.low == pytest.approx(0.1 - half, abs=1e-7)
    assert found.high == pytest.approx(0.1 + half, abs=1e-7)
    assert found.verdict == "clear"
    assert lead(runs, DOWN).best == "r06"
    assert lead(runs, DOWN).difference == pytest.approx(0.1)


def test_lead_within_noise():
    """A lead that seeds alone explain is called so."""
    found = lead(sweep({0.1: [0.8, 0.9, 0.85], 0.2: [0.82, 0.93, 0.85]}), UP)
    assert found.verdict == "within noise"
    assert found.low < 0 < found.high
    assert "within seed noise" in found.why


def test_lead_of_single_runs():
    """Noise is pooled from all settings, so two settings run once can still be compared."""
    found = lead(sweep({0.1: [0.9], 0.2: [0.5], 0.3: [0.10, 0.11, 0.12]}), UP)
    assert found.verdict == "clear"
    assert found.noise_sd == pytest.approx(0.01)


def test_lead_without_repeats():
    """Without a repeat nobody knows, and the sentence says what is missing."""
    found = lead(sweep({0.1: [0.8], 0.2: [0.9]}), UP)
    assert (found.verdict, found.low, found.noise_sd) == ("unknown", None, None)
    assert "second seed" in found.why


def test_lead_alone():
    """One setting leads nobody."""
    found = lead(sweep({0.1: [0.8, 0.9]}), UP)
    assert (found.verdict, found.second, found.difference) == ("alone", None, None)
    assert found.noise_sd == pytest.approx(statistics.stdev([0.8, 0.9]))


def test_lead_without_noise():
    """Repeats that agree to the last digit leave no doubt, and a tie is no lead."""
    assert lead(sweep({0.1: [0.8, 0.8], 0.2: [0.9, 0.9]}), UP).verdict == "clear"
    assert lead(sweep({0.1: [0.8, 0.8], 0.2: [0.8, 0.8]}), UP).verdict == "within noise"


VALUES = st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=4), min_size=1, max_size=5)


@given(VALUES)
def test_groups_law(values):
    """Every measured run is in one group, with the mean and sd of its values; best first."""
    found = repeats(sweep(dict(enumerate(values))), UP)
    expected = sorted((statistics.fmean(ms) for ms in values), reverse=True)
    assert found["mean"].to_list() == pytest.approx(expected, abs=1e-9)
    assert sorted(run for ids in found["run_ids"] for run in ids) == [
        f"r{at:02}" for at in range(sum(map(len, values)))
    ]
    assert (found["low"].is_null() == (found["count"] == 1)).all()
    assert (found.drop_nulls()["low"] <= found.drop_nulls()["mean"]).all()


def runs_at(values, **given):
    """Return runs r00, r01, … of these values; each field gives one item per run."""
    rows = [{name: items[at] for name, items in given.items()} for at in range(len(values))]
    return frame_of(
        *(
            patch(f"r{at:02}", row.pop("params"), {"f1": value}, **row)
            for at, (value, row) in enumerate(zip(values, rows, strict=True))
        )
    )


def test_five_commits_with_one_seed_are_no_repeats():
    """Runs of one seed on several commits are settings of their own: nothing shows chance."""
    commits = [f"c{at}" for at in range(5)]
    runs = runs_at([0.5, 0.6, 0.7, 0.8, 0.9], params=[{"seed": 1}] * 5, git_commit=commits)
    found = lead(runs, UP)
    assert (found.groups, found.verdict, found.noise_sd) == (5, "unknown", None)
    assert "between seeds" not in found.why


def test_noise_is_called_that_of_seeds_only_where_seeds_varied():
    """Repeats that share their seed, or log none, are called repeats."""
    values = [0.80, 0.81, 0.9, 0.91]
    for seeds, word in (((1, 2, 1, 2), "seeds"), ((1, 1, 1, 2), "repeats"), ((1,) * 4, "repeats")):
        params = [{"lr": at // 2, "seed": seed} for at, seed in enumerate(seeds)]
        assert f"standard deviation between {word}" in lead(runs_at(values, params=params), UP).why
    without = runs_at(values, params=[{"lr": at // 2} for at in range(4)])
    assert "standard deviation between repeats" in lead(without, UP).why


def test_repeats_that_must_agree_show_no_noise():
    """Where one seed gives the same value again, chance stays unknown, and no lead is clear."""
    params = [{"lr": at // 2, "seed": 1} for at in range(4)]
    found = lead(runs_at([0.8, 0.8, 0.9, 0.9], params=params), UP)
    assert (found.verdict, found.noise_sd, found.low) == ("unknown", None, None)


@pytest.mark.parametrize("seeds", [(0, 1, 2), (0, 0, 0)])
def test_what_rounding_explains_is_no_lead(seeds):
    """Means that differ in their last bits tie, whatever the noise."""
    values = [0.1, 0.2, 0.3, 0.3, 0.2, 0.1]
    params = [{"lr": at // 3, "seed": seeds[at % 3]} for at in range(6)]
    found = lead(runs_at(values, params=params), UP)
    assert found.difference == 0
    assert found.verdict == "within noise"
    assert "none leads" in found.why
    twins = runs_at([0.3, 0.1 + 0.2], params=[{"lr": 1}, {"lr": 2}])
    assert (lead(twins, UP).difference, lead(twins, UP).verdict) == (0, "unknown")
    exact = runs_at(
        [0.3, 0.3, 0.1 + 0.2, 0.1 + 0.2], params=[{"lr": n // 2, "seed": n} for n in range(4)]
    )
    assert lead(exact, UP).verdict == "within noise"


def test_settings_of_equal_means_stand_as_their_best_runs_do():
    """Of settings whose means tie that one comes first whose best run does."""
    params = [{"lr": at // 2, "seed": at} for at in range(4)]
    found = repeats(runs_at([0.5, 0.5, 0.9, 0.1], params=params), UP)
    assert found["group"].to_list() == ["r02", "r00"]


def test_a_lead_does_not_hang_on_runs_far_away():
    """One setting of huge values hides no noise between the others."""
    params = [{"lr": at // 2, "seed": 1} for at in range(6)]
    found = lead(runs_at([0.80, 0.81, 0.9, 0.91, 1e300, 1e300], params=params), DOWN)
    assert found.difference == pytest.approx(0.1)
