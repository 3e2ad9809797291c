"""What params matter: slices and main effects, and honest blanks where nothing can be said."""

from __future__ import annotations

import itertools
import math
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import frame_of, patch
from tracksite.analysis.impact import (
    MAX_LEVELS,
    MAX_TEXT_LEVELS,
    main_effects,
    slices,
    withheld,
)
from tracksite.query.goal import Goal

GOAL = Goal("f1", "maximize", inferred=False, why="")


def runs_of(rows):
    """Return runs of (params, metric) pairs."""
    return frame_of(*(patch(f"{at:04}", p, {"f1": m}) for at, (p, m) in enumerate(rows)))


def of(frame, param):
    """Return the rows of one param."""
    return frame.filter(pl.col("param") == param).rows(named=True)


def test_slices_of_a_grid():
    """Each value of each param has the mean of its settings and a t-interval."""
    grid = list(itertools.product([1, 10, 2], ["a", "b"]))
    runs = runs_of([({"depth": d, "kind": k}, d + (k == "b")) for d, k in grid])
    found = slices(runs, GOAL)
    depth = of(found, "depth")
    assert [(row["level"], row["position"]) for row in depth] == [("1", 0), ("2", 1), ("10", 2)]
    assert [row["mean"] for row in depth] == [1.5, 2.5, 10.5]
    assert [(row["count"], row["settings"], row["numeric"]) for row in depth] == [(2, 2, True)] * 3
    half = 12.7062047 * math.sqrt(0.5) / math.sqrt(2)  # t of one degree of freedom
    assert depth[0]["low"] == pytest.approx(1.5 - half)
    assert depth[0]["high"] == pytest.approx(1.5 + half)
    kind = of(found, "kind")
    assert [(row["level"], row["numeric"], row["number_low"]) for row in kind] == [
        ("a", False, None),
        ("b", False, None),
    ]


def test_repeats_are_no_evidence():
    """Twice the seeds of each setting leave mean and interval as they are."""
    values = {(lr, d): lr * 10 + d for lr in (0.1, 0.2) for d in (1, 2, 3)}
    once = runs_of([({"lr": lr, "d": d}, m) for (lr, d), m in values.items()])
    twice = runs_of(
        [({"lr": lr, "d": d, "seed": s}, m) for (lr, d), m in values.items() for s in (0, 1)]
    )
    columns = ["param", "level", "settings", "mean", "sd", "low", "high"]
    assert slices(twice, GOAL).select(columns).equals(slices(once, GOAL).select(columns))
    assert slices(twice, GOAL)["count"].to_list() == [2 * n for n in slices(once, GOAL)["count"]]
    effects = ["param", "share", "p", "levels"]
    assert (
        main_effects(twice, GOAL).select(effects).equals(main_effects(once, GOAL).select(effects))
    )


def test_one_param_and_seeds():
    """Where each value has but one setting, the interval is that of its repeats."""
    runs = runs_of([({"lr": lr, "seed": s}, lr + s) for lr in (0.1, 0.2) for s in (0, 1, 2)])
    rows = of(slices(runs, GOAL), "lr")
    assert [row["settings"] for row in rows] == [1, 1]
    assert [row["sd"] for row in rows] == pytest.approx([1.0, 1.0])
    assert main_effects(runs, GOAL)["count"].to_list() == [6]


def test_seeds_left_out():
    """Seeds are no params that matter, whatever the settings call them."""
    runs = runs_of([({"lr": s, "shuffle": s}, s) for s in range(4)])
    assert set(slices(runs, GOAL)["param"]) == {"lr", "shuffle"}
    assert set(slices(runs, GOAL, seed_params=["shuffle"])["param"]) == {"lr"}
    assert set(main_effects(runs, GOAL, seed_params=["shuffle"])["param"]) == {"lr"}


def test_bins():
    """Many numbers are cut into bins of equal counts that do not overlap."""
    runs = runs_of([({"lr": 10.0 ** -(at / 10)}, at) for at in range(40)])
    rows = of(slices(runs, GOAL), "lr")
    assert [row["count"] for row in rows] == [5] * MAX_LEVELS
    ends = [end for row in rows for end in (row["number_low"], row["number_high"])]
    assert ends == sorted(ends)
    assert len(set(ends)) == len(ends)
    assert rows[0]["level"] == "0.000126 – 0.000316"


