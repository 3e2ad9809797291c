"""What MLflow's own client reads: a server, or any place that it knows."""

from __future__ import annotations

import sys

import pytest

from tracksite.errors import NotFoundError, TracksiteError
from tracksite.importers.known import Present
from tracksite.importers.mlflow import server
from tracksite.importers.mlflow.source import MLflowSource, open_reader
from tracksite.importers.writing import bring_in
from tracksite.query import runs
from tracksite.store.local import open_store

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries that MLflow's client loads


def _bring(uri, name, artifacts):
    store = open_store(name, create=True)
    reader = server.Server(uri, artifacts)
    present = Present(store)
    return bring_in(store, present, MLflowSource(reader, present))


def test_through_the_client_as_directly(mlflow_source, bring, tmp_path, monkeypatch):
    """Page by page, the client's way gives the same runs and models as reading the database."""
    monkeypatch.setattr(server, "_PAGE", 2)
    uri = mlflow_source("3.17", "database")
    places = [tmp_path / "source" / "mlartifacts"]
    through = _bring(uri, "through", places)
    direct = bring(uri, store="direct")
    assert through.skipped == direct.skipped == []
    tables = [runs.fold(open_store(name).snapshot()) for name in ("through", "direct")]
    columns = ["run_id", "kind", "experiment", "name", "status", "deleted", "params", "tags"]
    columns += ["started_at", "ended_at", "inputs", "outputs", "artifacts", "aliases", "stage"]
    through_rows, direct_rows = (table.select(columns).to_dicts() for table in tables)
    assert through_rows == direct_rows
    assert (through.added, through.artifacts) == (direct.added, direct.artifacts)
    assert _bring(uri, "through", places).points == 0


def test_a_server_cannot_name_folders_of_this_machine(mlflow_source, tmp_path):
    """Artifacts whose place is a local path are read below the folders that the user named."""
    uri = mlflow_source("3.17", "database")
    (tmp_path / "source" / "mlartifacts").rename(tmp_path / "kept")
    done = _bring(uri, "store", [])
    assert done.artifacts == 0
    assert done.added == 5


def test_without_a_server(monkeypatch):
    """Nobody answers: one sentence says so."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(NotFoundError, match="is the server running"):
        open_reader("http://127.0.0.1:9")


def test_without_mlflow(monkeypatch):
    """The error names the extra."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(TracksiteError, match=r"tracksite\[mlflow\]"):
        open_reader("http://127.0.0.1:9")
