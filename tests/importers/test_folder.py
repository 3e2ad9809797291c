"""`mlruns/` folders as they are found: torn, emptied, hostile, large."""

from __future__ import annotations

import math
import os
import shutil
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importers.conftest import RUN
from tracksite.errors import NotFoundError, TracksiteError
from tracksite.importers.entry import Series
from tracksite.importers.writing import without
from tracksite.query import curves, runs
from tracksite.site import build
from tracksite.store import artifacts
from tracksite.store.local import open_store
from tracksite.store.purging import purge

OTHER = "f" * 32


def _row(run_id=RUN):
    return runs.one(runs.fold(open_store("store").snapshot()), run_id)


def _points(key, run_id=RUN):
    frame = curves.history(open_store("store").snapshot(), run_id, key)
    return list(zip(frame["step"], frame["timestamp"].dt.epoch("ms"), frame["value"], strict=True))


def _pairs(items):
    return {one["key"]: one["text"] for one in items or ()}


def test_lines_of_every_age(mlruns, bring):
    """Lines of two, three and five fields are points; the fourth and fifth name a data set."""
    mlruns.run(metrics={"loss": "1000 0.5\n2000 nan 3\n3000 -inf 4 wine d1\n"})
    bring(mlruns.root)
    points = _points("loss")
    assert points[0] == (0, 1000, 0.5)
    assert points[1][:2] == (3, 2000)
    assert math.isnan(points[1][2])
    assert points[2] == (4, 3000, -math.inf)


def test_git_keeps_no_empty_folders(mlruns, bring):
    """A run without params/, tags/ and metrics/ is a run with none of them."""
    mlruns.run()
    assert bring(mlruns.root).added == 1
    assert _row()["status"] == "finished"


def test_keys_in_folders(mlruns, bring):
    """`a/b/c` is a key, whether of a param, a tag or a metric."""
    mlruns.run(params={"a/b/c": "x"}, tags={"t/u": "y"}, metrics={"m/n/o": "1 2 3\n"})
    bring(mlruns.root)
    row = _row()
    assert _pairs(row["params"]) == {"a/b/c": "x"}
    assert _pairs(row["tags"])["t/u"] == "y"
    assert _points("m/n/o") == [(3, 1, 2.0)]


@pytest.mark.parametrize(
    ("meta", "files", "why"),
    [
        ("", {"metrics": {"loss": "1 0.5 0\n1 2 3 4\n"}}, "4 fields"),
        ("", {"metrics": {"loss": "1 half 0\n"}}, "damaged"),
        ("", {"metrics": {"loss": f"1 0.5 {2**64}\n"}}, "64 bits"),
        ("", {"metrics": {"loss": f"{2**62} 0.5 0\n"}}, "9999"),
        ("a: [", {}, "meta.yaml is damaged"),
        ("a: !!python/object/apply:os.system ['touch hit']", {}, "meta.yaml is damaged"),
        ("end_time: [1, 2]", {}, "list"),
        ("run_name: {a: b}", {}, "dict"),
        ("", {"tags": {"k\ny": "v"}}, "line break"),
    ],
)
def test_a_damaged_run_is_named_and_skipped(mlruns, bring, meta, files, why):
    """It costs that run alone, nothing of it is executed, and the others arrive."""
    mlruns.run(meta=meta, **files)
    mlruns.run(OTHER)
    done = bring(mlruns.root)
    assert done.added == 1
    assert _row(OTHER)["status"] == "finished"
    assert _row() is None
    assert len(done.skipped) == 1
    assert RUN in done.skipped[0]
    assert why in done.skipped[0]
    assert not os.path.exists("hit")  # noqa: PTH110 - in whatever folder this is


def test_a_text_that_grows_when_read_is_refused(mlruns, bring):
    """A few lines of YAML that mean a billion items cost that run alone."""
    bomb = "a0: &a0 [x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    mlruns.run(meta=f"{bomb}run_name: *a39\n")
    (sentence,) = bring(mlruns.root).skipped
    assert "more than 100,000 lists" in sentence
    assert len(sentence) < 200


def test_artifacts_are_copied_and_links_are_not(mlruns, bring, tmp_path):
    """Files arrive with size and digest; a link to a file or a folder outside does not."""
    (tmp_path / "secret").write_text("secret")
    run = mlruns.run(artifacts={"plots/a.txt": "hello"})
    (run / "artifacts" / "link.txt").symlink_to(tmp_path / "secret")
    (run / "artifacts" / "folder").symlink_to(tmp_path)
    (run / "params").symlink_to(tmp_path)
    done = bring(mlruns.root)
    assert [(one["path"], one["bytes"]) for one in _row()["artifacts"]] == [("plots/a.txt", 5)]
    assert _row()["params"] is None
    assert (done.artifacts, done.artifact_bytes) == (1, 5)
    folder = open_store("store").artifact_dir(RUN)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["a.txt"]


