"""Which runs could be made again, and what the others lack."""

from __future__ import annotations

import pytest

from tests.query.made import frame_of, patch
from tracksite.analysis.reproduce import share, verdicts

INPUT = dict.fromkeys(("name", "context", "source", "digest", "schema", "rows"))
DATA = {**INPUT, "name": "iris", "digest": "ab12"}
PYTHON = {"key": "python", "text": "3.11"}
PACKAGE = {"key": "package:numpy", "text": "2.0"}
WHOLE = {
    "git_commit": "0" * 40,
    "git_dirty": False,
    "command": "python train.py",
    "environment": [PYTHON, PACKAGE],
    "inputs": [DATA],
}


def test_whole_run():
    """A run with clean commit, command, Python, packages and data digests lacks nothing."""
    assert verdicts(frame_of(patch("a", **WHOLE))).rows() == [("a", True, [])]


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"git_commit": None}, "the commit"),
        ({"git_dirty": True}, "a clean working tree"),
        ({"git_dirty": None}, "whether the code was changed"),
        ({"command": None}, "the command line"),
        ({"environment": [PACKAGE]}, "the Python version"),
        ({"environment": [PYTHON]}, "the versions of its packages"),
        ({"inputs": []}, "its data set"),
        ({"inputs": [DATA, {**DATA, "name": "b", "digest": None}]}, "the digest of a data set"),
    ],
)
def test_each_lack(change, lacks):
    """Each thing that is missing is named, and it alone."""
    row = verdicts(frame_of(patch("a", **(WHOLE | change)))).row(0, named=True)
    assert row["reproducible"] is False
    assert len(row["missing"]) == 1
    assert row["missing"][0].startswith(lacks)


def test_bare_run():
    """A run of which nothing is known lacks everything but what it has no reason to have."""
    assert len(verdicts(frame_of(patch("a")))["missing"][0]) == 5


def test_share():
    """The share counts whole runs; without runs there is none."""
    runs = frame_of(patch("a", **WHOLE), patch("b"), patch("c"), patch("d", **WHOLE))
    assert share(runs) == 0.5
    assert verdicts(runs)["run_id"].to_list() == list("abcd")
    assert share(runs.clear()) is None
    assert verdicts(runs.clear()).is_empty()
