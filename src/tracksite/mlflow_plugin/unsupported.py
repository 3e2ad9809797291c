"""What MLflow's stores can do and ours does not: each such call says so.

MLflow's abstract stores answer a call that nobody wrote with None, which looks like an answer. So
every public method that a store neither has nor inherits on purpose is replaced by one that raises.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import NOT_IMPLEMENTED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def methods(base: type) -> set[str]:
    """Return the names of the public methods of an abstract store, its own parents' included."""
    found = inspect.getmembers(base, inspect.isfunction)
    return {name for name, _ in found if not name.startswith("_")}


def refuse(base: type, inherited: Collection[str]) -> Callable[[type], type]:
    """Return a decorator that makes a store say which methods of `base` it does not support.

    Args:
        base: MLflow's abstract store.
        inherited: methods of `base` that work as they are, on top of others.
    """

    def complete(store: type) -> type:
        for name in sorted(methods(base) - set(inherited)):
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
