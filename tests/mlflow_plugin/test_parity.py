"""MLflow's clients get the same answers from a store as from MLflow's own database store."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.mlflow_plugin.parity import OPERATIONS, Side, call

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own: stages are deprecated
LONG = int(os.environ.get("TRACKSITE_LONG", "1"))
NUMBER = st.integers(0, 29)
BEGIN = [("create_experiment", (0, 1, 0)), ("create_run", (0, 1, 1)), ("create_run", (0, 2, 2))]
MODEL = [("create_registered_model", (0, 1, 1)), ("create_model_version", (0, 0, 1))]
LOGGED = [("create_logged_model", (0, 0, 1))]
CALLS = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), st.tuples(NUMBER, NUMBER, NUMBER)),
    min_size=10,
    max_size=40,
)
_examples = itertools.count()


@pytest.fixture(scope="module")
def uris(tmp_path_factory):
    """The URIs of MLflow's database store and of ours."""
    folder = tmp_path_factory.mktemp("parity")
    return f"sqlite:///{folder}/mlflow.db", f"tracksite:{folder}/runs"


@settings(
    max_examples=12 * LONG,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(calls=CALLS, start=st.sampled_from([BEGIN, BEGIN + MODEL, BEGIN + LOGGED, []]))
def test_every_call_is_answered_alike(uris, calls, start):
    """Any sequence of client calls gets equal answers, and equal errors."""
    prefix = f"x{next(_examples)}"
    theirs, ours = (Side(uri, prefix) for uri in uris)
    for name, numbers in [*start, *calls]:
        note(f"{name}{numbers}")
        expected, found = call(theirs, name, numbers), call(ours, name, numbers)
        assert found == expected, f"{name}{numbers}"
