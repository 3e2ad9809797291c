"""Flavours: the ways in which a model becomes a file. A new one is one line in FLAVORS."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from tracksite.tracking.kinds import Model


Trust: TypeAlias = "bool | Collection[str]"


@dataclass(frozen=True)
class Flavor:
    """One way to write and read a model.

    Attributes:
        file: name of the file in the model's folder.
        packages: modules that it needs.
        save: writes a model to a path.
        load: reads it; `trusted` is as for `load_model`.
        runs_code: whether reading an untrusted file can run any code, as unpickling does.
    """

    file: str
    packages: tuple[str, ...]
    save: Callable[[Model, Path], object]
    load: Callable[[Path, Trust], Model]
    runs_code: bool = False


def _save_skops(model: Model, path: Path) -> None:
    import skops.io

    skops.io.dump(model, path)
    lost = [name for name in skops.io.get_untrusted_types(file=path) if not _importable(name)]
    if lost:
        raise ValueError(f"it keeps types by name, and no other process can import {lost}")


def _importable(name: str) -> bool:
    """Return whether another process finds a type: not one of a script, a function or a lambda."""
    module, _, attribute = name.rpartition(".")
    return module != "__main__" and hasattr(sys.modules.get(module), attribute)


def _load_skops(path: Path, trusted: Trust) -> Model:
    """Read by skops: what it knows, what scikit-learn is made of, and what is trusted by name."""
    import skops.io

    from tracksite.tracking.sklearn_types import TRUSTED

    unknown = list(skops.io.get_untrusted_types(file=path))
    allowed = unknown if trusted is True else [*TRUSTED, *(trusted or ())]
    refused = [name for name in unknown if name not in allowed]
    if refused:
        raise ArgumentError(
            f"the model holds types that skops does not know: {', '.join(refused)}. If you trust "
            f"its origin, call load_model(…, trusted={refused!r}), or trusted=True for all."
        )
    return skops.io.load(path, trusted=allowed)


def _save_joblib(model: Model, path: Path) -> None:
    import joblib

    joblib.dump(model, path)


def _load_joblib(path: Path, trusted: Trust) -> Model:  # noqa: ARG001
    import joblib

    return joblib.load(path)


def _save_cloudpickle(model: Model, path: Path) -> None:
    import cloudpickle

    with path.open("wb") as file:
        cloudpickle.dump(model, file)


def _load_cloudpickle(path: Path, trusted: Trust) -> Model:  # noqa: ARG001
    import cloudpickle

    with path.open("rb") as file:
        return cloudpickle.load(file)


FLAVORS: dict[str, Flavor] = {
    "skops": Flavor("model.skops", ("skops",), _save_skops, _load_skops),
    "joblib": Flavor("model.joblib", ("joblib",), _save_joblib, _load_joblib, runs_code=True),
    "cloudpickle": Flavor(
        "model.pkl", ("cloudpickle",), _save_cloudpickle, _load_cloudpickle, runs_code=True
    ),
}
# Which flavours suit the objects of a library, best first.
_SUITED = {"sklearn": ("skops", "joblib", "cloudpickle")}
_OTHERWISE = ("cloudpickle", "joblib")


def named(name: object) -> Flavor:
    """Return a flavour by name; ArgumentError when there is none."""
    flavor = FLAVORS.get(str(name))
    if flavor is None:
        raise ArgumentError(
            f"flavour {str(name)[:60]!r} is not known: use one of {', '.join(FLAVORS)}."
        )
    return flavor


def missing(name: str) -> list[str]:
    """Return the modules that a flavour needs and that are not installed."""
    return [one for one in named(name).packages if importlib.util.find_spec(one) is None]


def suited(model: object) -> tuple[str, ...]:
    """Return the flavours that suit an object, best first."""
    for parent in type(model).__mro__:
        found = _SUITED.get(parent.__module__.partition(".")[0])
        if found:
            return found
    return _OTHERWISE
