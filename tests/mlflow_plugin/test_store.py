"""What MLflow's clients write into a store is there for them, for tracksite and for others."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore as AbstractRegistry
from mlflow.store.tracking.abstract_store import AbstractStore

import tracksite
from tracksite.mlflow_plugin import model_registry_store, tracking_store
from tracksite.mlflow_plugin.ledger import Ledger
from tracksite.mlflow_plugin.unsupported import hollow
from tracksite.mlflow_plugin.uri import folder_of
from tracksite.query import runs
from tracksite.store.local import open_store
from tracksite.tracking import target

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own: stages are deprecated


@pytest.fixture
def uri(tmp_path):
    """The URI of a new store."""
    return f"tracksite:{tmp_path / 'runs'}"


@pytest.fixture
def client(uri):
    """A client of it."""
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _rows(uri):
    """The folded runs, read from the files alone."""
    frame = runs.fold(open_store(folder_of(uri)).snapshot())
    return {row["run_id"]: row for row in runs.runs(frame).to_dicts()}


def _elsewhere(uri, code):
    """Run code in a process of its own, with `client`; return what it prints."""
    prelude = f"from mlflow import MlflowClient\nclient = MlflowClient({uri!r}, {uri!r})\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", prelude + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("tracksite:runs", "runs"),
        ("tracksite:/data/my%20runs", "/data/my runs"),
        ("tracksite:///data/runs", "/data/runs"),
    ],
)
def test_uri_names_a_folder(text, folder):
    """A tracksite: URI is a relative or an absolute folder."""
    assert folder_of(text) == Path(folder).absolute()


@pytest.mark.parametrize("text", ["tracksite:", "tracksite://host/runs", "file:runs"])
def test_other_uris_are_refused(text):
    """A URI without a folder, with a host or of another scheme is an error that names it."""
    with pytest.raises(ValueError, match="names no store"):
        folder_of(text)


def test_entry_points_load_nothing_heavy():
    """MLflow loads the plugin with itself, so the module alone loads no large library."""
    heavy = ["polars", "pyarrow", "numpy", "mlflow", "pandas"]
    code = f"import sys, tracksite.mlflow_plugin; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("store", "base"),
    [(tracking_store, AbstractStore), (model_registry_store, AbstractRegistry)],
)
def test_no_method_is_silently_none(uri, store, base):
    """Each method that does nothing in MLflow's stores is written, or refuses clearly."""
    made = store(uri)
    assert {"log_spans", "create_webhook"} & hollow(base)
    for name in sorted(hollow(base)):
        own = getattr(type(made), name)
        assert own is not getattr(base, name)
        if own.__doc__ == "Raise MlflowException: not supported.":
            with pytest.raises(MlflowException, match=rf"{name}\(\) is not supported") as caught:
                getattr(made, name)()
            assert caught.value.error_code == "NOT_IMPLEMENTED"


def test_a_server_can_note_the_version_that_a_logged_model_became(uri, client):
    """What MLflow writes on top of other calls works as it is: its server asks for this one."""
    model = client.create_logged_model("0", name="net")
    tracking_store(uri).set_model_versions_tags("grapes", "1", model.model_id)
    tags = client.get_logged_model(model.model_id).tags
    assert json.loads(tags["mlflow.modelVersions"]) == [{"name": "grapes", "version": "1"}]


def test_run_is_read_back_from_the_files(uri, client):
    """What a client logs is in the store's own fields, for the site and any other reader."""
    parent = client.create_run("0").info.run_id
    tags = {
        "mlflow.parentRunId": parent,
        "mlflow.user": "ada",
        "mlflow.note.content": "*a note*",
        "mlflow.source.name": "train.py",
        "mlflow.source.git.commit": "c0ffee",
        "mlflow.source.git.repoURL": "https://me:secret@host/repo.git",
        "team": "x",
    }
    run_id = client.create_run("0", tags=tags, run_name="first", start_time=1_000).info.run_id
    client.log_param(run_id, "lr", 0.1)
    client.log_metric(run_id, "loss", math.nan, 5, 1)
    client.log_metric(run_id, "loss", math.inf, 6, 2)
    client.set_terminated(run_id, "FAILED", 3_000)
    client.set_terminated(parent)
    row = _rows(uri)[run_id]
    expected = {"name": "first", "user": "ada", "description": "*a note*", "source": "train.py"}
    expected |= {"parent_run_id": parent, "git_commit": "c0ffee", "status": "failed"}
    assert {key: row[key] for key in expected} == expected
    assert row["git_remote"] == "https://host/repo.git"
    assert (row["experiment"], row["duration_s"]) == ("Default", 2.0)
    assert [(it["key"], it["text"]) for it in row["tags"]] == [("team", "x")]
    assert (row["metrics"][0]["last"], row["metrics"][0]["nan_count"]) == (math.inf, 1)
    assert client.get_run(run_id).data.tags == {
        **tags,
        "mlflow.runName": "first",
        "mlflow.source.git.repoURL": "https://host/repo.git",
    }


