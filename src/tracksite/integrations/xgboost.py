"""XGBoost: a callback for `xgboost.train`, `xgboost.cv` and the scikit-learn classes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from tracksite.integrations.runs import (
    Session,
    Untracked,
    log_importance,
    log_model,
    log_settings,
    needs,
    say_goal,
    session,
    short,
)

with needs("xgboost"):
    import xgboost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class TracksiteCallback(Untracked, xgboost.callback.TrainingCallback):
    """Log params, metrics of each data set by iteration, best iteration, importance and model.

    Metrics are `<data set>/<metric>`; what `xgboost.cv` gives, with `/std` for its deviation.
    """

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
            importance_type: "gain", "weight", "cover", "total_gain" or "total_cover".
            log_model: whether the trained booster is logged as a model.
        """
        super().__init__()
        self._where = {"experiment": experiment, "run_name": run_name, "run_id": run_id}
        self._where["tracking_uri"] = tracking_uri
        self._importance_type = importance_type
        self._log_model = log_model
        self._session: Session | None = None
        self._evals: Mapping[str, Any] = {}

    def before_training(self, model: Any) -> Any:
        """Begin to log, with the params as XGBoost understood them."""
        self._session = session(self, **self._where)
        config = json.loads(_booster(model).save_config())
        log_settings(self._session.run, dict(_params(config["learner"])))
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        """Log the newest value of each metric; never stops the training."""
        run, self._evals = self._begun().run, evals_log
        for name, metrics in evals_log.items():
            for metric, history in metrics.items():
                value, *deviation = history[-1] if isinstance(history[-1], tuple) else history[-1:]
                run.log_metric(f"{name}/{metric}", value, epoch)
                for one in deviation:
                    run.log_metric(f"{name}/{metric}/std", one, epoch)
        return False

    def after_training(self, model: Any) -> Any:
        """Log what the training led to and end a run that was started here."""
        begun = self._begun()
        for key in ("best_iteration", "best_score"):
            text = _booster(model).attr(key)
            if text is not None:  # early stopping was used
                begun.run.log_metric(key, float(text))
        score = _booster(model).attr("best_score")
        goal = _stopped_by(self._evals, float(score)) if score is not None else None
        self._evals = {}
        if goal is not None:
            say_goal(begun.run, goal)
        if isinstance(model, xgboost.Booster):
            self._log_booster(begun, model)
        begun.end()
        return model

    def _log_booster(self, begun: Session, booster: xgboost.Booster) -> None:
        scores = booster.get_score(importance_type=self._importance_type)
        log_importance(begun.run, scores)
        if self._log_model:
            log_model(begun.run, booster)

    def _begun(self) -> Session:
        if self._session is None:  # a framework that never called before_training
            self._session = session(self, **self._where)
        return self._session


def _stopped_by(evals: Mapping[str, Any], best: float) -> tuple[str, bool] | None:
    """Return the metric that early stopping went by, and whether more of it is better.

    XGBoost tells the best score alone. It goes by the last metric of the last data set unless told
    otherwise, and the best is better than most: above the mean, or below it.
    """
    for name, metrics in reversed(list(evals.items())):
        for metric, history in reversed(list(metrics.items())):
            values = [one[0] if isinstance(one, tuple) else one for one in history]
            mean = sum(values) / len(values)
            if best in values and mean != best and math.isfinite(mean):
                return f"{name}/{metric}", best > mean
    return None


def _booster(model: Any) -> xgboost.Booster:
    """Return the booster, or the first fold's in cross-validation."""
    return model if isinstance(model, xgboost.Booster) else model.cvfolds[0].bst


def _params(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the training params of a booster's configuration, without the groups they are in."""
    for key, value in config.items():
        if key == "name":
            continue
        if key.endswith("_train_param"):
            yield from ((name, short(text)) for name, text in value.items() if text)
        elif isinstance(value, dict):
            yield from _params(value)
