"""Experiments as folders keep them: deleted, made again, one id or one name for several."""

from __future__ import annotations

import shutil

import pytest

from tests.importers.conftest import RUN
from tracksite.query import runs
from tracksite.store.local import open_store

OTHER, THIRD = "f" * 32, "e" * 32


def _standing():
    """Return run id → experiment, of the runs that are not deleted."""
    folded = runs.fold(open_store("store").snapshot())
    return {row["run_id"]: row["experiment"] for row in runs.runs(folded).to_dicts()}


def _experiments(*, deleted=False):
    folded = runs.fold(open_store("store").snapshot())
    return runs.experiments(folded, deleted=deleted)["name"].to_list()


def _adds_nothing(bring, mlruns):
    state = open_store("store").state()
    done = bring(mlruns.root)
    return open_store("store").state() == state and (done.added, done.changed, done.others) == (
        *(0, 0, 0),
    )


def test_a_living_experiment_with_the_id_of_a_deleted_one_is_whole(mlruns, bring):
    """Old versions of MLflow gave the id of a deleted experiment to the next one."""
    mlruns.experiment(".trash/1", "old")
    mlruns.run(RUN)
    mlruns.run(OTHER, at=".trash/1", artifacts={"a.txt": "old"})
    assert bring(mlruns.root).skipped == []
    assert _standing() == {RUN: "wine"}
    assert (_experiments(), _experiments(deleted=True)) == (["wine"], ["old"])
    row = runs.one(runs.fold(open_store("store").snapshot()), OTHER)
    assert (row["experiment"], row["artifacts"][0]["path"]) == ("old", "a.txt")
    assert _adds_nothing(bring, mlruns)


@pytest.mark.parametrize("places", [("1", ".trash/7"), ("7", ".trash/1")])
def test_a_living_and_a_deleted_experiment_of_one_name_are_one_that_lives(mlruns, bring, places):
    """What was deleted of it stays deleted, what was not stays, and an import can be repeated."""
    for number, place in enumerate(places):
        mlruns.experiment(place, "beer", creation_time=1_000 + number)
    mlruns.run(RUN, at=places[0])
    mlruns.run(OTHER, at=places[1])
    bring(mlruns.root)
    assert _standing() == {RUN: "beer"}
    assert "beer" in _experiments()
    assert _adds_nothing(bring, mlruns)


def test_a_deleted_experiment_does_not_take_along_runs_of_the_store(mlruns, bring):
    """The store has runs of its own in an experiment of that name: they stay, and it says so."""
    open_store("store", create=True).write_patch(
        THIRD, "run", {"experiment": "beer", "status": "finished"}
    )
    mlruns.experiment(".trash/2", "beer")
    mlruns.run(RUN, at=".trash/2")
    (sentence,) = bring(mlruns.root).skipped
    assert "'beer'" in sentence
    assert _standing() == {THIRD: "beer"}


def test_what_was_deleted_and_restored_between_imports_is_there(mlruns, bring):
    """The deletion was MLflow's, so its restoration counts; one made here stays."""
    mlruns.run(RUN)
    mlruns.run(OTHER)
    bring(mlruns.root)
    (mlruns.root / ".trash").mkdir()
    shutil.move(mlruns.root / "1", mlruns.root / ".trash" / "1")
    bring(mlruns.root)
    assert (_standing(), _experiments(deleted=True)) == ({}, ["wine"])
    shutil.move(mlruns.root / ".trash" / "1", mlruns.root / "1")
    bring(mlruns.root)
    assert _standing() == {RUN: "wine", OTHER: "wine"}
    open_store("store").write_patch(OTHER, "run", {"deleted": True})
    bring(mlruns.root)
    assert _standing() == {RUN: "wine"}
    assert _adds_nothing(bring, mlruns)


def test_an_experiment_that_was_made_again_under_its_name_is_there(mlruns, bring):
    """The deleted one is gone from MLflow's trash; its runs stay deleted, the new ones are not."""
    mlruns.experiment(".trash/3", "beer")
    mlruns.run(RUN, at=".trash/3")
    bring(mlruns.root)
    shutil.rmtree(mlruns.root / ".trash")
    mlruns.experiment("4", "beer")
    mlruns.run(OTHER, at="4")
    bring(mlruns.root)
    assert _standing() == {OTHER: "beer"}
    assert _adds_nothing(bring, mlruns)


def test_new_runs_of_an_experiment_that_was_deleted_here_are_named(mlruns, bring):
    """They are deleted with it, as its user wanted, but not in silence."""
    mlruns.run(RUN)
    bring(mlruns.root)
    folded = runs.fold(open_store("store").snapshot())
    (one,) = runs.experiments(folded).filter(name="wine")["experiment_id"]
    open_store("store").write_patch(one, "experiment", {"name": "wine", "deleted": True})
    mlruns.run(OTHER)
    (sentence,) = bring(mlruns.root).skipped
    assert "1 new runs of experiment 'wine'" in sentence
    assert _standing() == {}


def test_a_run_that_is_there_twice_is_brought_in_once(mlruns, bring):
    """A copy in another experiment's folder is named; points are not doubled."""
    mlruns.experiment("2", "copy")
    for place in ("1", "2"):
        mlruns.run(RUN, at=place, metrics={"loss": "1000 0.5 0"})
    done = bring(mlruns.root)
    assert (done.added, done.points) == (1, 1)
    assert "twice" in done.skipped[0]
    assert _standing() == {RUN: "wine"}


def test_a_deleted_experiment_that_cannot_be_read_keeps_its_runs_deleted(mlruns, bring):
    """The folder says that they were deleted, whatever its file says."""
    (mlruns.root / ".trash" / "1").mkdir(parents=True)
    (mlruns.root / ".trash" / "1" / "meta.yaml").write_text("[")
    mlruns.run(RUN, at=".trash/1")
    done = bring(mlruns.root)
    assert len(done.skipped) == 1
    assert _standing() == {}
