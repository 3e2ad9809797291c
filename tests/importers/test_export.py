"""What is exported, MLflow reads: value for value, from a folder and from a database."""

from __future__ import annotations

import json
import sys

import pytest
from mlflow import MlflowClient

import tracksite
from tests.importers.conftest import RUN
from tests.importers.fixtures import make
from tests.importers.test_versions import LARGEST
from tracksite.errors import ArgumentError, StateError, TracksiteError
from tracksite.importers.mlflow.export import export
from tracksite.query import runs
from tracksite.store.local import open_store


@pytest.fixture(autouse=True)
def _allowed(monkeypatch):
    """MLflow 3.13 and newer read folders only when told so."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


@pytest.fixture
def read(tmp_path):
    """What MLflow's client reads from a URI, as plain values."""
    return lambda uri: json.loads(json.dumps(make.expected(MlflowClient(uri))))


def _without_models(told):
    """The same, with the files of logged models only where MLflow has them."""
    for run in told["runs"].values():
        files = run["artifacts"].items()
        run["artifacts"] = {path: size for path, size in files if "models/" not in path}
    return told


def test_a_folder(mlflow_source, bring, read, tmp_path):
    """An import and an export later, MLflow reads the same from its own kind of folder."""
    bring(mlflow_source("3.17", "folder"))
    want = _without_models(read(f"tracksite:{tmp_path / 'store'}"))
    done = export(open_store("store"), str(tmp_path / "mlruns"))
    assert done.skipped == []
    have = read((tmp_path / "mlruns").as_uri())
    for run in have["runs"].values():
        for point in run["histories"].get("auc", ()):
            assert point[0] == 4
    for name in want:
        assert have[name].keys() == want[name].keys()
        for key in have[name]:
            assert have[name][key] == want[name][key], name
    (model_id,) = have["logged_models"]
    location = MlflowClient((tmp_path / "mlruns").as_uri()).get_logged_model(model_id)
    assert location.artifact_location.startswith((tmp_path / "mlruns").as_uri())


def test_a_database(mlflow_source, bring, read, tmp_path, capsys):
    """The same into SQLite, which knows no -0.0 and, as MLflow uses it, no infinity."""
    bring(mlflow_source("3.17", "folder"))
    text = json.dumps(_without_models(read(f"tracksite:{tmp_path / 'store'}")))
    for value, written in (("-0.0", "0.0"), ("inf", LARGEST), ("-inf", f"-{LARGEST}")):
        text = text.replace(f'"{value}"', f'"{written}"')
    uri = f"sqlite:///{tmp_path / 'out.db'}"
    assert export(open_store("store"), uri).skipped == []
    assert capsys.readouterr().out == ""
    want, have = json.loads(text), read(uri)
    for name in want:
        assert have[name].keys() == want[name].keys()
        for key in have[name]:
            assert have[name][key] == want[name][key], name


def test_and_back(mlflow_source, bring, tmp_path):
    """What is exported and imported into another store is the same store."""
    bring(mlflow_source("2.22", "database"))
    export(open_store("store"), str(tmp_path / "mlruns"))
    bring(tmp_path / "mlruns", store="other")
    frames = [runs.fold(open_store(name).snapshot()) for name in ("store", "other")]
    columns = ["run_id", "experiment", "name", "status", "deleted", "user", "description", "params"]
    columns += ["started_at", "ended_at", "parent_run_id", "metrics", "inputs", "artifacts"]
    one, other = (frame.filter(frame["kind"] == "run").select(columns) for frame in frames)
    assert one.height == 5
    assert str(one.to_dicts()) == str(other.to_dicts())


def test_a_deleted_experiment_is_in_the_trash_with_its_artifacts(tmp_path, bring, mlruns):
    """MLflow finds no folder without an experiment, and every file once it is restored."""
    mlruns.experiment(".trash/7", "beer")
    mlruns.run(RUN, at=".trash/7", artifacts={"a.txt": "hello"})
    bring(mlruns.root)
    export(open_store("store"), "out")
    assert not (tmp_path / "out" / "7").exists()
    client = MlflowClient((tmp_path / "out").as_uri())
    client.restore_experiment("7")
    assert [one.path for one in client.list_artifacts(RUN)] == ["a.txt"]