def test_few_runs_few_bins():
    """Few runs make few bins, so that each has some."""
    runs = runs_of([({"lr": at}, at) for at in range(12)])
    assert [row["count"] for row in of(slices(runs, GOAL), "lr")] == [6, 6]
    assert [row["level"] for row in of(slices(runs, GOAL), "lr")] == ["0 – 5", "6 – 11"]


def test_ties_share_a_bin():
    """Equal numbers are never split over two bins."""
    numbers = [1] * 30 + list(range(2, 12))
    rows = of(slices(runs_of([({"n": n}, n) for n in numbers]), GOAL), "n")
    assert rows[0]["count"] >= 30
    assert rows[0]["number_low"] == 1
    assert sum(row["count"] for row in rows) == 40


def test_rare_texts():
    """Of many texts the commonest are shown and the others are one slice, the last."""
    texts = [f"t{n:02}" for n in range(20)] + ["t19", "t18"]
    rows = of(slices(runs_of([({"kind": t}, 1.0) for t in texts]), GOAL), "kind")
    assert len(rows) == MAX_TEXT_LEVELS + 1
    assert {"t18", "t19"} < {row["level"] for row in rows}
    assert (rows[-1]["level"], rows[-1]["count"]) == ("8 others", 8)


def test_empty_text_is_a_level():
    """An empty text is a value like any other, also beside the slice of rare ones."""
    texts = ["", "", *(f"t{n:02}" for n in range(20))]
    rows = of(slices(runs_of([({"kind": t}, 1.0) for t in texts]), GOAL), "kind")
    assert (rows[0]["level"], rows[0]["count"]) == ("", 2)
    assert rows[-1]["level"] == "9 others"


def test_partly_numeric():
    """A param that is text in some runs is sliced as text."""
    values = ["1", "2", "auto", "2"]
    rows = of(slices(runs_of([({"d": v}, 1.0) for v in values]), GOAL), "d")
    assert [row["level"] for row in rows] == ["1", "2", "auto"]
    assert not any(row["numeric"] for row in rows)


def test_missing_param():
    """A param that only some runs have is judged over these."""
    runs = runs_of([({"lr": at % 2, "d": at} if at < 4 else {"lr": at % 2}, at) for at in range(8)])
    assert sum(row["count"] for row in of(slices(runs, GOAL), "d")) == 4
    assert of(main_effects(runs, GOAL), "d")[0]["count"] == 4


def test_too_few_runs():
    """Below three measured runs nothing is said, in frames with the usual columns."""
    full = runs_of([({"lr": at}, at) for at in range(3)])
    for few in (full.head(2), full.clear()):
        for ask in (slices, main_effects):
            assert ask(few, GOAL).is_empty()
            assert ask(few, GOAL).schema == ask(full, GOAL).schema


def test_effect_by_hand():
    """Share and p are those of the analysis of variance worked out on paper."""
    # Levels 1: 1, 2, 3 and 2: 3, 4, 5 give between 6, within 4, total 10, error 1, F 6.
    rows = [({"x": x, "n": n}, 2.0 * x + n - 2) for x in (1, 2) for n in (1, 2, 3)]
    effect = of(main_effects(runs_of(rows), GOAL), "x")[0]
    assert effect["share"] == pytest.approx((6 - 1 * 1) / 10)
    assert effect["p"] == pytest.approx(0.070484, abs=1e-5)
    assert (effect["levels"], effect["count"], effect["note"]) == (2, 6, "")


def test_one_param_does_everything():
    """A param that fixes the metric has share 1 and p 0, and comes first."""
    grid = itertools.product(range(3), range(3))
    found = main_effects(runs_of([({"a": a, "z": z}, z) for a, z in grid]), GOAL)
    assert found.select("param", "share").rows()[0] == ("z", 1.0)
    assert of(found, "z")[0]["p"] == 0.0
    assert of(found, "a")[0]["share"] == 0.0


