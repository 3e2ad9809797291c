"""How tests are shared out among processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers import TOGETHER, unit

ROOT = Path(__file__).parents[1]
INNER = """
import os, time, pathlib, pytest

@pytest.mark.parametrize("number", range(6))
def test_inner(number):
    with pathlib.Path({told!r}).open("a") as told:
        told.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
    time.sleep(0.05)
"""


@pytest.mark.parametrize("place", TOGETHER)
def test_tests_that_share_what_is_dear_are_one_unit(place):
    """Each place is there, and all of its tests are one unit; any other test is its own."""
    assert (ROOT / place).exists()
    assert unit(f"{place}test_a.py::test_a[1]") == unit(f"{place}test_a.py::test_b") == place
    assert unit("tests/query/test_goal.py::test_a") == "tests/query/test_goal.py::test_a"


def test_a_unit_is_run_by_one_process(tmp_path):
    """Of two processes one runs all that belongs together."""
    told = {}
    for place in ("tests/demo", "tests/other"):
        told[place] = tmp_path / place.replace("/", "-")
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "test_inner.py").write_text(INNER.format(told=str(told[place])))
    command = [sys.executable, "-m", "pytest", "-n", "2", "--rootdir", tmp_path, "-q"]
    command += ["-p", "tests.workers", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml"]
    done = subprocess.run(
        [*command, tmp_path / "tests"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    assert len(set(told["tests/demo"].read_text().split())) == 1
