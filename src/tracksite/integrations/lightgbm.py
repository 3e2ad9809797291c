"""LightGBM: a callback for `lightgbm.train`, `lightgbm.cv` and the scikit-learn classes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from tracksite.integrations.runs import (
    UNFINISHED,
    Session,
    Untracked,
    log_importance,
    log_model,
    log_settings,
    needs,
    note,
    say_goal,
    session,
)

with needs("lightgbm"):
    import lightgbm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lightgbm.callback import CallbackEnv


class TracksiteCallback(Untracked):
    """Log params, metrics of each data set by iteration, best iteration, importance and model.

    Metrics are `<data set>/<metric>`; what `lightgbm.cv` gives, with `/std` for its deviation.
    LightGBM tells no callback that early stopping has ended the training: then the result is
    logged, and a run that was started here ends, by `finish()`, or once nobody holds the
    callback any more, so that `callbacks=[TracksiteCallback(), …]` needs nothing further.
    """

    order = 20  # before lightgbm.early_stopping (30), which ends the iteration by an exception
    before_iteration = False
    _of_a_run = ("_session", "_finish")

    def __init__(
        self,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tracking_uri: str | None = None,
        importance_type: str = "gain",
        log_model: bool = True,
    ) -> None:
        """Take where to log, if no run is active, and what.

        Args:
            experiment: of a new run.
            run_name: of a new run.
            run_id: of a run to resume.
            tracking_uri: the store of the run; default: the chosen one.
            importance_type: "gain" or "split".
            log_model: whether the trained booster is logged as a model.
        """
        self._where = {"experiment": experiment, "run_name": run_name, "run_id": run_id}
        self._where["tracking_uri"] = tracking_uri
        self._what: dict[str, Any] = {"importance_type": importance_type, "with_model": log_model}
        self._seen: dict[str, bool] = {}
        self._session: Session | None = None
        self._finish: Callable[[], None] | None = None

    def __call__(self, env: CallbackEnv) -> None:
        """Log one iteration; LightGBM calls this."""
        run = self._begun(env).run
        for name, metric, value, _, *deviation in env.evaluation_result_list or ():
            run.log_metric(f"{name}/{metric}", value, env.iteration)
            if deviation and deviation[0] is not None:
                run.log_metric(f"{name}/{metric}/std", deviation[0], env.iteration)
        self._seen["end"] = env.iteration + 1 == env.end_iteration

    def finish(self) -> None:
        """Log what the training led to, and end a run that was started here; again is no error."""
        if self._finish is not None:
            self._finish()

    def _begun(self, env: CallbackEnv) -> Session:
        if self._session is not None and env.iteration > env.begin_iteration:
            return self._session
        self.finish()
        self._session, self._seen = session(self, **self._where), {}
        self._finish = weakref.finalize(
            self, _finish, self._session, env.model, self._seen, **self._what
        )
        log_settings(self._session.run, env.params)
        say_goal(self._session.run, *_goals(env))
        return self._session


def _goals(env: CallbackEnv) -> tuple[tuple[str, bool] | None, list[tuple[str, bool]]]:
    """Return the one metric on data that is held out, if there is one, and the way of all others.

    LightGBM knows of each metric whether more of it is better, but reckons its own r2 among the
    losses; of several metrics it prefers none.
    """
    training = getattr(env.model, "_train_data_name", "train")
    results = env.evaluation_result_list or ()
    found = [(it[0], f"{it[0]}/{it[1]}", bool(it[3]) or it[1] == "r2") for it in results]
    held = [(key, more) for name, key, more in found if name != training]
    rest = [(key, more) for name, key, more in found if name == training]
    return (held[0], rest) if len(held) == 1 else (None, [*held, *rest])


def _finish(
    begun: Session,
    model: Any,
    seen: Mapping[str, bool],
    *,
    importance_type: str,
    with_model: bool,
) -> None:
    """Log the result of a training that came to its end; any other has failed."""
    if begun.run.info.status != "running":
        return note(
            f"run {begun.run.run_id} ended before LightGBM's result was logged: "
            "call the callback's finish() inside the run."
        )
    if not seen.get("end") and model.best_iteration <= 0:
        return begun.end("failed", UNFINISHED)
    if model.best_iteration > 0:
        begun.run.log_metric("best_iteration", model.best_iteration)
    if isinstance(model, lightgbm.Booster):
        scores = model.feature_importance(importance_type).tolist()
        log_importance(begun.run, dict(zip(model.feature_name(), scores, strict=True)))
        if with_model:
            log_model(begun.run, model)
    return begun.end()
