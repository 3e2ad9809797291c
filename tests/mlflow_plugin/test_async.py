"""What is logged asynchronously through MLflow is all there once MLflow says that it is."""

from __future__ import annotations

import math

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.filterwarnings("ignore")
POINTS = 2_500  # more than MLflow sends in one batch


@pytest.fixture
def uri(tmp_path):
    """A new store, which MLflow's module logs into."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"tracksite:{tmp_path / 'runs'}")
    yield mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(before)


def test_every_asynchronous_call_is_read_back(uri):
    """Each point, param and tag is there after mlflow.flush_async_logging(), for any reader."""
    with mlflow.start_run() as run:
        for step in range(POINTS):
            mlflow.log_metric("loss", 1 / (step + 1), step=step, synchronous=False)
        mlflow.log_metrics({"a": math.nan, "b": -math.inf}, step=3, synchronous=False)
        mlflow.log_param("lr", 0.1, synchronous=False)
        mlflow.log_params({f"p{n}": n for n in range(150)}, synchronous=False)
        mlflow.set_tag("team", "x", synchronous=False)
        mlflow.set_tags({"t": 1, "mlflow.note.content": "note"}, synchronous=False)
        mlflow.flush_async_logging()
        client = MlflowClient(uri)
        found = client.get_metric_history(run.info.run_id, "loss")
        assert [(one.step, one.value) for one in found] == [
            (step, 1 / (step + 1)) for step in range(POINTS)
        ]
    data = client.get_run(run.info.run_id).data
    assert math.isnan(data.metrics["a"])
    assert (data.metrics["loss"], data.metrics["b"]) == (1 / POINTS, -math.inf)
    assert data.params == {"lr": "0.1", **{f"p{n}": str(n) for n in range(150)}}
    assert {key: data.tags[key] for key in ("team", "t", "mlflow.note.content")} == {
        "team": "x",
        "t": "1",
        "mlflow.note.content": "note",
    }


def test_run_that_ends_has_what_was_not_flushed(uri):
    """The end of a run waits for what was logged asynchronously."""
    with mlflow.start_run() as run:
        for step in range(300):
            mlflow.log_metric("m", step, step=step, synchronous=False)
    mlflow.flush_async_logging()
    found = MlflowClient(uri).get_metric_history(run.info.run_id, "m")
    assert [one.value for one in found] == list(range(300))


def test_asynchronous_batches_answer_as_mlflows(clients):
    """log_batch(synchronous=False) is waited for by its answer; what is refused says so there."""
    answers = []
    for client in clients:
        run_id = client.create_run("0").info.run_id
        points = [Metric("m", float(n), n, n) for n in range(1000)]
        client.log_batch(run_id, points, synchronous=False).wait()
        client.log_batch(
            run_id, params=[Param("p", "1")], tags=[RunTag("t", "2")], synchronous=False
        ).wait()
        with pytest.raises(MlflowException) as caught:
            client.log_batch(run_id, params=[Param("p", "2")], synchronous=False).wait()
        data = client.get_run(run_id).data
        history = [one.value for one in client.get_metric_history(run_id, "m")]
        said = (caught.value.error_code, caught.value.message.replace(run_id, "<run>"))
        answers.append((said, data.params, data.metrics, data.tags["t"], history))
    assert answers[1] == answers[0]
    assert answers[1][4] == list(range(1000))
