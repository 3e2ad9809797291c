"""What was deleted in one copy and used in another: what happened after wins."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import NOON, patch, snapshot_of
from tracksite.importers.known import Present
from tracksite.mlflow_plugin import registered
from tracksite.mlflow_plugin.lifecycle import (
    all_standing,
    owner_name,
    standing,
    still_deleted,
)
from tracksite.query.lifecycle import CLOCKS, settled
from tracksite.query.lookup import absences
from tracksite.query.registry import model_versions, models
from tracksite.query.runs import experiments, fold, runs
from tracksite.schema import RENAMED_TAG
from tracksite.store import clock
from tracksite.store.ids import experiment_id, model_id

E, M = experiment_id("e"), model_id("m")
FIRST, SECOND, GONE, LATER = (clock.FIRST + number for number in range(4))


def run(digit: str, seq: int = FIRST, **fields: Any) -> dict[str, Any]:
    """Return a patch of a run of experiment e."""
    return patch(digit * 32, **{"seq": seq, "writer": f"w{seq}", **fields})


def other(kind: str, entity_id: str, seq: int, **fields: Any) -> dict[str, Any]:
    """Return a patch of something that is no run."""
    told = {"kind": kind, "status": None, "experiment": None, "writer": f"w{seq}", **fields}
    return patch(entity_id, seq=seq, **told)


def experiment(seq: int, name: str = "e", **fields: Any) -> dict[str, Any]:
    """Return a patch of an experiment."""
    return other("experiment", experiment_id(name), seq, name=name, **fields)


def version(digit: str, seq: int, **fields: Any) -> dict[str, Any]:
    """Return a patch of a version of model m."""
    return other("model_version", digit * 32, seq, **{"name": "m", "version": 1, **fields})


def model(seq: int, name: str = "m", **fields: Any) -> dict[str, Any]:
    """Return a patch of a model."""
    return other("model", model_id(name), seq, name=name, **fields)


def shown(*rows: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Return first digits of the runs that are shown, of those that are deleted, and experiments.

    Whether they were settled before, or the frames do it themselves.
    """
    folded = fold(snapshot_of(rows))
    for frame in (folded, settled(folded), settled(settled(folded))):
        found = (
            sorted(it[0] for it in runs(frame)["run_id"]),
            sorted(it[0] for it in runs(frame, deleted=True)["run_id"]),
            experiments(frame)["name"].to_list(),
        )
    gone = experiments(folded, deleted=True)["name"].to_list()
    assert sorted({*found[2], *gone}) == sorted([*found[2], *gone])
    return found


class Held:
    """A store that holds these patches and nothing else."""

    def __init__(self, rows):
        self.rows = rows

    def snapshot(self):
        """Return them."""
        return snapshot_of(self.rows)


def test_a_deleted_experiment_hides_its_runs_also_those_that_the_deleter_did_not_see():
    """Runs that another copy had logged before are deleted with it; restoring it shows them."""
    rows = [experiment(FIRST), run("1"), run("2"), experiment(GONE, deleted=True)]
    rows.append(run("2", GONE + 9, deleted=True))
    assert shown(*rows) == ([], ["1", "2"], [])
    assert shown(*rows, experiment(GONE + 10, deleted=False)) == (["1"], ["2"], ["e"])


@pytest.mark.parametrize("used", [{"run_id": "3" * 32}, {"run_id": "1" * 32}])
def test_a_run_that_was_used_later_is_shown_again_and_its_experiment_with_it(used):
    """A new run, or one resumed, after the deletion shows the experiment, and that run alone."""
    rows = [experiment(FIRST), run("1"), run("2"), experiment(GONE, deleted=True)]
    rows += [run("1", SECOND, deleted=True), run("2", SECOND, deleted=True)]
    later = run("3", LATER) | used
    gone = sorted({"1", "2"} - {used["run_id"][0]})
    assert shown(*rows, later) == ([used["run_id"][0]], gone, ["e"])
    restored = run("2", LATER + 1, deleted=False)
    assert shown(*rows, restored) == (["2"], ["1"], ["e"])


def test_deletions_of_format_1_hide_what_they_marked():
    """Numbers of format 1 tell nothing of other entities: an unmarked run shows its experiment."""
    rows = [run("1", 0), run("1", 1, deleted=True), experiment(5, deleted=True)]
    assert shown(*rows) == ([], ["1"], [])
    assert shown(*rows, run("1", 2)) == ([], ["1"], [])
    assert shown(*rows, run("2", 0)) == (["2"], ["1"], ["e"])


def test_runs_of_an_experiment_that_another_copy_renamed_go_with_it():
    """What was logged under the old name, before or after, is in the experiment of the new one."""
    rows = [experiment(GONE, deleted=True, tags={RENAMED_TAG: "f"})]
    rows += [experiment(GONE, "f"), run("1"), run("2", LATER)]
    assert shown(*rows) == (["1", "2"], [], ["f"])
    assert set(runs(fold(snapshot_of(rows)))["experiment"]) == {"f"}


