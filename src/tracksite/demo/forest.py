"""Random forests: a grid of 27 settings, each with three seeds, as children of one parent run."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import classification_report, confusion_matrix

import tracksite
from tracksite.demo import digits, figures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

EXPERIMENT = "digits-forest"
MODEL = "digits-classifier"
GRID: Mapping[str, Sequence[int]] = {
    "n_estimators": (10, 30, 100),
    "max_depth": (4, 8, 16),
    "min_samples_split": (2, 8, 32),
}
SEEDS = (0, 1, 2)
WORTHY_F1 = 0.965  # only a better model is kept


def sweep(
    grid: Mapping[str, Sequence[int]],
    seeds: Sequence[int],
    *,
    worthy: float,
    tick: Callable[[], None],
) -> None:
    """Train a forest for each setting and seed, in one parent run; call `tick` after each.

    Each child that beats all before it, and `worthy`, keeps its model as a version of `MODEL`.
    """
    tracksite.set_experiment(
        EXPERIMENT,
        description="How large must a random forest be to read digits of 8 × 8 pixels?",
        tags={"data": "digits"},
    )
    data = digits.load()
    settings = [
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    ]
    best, seen = worthy, 0.0
    with tracksite.start_run(run_name="grid search", tags={"role": "sweep"}) as parent:
        tracksite.log_param("split_seed", digits.SPLIT_SEED)
        tracksite.log_dict(dict(grid), "grid.json")
        for number, (params, seed) in enumerate(itertools.product(settings, seeds)):
            f1 = _train(params, seed, data, best=best)
            best, seen = max(best, f1), max(seen, f1)
            tracksite.log_metric("best_f1", seen, step=number)
            tick()
        _summarise(parent.run_id, grid)


def _train(params: Mapping[str, int], seed: int, data: digits.Digits, *, best: float) -> float:
    """Train and log one forest; return its F1 on the validation half."""
    size = "{n_estimators} trees, depth {max_depth}, split {min_samples_split}".format(**params)
    with tracksite.start_run(run_name=f"{size}, seed {seed}", nested=True) as run:
        tracksite.log_params({**params, "seed": seed})
        digits.log_inputs(data)
        model = RandomForestClassifier(**params, random_state=seed).fit(data.train_x, data.train_y)
        predicted = model.predict(data.valid_x)
        metrics = digits.scores(data.valid_y, predicted)
        tracksite.log_metrics(metrics)
        tracksite.log_metric("nodes", sum(tree.tree_.node_count for tree in model.estimators_))
        _log_evaluation(model, data, predicted)
        if metrics["f1"] > best:
            tracksite.log_model(model, "model", input_example=data.train_x[:3])
            tracksite.register_model(f"runs:/{run.run_id}/model", MODEL)
    return metrics["f1"]


def _log_evaluation(
    model: RandomForestClassifier, data: digits.Digits, predicted: NDArray[np.int64]
) -> None:
    counts = confusion_matrix(data.valid_y, predicted, labels=digits.LABELS)
    tracksite.log_figure(figures.importance(model.feature_importances_), "feature_importance.png")
    tracksite.log_figure(figures.confusion(counts, digits.LABELS), "confusion_matrix.png")
    report = classification_report(
        data.valid_y, predicted, labels=digits.LABELS, output_dict=True, zero_division=0.0
    )
    rows = [{"digit": digit, **report[str(digit)]} for digit in digits.LABELS]
    tracksite.log_table(pl.DataFrame(rows), "per_digit.csv")


def _summarise(parent_id: str, grid: Mapping[str, Sequence[int]]) -> None:
    """Log to the parent what its children found."""
    runs = tracksite.search_runs(experiment_names=[EXPERIMENT], order_by=["metrics.f1 DESC"])
    children = runs.filter(pl.col("parent_run_id") == parent_id)
    shown = [f"params.{name}" for name in (*grid, "seed")] + ["metrics.f1", "metrics.accuracy"]
    tracksite.log_table(children.select("name", *shown), "results.csv")
    down, across = list(grid)[:2]
    means = children.group_by(f"params.{down}", f"params.{across}").agg(pl.col("metrics.f1").mean())
    found = {(row[0], row[1]): row[2] for row in means.iter_rows()}
    values = np.array([[found[str(a), str(b)] for b in grid[across]] for a in grid[down]])
    picture = figures.heatmap(values, grid[down], grid[across], (down, across))
    tracksite.log_figure(picture, "f1_by_setting.png")
    best = children.row(0, named=True)
    tracksite.set_description(
        f"Best of {children.height} forests: **{best['name']}** with F1 {best['metrics.f1']:.4f}."
    )


def promote() -> None:
    """Put the newest version of the model into production, and the one before it into staging."""
    versions = sorted(it.version for it in tracksite.search_model_versions(MODEL))
    for version, stage in zip(reversed(versions), ("Production", "Staging"), strict=False):
        tracksite.transition_model_version_stage(MODEL, version, stage)
    tracksite.set_registered_model_alias(MODEL, "champion", versions[-1])
