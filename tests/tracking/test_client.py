"""MlflowClient: runs, experiments and models by their ids, in MLflow's words."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tracksite
from tracksite.entities import Metric, Param, RunTag, ViewType
from tracksite.errors import ArgumentError, NotFoundError, StateError


@pytest.fixture
def client():
    """A client of the store in use."""
    return tracksite.tracking.MlflowClient()


@pytest.fixture
def experiment(client):
    """The id of an experiment."""
    return client.create_experiment("e", tags={"team": "x"})


def test_a_run_is_created_logged_to_and_terminated(client, experiment):
    """The run takes everything between create_run and set_terminated, and after it too."""
    run_id = client.create_run(experiment, start_time=1000, run_name="a").info.run_id
    assert tracksite.active_run() is None
    assert client.get_run(run_id).info.status == "RUNNING"
    client.log_metric(run_id, "m", 1.0, timestamp=5, step=2)
    client.log_param(run_id, "p", 3)
    client.log_batch(run_id, [Metric("m", 2.0, 6, 3)], [Param("q", "1")], [RunTag("t", "u")])
    client.log_text(run_id, "hello", "notes/a.txt")
    client.set_terminated(run_id, "FAILED", end_time=2000)
    client.log_metric(run_id, "late", 1.0)
    client.set_tag(run_id, "t", "v")
    run = client.get_run(run_id)
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FAILED", 1000, 2000)
    assert run.data.params == {"p": "3", "q": "1"}
    assert run.data.metrics == {"m": 2.0, "late": 1.0}
    assert (run.data.tags["t"], run.data.tags["mlflow.runName"]) == ("v", "a")
    history = client.get_metric_history(run_id, "m")
    assert history == [Metric("m", 1.0, 5, 2), Metric("m", 2.0, 6, 3)]
    assert [file.path for file in client.list_artifacts(run_id, "notes")] == ["notes/a.txt"]
    assert tracksite.artifacts.load_text(f"runs:/{run_id}/notes/a.txt") == "hello"


def test_tags_of_mlflow_are_the_fields_that_they_name(client, experiment):
    """Parent, name and notes may be given as MLflow's tags, asked for, and filtered by."""
    parent = client.create_run(experiment).info.run_id
    tags = {"mlflow.parentRunId": parent, "mlflow.note.content": "hm", "mlflow.runName": "kid"}
    child = client.create_run(experiment, tags=tags).info.run_id
    client.update_run(parent, name="renamed")
    own = tracksite.get_run(child)
    assert (own.info.parent_run_id, own.info.description, own.info.run_name) == (
        parent,
        "hm",
        "kid",
    )
    assert own.data.tags == {}
    assert client.get_run(child).data.tags == tags
    found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert [run.info.run_id for run in found] == [child]
    assert client.get_parent_run(child).info.run_name == "renamed"


def test_start_run_takes_over_what_a_client_created(client, experiment):
    """Both handles are one run, which ends with the block."""
    run_id = client.create_run(experiment).info.run_id
    client.log_param(run_id, "p", 1)
    with tracksite.start_run(run_id):
        tracksite.log_metric("m", 1)
        client.log_metric(run_id, "m", 2, step=1)
    run = client.get_run(run_id)
    assert (run.info.status, run.data.params, run.data.metrics) == (
        "FINISHED",
        {"p": "1"},
        {"m": 2},
    )


def test_verbs_log_to_the_run_that_is_named(client, experiment):
    """run_id= reaches runs that are active, kept by a client, or long ended."""
    kept = client.create_run(experiment).info.run_id
    with tracksite.start_run(experiment_id=experiment) as active:
        tracksite.log_metrics({"m": 1}, run_id=kept)
        tracksite.log_metric("m", 3, run_id=active.run_id)
    tracksite.log_params({"p": 2}, run_id=active.run_id)
    tracksite.log_metric("n", 4, run_id=active.run_id, synchronous=True)
    assert client.get_run(kept).data.metrics == {"m": 1}
    ended = client.get_run(active.run_id)
    assert (ended.data.metrics, ended.data.params) == ({"m": 3, "n": 4}, {"p": "2"})
    assert ended.info.status == "FINISHED"
    with pytest.raises(NotFoundError):
        tracksite.log_metric("m", 1, run_id="f" * 32)
    with pytest.raises(ArgumentError, match="param 'p'"):
        tracksite.log_params({"p": 9}, run_id=active.run_id)


