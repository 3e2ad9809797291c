"""Searches such as GridSearchCV: the best candidates become runs nested in the search's run."""

from __future__ import annotations

from numbers import Number
from typing import TYPE_CHECKING, Any

from tracksite.integrations.runs import goal_tag, say_goal
from tracksite.tracking.check import MAX_PARAM
from tracksite.tracking.fluent import start_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.integrations.sklearn_training import Training
    from tracksite.tracking.fluent import ActiveRun

_VERBOSE = ("param", "split")  # columns of results that say again what others sum up


def is_search(estimator: Any) -> bool:
    """Return whether an estimator tries candidates: GridSearchCV and all others of its kind."""
    from sklearn.model_selection._search import BaseSearchCV

    return isinstance(estimator, BaseSearchCV)


def described(estimator: Any) -> dict[str, str]:
    """Return the tags that say what an estimator is, with MLflow's names."""
    kind = type(estimator)
    return {
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__name__}",
    }


def log(training: Training) -> None:
    """Log what a search found: of the candidates the best `max_tuning_runs` as nested runs."""
    run, search, missing = training.run, training.estimator, training.missing
    goal = _goal(search)
    if goal is not None:
        say_goal(run, goal)
    if hasattr(search, "best_score_"):
        with missing.of("best_cv_score"):
            run.log_metric("best_cv_score", search.best_score_)
    if hasattr(search, "best_params_"):
        with missing.of("the best params"):
            run.log_params(_texts({f"best_{key}": it for key, it in search.best_params_.items()}))
    results = getattr(search, "cv_results_", None)
    if results is None:
        return
    with missing.of("all results"):
        columns = {key: list(it) for key, it in results.items() if not key.startswith("param")}
        columns["params"] = [str(params) for params in results["params"]]
        run.log_table(columns, "cv_results.csv")
    with missing.of("nested runs"):
        for number in _best(results)[: training.settings.max_tuning_runs]:
            _log_candidate(run, search, results, number)


def _goal(search: Any) -> tuple[str, bool] | None:
    """Return the score by which a search chooses, as it is logged; scores are to be maximised."""
    if not getattr(search, "multimetric_", False):
        return "mean_test_score", True
    return (f"mean_test_{search.refit}", True) if isinstance(search.refit, str) else None


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value)[:MAX_PARAM] for key, value in params.items()}


def _best(results: Mapping[str, Any]) -> list[int]:
    """Return the numbers of the candidates by rank; of several scores, by the first one's."""
    ranks = results.get("rank_test_score")
    if ranks is None:
        ranks = next(value for key, value in results.items() if key.startswith("rank_test_"))
    return sorted(range(len(ranks)), key=lambda number: int(ranks[number]))


def _log_candidate(run: ActiveRun, search: Any, results: Mapping[str, Any], number: int) -> None:
    """Make a nested run of one candidate: its whole params, and its scores over all folds."""
    seed, goal = search.estimator, _goal(search)
    params = {**seed.get_params(deep=not is_search(seed)), **results["params"][number]}
    metrics = {
        key: float(values[number])
        for key, values in results.items()
        if not key.startswith(_VERBOSE) and isinstance(values[number], Number)
    }
    options: dict[str, Any] = {"parent_run_id": run.run_id, "nested": True}
    name = f"{type(seed).__name__} {number + 1}"
    tags = {"mlflow.autologging": "sklearn", **described(seed)}
    tags |= goal_tag(goal) if goal is not None else {}
    with start_run(run_name=name, tags=tags, **options) as child:
        child.log_params(_texts(params))
        child.log_metrics(metrics)
