"""A process that trains: it says each step whose call returned, and may wait to be told to go on.

Its argument is a `Training` as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import tracksite

DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class Training:
    """What to log.

    Attributes:
        store: where.
        name: of the run.
        run_id: the run to go on with; "" for a new one.
        start: the first step.
        count: how many steps.
        wait_after: so many steps wait for a line on stdin; 0: none do.
        artifacts: name → text.
        days_ago: how far the clock is behind.
    """

    store: str
    name: str
    run_id: str = ""
    start: int = 0
    count: int = 2_000
    wait_after: int = 0
    artifacts: dict[str, str] | None = None
    days_ago: int = 0


def value(step: int) -> float:
    """Return what is logged at a step."""
    return step / 7


def train(what: Training) -> None:
    """Log a run."""
    with tracksite.start_run(run_id=what.run_id or None, run_name=what.name or None) as run:
        print("run", run.info.run_id, flush=True)
        if not what.run_id:
            tracksite.log_params({"lr": 0.1})
        for name, text in (what.artifacts or {}).items():
            tracksite.log_text(text, name)
            print("artifact", json.dumps(name), flush=True)
        for step in range(what.start, what.start + what.count):
            tracksite.log_metric("loss", value(step), step=step)
            print("step", step, flush=True)
            if step - what.start + 1 == what.wait_after:
                print("waits", flush=True)
                sys.stdin.readline()


def train_long_ago(what: Training) -> None:
    """Log a run without points with a clock that is behind."""
    now = time.time_ns
    time.time_ns = lambda: now() - what.days_ago * DAY_NS
    run = tracksite.start_run(run_name=what.name)
    print("run", run.info.run_id, flush=True)
    run.end(ended_at=datetime.now(UTC) - timedelta(days=what.days_ago))


def main() -> None:
    """Log what the first argument says, as JSON."""
    what = Training(**json.loads(sys.argv[1]))
    tracksite.set_tracking_uri(what.store)
    tracksite.configure(git_diff=False)
    (train_long_ago if what.days_ago else train)(what)
    print("ended", flush=True)


if __name__ == "__main__":
    main()
