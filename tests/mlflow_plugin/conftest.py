"""MLflow's two stores side by side."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def clients(tmp_path_factory):
    """A client of MLflow's database store, and one of ours."""
    folder = tmp_path_factory.mktemp("clients")
    uris = f"sqlite:///{folder}/mlflow.db", f"tracksite:{folder}/runs"
    return [MlflowClient(tracking_uri=uri, registry_uri=uri) for uri in uris]
