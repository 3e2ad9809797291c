"""SQLite databases as they are found: of any age, damaged, hostile, in use."""

from __future__ import annotations

import sqlite3

import pytest

from tests.importers.conftest import RUN
from tracksite.errors import NotFoundError
from tracksite.query import runs
from tracksite.store.local import open_store

OTHER = "f" * 32


@pytest.fixture
def database(tmp_path):
    """A database of MLflow 0.9, with one run: no steps, no names, no times of experiments."""
    path = tmp_path / "mlflow.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        f"""
        CREATE TABLE experiments (experiment_id INTEGER, name VARCHAR, artifact_location VARCHAR,
            lifecycle_stage VARCHAR);
        CREATE TABLE runs (run_uuid VARCHAR, name VARCHAR, source_name VARCHAR, user_id VARCHAR,
            status VARCHAR, start_time BIGINT, end_time BIGINT, source_version VARCHAR,
            lifecycle_stage VARCHAR, artifact_uri VARCHAR, experiment_id INTEGER);
        CREATE TABLE params (key VARCHAR, value VARCHAR, run_uuid VARCHAR);
        CREATE TABLE metrics (key VARCHAR, value FLOAT, timestamp BIGINT, run_uuid VARCHAR);
        CREATE TABLE tags (key VARCHAR, value VARCHAR, run_uuid VARCHAR);
        INSERT INTO experiments VALUES (10, 'wine', '', 'active'), (9, 'beer', '', 'active');
        INSERT INTO runs VALUES ('{RUN}', '', 'train.py', 'ada', 'FINISHED', 1000, 2000, 'c0ffee',
            'active', '/nowhere', 10);
        INSERT INTO params VALUES ('lr', '0.1', '{RUN}'), ('lost', '1', 'aa'), ('no', '1', NULL);
        INSERT INTO metrics VALUES ('loss', 0.5, 1000, '{RUN}'), ('loss', 0.25, 1001, '{RUN}');
        """
    )
    connection.commit()
    yield connection
    connection.close()


def _row(run_id=RUN):
    return runs.one(runs.fold(open_store("store").snapshot()), run_id)


def test_an_old_schema(database, bring):
    """Tables and columns that came later may be missing."""
    done = bring("mlflow.db")
    assert (done.added, done.points) == (1, 2)
    row = _row()
    assert (row["experiment"], row["user"], row["source"], row["git_commit"]) == (
        "wine",
        "ada",
        "train.py",
        "c0ffee",
    )
    assert [one["key"] for one in row["params"]] == ["lr"]
    assert (row["metrics"][0]["count"], row["metrics"][0]["last"]) == (2, 0.25)


@pytest.mark.parametrize(
    "change",
    [
        f"INSERT INTO metrics VALUES ('x', 0.5, 'never', '{RUN}')",
        f"INSERT INTO params VALUES (x'ff00', 'v', '{RUN}')",
        f"INSERT INTO tags VALUES ('k', x'ff00', '{RUN}')",
        f"INSERT INTO metrics VALUES ('x', 'half', 1, '{RUN}')",
        "UPDATE runs SET end_time = 'late'",
    ],
)
def test_a_damaged_run_is_named_and_skipped(database, bring, change):
    """SQLite keeps anything in any column: what does not fit costs that run alone."""
    database.execute(change)
    database.execute(
        "INSERT INTO runs (run_uuid, experiment_id, status, end_time) VALUES (?, 9, 'FAILED', 5)",
        (OTHER,),
    )
    database.execute("UPDATE runs SET end_time = 5 WHERE run_uuid = ?", (OTHER,))
    database.commit()
    done = bring("mlflow.db")
    assert done.added == 1
    assert (_row(OTHER)["status"], _row(OTHER)["experiment"]) == ("failed", "beer")
    assert _row() is None
    assert RUN in done.skipped[0]


def test_a_torn_database_is_said_to_be_damaged(database, bring, tmp_path):
    """Runs behind a damaged page are missing, and it says so with a remedy."""
    rows = [(f"{number:032x}", "n" * 400) for number in range(200)]
    database.executemany("INSERT INTO runs (run_uuid, name, experiment_id) VALUES (?, ?, 9)", rows)
    database.commit()
    database.close()
    path = tmp_path / "mlflow.db"
    content = bytearray(path.read_bytes())
    content[-3 * 4096 :] = b"\xff" * 3 * 4096
    path.write_bytes(bytes(content))
    (sentence,) = bring("mlflow.db").skipped[-1:]
    assert "the database is damaged" in sentence
    assert ".recover" in sentence


def test_nothing_is_written(database, bring, tmp_path):
    """The source is opened for reading alone."""
    before = (tmp_path / "mlflow.db").read_bytes()
    bring("mlflow.db")
    assert (tmp_path / "mlflow.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "store"]


def test_views_are_not_asked(tmp_path, bring):
    """A view that would compute forever is no table of MLflow."""
    connection = sqlite3.connect(tmp_path / "evil.db")
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n"
    for name in ("runs", "experiments"):
        connection.execute(f"CREATE VIEW {name} AS {endless}")
    connection.commit()
    connection.close()
    with pytest.raises(NotFoundError, match="no tables of MLflow"):
        bring("evil.db")


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_what_is_no_database(tmp_path, bring, content):
    """The error names the file."""
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(NotFoundError, match=r"x\.db"):
        bring("sqlite:///x.db")
