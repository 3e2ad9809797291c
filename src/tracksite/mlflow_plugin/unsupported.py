"""What MLflow's stores can do and ours does not: each such call says so.

MLflow's abstract stores answer a call that nobody wrote with None, which looks like an answer, or
with an error of Python's. So every method that is hollow in MLflow, and that ours does not fill, is
replaced by one that raises. What MLflow writes on top of other calls works as it is, in each
version: which calls these are is read from its code, since every version adds some.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import NOT_IMPLEMENTED

if TYPE_CHECKING:
    from collections.abc import Callable


def hollow(base: type) -> set[str]:
    """Return the names of the methods of an abstract store that do nothing, or raise that.

    Those of its parents are among them, and those that begin with one underscore.
    """
    found = inspect.getmembers(base, inspect.isfunction)
    return {name for name, method in found if not name.startswith("__") and _is_hollow(method)}


def _is_hollow(method: Any) -> bool:  # noqa: ANN401 - a function
    used = method.__code__.co_names
    return (
        getattr(method, "__isabstractmethod__", False)
        or not used
        or any("NotImplemented" in name for name in used)
    )


def refuse(base: type) -> Callable[[type], type]:
    """Return a decorator that makes a store say which hollow methods of `base` it does not fill.

    Args:
        base: MLflow's abstract store.
    """

    def complete(store: type) -> type:
        for name in sorted(hollow(base)):
            if getattr(store, name) is getattr(base, name):
                setattr(store, name, _refusal(name))
        return store

    return complete


def _refusal(name: str) -> Callable[..., NoReturn]:
    def call(*_: Any, **__: Any) -> NoReturn:
        raise MlflowException(
            f"{name}() is not supported by tracksite stores: "
            "log to an MLflow server with a database for it.",
            NOT_IMPLEMENTED,
        )

    call.__name__ = name
    call.__doc__ = "Raise MlflowException: not supported."
    return call
