"""The trackers that are measured side by side: how each starts a run, logs, and makes it safe.

Each adapter takes a folder, prepares what the tool needs once per process, and returns a function
that starts a run. Nothing of a tool is imported before that.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Start = Callable[[], "Run"]


@dataclass(frozen=True)
class Run:
    """A started run, as the calls that a training script would make.

    Attributes:
        one: logs one metric: key, value, step.
        many: logs several metrics of one step: {key: value}, step.
        params: logs params: {key: value}.
        safe: the strongest call that the tool has to bring what was logged to disk.
        finish: ends the run; where it is `safe` itself, it is called once.
    """

    one: Callable[[str, float, int], object]
    many: Callable[[Mapping[str, float], int], object]
    params: Callable[[Mapping[str, Any]], object]
    safe: Callable[[], object]
    finish: Callable[[], object]


def tracksite(folder: Path) -> Start:
    """Ours, through the run's handle."""
    import tracksite as ours

    ours.set_tracking_uri(folder / "runs")

    def start() -> Run:
        run = ours.start_run()
        return Run(run.log_metric, run.log_metrics, run.log_params, run.flush, ours.end_run)

    return start


def json_lines(folder: Path) -> Start:
    """A text file per run; each call writes a line and flushes it to the kernel."""
    numbers = count()

    def start() -> Run:
        file = (folder / f"{next(numbers)}.jsonl").open("w")

        def write(row: Mapping[str, Any]) -> None:
            file.write(json.dumps(row) + "\n")
            file.flush()

        return _lines(write, file.flush, file.close)

    return start


def write_2(folder: Path) -> Start:
    """A file per run; each call is one `write(2)` of a line."""
    numbers = count()

    def start() -> Run:
        path = folder / f"{next(numbers)}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def write(row: Mapping[str, Any]) -> None:
            os.write(file, json.dumps(row).encode() + b"\n")

        return _lines(write, lambda: None, lambda: os.close(file))

    return start


def _lines(
    write: Callable[[Mapping[str, Any]], object],
    safe: Callable[[], object],
    finish: Callable[[], object],
) -> Run:
    return Run(
        one=lambda key, value, step: write({"key": key, "value": value, "step": step, **_now()}),
        many=lambda values, step: write({**values, "step": step, **_now()}),
        params=lambda params: write({"params": dict(params)}),
        safe=safe,
        finish=finish,
    )


def _now() -> dict[str, int]:
    return {"time": time.time_ns() // 1000}


def tensorboard_x(folder: Path) -> Start:
    """An event file per run; ten metrics are ten calls, because it has no call for several."""
    from tensorboardX import SummaryWriter

    numbers = count()

    def start() -> Run:
        writer = SummaryWriter(str(folder / "events" / str(next(numbers))))

        def many(values: Mapping[str, float], step: int) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        def params(values: Mapping[str, Any]) -> None:
            writer.add_text("params", json.dumps(dict(values)))

        return Run(writer.add_scalar, many, params, writer.close, writer.close)

    return start


def mlflow_sqlite(folder: Path) -> Start:
    """MLflow's default store; `log_metric` commits a transaction, so nothing is left to do."""
    return _mlflow(f"sqlite:///{folder / 'mlflow.db'}", folder, committed=True)


def mlflow_files(folder: Path) -> Start:
    """MLflow's file store: a text file per metric."""
    return _mlflow((folder / "mlruns").as_uri(), folder, committed=False)


def _mlflow(uri: str, folder: Path, *, committed: bool) -> Start:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.create_experiment("benchmark", (folder / "artifacts").as_uri())
    mlflow.set_experiment("benchmark")

    def start() -> Run:
        mlflow.start_run()
        safe = (lambda: None) if committed else mlflow.end_run
        many, params = mlflow.log_metrics, mlflow.log_params
        return Run(mlflow.log_metric, many, params, safe, mlflow.end_run)

    return start


def wandb_offline(folder: Path) -> Start:
    """W&B without its server: a process of its own writes one file per run."""
    import wandb

    def start() -> Run:
        run = wandb.init(project="benchmark", dir=str(folder), mode="offline")
        return Run(
            one=lambda key, value, step: run.log({key: value}, step=step),
            many=lambda values, step: run.log(dict(values), step=step),
            params=run.config.update,
            safe=run.finish,
            finish=run.finish,
        )

    return start


def trackio_local(folder: Path) -> Start:
    """A SQLite file per project, which a thread writes twice a second; `folder` is its home."""
    import trackio

    os.chdir(folder)

    def start() -> Run:
        run = trackio.init(project="benchmark", embed=False)
        return Run(
            one=lambda key, value, step: trackio.log({key: value}, step=step),
            many=lambda values, step: trackio.log(dict(values), step=step),
            params=run.config.update,
            safe=trackio.finish,
            finish=trackio.finish,
        )

    return start


@dataclass(frozen=True)
class Tool:
    """A tracker.

    Attributes:
        name: in the table.
        begin: its adapter.
        count: how many points a reader of its files finds in a folder; None if nothing reads it.
        safe_by: the call that `Run.safe` is.
        package: what must be installed for it.
    """

    name: str
    begin: Callable[[Path], Start]
    count: Callable[[Path], int]
    safe_by: str
    package: str = ""


OURS = Tool("tracksite", tracksite, kept.tracksite, "flush")
TOOLS = (
    OURS,
    Tool("JSON lines", json_lines, kept.json_lines, "flush"),
    Tool("write(2)", write_2, kept.json_lines, "write"),
    Tool("tensorboardX", tensorboard_x, kept.events, "close", "tensorboardX"),
    Tool("MLflow SQLite", mlflow_sqlite, kept.mlflow_sqlite, "log_metric", "mlflow"),
    Tool("MLflow files", mlflow_files, kept.mlflow_files, "end_run", "mlflow"),
    Tool("W&B offline", wandb_offline, kept.wandb, "finish", "wandb"),
    Tool("trackio", trackio_local, kept.trackio, "finish", "trackio"),
)
