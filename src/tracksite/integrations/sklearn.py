"""scikit-learn: `autolog()` makes each training that is asked for a run, or part of the active one.

Every `fit` of an estimator's class is replaced by one that logs around it; of classes that are
defined later too. A `fit` that scikit-learn itself calls, or that is called within another one in
the same thread, belongs to that training and logs nothing.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.integrations.sklearn_fit import logged
from tracksite.integrations.sklearn_training import Autolog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

__all__ = ["autolog"]

FITS = ("fit", "fit_transform", "fit_predict")
# These prepare data, as MLflow sees it too: they are logged as steps of a pipeline only.
_PREPARING = (
    "sklearn.preprocessing.",
    "sklearn.impute.",
    "sklearn.feature_extraction.",
    "sklearn.feature_selection.",
    "sklearn.compose._column_transformer.",
)


@dataclass(frozen=True)
class _Patch:
    owner: type
    name: str
    original: Callable[..., Any]
    patched: Callable[..., Any]


class _State:
    """What is switched on in this process, and what was replaced for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.settings: Autolog | None = None
        self.patches: list[_Patch] = []


class _Thread(threading.local):
    busy = False  # whether a training of this thread is being logged


_state = _State()
_thread = _Thread()


def autolog(  # noqa: PLR0913 - these are MLflow's settings
    *,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,  # noqa: ARG001 - accepted as MLflow does
    disable_for_unsupported_versions: bool = False,  # noqa: ARG001 - there are none
    silent: bool = False,
    max_tuning_runs: int | None = 5,
    log_post_training_metrics: bool = True,  # noqa: ARG001 - see docs/mlflow-names.md
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    pos_label: float | str | None = None,
    extra_tags: Mapping[str, Any] | None = None,
) -> None:
    """Log every training with scikit-learn from now on, in all threads.

    A training that is called while a run is active in its thread becomes part of that run;
    otherwise it is a run of its own. Nothing that goes wrong in logging stops a training: it is
    one warning that says what is missing.

    Logged are: all params, scores on the training data (with MLflow's names, such as
    `training_accuracy_score`), the model with its signature, the data set's digest, a confusion
    matrix, ROC and precision-recall curves, importance of features; of searches such as
    GridSearchCV the best params, score and estimator, all results, and the best candidates as
    nested runs with their cross-validated scores.

    Args:
        log_input_examples: keep the first five rows beside the model.
        log_model_signatures: keep the model's signature.
        log_models: log the trained model.
        log_datasets: note the training data's digest, schema and rows.
        disable: end it: scikit-learn is as it was.
        exclusive: accepted as MLflow does.
        disable_for_unsupported_versions: accepted as MLflow does.
        silent: no warning about what could not be logged.
        max_tuning_runs: how many candidates of a search become nested runs; None: all.
        log_post_training_metrics: accepted as MLflow does; metrics that are computed after the
            training are not logged by themselves.
        serialization_format: the flavour of models: "skops", "joblib" or "cloudpickle".
        registered_model_name: make each model a new version of this registered model.
        pos_label: the class that precision, recall and F1 are about; None: their mean over all
            classes, weighted by frequency.
        extra_tags: tags of the runs that autologging starts.

    Raises:
        ArgumentError: a negative `max_tuning_runs`.
        ModuleNotFoundError: scikit-learn is not installed.
    """
    if max_tuning_runs is not None and max_tuning_runs < 0:
        raise ArgumentError(f"max_tuning_runs={max_tuning_runs!r} is negative: pass 0 or more.")
    settings = Autolog(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        silent=silent,
        max_tuning_runs=max_tuning_runs,
        flavor=serialization_format,
        registered_model_name=registered_model_name,
        pos_label=pos_label,
        extra_tags=dict(extra_tags or {}),
    )
    with _state.lock:
        if disable:
            _disable()
        else:
            _enable(settings)


def _enable(settings: Autolog) -> None:
    from sklearn.base import BaseEstimator, ClusterMixin, OutlierMixin, TransformerMixin

    if _state.settings is None:
        BaseEstimator.__init_subclass__ = classmethod(_init_subclass)
        for kind in {ClusterMixin, OutlierMixin, TransformerMixin, *_below(BaseEstimator)}:
            _patch(kind)
    _state.settings = settings


def _disable() -> None:
    if _state.settings is None:
        return
    from sklearn.base import BaseEstimator

    _state.settings = None
    del BaseEstimator.__init_subclass__
    for patch in _state.patches:
        if patch.owner.__dict__.get(patch.name) is patch.patched:
            setattr(patch.owner, patch.name, patch.original)
    _state.patches.clear()


def _init_subclass(kind: type, /, **options: Any) -> None:
    """Log trainings of a class that is defined while autologging is on."""
    from sklearn.base import BaseEstimator

    super(BaseEstimator, kind).__init_subclass__(**options)
    if _state.settings is not None:
        _patch(kind)


def _below(kind: type) -> Iterator[type]:
    children: list[type] = kind.__subclasses__()
    for child in children:
        yield child
        yield from _below(child)


def _patch(kind: type) -> None:
    if f"{kind.__module__}.".startswith(_PREPARING):
        return
    for name in FITS:
        original = kind.__dict__.get(name)
        if inspect.isfunction(original):
            patched = _patched(original)
            setattr(kind, name, patched)
            _state.patches.append(_Patch(kind, name, original, patched))


def _patched(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _fit(original, _caller(2), self, args, kwargs)

    return fit


def _caller(depth: int) -> str:
    """Return the module that asks for a training, past scikit-learn's own wrapper of methods."""
    frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001 - nothing else says who calls
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module != "sklearn.utils._set_output":
            return module
        frame = frame.f_back
    return ""


def _fit(
    original: Callable[..., Any],
    caller: str,
    estimator: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Train, and log it unless it is a step of something else."""
    settings = _state.settings
    inner = _thread.busy or caller.partition(".")[0] == "sklearn"
    if settings is None or inner or type(estimator).__module__.startswith(_PREPARING):
        return original(estimator, *args, **kwargs)
    _thread.busy = True
    try:
        return logged(original, estimator, args, kwargs, settings)
    finally:
        _thread.busy = False
