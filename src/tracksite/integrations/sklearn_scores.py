"""Scores of a trained estimator on its own training data, with MLflow's names."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

from tracksite.integrations import sklearn_figures
from tracksite.integrations.sklearn_figures import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracksite.integrations.sklearn_training import Given, Missing, Training


def log(training: Training, given: Given) -> None:
    """Log how well an estimator does on what it was trained with, as numbers and figures.

    Args:
        training: that is logged, after its `fit`.
        given: what it was given.
    """
    from sklearn.base import is_classifier, is_regressor

    estimator, missing = training.estimator, training.missing
    if given.targets is None:
        return
    scores: dict[str, float] = {}
    with missing.of("scores"):
        if is_classifier(estimator):
            guess, chances = estimator.predict(given.rows), _chances(estimator, given.rows)
            scores = _classifier_scores(training, given, guess, chances)
            sklearn_figures.log(training, given, guess, chances)
        elif is_regressor(estimator):
            scores = _regressor_scores(given, estimator.predict(given.rows), missing)
    if hasattr(estimator, "score"):
        with missing.of(f"{PREFIX}score"):
            scores["score"] = _score(estimator, given, scores)
    training.run.log_metrics({PREFIX + key: value for key, value in scores.items()})


def _chances(estimator: Any, rows: Any) -> Any:
    return estimator.predict_proba(rows) if hasattr(estimator, "predict_proba") else None


def _computed(what: dict[str, Callable[[], float]], missing: Missing) -> dict[str, float]:
    """Return each number that can be computed."""
    found: dict[str, float] = {}
    for key, compute in what.items():
        with missing.of(PREFIX + key):
            found[key] = float(compute())
    return found


def _classifier_scores(
    training: Training, given: Given, guess: Any, chances: Any
) -> dict[str, float]:
    from sklearn import metrics

    pos_label = training.settings.pos_label
    weighted = {"sample_weight": given.weights}
    about = {"average": "weighted"} if pos_label is None else {"pos_label": pos_label}
    options = {**about, **weighted, "zero_division": 0.0}
    true = given.targets
    what: dict[str, Callable[[], float]] = {
        "precision_score": lambda: metrics.precision_score(true, guess, **options),
        "recall_score": lambda: metrics.recall_score(true, guess, **options),
        "f1_score": lambda: metrics.f1_score(true, guess, **options),
        "accuracy_score": lambda: metrics.accuracy_score(true, guess, **weighted),
    }
    if chances is not None:
        likely = chances[:, 1] if chances.shape[1] == 2 else chances  # noqa: PLR2004 - two classes
        what["log_loss"] = lambda: metrics.log_loss(true, chances, **weighted)
        what["roc_auc"] = lambda: metrics.roc_auc_score(
            true, likely, average="weighted", multi_class="ovo", **weighted
        )
    return _computed(what, training.missing)


def _regressor_scores(given: Given, guess: Any, missing: Missing) -> dict[str, float]:
    from sklearn import metrics

    true, weighted = given.targets, {"sample_weight": given.weights}
    found = _computed(
        {
            "mean_squared_error": lambda: metrics.mean_squared_error(true, guess, **weighted),
            "mean_absolute_error": lambda: metrics.mean_absolute_error(true, guess, **weighted),
            "r2_score": lambda: metrics.r2_score(true, guess, **weighted),
        },
        missing,
    )
    if "mean_squared_error" in found:
        found["root_mean_squared_error"] = math.sqrt(found["mean_squared_error"])
    return found


def _score(estimator: Any, given: Given, known: dict[str, float]) -> float:
    """Return what `score` says; what most estimators inherit is among the scores already."""
    from sklearn.base import ClassifierMixin, RegressorMixin

    method = type(estimator).score
    for mixin, key in ((ClassifierMixin, "accuracy_score"), (RegressorMixin, "r2_score")):
        if method is mixin.score and key in known:
            return known[key]
    takes_weights = "sample_weight" in inspect.signature(method).parameters
    weights = (given.weights,) if takes_weights else ()
    return float(estimator.score(given.rows, given.targets, *weights))
