"""MLflow's autolog, which swallows what a store raises, leaves in ours all that SQLite has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "autolog.py"


def _found(uri, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", SCRIPT, uri, "found.json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"MPLBACKEND": "agg"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text())


def test_autolog_is_read_back_as_from_mlflows_store(tmp_path):
    """Params, metrics, data sets, child runs, logged models and the registered one are equal."""
    expected, found = (_found(uri, tmp_path) for uri in ("sqlite:///mlflow.db", "tracksite:runs"))
    assert found == expected
    assert len(found["runs"]) == 3
    assert found["models"]
