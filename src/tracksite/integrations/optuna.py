"""Optuna: a study is a run, its trials are the runs nested in it."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeAlias

from tracksite.errors import ArgumentError, NotFoundError, StateError
from tracksite.integrations.runs import (
    Session,
    detached,
    goal_tag,
    log_settings,
    needs,
    say_goal,
    store_of,
)
from tracksite.tracking.fluent import ActiveRun, active_run, start_run
from tracksite.tracking.target import using

with needs("optuna"):
    import optuna
    from optuna.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Result: TypeAlias = float | Sequence[float]
    Objective: TypeAlias = Callable[[optuna.Trial], Result]

RUN_ID = "tracksite.run_id"  # the user attribute by which studies and trials name their runs
INTERMEDIATE = "intermediate_value"
_STATUS = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "killed", TrialState.FAIL: "failed"}


class TracksiteCallback:
    """Log a study and its trials: `study.optimize(…, callbacks=[TracksiteCallback()])`.

    The study's run is the one that is active where the callback is made or first called, else a
    run of its own, which ends with `end()` or the callback; a study that goes on resumes it. Each
    trial is a nested run with params, distributions (tags), values, intermediate values by step
    and its state; pruned trials end as killed. Safe with `n_jobs` threads.
    """

    def __init__(
        self,
        metric_name: str | Sequence[str] | None = None,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        """Take the names to log by.

        Args:
            metric_name: of the objective's value, or one for each of its values; default: the
                study's own metric names, else "value", or "value_0", "value_1", ….
            experiment: of the study's run, where no run is active; default: the active one.
            run_name: of the study's run; default: the study's name.
            tracking_uri: the store of the study's run; default: the chosen one.
        """
        self._names = [metric_name] if isinstance(metric_name, str) else list(metric_name or ())
        self._options = {"experiment": experiment, "run_name": run_name}
        self._uri = tracking_uri
        self._around = active_run()
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the lock: a worker logs to the runs that were begun here."""
        with self._lock:
            return {**self.__dict__, "_sessions": dict(self._sessions), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what another process, or a copy, knew."""
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Log a trial that has ended; Optuna calls this."""
        parent = self._parent(study)
        if RUN_ID not in trial.user_attrs:
            with self._child(parent, study, trial.number) as run:
                if trial.duration is not None:
                    run.log_metric("duration_s", trial.duration.total_seconds())
                self._log(run, study, trial, trial.values, trial.state)
                run.end(_STATUS[trial.state])
        with self._lock:
            self._log_best(parent, study, trial.number)

    def track_in_run(self, objective: Objective | None = None) -> Any:
        """Wrap an objective, so that the trial's run is active while it is computed.

        Use it as `@callback.track_in_run` or `@callback.track_in_run()`, and pass the callback
        to `study.optimize` too, which logs the best trial to the study's run.

        Args:
            objective: takes a trial, returns one value or several.

        Returns:
            The wrapped objective; the decorator where `objective` is None.
        """
        if objective is None:
            return self.track_in_run

        @functools.wraps(objective)
        def tracked(trial: optuna.Trial) -> Result:
            parent = self._parent(trial.study)
            with self._child(parent, trial.study, trial.number) as run:
                trial.set_user_attr(RUN_ID, run.run_id)
                try:
                    result = objective(trial)
                except optuna.TrialPruned:
                    self._log(run, trial.study, _frozen(trial), None, TrialState.PRUNED)
                    run.end(_STATUS[TrialState.PRUNED])
                    raise
                except Exception:
                    self._log(run, trial.study, _frozen(trial), None, TrialState.FAIL)
                    raise
                values = _values(result)
                state = TrialState.COMPLETE if values else TrialState.FAIL
                self._log(run, trial.study, _frozen(trial), values, state)
                run.end(_STATUS[state])
            return result

        return tracked

    def end(self, status: str = "finished") -> None:
        """End the runs of the studies that were started here; again is no error."""
        with self._lock:
            for begun in self._sessions.values():
                begun.end(status)
            self._sessions.clear()

    def _parent(self, study: optuna.Study) -> ActiveRun:
        """Return the run of a study: a known one, the active one, or the one it had before."""
        with self._lock:
            known = self._sessions.get(study.study_name)
            if known is None:
                known = self._sessions[study.study_name] = self._begin(study)
            return known.run

    def _begin(self, study: optuna.Study) -> Session:
        around = self._around or active_run()
        if around is not None and around.info.status == "running":
            found = Session(around, owned=False)
        else:
            found = Session(_resumed(study, self._uri) or self._started(study), owned=True)
            weakref.finalize(self, found.end).atexit = False
        log_settings(found.run, _settings(study))
        with contextlib.suppress(ArgumentError):  # wrong names: the first value says so
            say_goal(found.run, *self._goals(study))
        study.set_user_attr(RUN_ID, found.run.run_id)
        return found

    def _started(self, study: optuna.Study) -> ActiveRun:
        name = self._options["run_name"] or study.study_name
        return detached(self._uri, run_name=name, experiment=self._options["experiment"])

    def _child(self, parent: ActiveRun, study: optuna.Study, number: int) -> ActiveRun:
        tags: dict[str, str] = {}
        with contextlib.suppress(ArgumentError):
            tags = goal_tag(*self._goals(study))
        options: dict[str, Any] = {"parent_run_id": parent.run_id, "nested": True, "tags": tags}
        with using(store_of(parent)):
            return start_run(run_name=f"trial {number}", **options)

    def _goals(self, study: optuna.Study) -> tuple[tuple[str, bool] | None, list[tuple[str, bool]]]:
        """Return the study's value and whether more of it is better; of several none decides."""
        more = [it == optuna.study.StudyDirection.MAXIMIZE for it in study.directions]
        goals = list(zip(self._metrics(study), more, strict=True))
        return (goals[0], []) if len(goals) == 1 else (None, goals)

    def _log(
        self,
        run: ActiveRun,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        values: Sequence[float] | None,
        state: TrialState,
    ) -> None:
        """Log all that Optuna knows of a trial."""
        log_settings(run, trial.params)
        run.set_tags({f"optuna.distribution.{it}": of for it, of in trial.distributions.items()})
        run.set_tags({"optuna.trial": trial.number, "optuna.state": state.name.lower()})
        for step, value in sorted(trial.intermediate_values.items()):
            run.log_metric(INTERMEDIATE, value, step)
        if state is TrialState.COMPLETE and values:
            run.log_metrics(dict(zip(self._metrics(study), values, strict=False)))

    def _metrics(self, study: optuna.Study) -> list[str]:
        count = len(study.directions)
        default = ["value"] if count == 1 else [f"value_{place}" for place in range(count)]
        names = self._names or study.metric_names or default
        if len(names) != count:
            raise ArgumentError(
                f"metric_name names {len(names)} values ({', '.join(names)}) and the study has "
                f"{count}: pass one name for each."
            )
        return list(names)

    def _log_best(self, run: ActiveRun, study: optuna.Study, number: int) -> None:
        """Log the best values so far at the trial's number, and which trials have them."""
        trials = _best(study)
        if not trials:
            return
        names = self._metrics(study)
        for place, (name, direction) in enumerate(zip(names, study.directions, strict=True)):
            of = max if direction == optuna.study.StudyDirection.MAXIMIZE else min
            run.log_metric(f"best_{name}", of(trial.values[place] for trial in trials), number)
        best = {str(trial.number): trial.params for trial in trials}
        run.set_tags(
            {
                "optuna.best_trials": ", ".join(best)[:8000],
                "optuna.best_params": json.dumps(best, default=str)[:8000],
            }
        )


def _best(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the best trial, or the Pareto front where there are several objectives."""
    if len(study.directions) > 1:
        return list(study.best_trials)
    try:
        return [study.best_trial]
    except ValueError:  # none is complete yet
        return []


def _settings(study: optuna.Study) -> dict[str, str]:
    return {
        "study": study.study_name,
        "directions": ", ".join(direction.name.lower() for direction in study.directions),
        "sampler": type(study.sampler).__name__,
        "pruner": type(study.pruner).__name__,
    }


def _resumed(study: optuna.Study, tracking_uri: str | None) -> ActiveRun | None:
    """Resume the run that the study had before, unless another store holds it."""
    before = study.user_attrs.get(RUN_ID)
    if before is None:
        return None
    try:
        return detached(tracking_uri, run_id=before)
    except (ArgumentError, NotFoundError, StateError):
        return None


def _frozen(trial: optuna.Trial) -> optuna.trial.FrozenTrial:
    return trial.study.get_trials(deepcopy=False)[trial.number]


def _values(result: Any) -> list[float] | None:
    """Return what an objective gave as Optuna takes it; None where it fails the trial."""
    try:
        values = [float(one) for one in (result if isinstance(result, list | tuple) else [result])]
    except (TypeError, ValueError):
        return None
    return None if any(math.isnan(value) for value in values) else values
