"""The limits that MLflow states are ours: what just fits is read back, what does not is refused."""

from __future__ import annotations

import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.filterwarnings("ignore")


def _metrics(count, key="m"):
    return [Metric(f"{key}{n}", float(n), 1, 0) for n in range(count)]


def _params(count):
    return [Param(f"p{n}", str(n)) for n in range(count)]


def _tags(count):
    return [RunTag(f"t{n}", str(n)) for n in range(count)]


CALLS = {
    "metric key of 250": lambda c, r: c.log_metric(r, "k" * 250, 1, 1, 0),
    "metric key of 251": lambda c, r: c.log_metric(r, "k" * 251, 1, 1, 0),
    "param key of 250": lambda c, r: c.log_param(r, "k" * 250, 1),
    "param key of 251": lambda c, r: c.log_param(r, "k" * 251, 1),
    "param of 6,000": lambda c, r: c.log_param(r, "p", "v" * 6000),
    "param of 6,001": lambda c, r: c.log_param(r, "p", "v" * 6001),
    "tag key of 250": lambda c, r: c.set_tag(r, "k" * 250, 1),
    "tag key of 251": lambda c, r: c.set_tag(r, "k" * 251, 1),
    "tag of 8,000": lambda c, r: c.set_tag(r, "t", "v" * 8000),
    "tag of 8,001": lambda c, r: c.set_tag(r, "t", "v" * 8001),
    "metric that is no number": lambda c, r: c.log_metric(r, "m", "x", 1, 0),
    "metric that is nothing": lambda c, r: c.log_batch(r, [Metric("m", None, 1, 0)]),
    "metric without a time": lambda c, r: c.log_batch(r, [Metric("m", 1.0, None, 0)]),
    "step that is no number": lambda c, r: c.log_metric(r, "m", 1, 1, "x"),
    "time before 1970": lambda c, r: c.log_metric(r, "m", 1, -1, 0),
    "batch of 1,000 metrics": lambda c, r: c.log_batch(r, _metrics(1000)),
    "batch of 1,001 metrics": lambda c, r: c.log_batch(r, _metrics(1001)),
    "batch of 100 params": lambda c, r: c.log_batch(r, params=_params(100)),
    "batch of 101 params": lambda c, r: c.log_batch(r, params=_params(101)),
    "batch of 100 tags": lambda c, r: c.log_batch(r, tags=_tags(100)),
    "batch of 101 tags": lambda c, r: c.log_batch(r, tags=_tags(101)),
    "batch of 1,000 in all": lambda c, r: c.log_batch(r, _metrics(800), _params(100), _tags(100)),
    "batch of 1,001 in all": lambda c, r: c.log_batch(r, _metrics(801), _params(100), _tags(100)),
    "batch with one bad key": lambda c, r: c.log_batch(r, _metrics(2), _params(2), [RunTag("", 1)]),
    "batch with a param twice": lambda c, r: c.log_batch(
        r, _metrics(1), [Param("p", "1"), Param("p", "2")]
    ),
    "run id that is none": lambda c, _: c.log_batch("../x", _metrics(1)),
    "name of an experiment of 501": lambda c, _: c.create_experiment("e" * 501),
    "tag of an experiment of 5,001": lambda c, _: c.set_experiment_tag("0", "t", "v" * 5001),
    "name of a model with a slash": lambda c, _: c.create_registered_model("a/b"),
    "tag of a model of 100,001": lambda c, _: c.create_registered_model("M", {"t": "v" * 100_001}),
}


@pytest.mark.parametrize("truncates", ["true", "false"])
def test_limits_are_those_of_mlflow(clients, monkeypatch, truncates):
    """Both stores take the same, keep the same of it, and refuse in the same words."""
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", truncates)
    for name, call in CALLS.items():
        expected, found = (_answer(client, call) for client in clients)
        assert found == expected, name


def _answer(client, call):
    run_id = client.create_run("0", run_name="r").info.run_id
    said = None
    try:
        call(client, run_id)
    except MlflowException as error:
        said = error.error_code, error.message.replace(run_id, "<run>")
    data = client.get_run(run_id).data
    return said, data.params, data.metrics, data.tags