def test_noise_has_no_share():
    """Bias is taken off: the shares of params that do nothing average to about zero."""
    draw = random.Random(0)
    shares = []
    for _ in range(20):
        rows = [({"x": at % 10, "n": at}, draw.gauss(0, 1)) for at in range(30)]
        shares += [row["share"] for row in of(main_effects(runs_of(rows), GOAL), "x")]
    assert sum(shares) / len(shares) < 0.15  # eta squared itself would be 9 / 29


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([({"x": 1, "n": n}, n) for n in range(4)], "one value only"),
        ([({"x": f"t{n}"}, n) for n in range(4)], "a different value in every run"),
        ([({"x": n % 2, "n": n}, 1.0) for n in range(4)], "the metric never varies"),
    ],
)
def test_no_share_and_why(rows, note):
    """Where a share cannot be known it is null, last, and the note says why."""
    effect = of(main_effects(runs_of(rows), GOAL), "x")[0]
    assert (effect["share"], effect["p"], effect["note"]) == (None, None, note)


ROWS = st.lists(
    st.tuples(
        st.fixed_dictionaries(
            {}, optional={"a": st.integers(0, 30), "b": st.sampled_from(["x", "", "µ", "1"])}
        ),
        st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=25,
)


@given(ROWS)
def test_laws(rows):
    """Whatever was logged: shares in 0..1, intervals around means, each run once per param."""
    runs = runs_of(rows)
    effects, found = main_effects(runs, GOAL), slices(runs, GOAL)
    known = effects.filter(pl.col("share").is_not_null())
    assert known["share"].is_between(0, 1).all()
    assert known["p"].is_between(0, 1).all()
    assert (effects["share"].is_null() == (effects["note"] != "")).all()
    counts = dict(found.group_by("param").agg(pl.col("count").sum()).iter_rows())
    assert counts == dict(effects.select("param", "count").iter_rows())
    for row in found.filter(pl.col("low").is_not_null()).iter_rows(named=True):
        assert row["low"] <= row["mean"] <= row["high"]


def effects_of(settings, params):
    """Return the effects of so many settings of so many params, of which only `p0` matters."""
    draw = random.Random(1)
    rows = [
        ({f"p{n}": draw.randrange(2) for n in range(params)} | {"id": at % 7}, 0.0)
        for at in range(settings)
    ]
    rows = [(p, p["p0"] + draw.gauss(0, 0.1)) for p, _ in rows]
    return main_effects(
        runs_of([(p | {"unit": str(at)}, m) for at, (p, m) in enumerate(rows)]), GOAL
    )


@pytest.mark.parametrize(("settings", "known"), [(19, False), (20, True)])
def test_few_settings_show_no_share(settings, known):
    """Below twenty settings no share is shown, however clear it seems, and the note says why."""
    found = of(withheld(effects_of(settings, 2)), "p0")[0]
    assert (found["share"] is not None, found["p"] is not None) == (known, known)
    assert found["units"] == settings
    assert ("too few: it takes 20" in found["note"]) != known


def test_many_params_take_more_settings():
    """Three settings are needed for each param that varies."""
    assert of(withheld(effects_of(29, 8)), "p0")[0]["note"] == "too few: it takes 30"
    assert of(withheld(effects_of(30, 8)), "p0")[0]["share"] > 0.5


def test_repeats_of_a_single_param_are_evidence():
    """Where each value has but one setting, its repeats are what is counted."""
    rows = [({"lr": lr, "seed": s}, lr + 0.01 * s) for lr in (1, 2, 3) for s in range(7)]
    found = of(withheld(main_effects(runs_of(rows), GOAL)), "lr")[0]
    assert (found["units"], found["note"]) == (21, "")


def test_large_whole_numbers_are_levels_of_their_own():
    """Whole numbers that share a double are not one value of a param."""
    rows = [({"id": 2**53 + at % 2}, at % 2) for at in range(4)]
    assert [row["count"] for row in of(slices(runs_of(rows), GOAL), "id")] == [2, 2]