def test_latest_metric_is_mlflows_also_when_read_again(uri, client):
    """Of points with one step and time the greatest value is the latest, in memory and on disk."""
    run_id = client.create_run("0").info.run_id
    for value in (2.0, 3.0, 1.0):
        client.log_metric(run_id, "a", value, 1_000, 0)
    client.log_batch(run_id, [Metric("a", 9.0, 999, 0)])
    client.set_terminated(run_id)
    assert client.get_run(run_id).data.metrics == {"a": 3.0}
    assert Ledger(folder_of(uri)).get(run_id).metrics["a"].value == 3.0
    assert _rows(uri)[run_id]["metrics"][0]["last"] == 3.0
    history = client.get_metric_history(run_id, "a")
    assert [(one.timestamp, one.value) for one in history] == [
        (999, 9.0),
        (1_000, 1.0),
        (1_000, 2.0),
        (1_000, 3.0),
    ]


def test_several_processes_see_each_other_at_once(uri, client):
    """Tags, params, metrics and deletions of another process count at the next call, in order."""
    run_id = client.create_run("0").info.run_id
    client.set_tag(run_id, "a", "1")
    _elsewhere(uri, f"client.set_tag({run_id!r}, 'a', '2'); client.log_param({run_id!r}, 'p', 1)")
    assert client.get_run(run_id).data.tags["a"] == "2"
    with pytest.raises(MlflowException, match="Changing param values"):
        client.log_param(run_id, "p", 2)
    client.set_tag(run_id, "a", "3")
    client.log_metric(run_id, "m", 7.0, 1_000, 1)
    seen = f"run = client.get_run({run_id!r}); print(run.data.tags['a'], run.data.metrics['m'])"
    assert _elsewhere(uri, seen) == ["3", "7.0"]
    _elsewhere(uri, f"client.delete_run({run_id!r})")
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.set_tag(run_id, "a", "4")


def test_run_of_a_dead_process_is_over(uri, client):
    """A run whose process was killed keeps what it logged and is no longer running."""
    run_id = _elsewhere(
        uri,
        """
        import os
        run = client.create_run("0"); client.log_metric(run.info.run_id, "m", 1.5)
        print(run.info.run_id, flush=True); os._exit(0)
        """,
    )[0]
    found = client.get_run(run_id)
    assert (found.info.status, found.data.metrics) == ("KILLED", {"m": 1.5})
    client.log_metric(run_id, "m", 2.5, step=1)
    assert client.get_run(run_id).data.metrics == {"m": 2.5}


def test_store_can_be_moved(uri, client, tmp_path):
    """Artifact URIs are made when they are read: a copy of the store shows its own files."""
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "hello", "notes/a.txt")
    client.set_terminated(run_id)
    client._tracking_client.store.ledger.close_all()
    row = _rows(uri)[run_id]["artifacts"][0]
    assert (row["path"], row["bytes"]) == ("notes/a.txt", 5)
    shutil.move(folder_of(uri), tmp_path / "moved")
    moved = f"tracksite:{tmp_path / 'moved'}"
    there = MlflowClient(tracking_uri=moved, registry_uri=moved)
    uri_there = there.get_run(run_id).info.artifact_uri
    assert Path(uri_there, "notes/a.txt").read_text() == "hello"


def test_files_that_tracksite_names_are_no_artifacts_of_their_own(uri, client):
    """Noting what MLflow wrote keeps to what was logged: neither digests nor older content."""
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "of MLflow's", "notes.txt")
    client.set_terminated(run_id)
    client._tracking_client.store.ledger.close_all()
    with target.using(str(folder_of(uri))):
        for text in ("one", "two"):
            tracksite.MlflowClient().log_text(run_id, text, "notes.txt")
    client.log_text(run_id, "more", "more.txt")
    client.set_terminated(run_id)
    client._tracking_client.store.ledger.close_all()
    found = {row["path"]: row["bytes"] for row in _rows(uri)[run_id]["artifacts"]}
    assert found == {"notes.txt": 3, "more.txt": 4}
    client.log_text(run_id, "again of MLflow's", "notes.txt")
    client.set_terminated(run_id)
    client._tracking_client.store.ledger.close_all()
    rows = {row["path"]: (row["bytes"], row["file"]) for row in _rows(uri)[run_id]["artifacts"]}
    assert rows == {"notes.txt": (17, None), "more.txt": (4, None)}