@pytest.mark.parametrize("uri", ["file://{there}", "{there}"])
def test_artifacts_elsewhere_need_leave(mlruns, bring, tmp_path, uri):
    """A folder that the run names, but the user did not, is left alone and the remedy is said."""
    there = tmp_path / "elsewhere" / RUN / "artifacts"
    there.mkdir(parents=True)
    (there / "a.txt").write_text("hello")
    mlruns.run(meta=f"artifact_uri: {uri.format(there=there)}")
    done = bring(mlruns.root)
    assert "--artifacts" in done.skipped[0]
    assert _row()["artifacts"] is None
    again = bring(mlruns.root, artifacts=[tmp_path / "elsewhere"])
    assert again.skipped == []
    assert _row()["artifacts"][0]["path"] == "a.txt"


@pytest.mark.parametrize(
    "uri",
    [
        r"file:///C:/Users/ada/mlruns/1/{run}/artifacts",
        r"'C:\Users\ada\mlruns\1\{run}\artifacts'",
        "mlflow-artifacts:/1/{run}/artifacts",
        "file:///home/ada/other/mlruns/1/{run}/artifacts",
    ],
)
def test_artifacts_are_found_where_the_folder_is_now(mlruns, bring, tmp_path, uri):
    """What was logged on Windows, or before the folder was moved, is found by its last parts."""
    moved = tmp_path / "data" / "1" / RUN / "artifacts"
    moved.mkdir(parents=True)
    (moved / "a.txt").write_text("hello")
    mlruns.run(meta=f"artifact_uri: {uri.format(run=RUN)}")
    assert bring(mlruns.root, artifacts=[tmp_path / "data"]).skipped == []
    assert _row()["artifacts"][0]["path"] == "a.txt"


def test_remote_artifacts_are_named(mlruns, bring):
    """Artifacts in a bucket are left out, and said so; the run is there."""
    mlruns.run(meta="artifact_uri: s3://bucket/1/artifacts")
    done = bring(mlruns.root)
    assert "s3://bucket" in done.skipped[0]
    assert done.added == 1


def test_a_second_import_adds_what_is_new(mlruns, bring):
    """New points, params, tags, artifacts and runs are added, and a run that ended has ended."""
    run = mlruns.run(metrics={"loss": "1 0.5 0\n1 0.5 0\n"}, params={"p": "1"}, meta="status: 1")
    bring(mlruns.root)
    assert _row()["status"] == "interrupted"
    (run / "meta.yaml").write_text("status: 3\nstart_time: 1000\nend_time: 2000\n")
    (run / "metrics" / "loss").write_text("1 0.5 0\n1 0.5 0\n1 0.5 0\n2 0.25 1\n")
    (run / "params" / "q").write_text("2")
    (run / "artifacts").mkdir()
    (run / "artifacts" / "a.txt").write_text("hello")
    mlruns.run(OTHER)
    done = bring(mlruns.root)
    assert (done.added, done.changed, done.points, done.artifacts) == (1, 1, 2, 1)
    assert _points("loss") == [(0, 1, 0.5)] * 3 + [(1, 2, 0.25)]
    assert _row()["status"] == "finished"
    assert _pairs(_row()["params"]) == {"p": "1", "q": "2"}


def test_a_changed_artifact_is_copied_again(mlruns, bring):
    """A file that was written after the import replaces the one in the store, and no other is."""
    run = mlruns.run(artifacts={"a.txt": "hello", "b.txt": "stays"})
    bring(mlruns.root)
    file = run / "artifacts" / "a.txt"
    file.write_text("HELLO")
    late = file.stat().st_mtime + 3600
    os.utime(file, (late, late))
    assert bring(mlruns.root).artifacts == 1
    (row, _) = _row()["artifacts"]
    assert artifacts.read(open_store("store").artifact_dir(RUN), row) == b"HELLO"


