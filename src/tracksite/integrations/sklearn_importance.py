"""How much each feature counts in a trained estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.integrations.sklearn_figures import drawable, log_figure
from tracksite.integrations.sklearn_training import dense

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracksite.tracking.fluent import ActiveRun

SHOWN_FEATURES = 20


def log(run: ActiveRun, estimator: Any) -> None:
    """Log how much each feature counts, as importance.csv and importance.png, if that is known.

    It is `feature_importances_`, else the mean of |coef_| over the outputs, of the estimator, of
    a pipeline's last step or of the best candidate.
    """
    import numpy as np

    names, model = _features(estimator)
    values = getattr(model, "feature_importances_", None)
    if values is None and hasattr(model, "coef_"):
        values = np.abs(np.atleast_2d(dense(model.coef_))).mean(axis=0)
    if values is None:
        return
    rows = [float(value) for value in np.ravel(values)]
    if names is None or len(names) != len(rows):
        names = [str(number) for number in range(len(rows))]
    ranked = sorted(zip(names, rows, strict=True), key=lambda row: -row[1])
    columns = {
        "feature": [name for name, _ in ranked],
        "importance": [value for _, value in ranked],
    }
    run.log_table(columns, "importance.csv")
    if drawable():
        title, shown = "Importance of features", ranked[:SHOWN_FEATURES]
        log_figure(run, "importance.png", title, lambda axes: _bars(axes, shown), left=0.4)


def _bars(axes: Any, ranked: Sequence[tuple[str, float]]) -> None:
    names, values = [name for name, _ in reversed(ranked)], [it for _, it in reversed(ranked)]
    axes.barh(range(len(names)), values)
    axes.set_yticks(range(len(names)), names)


def _features(estimator: Any) -> tuple[Sequence[str] | None, Any]:
    """Return the names of the features that the innermost model sees, and that model."""
    from sklearn.pipeline import Pipeline

    model = getattr(estimator, "best_estimator_", estimator)
    names = getattr(model, "feature_names_in_", None)
    if isinstance(model, Pipeline):
        before, last = model[:-1], model[-1]
        seen = before.get_feature_names_out(names) if len(before) else names
        return (None if seen is None else [str(name) for name in seen]), last
    return (None if names is None else [str(name) for name in names]), model