def test_pages_follow_one_another(client, experiment):
    """Each page begins after the one before; the last one has no token."""
    for number in range(5):
        run = client.create_run(experiment, run_name=str(number))
        client.set_terminated(run.info.run_id)
    names, token = [], None
    for size in (2, 2, 1):
        page = client.search_runs([experiment], max_results=2, page_token=token)
        assert len(page) == size
        names += [run.info.run_name for run in page]
        token = page.token
    assert (names, token) == (["4", "3", "2", "1", "0"], None)
    for wrong in ({"page_token": "x"}, {"max_results": 0}):
        with pytest.raises(ArgumentError):
            client.search_runs([experiment], **wrong)


def test_experiments_are_found_hidden_and_brought_back(client, experiment):
    """A deleted experiment takes its runs along, cannot be made active, and comes back whole."""
    run_id = client.create_run(experiment).info.run_id
    client.set_terminated(run_id)
    client.create_experiment("other")
    assert [one.name for one in client.search_experiments(filter_string="tags.team = 'x'")] == ["e"]
    assert [one.name for one in client.search_experiments(order_by=["name DESC"])] == ["other", "e"]
    client.delete_experiment(experiment)
    assert [one.name for one in client.search_experiments()] == ["other"]
    (gone,) = client.search_experiments(ViewType.DELETED_ONLY)
    assert (gone.name, gone.lifecycle_stage) == ("e", "deleted")
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(StateError, match="is deleted"):
        tracksite.set_experiment("e")
    client.restore_experiment(experiment)
    assert client.get_run(run_id).info.lifecycle_stage == "active"
    client.delete_experiment_tag(experiment, "team")
    assert client.get_experiment(experiment).tags == {}
    for call in (client.restore_experiment, client.delete_experiment):
        with pytest.raises(NotFoundError):
            call("f" * 32)


def test_registered_models(client, experiment):
    """Models and versions are made, tagged, filtered, moved and copied by the client."""
    run_id = client.create_run(experiment).info.run_id
    with tracksite.start_run(run_id) as run:
        uri = tracksite.log_model([1], "model", flavor="cloudpickle").model_uri
    client.create_registered_model("n", tags={"a": "b"})
    with pytest.raises(NotFoundError):
        client.create_model_version("missing", uri)
    for source, where in ((uri, None), ("model", run_id), (f"{run.artifact_dir}/model", run_id)):
        assert client.create_model_version("n", source, where).source == "model"
    assert [one.version for one in client.search_model_versions("name='n'")] == [3, 2, 1]
    newest = client.search_model_versions("name = 'n'", order_by=["version_number DESC"])[0]
    assert (
        client.search_model_versions(f"run_id = '{run_id}' and version_number < 2")[0].version == 1
    )
    client.set_model_version_tag("n", newest.version, "k", "v")
    client.set_registered_model_tag("n", "a", "c")
    client.transition_model_version_stage("n", "3", "Production")
    client.set_registered_model_alias("n", "best", 3)
    assert client.get_model_version_by_alias("n", "best").tags == {"k": "v"}
    assert client.get_registered_model("n").tags == {"a": "c"}
    assert client.get_model_version_download_uri("n", 3) == f"runs:/{run_id}/model"
    assert client.copy_model_version("models:/n@best", "m").version == 1
    assert [one.name for one in client.search_registered_models("name LIKE 'n%'")] == ["n"]
    assert tracksite.pyfunc.load_model("models:/m/1").get_raw_model() == [1]
    client.delete_model_version_tag("n", 3, "k")
    client.delete_registered_model_tag("n", "a")
    assert (client.get_model_version("n", 3).tags, client.get_registered_model("n").tags) == (
        {},
        {},
    )


def test_a_client_has_a_store_of_its_own(tmp_path):
    """A client with a store leaves the chosen one alone, and the functions with it."""
    client = tracksite.MlflowClient(str(tmp_path / "own"))
    run_id = client.create_run(client.create_experiment("e")).info.run_id
    client.set_terminated(run_id)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert tracksite.get_tracking_uri() == "./runs"
    with pytest.raises(NotFoundError):
        tracksite.get_run(run_id)
    with pytest.raises(ArgumentError, match="registry URI"):
        tracksite.MlflowClient("a", "b")
    with pytest.raises(ArgumentError, match="registry URI"):
        tracksite.set_registry_uri("elsewhere")
    tracksite.set_registry_uri("./runs")


