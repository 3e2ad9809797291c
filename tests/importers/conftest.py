"""Sources to import: the stores that each major version of MLflow wrote, and some made by hand.

`mlflow_source`  `mlflow_source(version, kind) -> str`: a copy of a store that MLflow `version`
                 made, as a URI or path; `kind` is "folder" or "database"
`bring`          `bring(uri, store="store", artifacts=()) -> Summary`: an import
`mlruns`         an `mlruns/` folder with one experiment, to which `mlruns.run(...)` adds runs;
                 `mlruns.experiment(...)` adds experiments
"""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from tracksite.importers.known import Present
from tracksite.importers.mlflow.source import MLflowSource, open_reader
from tracksite.importers.writing import bring_in
from tracksite.store.local import open_store

FIXTURES = Path(__file__).parent / "fixtures"
RUN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def mlflow_source(tmp_path):
    """Copy a store of the fixtures."""

    def copy(version, kind):
        target = tmp_path / "source"
        if kind == "folder":
            shutil.copytree(FIXTURES / version / "mlruns", target / "mlruns")
            return str(target / "mlruns")
        shutil.copytree(FIXTURES / version / "mlartifacts", target / "mlartifacts")
        database = sqlite3.connect(target / "mlflow.db")
        database.executescript((FIXTURES / version / "mlflow.sql").read_text(encoding="utf-8"))
        database.close()
        return f"sqlite:///{target / 'mlflow.db'}"

    return copy


@pytest.fixture
def bring():
    """Import into a store of this folder."""

    def bring(uri, store="store", artifacts=()):
        target = open_store(store, create=True)
        present = Present(target)
        reader = open_reader(str(uri), artifacts)
        return bring_in(target, present, MLflowSource(reader, present))

    return bring


@dataclass(frozen=True)
class Mlruns:
    """An `mlruns/` folder."""

    root: Path

    def experiment(self, place, name, **meta):
        """Write an experiment at "1" or ".trash/1"; its id is the last part."""
        folder = self.root / place
        folder.mkdir(parents=True, exist_ok=True)
        stage = "deleted" if place.startswith(".trash") else "active"
        told = {"experiment_id": f"'{folder.name}'", "name": name, "lifecycle_stage": stage, **meta}
        text = "".join(f"{key}: {value}\n" for key, value in told.items())
        (folder / "meta.yaml").write_text(text)

    def run(self, run_id=RUN, meta="", at="1", **files):
        """Write a run: `metrics={"loss": "1 0.5 0"}`, and so `params`, `tags`, `artifacts`."""
        folder = self.root / at / run_id
        folder.mkdir(parents=True)
        text = f"run_id: {run_id}\nstatus: 3\nlifecycle_stage: active\nstart_time: 1000\n{meta}"
        (folder / "meta.yaml").write_text(text)
        for name, contents in files.items():
            for key, content in contents.items():
                file = folder / name / key
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
        return folder


@pytest.fixture
def mlruns(tmp_path):
    """Make an `mlruns/` folder without runs."""
    root = tmp_path / "mlruns"
    (root / "1").mkdir(parents=True)
    (root / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: wine\n")
    return Mlruns(root)
