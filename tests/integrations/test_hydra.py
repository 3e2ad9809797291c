"""Hydra: jobs that fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tracksite

pytest.importorskip("hydra")

JOB = """
import hydra, tracksite
from omegaconf import OmegaConf

@hydra.main(version_base=None, config_path=".", config_name="config")
def train(config):
    tracksite.log_metric("loss", 1.0)
    raise RuntimeError("no convergence")

train()
"""
CONFIG = """
lr: 0.1
hub: {token: plain7word}
double: ${lr}
hydra:
  callbacks:
    tracksite:
      _target_: tracksite.integrations.hydra.TracksiteCallback
      run_name: mine
"""


def test_a_job_that_fails_is_a_failed_run(tmp_path):
    """The run of a job that raises has failed, with the job's traceback and its metrics."""
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "config.yaml").write_text(CONFIG)
    done = subprocess.run([sys.executable, "job.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (run,) = tracksite.search_runs(search_all_experiments=True, output_format="list")
    assert (run.info.run_name, run.info.status) == ("mine", "failed")
    assert "RuntimeError: no convergence" in run.info.error
    assert run.data.params == {"lr": "0.1", "double": "0.1", "hub/token": "***"}
    kept = tracksite.artifacts.load_text(f"runs:/{run.info.run_id}/config.yaml")
    assert "plain7word" not in kept
    assert run.data.metrics == {"loss": 1.0}
