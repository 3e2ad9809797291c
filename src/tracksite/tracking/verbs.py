"""The verbs of a run's handle as functions, for the run that is active in this thread."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from tracksite.tracking import check
from tracksite.tracking.active import ActiveRun
from tracksite.tracking.fluent import current_run, start_run, thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

P = ParamSpec("P")
R = TypeVar("R")

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
    key: str, value: float, step: int | None = None, timestamp: int | datetime | None = None
) -> None:
    """Log one value of a metric to the active run; see `ActiveRun.log_metric`."""
    stack = thread.stack  # written out, because this is what training loops call
    (stack[-1] if stack else start_run()).log_metric(key, value, step, timestamp)


def _verb(method: Callable[Concatenate[ActiveRun, P], R]) -> Callable[P, R]:
    """Return the function that does to the active run what a method does to its run."""

    @functools.wraps(method)
    def verb(*args: P.args, **kwargs: P.kwargs) -> R:
        return method(current_run(), *args, **kwargs)

    signature = inspect.signature(method)
    without_self = list(signature.parameters.values())[1:]
    verb.__signature__ = signature.replace(parameters=without_self)  # type: ignore[attr-defined]
    verb.__module__, verb.__qualname__ = __name__, method.__name__
    return verb


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
