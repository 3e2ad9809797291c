"""The verbs of a run's handle as functions, for the run that is active in this thread."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from tracksite.tracking import check, handles
from tracksite.tracking.active import ActiveRun
from tracksite.tracking.fluent import current_run, start_run, thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

__all__ = [
    "delete_tag",
    "flush",
    "get_artifact_uri",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_series",
    "log_table",
    "log_text",
    "set_description",
    "set_tag",
    "set_tags",
]


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    timestamp: int | datetime | None = None,
    *,
    run_id: str | None = None,
    synchronous: bool | None = None,  # noqa: ARG001 - every call is as fast, and as safe
) -> None:
    """Log one value of a metric; see `ActiveRun.log_metric`.

    Args:
        key: as there.
        value: as there.
        step: as there.
        timestamp: as there.
        run_id: of the run to log to; default: the active run.
        synchronous: accepted as MLflow does; what is logged is always safe at once.
    """
    if run_id is not None:
        with handles.logging_to(run_id) as run:
            return run.log_metric(key, value, step, timestamp)
    stack = thread.stack  # written out, because this is what training loops call
    return (stack[-1] if stack else start_run()).log_metric(key, value, step, timestamp)


class Verb(Protocol[P, R_co]):
    """A verb of the active run; `run_id=` names another, `synchronous=` is accepted as MLflow's."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __call__(self, *args: Any, run_id: str | None, **kwargs: Any) -> R_co: ...


def _verb(method: Callable[Concatenate[ActiveRun, P], R_co]) -> Verb[P, R_co]:
    """Return the function that does to the active run, or to another, what a method does."""

    @functools.wraps(method)
    def verb(
        *args: Any,
        run_id: str | None = None,
        synchronous: bool | None = None,  # noqa: ARG001 - see log_metric
        **kwargs: Any,
    ) -> R_co:
        if run_id is None:
            return method(current_run(), *args, **kwargs)
        with handles.logging_to(run_id) as run:
            return method(run, *args, **kwargs)

    signature = inspect.signature(method)
    own = list(signature.parameters.values())[1:]
    added = [
        inspect.Parameter("run_id", inspect.Parameter.KEYWORD_ONLY, default=None),
        inspect.Parameter("synchronous", inspect.Parameter.KEYWORD_ONLY, default=None),
    ]
    verb.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    verb.__module__, verb.__qualname__ = __name__, method.__name__
    return cast("Verb[P, R_co]", verb)


log_metrics = _verb(ActiveRun.log_metrics)
log_series = _verb(ActiveRun.log_series)
log_param = _verb(ActiveRun.log_param)
log_params = _verb(ActiveRun.log_params)
set_tag = _verb(ActiveRun.set_tag)
set_tags = _verb(ActiveRun.set_tags)
delete_tag = _verb(ActiveRun.delete_tag)
set_description = _verb(ActiveRun.set_description)
flush = _verb(ActiveRun.flush)
log_artifact = _verb(ActiveRun.log_artifact)
log_artifacts = _verb(ActiveRun.log_artifacts)
log_text = _verb(ActiveRun.log_text)
log_dict = _verb(ActiveRun.log_dict)
log_table = _verb(ActiveRun.log_table)
log_figure = _verb(ActiveRun.log_figure)
log_image = _verb(ActiveRun.log_image)
log_input = _verb(ActiveRun.log_input)
log_model = _verb(ActiveRun.log_model)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Return the folder of the active run's artifacts, or the place of one of them in it."""
    folder = current_run().artifact_dir
    return str(folder if artifact_path is None else folder / check.artifact_path(artifact_path))
