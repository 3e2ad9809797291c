"""Which metric an experiment is about, and whether more of it is better."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

import polars as pl

from tracksite.query import long

if TYPE_CHECKING:
    from collections.abc import Mapping

MAXIMIZE, MINIMIZE = "maximize", "minimize"

# Words of a metric's name that fix its direction, the more telling first: among metrics that are
# otherwise as good, the one whose word stands first is the primary one.
_MAXIMIZED = (
    "f1 fbeta accuracy acc auc auroc rocauc auprc map ap ndcg mrr mcc kappa miou iou dice jaccard "
    "r2 explained bleu rouge meteor em psnr ssim reward return win success hit score precision "
    "recall sensitivity specificity tpr tnr correlation pearson spearman likelihood elbo"
).split()
_MINIMIZED = (
    "rmse mse mae mape smape msle rmsle wer cer eer fid perplexity ppl brier logloss nll bce "
    "crossentropy ce kl divergence regret cost distance err error errors loss losses latency false "
    "fpr fnr"
).split()
_TELLING: Mapping[str, int] = {word: at for at, word in enumerate((*_MAXIMIZED, *_MINIMIZED, ""))}
# These turn the words before them around: `f1_loss`, `accuracy_error` are to be minimised.
_OVERRULING = {"loss", "losses", "err", "error", "errors", "regret", "cost", "distance", "false"}
_NEGATIONS = {"neg", "negative", "minus"}  # scikit-learn's `neg_mean_squared_error`
_SPLITS: Mapping[str, str] = {
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "cv", "oof"), "validation"),
    **dict.fromkeys(("test", "holdout"), "test"),
    **dict.fromkeys(("train", "training", "fit"), "training"),
}
_SPLIT_ORDER = ("validation", "test", "", "training")
_BESIDE_THE_POINT = {"system", "gpu", "cpu", "memory", "time", "duration", "epoch", "step", "lr"}
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+")


class HasGoal(Protocol):
    """The part of an experiment's settings that names its goal: see `config.ExperimentSettings`."""

    @property
    def metric(self) -> str | None:
        """The primary metric, or None to infer it."""

    @property
    def direction(self) -> str | None:
        """`maximize` or `minimize`, or None to infer it."""


@dataclass(frozen=True)
class Goal:
    """What an experiment is after.

    Attributes:
        metric: key of the primary metric.
        direction: "maximize" or "minimize".
        inferred: True when the metric or its direction was read off a name, not from settings.
        why: one sentence for the page that says where both come from.
    """

    metric: str
    direction: str
    inferred: bool
    why: str

    @property
    def sign(self) -> float:
        """1.0 when more is better, -1.0 when less is: `sign * value` is always to be maximised."""
        return 1.0 if self.direction == MAXIMIZE else -1.0


class _Name(NamedTuple):
    """What a metric's name tells: its direction, the word that says so, and the split of data."""

    direction: str | None
    word: str
    split: str
    beside_the_point: bool


def direction_of(metric: str) -> str | None:
    """Return "maximize" or "minimize" as the words of a metric's name tell, None if they do not."""
    return _read(metric).direction


def primary_metric(runs: pl.DataFrame, settings: HasGoal | None = None) -> Goal | None:
    """Return the goal of one experiment: from its settings, the rest from its metrics' names.

    Args:
        runs: the runs of one experiment.
        settings: the experiment's settings.

    Of the metrics with a finite value in at least half as many runs as the commonest one, those
    whose name tells a direction come first; of these, validation before test before unnamed
    before training data; then the more telling word; then the shorter name.

    Returns:
        None when the settings name no metric and no run has one.
    """
    metric = settings.metric if settings is not None else None
    direction = settings.direction if settings is not None else None
    if metric is None:
        found = long.metrics(runs).group_by("key").agg(pl.col("last").is_finite().sum())
        counts: dict[str, int] = dict(found.iter_rows())
        if not counts:
            return None
        metric = min(counts, key=lambda key: _preference(key, counts))
        picked = _why_this(metric, len(counts))
    else:
        picked = f"The settings name {metric}"
    chosen, reason = _direction(metric, direction)
    inferred = settings is None or settings.metric is None or direction is None
    return Goal(metric, chosen, inferred, f"{picked}; {chosen} because {reason}.")


def _preference(key: str, counts: Mapping[str, int]) -> tuple[object, ...]:
    name = _read(key)
    rare = counts[key] * 2 < max(counts.values())
    order = (rare, name.direction is None, name.beside_the_point, _SPLIT_ORDER.index(name.split))
    return (*order, _TELLING[name.word.rpartition(" ")[2]], len(key), key)


def _why_this(metric: str, count: int) -> str:
    if count == 1:
        return f"{metric} is the only metric"
    split = _read(metric).split
    on_data = f", on {split} data" if split else ""
    return f"{metric} was picked from {count} metrics by its name{on_data}"


def _direction(metric: str, direction: str | None) -> tuple[str, str]:
    if direction is not None:
        return direction, "the settings say so"
    name = _read(metric)
    if name.direction is None:
        return MAXIMIZE, "nothing says otherwise: set `direction` in tracksite.toml to be sure"
    return name.direction, f'its name says "{name.word}"'


def _read(metric: str) -> _Name:
    words = _words(metric)
    split = next((_SPLITS[word] for word in words if word in _SPLITS), "")
    rest = [word for word in words if word not in _SPLITS]
    beside = bool(_BESIDE_THE_POINT.intersection(words))
    word, direction = _telling(rest)
    if direction is not None and rest[0] in _NEGATIONS:
        direction = MINIMIZE if direction == MAXIMIZE else MAXIMIZE
        word = f"{rest[0]} {word}"
    return _Name(direction, word, split, beside)


def _telling(words: list[str]) -> tuple[str, str | None]:
    joined = [*words, *(a + b for a, b in pairwise(words))]
    overruling = next((word for word in joined if word in _OVERRULING), None)
    if overruling is not None:
        return overruling, MINIMIZE
    for known, direction in ((_MAXIMIZED, MAXIMIZE), (_MINIMIZED, MINIMIZE)):
        found = [word for word in joined if word in known]
        if found:
            return min(found, key=known.index), direction
    return "", None


def _words(metric: str) -> list[str]:
    """Return the lower-case words of a name: `valF1/macro@5` → val, f1, macro, valf1, 5."""
    parts = [part for part in _BOUNDARY.split(metric[:300]) if part]
    whole = [part for part in re.split(r"[^A-Za-z0-9]+", metric[:300]) if part]
    plain = [re.sub(r"(?<=[a-z]{3})\d+$", "", word.lower()) for word in (*parts, *whole)]
    return list(dict.fromkeys(plain))
