"""Artifacts are found where servers and databases put them; those that are not are named."""

from __future__ import annotations

import sqlite3

import pytest

from tests.importers.conftest import RUN
from tracksite.query import runs
from tracksite.store.local import open_store

OTHER = "f" * 32


def _paths(run_id=RUN):
    row = runs.one(runs.fold(open_store("store").snapshot()), run_id)
    return [one["path"] for one in row["artifacts"] or ()]


def _put(folder, name="a.txt"):
    folder.mkdir(parents=True)
    (folder / name).write_text("hello")


@pytest.fixture
def database(tmp_path):
    """Make a database in a folder, whose runs name their artifacts: `{run id: uri}`."""

    def make(folder, uris):
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / "mlflow.db")
        connection.executescript(
            """
            CREATE TABLE experiments (experiment_id INTEGER, name VARCHAR);
            CREATE TABLE runs (run_uuid VARCHAR, status VARCHAR, artifact_uri VARCHAR,
                experiment_id INTEGER);
            INSERT INTO experiments VALUES (1, 'wine');
            """
        )
        rows = [(run_id, uri) for run_id, uri in uris.items()]
        connection.executemany("INSERT INTO runs VALUES (?, 'FINISHED', ?, 1)", rows)
        connection.commit()
        connection.close()
        return f"sqlite:///{folder / 'mlflow.db'}"

    return make


def test_what_a_server_keeps_beside_its_folder_is_found(mlruns, bring, tmp_path):
    """`mlflow server` over a folder keeps artifacts in mlartifacts/ beside it."""
    mlruns.run(RUN, f"artifact_uri: mlflow-artifacts:/1/{RUN}/artifacts")
    (mlruns.root / "1" / RUN / "artifacts").mkdir()
    _put(tmp_path / "mlartifacts" / "1" / RUN / "artifacts")
    assert bring(mlruns.root).skipped == []
    assert _paths() == ["a.txt"]


@pytest.mark.parametrize(
    ("of_database", "of_artifacts", "uri"),
    [
        ("mlruns", "mlruns/1", "{there}"),
        ("mlruns", "mlartifacts/1", "mlflow-artifacts:/1/{run}/artifacts"),
        (".", "artifacts/1", "./artifacts/1/{run}/artifacts"),
        (".", "my/models", "file://{there}"),
    ],
)
def test_a_database_finds_them_around_it(database, bring, tmp_path, of_database, of_artifacts, uri):
    """A database inside mlruns/, or beside any folder that its server was told to use."""
    there = tmp_path / of_artifacts / RUN / "artifacts"
    _put(there)
    source = database(tmp_path / of_database, {RUN: uri.format(there=there, run=RUN)})
    assert bring(source).skipped == []
    assert _paths() == ["a.txt"]


def test_what_is_not_found_is_counted_and_named(database, bring, tmp_path):
    """Nothing of the experiment is there: one sentence says whose, where, and what to do."""
    ids = [f"{number:032x}" for number in range(1, 6)]
    source = database(tmp_path, {one: f"/gone/1/{one}/artifacts" for one in ids})
    (sentence,) = bring(source).skipped
    assert all(one in sentence for one in ids[:3])
    assert "and 2 more" in sentence
    assert f"/gone/1/{ids[0]}/artifacts" in sentence
    assert "--artifacts" in sentence


def test_a_run_that_logged_no_file_is_not_missed(database, bring, tmp_path):
    """MLflow makes the folder of a run with its first file, so others' folders tell enough."""
    uris = {one: f"mlflow-artifacts:/1/{one}/artifacts" for one in (RUN, OTHER)}
    _put(tmp_path / "mlartifacts" / "1" / RUN / "artifacts")
    assert bring(database(tmp_path, uris)).skipped == []


def test_an_empty_folder_of_a_run_hides_no_loss(mlruns, bring):
    """MLflow makes it for every run; the files of this one are said to be elsewhere."""
    mlruns.run(RUN, f"artifact_uri: mlflow-artifacts:/1/{RUN}/artifacts")
    (mlruns.root / "1" / RUN / "artifacts").mkdir()
    (sentence,) = bring(mlruns.root).skipped
    assert RUN in sentence


def test_links_among_artifacts_are_named(mlruns, bring, tmp_path):
    """A link is not followed, and not passed over in silence, at any depth."""
    run = mlruns.run(RUN, artifacts={"a.txt": "hello"})
    (run / "artifacts" / "model").symlink_to(tmp_path)
    (sentence,) = bring(mlruns.root).skipped
    assert "'model'" in sentence
    other = mlruns.run(OTHER, f"artifact_uri: file:///x/mlruns/1/{OTHER}/artifacts")
    (other / "artifacts").symlink_to(tmp_path)
    assert "is a link" in bring(mlruns.root).skipped[1]


def test_a_database_reads_no_other_folder_beside_it(database, bring, tmp_path):
    """Whoever wrote the database could name any: without the name of a run it is left alone."""
    _put(tmp_path / "private" / "letters")
    source = database(tmp_path, {RUN: f"{tmp_path}/private/letters"})
    assert "outside" in bring(source).skipped[0]
    assert _paths() == []