def test_logged_model_is_an_output_of_its_run(uri, client):
    """A logged model has its files among its run's, and its metrics remember their data set."""
    run_id = client.create_run("0").info.run_id
    made = client.create_logged_model("0", "net", run_id, params={"depth": "3"})
    other = client.create_logged_model("0", "net", run_id)
    assert made.artifact_location.endswith(f"{run_id}/net")
    assert other.artifact_location.endswith(f"{run_id}/models/{other.model_id}")
    Path(made.artifact_location).mkdir(parents=True)
    Path(made.artifact_location, "MLmodel").write_text("flavors: {python_function: {}, keras: {}}")
    client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(made.model_id, 2)])
    point = Metric("acc", 0.5, 1, 0, made.model_id, "test", "d1")
    client.log_batch(run_id, [point])
    client.set_terminated(run_id)
    version = client.create_registered_model("M") and client.create_model_version(
        "M", f"models:/{made.model_id}", run_id
    )
    fresh = Ledger(folder_of(uri))
    assert fresh.get(run_id).outputs["net"]["flavor"] == "keras"
    metric = client.get_logged_model(made.model_id).metrics[0]
    facts = (metric.key, metric.value, metric.dataset_name, metric.dataset_digest, metric.run_id)
    assert facts == ("acc", 0.5, "test", "d1", run_id)
    assert client.get_run(run_id).outputs.model_outputs[0].step == 2
    assert client.get_model_version_download_uri("M", version.version) == made.artifact_location


def test_private_tags_stay_private(uri, client):
    """No client may set a tag of ours, and none of ours is among what readers are shown."""
    run_id = client.create_run("0").info.run_id
    with pytest.raises(MlflowException, match="keeps for itself"):
        client.set_tag(run_id, "tracksite.mlflow.status", "x")
    client.update_run(run_id, "SCHEDULED")
    assert client.get_run(run_id).info.status == "SCHEDULED"
    assert _rows(uri)[run_id]["tags"] is None or not _rows(uri)[run_id]["tags"]


def test_old_name_of_an_experiment_is_free_again(client):
    """A renamed experiment keeps its id and runs; a new one may take its old name."""
    first = client.create_experiment("old")
    run_id = client.create_run(first).info.run_id
    client.rename_experiment(first, "new")
    second = client.create_experiment("old")
    assert first != second
    assert client.get_experiment(first).name == "new"
    assert [run.info.run_id for run in client.search_runs([first])] == [run_id]
    assert client.search_runs([second]) == []


def test_forked_child_logs_to_the_run_of_its_parent(client):
    """A child of a fork writes a live log of its own; both sides' points are there."""
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "m", 1.0, 1, 1)
    child = os.fork()
    if child == 0:
        try:
            client.log_metric(run_id, "m", 2.0, 2, 2)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [one.value for one in client.get_metric_history(run_id, "m")] == [1.0, 2.0]


def test_name_of_a_run_outlives_its_tag(uri, client):
    """As in MLflow's store the tag with the name can go; a name that is set brings it back."""
    run_id = client.create_run("0", run_name="first").info.run_id
    client.delete_tag(run_id, "mlflow.runName")
    for one in (client, MlflowClient(uri, uri)):
        found = one.get_run(run_id)
        assert (found.info.run_name, found.data.tags) == ("first", {})
    client.update_run(run_id, name="second")
    assert client.get_run(run_id).data.tags["mlflow.runName"] == "second"
    client.delete_tag(run_id, "mlflow.runName")
    client.set_tag(run_id, "mlflow.runName", "third")
    found = client.get_run(run_id)
    assert (found.info.run_name, found.data.tags["mlflow.runName"]) == ("third", "third")


def test_param_without_a_value_is_refused(uri, client):
    """A param that says nothing is an error, not a param that is lost in silence."""
    run_id = client.create_run("0").info.run_id
    with pytest.raises(MlflowException, match="'p' has no value") as caught:
        tracking_store(uri).log_batch(run_id, [], [Param("p", None)], [])
    assert caught.value.error_code == "BAD_REQUEST"
    assert client.get_run(run_id).data.params == {}


def test_change_of_stages_has_one_time(client):
    """A version that takes a stage, and those that it moves to Archived, were changed at once."""
    client.create_registered_model("M")
    for _ in range(2):
        made = client.create_model_version("M", "s3://bucket/a")
        client.transition_model_version_stage("M", made.version, "Staging", True)
    found = client.search_model_versions("name = 'M'")
    assert {one.current_stage for one in found} == {"Staging", "Archived"}
    assert len({one.last_updated_timestamp for one in found}) == 1
