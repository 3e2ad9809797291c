"""What is logged of one training with scikit-learn, around the call that does it."""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.integrations import sklearn_importance, sklearn_scores, sklearn_search
from tracksite.integrations.sklearn_training import Autolog, Given, Missing, Training, dense
from tracksite.tracking.check import MAX_KEY, MAX_PARAM
from tracksite.tracking.fluent import ActiveRun, active_run, start_run
from tracksite.tracking.signatures import infer_signature
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXAMPLE_ROWS = 5


def logged(
    original: Callable[..., Any],
    estimator: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    settings: Autolog,
) -> Any:
    """Train by calling `original`, log it, and return what it returned.

    What the training itself raises passes through; a run that was started for it has failed then.
    """
    missing = Missing()
    with contextlib.ExitStack() as stack:
        runs: list[ActiveRun] = []
        with missing.of("the run"):
            runs.append(active_run() or stack.enter_context(_started(estimator, settings)))
        if not runs:
            result = original(estimator, *args, **kwargs)
        else:
            training = Training(runs[0], estimator, settings, missing)
            given, before = _before(training, original, args, kwargs)
            result = original(estimator, *args, **kwargs)
            if given is not None:
                _after(training, given, before)
    if missing.parts and not settings.silent:
        name = type(estimator).__name__
        warn(f"autologging of {name} is without {'; '.join(missing.parts)}")
    return result


def _started(estimator: Any, settings: Autolog) -> ActiveRun:
    tags = {"mlflow.autologging": "sklearn", **settings.extra_tags}
    return start_run(run_name=type(estimator).__name__, tags=tags)


def _given(
    original: Callable[..., Any], estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Given:
    signature = inspect.signature(original)
    bound = signature.bind_partial(estimator, *args, **kwargs).arguments
    names = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    targets = names[2] if len(names) > 2 and names[2] != "sample_weight" else ""  # noqa: PLR2004
    return Given(bound[names[1]], bound.get(targets), bound.get("sample_weight"))


def _before(
    training: Training,
    original: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Given | None, str | None]:
    """Log what is known before the training; return what it is given, and a digest of its rows."""
    run, estimator, missing = training.run, training.estimator, training.missing
    given = digest = None
    with missing.of("params"):
        params = estimator.get_params(deep=not sklearn_search.is_search(estimator))
        _log_params(run, params, missing)
    with missing.of("tags"):
        run.set_tags(sklearn_search.described(estimator))
    with missing.of("what it was trained with"):
        given = _given(original, estimator, args, kwargs)
        if training.settings.log_datasets:
            run.log_input(dense(given.rows), "train")
        digest = _digest(given.rows)
    return given, digest


def _log_params(run: ActiveRun, params: Mapping[str, Any], missing: Missing) -> None:
    texts = {key: str(value)[:MAX_PARAM] for key, value in params.items() if len(key) <= MAX_KEY}
    try:
        run.log_params(texts)
    except ArgumentError:  # some are there already with other values: the rest are logged
        for key, text in texts.items():
            with missing.of(f"param {key}"):
                run.log_param(key, text)


def _digest(rows: Any) -> str:
    import joblib

    return str(joblib.hash(rows, hash_name="sha1"))


def _after(training: Training, given: Given, before: str | None) -> None:
    """Log what the training gave."""
    estimator, missing = training.estimator, training.missing
    with missing.of("scores"):
        if before not in {None, _digest(given.rows)}:
            raise ArgumentError("the training changed its data in place, so they would be wrong")
        sklearn_scores.log(training, given)
    with missing.of("importance"):
        sklearn_importance.log(training.run, estimator)
    if training.settings.log_models:
        _log_models(training, given)
    if sklearn_search.is_search(estimator):
        sklearn_search.log(training)


def _log_models(training: Training, given: Given) -> None:
    settings, estimator, missing = training.settings, training.estimator, training.missing
    example = signature = None
    if settings.log_input_examples or settings.log_model_signatures:
        with missing.of("the input example and signature"):
            example = _head(given.rows)
            if settings.log_model_signatures:
                signature = infer_signature(example, _answer(estimator, example)).to_dict()
    log = functools.partial(
        training.run.log_model,
        flavor=settings.flavor,
        signature=signature,
        input_example=example if settings.log_input_examples else None,
    )
    with missing.of("the model"):
        log(estimator, "model", registered_model_name=settings.registered_model_name)
    if hasattr(estimator, "best_estimator_") and sklearn_search.is_search(estimator):
        with missing.of("the best estimator"):
            log(estimator.best_estimator_, "best_estimator")


def _head(rows: Any) -> Any:
    """Return a copy of the first rows, so that nothing that is done with them reaches the data."""
    first = rows.iloc[:EXAMPLE_ROWS] if hasattr(rows, "iloc") else rows[:EXAMPLE_ROWS]
    example = dense(first)
    return example.copy() if hasattr(example, "copy") else example


def _answer(estimator: Any, example: Any) -> Any:
    """Return what a model says of an example: what it predicts, or what it makes of it."""
    for name in ("predict", "transform"):
        if hasattr(estimator, name):
            return dense(getattr(estimator, name)(example))
    return None