def test_a_run_that_nobody_terminated_is_interrupted():
    """What a client logged is kept when its process ends, and the run does not pass as finished."""
    code = (
        "import tracksite; c = tracksite.MlflowClient('runs');"
        "r = c.create_run(c.create_experiment('e')); c.log_metric(r.info.run_id, 'm', 1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (run,) = tracksite.search_runs(experiment_names=["e"], output_format="list")
    assert (run.info.status, run.data.metrics) == ("interrupted", {"m": 1.0})


def test_named_data_sets_and_signatures():
    """mlflow.data and mlflow.models describe what log_input and log_model keep."""
    rows = {"a": [1, 2], "y": [0, 1]}
    named = tracksite.data.from_pandas(rows, source="s", targets="y", name="train set")
    with tracksite.start_run() as run:
        tracksite.log_input(named, "training")
    (row,) = tracksite.get_run(run.run_id).inputs.dataset_inputs
    assert (row["name"], row["source"], row["digest"]) == ("train set", "s", named.digest)
    with pytest.raises(ArgumentError, match="no column 'z'"):
        tracksite.data.from_pandas(rows, targets="z")
    both = tracksite.data.from_numpy([[1.0]], targets=[1])
    assert both.digest != tracksite.data.from_numpy([[1.0]], targets=[2]).digest
    signature = tracksite.models.infer_signature(rows, [1.0, 2.0])
    assert signature.to_dict() == {
        "inputs": {"a": "int64", "y": "int64"},
        "outputs": {"shape": [-1], "dtype": "float64"},
    }


def test_a_batch_is_kept_whole_or_not_at_all(client, experiment):
    """One thing that is refused leaves nothing of what came with it."""
    run_id = client.create_run(experiment).info.run_id
    entities = tracksite.entities
    sound = {
        "metrics": [entities.Metric("loss", 1.0, 1)],
        "params": [entities.Param("lr", "0.1")],
        "tags": [entities.RunTag("team", "a")],
    }
    odd = {
        "metrics": [entities.Metric("loss", "much", 1)],
        "params": [entities.Param("lr", "0.1"), entities.Param("lr", "0.2")],
        "tags": [entities.RunTag("", "a")],
    }
    for kind, items in odd.items():
        with pytest.raises(ArgumentError):
            client.log_batch(run_id, **{**sound, kind: [*sound[kind], *items]})
    with pytest.raises(ArgumentError):
        client.log_inputs(run_id, [{"a": [1]}, object()])
    run = client.get_run(run_id)
    assert (run.data.metrics, run.data.params) == ({}, {})
    assert "team" not in run.data.tags
    assert run.inputs.dataset_inputs == ()
    client.log_batch(run_id, **sound)
    assert client.get_run(run_id).data.params == {"lr": "0.1"}


def test_a_time_that_no_date_can_hold_is_refused_by_every_method(tmp_path):
    """Starts, ends and points are refused at the call, and nothing of them is kept."""
    micros = 1_700_000_000_123_456
    client = tracksite.MlflowClient()
    experiment = client.create_experiment("times")
    with pytest.raises(ArgumentError):
        client.create_run(experiment, start_time=micros)
    run_id = client.create_run(experiment).info.run_id
    points = [tracksite.entities.Metric("loss", 1.0, at) for at in (1, micros)]
    refused = (
        lambda: client.log_metric(run_id, "loss", 1.0, micros),
        lambda: client.log_batch(run_id, points),
        lambda: client.set_terminated(run_id, end_time=micros),
        lambda: tracksite.log_metric("loss", 1.0, timestamp=micros, run_id=run_id),
        lambda: tracksite.log_metrics({"loss": 1.0}, timestamp=micros, run_id=run_id),
        lambda: tracksite.log_series("loss", [1.0], timestamps=[micros], run_id=run_id),
    )
    for call in refused:
        with pytest.raises(ArgumentError):
            call()
    client.set_terminated(run_id)
    assert client.get_metric_history(run_id, "loss") == []