def test_a_status_comes_back_or_is_named(tmp_path, bring, mlruns):
    """RUNNING and SCHEDULED come back; what was interrupted here is KILLED, and said so."""
    others = ["a" * 32, "b" * 32]
    for run_id, number in zip((RUN, *others), (1, 2, 5), strict=True):
        mlruns.run(run_id, f"status: {number}")
    bring(mlruns.root)
    store = open_store("store")
    store.write_patch("c" * 32, "run", {"experiment": "wine", "status": "running"})
    (sentence,) = export(store, "out").skipped
    assert sentence.startswith("1 runs")
    client = MlflowClient((tmp_path / "out").as_uri())
    ids = (RUN, *others, "c" * 32)
    found = [client.get_run(run_id).info.status for run_id in ids]
    assert found == ["RUNNING", "SCHEDULED", "KILLED", "KILLED"]


def test_a_file_and_a_folder_of_one_name_cost_one_of_them_alone(tmp_path, monkeypatch):
    """A run may log both `q` and `q/r`, a disk holds one: the other is named, all else is there."""
    monkeypatch.setenv("TRACKSITE_STORE", str(tmp_path / "store"))
    with tracksite.start_run() as run:
        tracksite.log_text("file", "q")
        tracksite.log_text("below", "q/r")
        tracksite.log_text("other", "z.txt")
    with tracksite.start_run():
        tracksite.log_text("sane", "sane.txt")
    (sentence,) = export(open_store(tmp_path / "store"), str(tmp_path / "out")).skipped
    assert "q/r" in sentence
    names = {path.name for path in (tmp_path / "out").rglob("artifacts/*")}
    assert names == {"q", "z.txt", "sane.txt"}
    with pytest.raises(ArgumentError, match="a file and a folder"):
        tracksite.artifacts.download_artifacts(run_id=run.run_id, dst_path=tmp_path / "fetched")


def test_keys_that_mlflow_refuses_are_spelled_otherwise(tmp_path, bring, read):
    """A key such as acc@1 would make MLflow refuse the whole run: it is renamed, and said so."""
    store = open_store("store", create=True)
    store.write_patch(
        RUN,
        "run",
        {"experiment": "e", "status": "finished", "params": {"k@1": "v", "../up": "x", "a": "1"}},
    )
    store.write_patch(RUN, "run", {"params": {"a/b": "both a file and a folder"}})
    done = export(store, "mlruns")
    run = MlflowClient((tmp_path / "mlruns").as_uri()).get_run(RUN)
    assert run.data.params == {"k_1": "v", "a": "1"}
    assert len(done.skipped) == 3
    assert any("'k_1'" in sentence for sentence in done.skipped)
    assert not (tmp_path / "mlruns" / "up").exists()


def test_nothing_is_overwritten(tmp_path):
    """A target that exists is refused, and left as it was."""
    store = open_store("store", create=True)
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mine").write_text("mine")
    with pytest.raises(StateError, match="already"):
        export(store, "mlruns")
    (tmp_path / "mlflow.db").write_text("mine")
    with pytest.raises(StateError, match="already"):
        export(store, "sqlite:///mlflow.db")
    assert (tmp_path / "mlflow.db").read_text() == "mine"


def test_without_mlflow_only_a_folder(monkeypatch, tmp_path):
    """A folder needs no MLflow; a database does, and the error says what to install."""
    store = open_store("store", create=True)
    for name in [name for name in sys.modules if name.startswith("mlflow.store.fs2db")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow.store.fs2db", None)
    export(store, "mlruns")
    with pytest.raises(TracksiteError, match="pip install mlflow"):
        export(store, "sqlite:///mlflow.db")
