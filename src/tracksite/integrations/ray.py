"""Ray Tune: `RunConfig(callbacks=[TracksiteCallback()])`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.integrations.runs import (
    Session,
    detached,
    flat,
    log_numbers,
    log_settings,
    needs,
    session,
    store_of,
)

with needs("ray"):
    from ray.tune.logger import LoggerCallback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray.tune.experiment import Trial

    from tracksite.tracking.fluent import ActiveRun

STEP = "training_iteration"
# What Ray adds to each result, but for the time that it took, says where and when, not how well.
_NOT_METRICS = {
    "config",
    "date",
    "done",
    "experiment_tag",
    "hostname",
    "node_ip",
    "pid",
    "timestamp",
} | {"iterations_since_restore", "should_checkpoint", "time_since_restore", "trial_id", STEP}


class TracksiteCallback(LoggerCallback):
    """Log each trial as a run nested in one run of the experiment, from the driver.

    That run is the active one, else one of its own, which ends with the experiment. Trials have
    their config as params and the numbers that they report as metrics by training iteration.
    """

    def __init__(
        self,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        """Take where to log, if no run is active.

        Args:
            experiment: of a new run.
            run_name: of a new run.
            tracking_uri: the store of the run; default: the chosen one.
        """
        super().__init__()
        self._where = {"experiment": experiment, "run_name": run_name}
        self._where["tracking_uri"] = tracking_uri
        self._session: Session | None = None
        self._trials: dict[str, ActiveRun] = {}

    def log_trial_start(self, trial: Trial) -> None:
        """Start a trial's run; a trial that was paused goes on with it."""
        if self._session is None:
            self._session = session(self, **self._where)
        if trial.trial_id not in self._trials:
            run = detached(
                store_of(self._session.run),
                run_name=f"trial {trial.trial_id}",
                nested=True,
                parent_run_id=self._session.run.run_id,
                tags={"ray.trial_id": trial.trial_id},
            )
            self._trials[trial.trial_id] = run
            log_settings(run, trial.config)

    def log_trial_result(self, iteration: int, trial: Trial, result: Mapping[str, Any]) -> None:
        """Log the numbers that a trial reported."""
        values = flat({key: value for key, value in result.items() if key not in _NOT_METRICS})
        log_numbers(self._trials[trial.trial_id], values, result.get(STEP, 0))

    def log_trial_end(self, trial: Trial, failed: bool = False) -> None:
        """End a trial's run."""
        run = self._trials.pop(trial.trial_id, None)
        if run is not None:
            error = _error(trial) if failed else None
            Session(run, owned=True).end("failed" if failed else "finished", error)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """End what is still open: trials that a scheduler stopped, and the experiment's run."""
        super().on_experiment_end(trials, **info)
        for run in self._trials.values():
            Session(run, owned=True).end("killed")
        self._trials.clear()
        if self._session is not None:
            self._session.end()
            self._session = None


def _error(trial: Trial) -> str | None:
    """Return the traceback that the driver has of a trial, without its colours."""
    file = Path(trial.error_file or "")
    return re.sub(r"\x1b\[[\d;]*m", "", file.read_text()) if file.is_file() else None