def test_names_that_lead_in_a_circle_end():
    """Experiments that were renamed to each other cost no reader its life."""
    rows = [run("1")]
    for name, to in (("e", "f"), ("f", "e")):
        rows.append(experiment(FIRST, name, deleted=True, tags={RENAMED_TAG: to}))
    assert shown(*rows)[1] == ["1"]


@pytest.mark.parametrize(
    "later", [{"stage": "Production"}, {}, {"run_id": "3" * 32}], ids=["staged", "aliased", "new"]
)
def test_a_version_that_was_used_later_shows_its_model_again(later):
    """A version registered, staged or aliased after the deletion shows the model with it alone."""
    rows = [version("1", FIRST), version("2", FIRST), version("4", FIRST), model(FIRST)]
    rows += [model(GONE, deleted=True)]
    for digit in "12":
        rows.append(version(digit, GONE, deleted=True, name=f"m (deleted {digit})"))
    folded = fold(snapshot_of(rows))
    assert models(folded).is_empty()
    assert model_versions(folded).is_empty()
    used = version("1", LATER) | later
    folded = fold(snapshot_of([*rows, used]))
    assert models(folded)["name"].to_list() == ["m"]
    assert model_versions(folded)["version_id"].to_list() == [used["run_id"]]


def test_a_later_word_on_what_is_deleted_leaves_it_deleted():
    """Whoever writes to a deleted run without restoring it says that it is deleted."""
    rows = [experiment(GONE, deleted=True), run("1"), run("2", SECOND, deleted=True)]
    present = Present(Held([*rows, run("3", LATER)]))
    told = {digit: still_deleted(present, present.peek(digit * 32), {}) for digit in "123"}
    assert told == {"1": {"deleted": True}, "2": {"deleted": True}, "3": {}}
    restored = {"deleted": False}
    assert still_deleted(present, present.peek("1" * 32), restored) == restored


def test_a_run_that_is_not_shown_has_a_reason():
    """Deleted, removed for good by somebody on a day, or not in the store: each is said."""
    folded = fold(snapshot_of([run("1"), run("2", deleted=True)]))
    absent = absences(folded, {"3" * 32: (NOON, "ann")})
    assert [absent.of(digit * 32) for digit in "1234"] == [
        None,
        "run 22222222… is deleted",
        "run 33333333… was removed for good on 2026-01-31 by ann",
        "run 44444444… is not in this store",
    ]


NAMES = st.sampled_from("ef")
SEQ = st.sampled_from([0, 1, FIRST, SECOND, GONE, LATER])
TAGS = st.sampled_from([{}, {RENAMED_TAG: "e"}, {RENAMED_TAG: "f"}])
DELETED = st.sampled_from([None, True, False])
PATCHES = st.lists(
    st.one_of(
        st.builds(
            lambda digit, seq, name, gone: run(digit, seq, experiment=name, deleted=gone),
            *(st.sampled_from("12"), SEQ, NAMES, DELETED),
        ),
        st.builds(
            lambda name, seq, gone, tags: experiment(seq, name, deleted=gone, tags=tags),
            *(NAMES, SEQ, DELETED, TAGS),
        ),
        st.builds(
            lambda digit, seq, name, gone, number: version(
                digit, seq, name=name, deleted=gone, version=number
            ),
            *(st.sampled_from("345"), SEQ, NAMES, DELETED, st.integers(1, 2)),
        ),
        st.builds(
            lambda name, seq, gone, tags, text: model(
                seq, name, deleted=gone, tags=tags, aliases=[{"key": "a", "text": text}]
            ),
            *(NAMES, SEQ, DELETED, TAGS, st.sampled_from(["1", "3" * 32, "9" * 32])),
        ),
    ),
    max_size=14,
    unique_by=lambda row: (row["run_id"], row["seq"]),
)


@given(PATCHES)
def test_mlflows_clients_and_the_site_see_the_same(rows):
    """Whatever was deleted, renamed, used or numbered: frames and entities say the same of it."""
    present, folded = Present(Held(rows)), fold(snapshot_of(rows))
    frame = settled(folded)
    assert not set(CLOCKS) & set(frame.columns)
    for kind in ("run", "experiment", "model_version", "model"):
        told = {row["run_id"]: row for row in frame.to_dicts() if row["kind"] == kind}
        found = {one.entity_id: one for one in all_standing(present, kind)}
        assert found.keys() == told.keys()
        for entity_id, one in found.items():
            assert one.deleted == told[entity_id]["deleted"]
            assert standing(present, present.peek(entity_id)).fields == one.fields
            if kind == "run":
                assert owner_name(one) == told[entity_id]["experiment"]
            else:
                assert one.fields["name"] == told[entity_id]["name"]
    versions = model_versions(folded).select("version_id", "name", "version").rows()
    entities = registered.all_versions(present)
    assert sorted(versions) == sorted(
        (one.entity_id, one.fields["name"], one.fields["version"]) for one in entities
    )
    names = sorted(one.fields["name"] for one in registered.models(present))
    assert models(folded)["name"].to_list() == names
