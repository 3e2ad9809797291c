"""A machine that only trains: tracksite without any library that it reads with."""

from __future__ import annotations

import os
import subprocess
import textwrap
import venv
from pathlib import Path

import pytest

import tracksite
from tests.faults.looks import look, steps
from tests.store.answers import as_found, text_of
from tests.store.test_writer import one_run
from tracksite.errors import StoreError
from tracksite.store import leaving, reading, syncing, system
from tracksite.store import writer as writing
from tracksite.store.ids import new_run_id
from tracksite.store.recovery import recover

SOURCE = Path(tracksite.__file__).parents[1]


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """Return a Python that has nothing installed but tracksite."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    package = folder / "only"
    package.mkdir()
    (package / "tracksite").symlink_to(SOURCE / "tracksite")
    return folder


def run(bare: Path, script: str) -> str:
    """Return what a script warns of that has tracksite alone."""
    python = bare / ("Scripts/python.exe" if system.WINDOWS else "bin/python")
    done = subprocess.run(
        [python, "-c", textwrap.dedent(script)],
        env={"PYTHONPATH": str(bare / "only")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


LOGS = """
import importlib.util
import tracksite

for name in ("numpy", "pyarrow", "polars"):
    assert importlib.util.find_spec(name) is None
tracksite.set_tracking_uri({root!r})
for name in ("first", "second"):
    with tracksite.start_run(run_name=name, tags={{"a": "b"}}):
        tracksite.log_params({{"lr": 0.1}})
        tracksite.log_text("some text", "notes.txt")
        for step in range(3000):
            tracksite.log_metric("loss", step / 7, step)
        tracksite.log_series("acc", [0.5, 0.75], steps=[3, 4])
        tracksite.flush()
"""


def test_runs_that_were_logged_without_libraries_are_whole(bare, tmp_path):
    """They ended as they should, one warning says what is left, and the next reader sees all."""
    root = tmp_path / "runs"
    said = run(bare, LOGS.format(root=str(root)))
    assert said.count("RuntimeWarning") == 1
    assert "runs are only logged here" in said
    assert not list((root / "log").iterdir())
    assert not reading.open_logs(root)
    found = look(root)
    assert not found.problems
    assert {state["status"] for state in found.states.values()} == {"finished"}
    assert {len(points) for points in as_found(root).points.values()} == {3002}
    before = text_of(as_found(root))
    assert len(recover(root, now=0)) == 2
    assert len(list((root / "log").iterdir())) == 4
    assert recover(root, now=0, grace_s=0) == []
    assert not list((root / "live").iterdir())
    assert text_of(as_found(root)) == before


def test_a_run_beside_dead_ones_is_logged_without_libraries(bare, tmp_path):
    """What dead processes left waits for somebody who can save it, without a word."""
    root = tmp_path / "runs"
    killed = LOGS.format(root=str(root)) + "\ntracksite.start_run(); import os; os._exit(0)\n"
    run(bare, killed)
    said = run(bare, LOGS.format(root=str(root)) + "\nimport time; time.sleep(1.5)\n")
    assert said.count("RuntimeWarning") == 1
    statuses = [state["status"] for state in look(root).states.values()]
    assert sorted(statuses) == ["finished"] * 4 + ["interrupted"]


def test_an_end_on_a_full_disk_without_libraries_is_an_error(store, monkeypatch):
    """What is only in memory cannot be left to anybody: the end says so, and it is saved later."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_syncer", syncing.Syncer())
    monkeypatch.setattr(
        leaving, "save_segment", lambda *_: (_ for _ in ()).throw(ImportError("no pyarrow"))
    )
    syncing._warned.clear()
    with monkeypatch.context() as patched:
        patched.setattr(system, "reserve", refuse)
        with pytest.warns(RuntimeWarning, match="waits in memory"):
            writer = store.open_writer(new_run_id())
        writer.patch(status="finished")
        for step in range(100):
            writer.point("loss", step / 7, step, step)
        with pytest.raises(StoreError, match="make room"):
            writer.close()
    with pytest.warns(RuntimeWarning, match="only logged here"):
        writer.sync()
    assert one_run(store)["status"] == "finished"
    assert look(store.root).points[writer.run_id] == steps(100)