def test_what_was_deleted_here_stays_deleted(mlruns, bring):
    """An import brings nothing back that the user of the store has deleted."""
    mlruns.run()
    bring(mlruns.root)
    open_store("store").write_patch(RUN, "run", {"deleted": True})
    assert bring(mlruns.root).changed == 0
    assert _row()["deleted"] is True
    (mlruns.root / "1" / RUN / "params").mkdir()
    (mlruns.root / "1" / RUN / "params" / "late").write_text("1")
    assert bring(mlruns.root).changed == 1
    row = _row()
    assert (row["deleted"], row["deleted_seq"]) == (True, row["last_seq"])


def test_hostile_texts_reach_no_page_as_markup(mlruns, bring, tmp_path):
    """Names, keys and values that are HTML are shown as text, and paths stay inside the site."""
    evil = "<script>alert(1)</script>"
    mlruns.run(meta=f"run_name: '{evil}'", params={"p": evil}, tags={"mlflow.note.content": evil})
    (mlruns.root / "1" / "meta.yaml").write_text(f"experiment_id: '1'\nname: '../../{evil}'\n")
    bring(mlruns.root)
    build("store", tmp_path / "site")
    for page in (tmp_path / "site").rglob("*.html"):
        assert evil not in page.read_text()
    assert not (tmp_path.parent / evil).exists()


def test_a_run_with_another_kind_of_id(mlruns, bring):
    """A run whose id is no 32 hex digits gets one, the same in each import."""
    mlruns.run("my-run_1")
    assert bring(mlruns.root).added == 1
    assert bring(mlruns.root).unchanged == 1


def test_two_experiments_with_one_id(mlruns, bring, tmp_path):
    """Stores of several people, which all have an experiment 1, go into one store."""
    mlruns.run()
    bring(mlruns.root)
    other = tmp_path / "other"
    shutil.copytree(mlruns.root, other)
    (other / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: beer\n")
    (other / "1" / RUN).rename(other / "1" / OTHER)
    bring(other)
    assert {_row()["experiment"], _row(OTHER)["experiment"]} == {"wine", "beer"}


def test_what_is_no_mlruns_folder(tmp_path, bring):
    """The error says what was looked for."""
    with pytest.raises(NotFoundError, match=r"meta\.yaml"):
        bring(tmp_path)
    with pytest.raises(NotFoundError, match="no file or folder"):
        bring(tmp_path / "nowhere")


def test_without_pyyaml_the_error_names_the_extra(mlruns, bring, monkeypatch):
    """PyYAML is an extra: the remedy is one command."""
    mlruns.run()
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(TracksiteError, match=r"tracksite\[import\]"):
        bring(mlruns.root)


POINT = st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from([0.0, 1.0, math.nan]))


def _series(points):
    steps, times, values = np.array(points, float).reshape(-1, 3).T
    return Series(steps.astype(np.int64), times.astype(np.int64) * 1000, values)


def _bag(series):
    columns = zip(series.steps, series.times, map(str, series.values), strict=True)
    return sorted(columns)


@given(st.lists(POINT, max_size=12), st.lists(POINT, max_size=12))
def test_points_are_added_as_often_as_they_are_missing(old, more):
    """What is new is the source less what the store has, each point as often as it occurs."""
    assert _bag(without(_series(old + more), _series(old))) == _bag(_series(more))


def test_what_two_stores_imported_counts_once_when_they_meet(mlruns, bring):
    """The same run, imported into two stores, the later one when it was longer: each point once."""
    lines = [f"{1000 + step} {step / 7} {step}" for step in range(5)]
    mlruns.run(metrics={"loss": "\n".join(lines[:3])})
    bring(mlruns.root)
    shutil.move("store", "other")
    next(mlruns.root.rglob("loss")).write_text("\n".join(lines))
    bring(mlruns.root)
    for older, newer in (("other", "store"), ("store", "other")):
        met = shutil.copytree(older, f"{older} then {newer}")
        shutil.copytree(newer, met, dirs_exist_ok=True)
        found = curves.history(open_store(met).snapshot(), RUN, "loss")
        assert found["step"].to_list() == [0, 1, 2, 3, 4]


def test_a_run_that_was_removed_for_good_can_be_imported_again(mlruns, bring):
    """Whoever imports it again wants it; it is there, whole, and once."""
    mlruns.run(metrics={"loss": "1000 0.5 1"})
    bring(mlruns.root)
    purge(open_store("store"), [RUN], at=datetime(2026, 1, 1, tzinfo=UTC), by="me", why="")
    assert _row() is None
    assert bring(mlruns.root).added == 1
    assert [step for step, _, _ in _points("loss")] == [1]
    assert not open_store("store").snapshot().problems
