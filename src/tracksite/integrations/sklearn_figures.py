"""Figures of a trained classifier, with MLflow's names."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracksite.integrations.sklearn_training import Given, Training
    from tracksite.tracking.fluent import ActiveRun

PREFIX = "training_"


def drawable() -> bool:
    """Return whether figures can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def log_figure(
    run: ActiveRun, file: str, title: str, draw: Callable[[Any], None], left: float = 0.13
) -> None:
    """Draw into axes, and log that as an image; `left` is the margin for labels, of its width."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), dpi=150)  # a computed layout would draw it twice
    axes = figure.subplots(gridspec_kw={"left": left, "bottom": 0.14, "right": 0.96})
    draw(axes)
    axes.set_title(title)
    run.log_figure(figure, file)


def log(training: Training, given: Given, guess: Any, chances: Any) -> None:
    """Log the confusion matrix and, of two classes, the ROC and the precision-recall curve.

    Args:
        training: that is logged.
        given: what it was given.
        guess: the predicted class of each row.
        chances: the probability of each class for each row, or None.
    """
    if not drawable():
        training.missing.parts.append("figures (matplotlib is not installed)")
        return
    figures = {"confusion_matrix": ("Normalized confusion matrix", _confusion(given, guess))}
    classes: Any = getattr(training.estimator, "classes_", ())
    if chances is not None and len(classes) == 2:  # noqa: PLR2004 - only these have one curve
        figures |= _curves(given, chances[:, 1], classes[1])
    for name, (title, draw) in figures.items():
        file = f"{PREFIX}{name}.png"
        with training.missing.of(file):
            log_figure(training.run, file, title, draw)


def _confusion(given: Given, guess: Any) -> Callable[[Any], None]:
    from sklearn.metrics import ConfusionMatrixDisplay

    def draw(axes: Any) -> None:
        ConfusionMatrixDisplay.from_predictions(
            given.targets,
            guess,
            sample_weight=given.weights,
            normalize="true",
            values_format=".2f",
            cmap="Blues",
            ax=axes,
        )

    return draw


def _curves(
    given: Given, likely: Any, positive: Any
) -> dict[str, tuple[str, Callable[[Any], None]]]:
    from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

    def drawing(display: Any) -> Callable[[Any], None]:
        def draw(axes: Any) -> None:
            display.from_predictions(
                given.targets, likely, sample_weight=given.weights, pos_label=positive, ax=axes
            )

        return draw

    return {
        "roc_curve": ("ROC curve", drawing(RocCurveDisplay)),
        "precision_recall_curve": ("Precision recall curve", drawing(PrecisionRecallDisplay)),
    }
