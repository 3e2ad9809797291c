"""Around the runs: other stores, locations of every form, and what clients ask twice."""

from __future__ import annotations

import tomllib
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException

from tracksite.errors import TracksiteError
from tracksite.mlflow_plugin import LOWEST, model_registry_store, tracking_store
from tracksite.mlflow_plugin.ledger import ledger_of

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own: stages are deprecated


@pytest.fixture
def uri(tmp_path):
    """The URI of a new store, whose open runs are saved before it goes."""
    yield f"tracksite:{tmp_path / 'runs'}"
    ledger_of(tmp_path / "runs").close_all()


@pytest.fixture
def client(uri):
    """A client of it."""
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.mark.parametrize("source", ["models:/{model}", "{place}"])
def test_a_registry_in_another_store_finds_the_models_of_the_runs(client, uri, tmp_path, source):
    """Where the runs are is what the client says, or where MLflow logs at present."""
    run_id = client.create_run("0").info.run_id
    model = client.create_logged_model("0", name="net", source_run_id=run_id)
    place = model.artifact_location
    source = source.format(model=model.model_id, place=place)
    both = MlflowClient(tracking_uri=uri, registry_uri=f"tracksite:{tmp_path / 'one'}")
    both.create_registered_model("grapes")
    made = both.create_model_version("grapes", source, model_id=model.model_id)
    assert made.run_id == run_id
    assert both.get_model_version_download_uri("grapes", "1") == place
    alone = model_registry_store(f"tracksite:{tmp_path / 'two'}")  # as MLflow's server opens it
    alone.create_registered_model("grapes")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        made = alone.create_model_version("grapes", source, model_id=model.model_id)
    finally:
        mlflow.set_tracking_uri(before)
    assert made.run_id == run_id


def test_a_point_of_a_model_that_is_logged_again_is_there_once(client):
    """A client that got no answer sends it again; times are those that it sent."""
    run_id = client.create_run("0").info.run_id
    model_id = client.create_logged_model("0", source_run_id=run_id).model_id
    point = Metric("auc", 0.5, 1_700_000_000_001, 3, model_id=model_id)
    for one in (point, point, Metric("auc", 0.6, 1_700_000_000_001, 3, model_id=model_id)):
        client.log_batch(run_id, [one])
    found = client.get_logged_model(model_id).metrics
    assert sorted((one.value, one.timestamp) for one in found) == [
        (0.5, point.timestamp),
        (0.6, point.timestamp),
    ]


def test_the_beginning_of_time_is_a_time(uri):
    """A run that began at 0 did not begin now."""
    store = tracking_store(uri)
    made = store.create_run("0", "ada", 0, [], "first")
    assert made.info.start_time == 0
    assert store.get_run(made.info.run_id).info.start_time == 0


def test_models_are_ordered_by_a_metric_on_a_digest_alone(client):
    """MLflow's database takes the digest of a data set without its name."""
    run_id = client.create_run("0").info.run_id
    ids = []
    for value in (0.1, 0.3, 0.2):
        ids.append(client.create_logged_model("0", source_run_id=run_id).model_id)
        data = {"dataset_name": "wine", "model_id": ids[-1]}
        for digest, sign in (("d1", 1), ("d2", -1)):
            one = Metric("auc", sign * value, 1000, 0, dataset_digest=digest, **data)
            client.log_batch(run_id, [one])
        client.finalize_logged_model(ids[-1], LoggedModelStatus.READY)
    order = [{"field_name": "metrics.auc", "dataset_digest": "d1", "ascending": False}]
    found = client.search_logged_models(["0"], order_by=order)
    assert [one.model_id for one in found] == [ids[1], ids[2], ids[0]]


def test_what_a_location_asks_and_names_stays_at_its_end(client):
    """A location with a query and a fragment is one: paths are added before them."""
    own = client.create_experiment("e", artifact_location="s3://bucket/base?x=1#part")
    run = client.create_run(own)
    place = f"s3://bucket/base/{run.info.run_id}/artifacts"
    assert run.info.artifact_uri == f"{place}?x=1#part"
    model = client.create_logged_model(own, name="net", source_run_id=run.info.run_id)
    assert model.artifact_location == f"{place}/net?x=1#part"


@pytest.mark.parametrize("root", ["my/files", "./my/files", "file:my/files"])
def test_a_relative_root_of_a_server_is_absolute(uri, tmp_path, monkeypatch, root):
    """Wherever a client works, artifacts are where the server was started."""
    monkeypatch.chdir(tmp_path)
    run = tracking_store(uri, root).create_run("0", "ada", 1, [], "first")
    want = f"{tmp_path}/my/files/{run.info.run_id}/artifacts"
    assert run.info.artifact_uri.removeprefix("file://") == want


def test_a_root_that_is_the_store_s_own_is_no_other(uri, tmp_path, monkeypatch):
    """Said in any form, what is logged there is the store's, and moves with it."""
    monkeypatch.chdir(tmp_path)
    run = tracking_store(uri, "./runs/artifacts").create_run("0", "ada", 1, [], "first")
    assert run.info.artifact_uri == f"{tmp_path}/runs/artifacts/{run.info.run_id}"


def test_a_history_has_what_was_logged_since_it_was_read(client, uri):
    """Points are kept for the next question, and read anew after the next point."""
    run_id = client.create_run("0").info.run_id
    for step in range(3):
        client.log_metric(run_id, "loss", 1.0, step=step)
        assert len(client.get_metric_history(run_id, "loss")) == step + 1
    client.set_terminated(run_id)
    assert len(client.get_metric_history(run_id, "loss")) == 3


def test_a_trace_is_refused_in_words_and_its_run_says_so(client, uri):
    """Clients log traces in the background and go on: the loss is seen where one looks later."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        with mlflow.start_run() as run:
            mlflow.trace(lambda: 1)()
            mlflow.flush_trace_async_logging()
        with pytest.raises(MlflowException, match=r"search_traces.*not supported"):
            mlflow.search_traces()
    finally:
        mlflow.set_tracking_uri(before)
    assert client.get_run(run.info.run_id).data.tags["traces"] == "not kept"


@pytest.mark.parametrize("store", [tracking_store, model_registry_store])
def test_an_mlflow_that_is_too_old_is_told_apart_in_words(uri, monkeypatch, store):
    """One sentence with the version, the lowest one and the command; no error of an import."""
    monkeypatch.setattr("mlflow.version.VERSION", "2.22.1")
    with pytest.raises(TracksiteError, match=r"MLflow 2\.22\.1 .* pip install 'mlflow>=3"):
        store(uri)
    monkeypatch.setattr("mlflow.version.VERSION", "4.0.0.dev0")
    store(uri)


def test_the_lowest_mlflow_is_the_one_that_is_required():
    """What pyproject.toml requires and what the sentence says are one number."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    assert extras["mlflow"] == [f"mlflow-skinny>={'.'.join(map(str, LOWEST))}"]
