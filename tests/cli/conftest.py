"""A small store, and a way to run the command on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tracksite.cli.app import app
from tracksite.store.ids import model_id
from tracksite.store.local import open_store

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = {
    "baseline": "0190c2f4000070008000000000000001",
    "wider": "0190c2f4000070008000000000000002",
    "diverged": "0190c2f5000070008000000000000003",
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Make a store `runs` with three runs, of which one is failed, and a model."""
    made = open_store(tmp_path / "runs", create=True)
    for number, (name, run_id) in enumerate(RUNS.items()):
        writer = made.open_writer(run_id)
        writer.patch(
            experiment="digits",
            name=name,
            status="failed" if name == "diverged" else "finished",
            started_at=STARTED + timedelta(hours=number),
            ended_at=STARTED + timedelta(hours=number, seconds=30),
            params={"lr": f"0.{number}1", "depth": "3"},
            tags={"team": "vision"},
            environment={"python": "3.11"},
            git_commit=f"{number}" * 40,
        )
        for step in range(5):
            value = float("nan") if name == "diverged" else 0.9 + number / 100
            writer.point("f1", value, step, 1_767_225_600_000_000 + step)
        writer.close()
    made.write_patch(model_id("reader"), "model", {"name": "reader", "aliases": {"champion": "1"}})
    made.write_patch(
        "0190c2f6000070008000000000000009",
        "model_version",
        {
            "name": "reader",
            "version": 1,
            "stage": "Production",
            "source_run_id": RUNS["wider"],
            "source_path": "model",
        },
    )
    return made.root


@pytest.fixture
def tracksite() -> Callable[..., Result]:
    """Run the command with these arguments; `.stdout`, `.stderr` and `.exit_code` tell the rest."""

    def run(*arguments: object, **options: object) -> Result:
        result = CliRunner().invoke(
            app, list(map(str, arguments)), prog_name="tracksite", **options
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
