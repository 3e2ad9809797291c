"""Artifacts of a run that is logged in two copies of a store, or by several processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import tracksite
from tracksite.store.local import open_store
from tracksite.store.verifying import verify

NAMES = ("CON", "a?b", "dots.", "note.txt", "Note.txt", "\u00e9", "e\u0301", "a/x", "A/y", ".git/x")


def _use(store):
    tracksite.set_tracking_uri(str(store))


def _text(run_id, path, **where):
    return Path(
        tracksite.download_artifacts(run_id=run_id, artifact_path=path, **where)
    ).read_text()


def _again(run_id, text, path="notes.txt"):
    with tracksite.start_run(run_id=run_id):
        tracksite.log_text(text, path)


def _copied(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True)


@pytest.fixture
def two(tmp_path):
    """Return a run of which two copies of a store have the first content."""
    _use(tmp_path / "a")
    with tracksite.start_run() as run:
        tracksite.log_text("one", "notes.txt")
    _copied(tmp_path / "a", tmp_path / "b")
    return run.run_id


@pytest.mark.parametrize("way", ["a b", "b a"])
def test_an_artifact_logged_again_in_one_copy(tmp_path, two, way):
    """However the copies meet, both are sound, and the newer content is what the run has."""
    _use(tmp_path / "b")
    _again(two, "two")
    for letter in way.split():
        _copied(tmp_path / letter, tmp_path / "all")
        _copied(tmp_path / letter, tmp_path / "ab".replace(letter, ""))
    for store in ("a", "b", "all"):
        _use(tmp_path / store)
        assert _text(two, "notes.txt") == "two"
        assert verify(open_store(tmp_path / store)).problems == ()


@pytest.mark.parametrize("way", ["a b", "b a"])
def test_an_artifact_logged_again_in_both_copies(tmp_path, two, way):
    """Neither copy overwrites what the other has logged; both answer with the same content."""
    for letter in "ab":
        _use(tmp_path / letter)
        _again(two, f"of {letter}")
        _again(two, f"new in {letter}", "new.txt")
    for letter in way.split():
        _copied(tmp_path / letter, tmp_path / "all")
    _use(tmp_path / "all")
    assert _text(two, "notes.txt") in {"of a", "of b"}
    assert _text(two, "new.txt") in {"new in a", "new in b"}
    assert verify(open_store(tmp_path / "all")).problems == ()
    found = {path.read_text() for path in (tmp_path / "all").glob("artifacts/*/*.txt")}
    assert found == {"one", "of a", "of b", "new in a", "new in b"}


@pytest.mark.parametrize("resumed", [False, True])
def test_odd_names_come_back_under_the_names_they_were_logged_under(tmp_path, resumed):
    """What some system could not hold or tell apart is listed, and handed out, as logged."""
    with tracksite.start_run() as run:
        if not resumed:
            for name in NAMES:
                tracksite.log_text(name, name)
    if resumed:
        for name in NAMES:
            _again(run.run_id, name, name)
    shown = {file.path for file in tracksite.list_artifacts(run.run_id)}
    assert shown == {name.partition("/")[0] for name in NAMES}
    assert all(_text(run.run_id, name) == name for name in NAMES)
    assert all(
        Path(tracksite.artifacts.download_artifacts(run_id=run.run_id, artifact_path=name)).name
        == name.rpartition("/")[2]
        for name in NAMES
    )
    into = Path(tracksite.download_artifacts(run_id=run.run_id, dst_path=tmp_path / "all"))
    whole = Path(tracksite.download_artifacts(run_id=run.run_id))
    for folder in (into, whole):
        found = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        assert found == set(NAMES)


def test_a_copy_made_for_a_download_goes_with_the_process(tmp_path, two):
    """A temporary copy can be read as long as the process lives, and is gone then."""
    _use(tmp_path / "a")
    _again(two, "two")
    code = (
        "import sys, tracksite; tracksite.set_tracking_uri(sys.argv[1]);"
        "p = tracksite.download_artifacts(run_id=sys.argv[2], artifact_path='notes.txt');"
        "print(p, open(p).read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a"), two],
        capture_output=True,
        text=True,
        check=True,
    )
    path, content = done.stdout.split()
    assert (content, Path(path).name, Path(path).exists()) == ("two", "notes.txt", False)
    assert "tracksite-artifacts-" in path


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_a_table_grows_from_its_latest_content_wherever_it_was_logged(tmp_path, two, suffix):
    """Rows are added to those that the run has, by whichever writer or copy they came."""
    path = f"t.{suffix}"
    for letter, rows in (("a", [1]), ("a", [2]), ("b", [3]), ("b", [4])):
        _use(tmp_path / letter)
        with tracksite.start_run(run_id=two):
            tracksite.log_table({"x": rows}, path)
            tracksite.log_table({"x": [10 * rows[0]]}, path)
        _copied(tmp_path / letter, tmp_path / "ab".replace(letter, ""))
    file = tracksite.download_artifacts(run_id=two, artifact_path=path)
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet}.get(suffix)
    if read is None:
        found = [row[0] for row in json.loads(Path(file).read_text())["data"]]
    else:
        found = read(file)["x"].to_list()
    assert found == [1, 10, 2, 20, 3, 30, 4, 40]


def test_a_table_whose_earlier_rows_have_not_come_yet_begins_anew(tmp_path, two):
    """A missing file is warned of, and never ends a training."""
    _use(tmp_path / "a")
    with tracksite.start_run(run_id=two) as run:
        tracksite.log_table({"x": [1]}, "t.csv")
        for file in run.artifact_dir.glob("t.*"):
            file.unlink()
        with pytest.warns(
            RuntimeWarning, match=r"'t.csv' .* begins anew: .* not in this store yet"
        ):
            tracksite.log_table({"x": [2]}, "t.csv")
    assert _text(two, "t.csv") == "x\n2\n"


def test_a_model_some_of_whose_files_carry_digests_is_loaded(tmp_path, two):
    """A model that was logged again, or in a resumed run, is read under the names it was given."""
    for content in ({"w": 1}, {"w": 2}):
        _use(tmp_path / "b")
        with tracksite.start_run(run_id=two):
            tracksite.log_model(content, "model", registered_model_name="M")
    assert tracksite.load_model(f"runs:/{two}/model", trusted=True) == {"w": 2}
    assert tracksite.load_model("models:/M/latest", trusted=True) == {"w": 2}
