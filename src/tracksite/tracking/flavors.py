"""Flavours: the ways in which a model becomes a file. A new one is one line in FLAVORS."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path


@dataclass(frozen=True)
class Flavor:
    """One way to write and read a model.

    Attributes:
        file: name of the file in the model's folder.
        packages: modules that it needs.
        runs_code: whether reading an untrusted file can run any code, as unpickling does.
        save: writes a model to a path.
        load: reads it; `trusted` is as for `load_model`.
    """

    file: str
    packages: tuple[str, ...]
    runs_code: bool
    save: Callable[[Any, Path], object]
    load: Callable[[Path, bool | Collection[str]], Any]


def _save_skops(model: Any, path: Path) -> None:
    import skops.io

    skops.io.dump(model, path)


def _load_skops(path: Path, trusted: bool | Collection[str]) -> Any:
    """Read by skops, which builds only types that it knows or that are trusted by name."""
    import skops.io

    unknown = list(skops.io.get_untrusted_types(file=path))
    allowed = unknown if trusted is True else list(trusted or ())
    refused = [name for name in unknown if name not in allowed]
    if refused:
        raise ArgumentError(
            f"the model holds types that skops does not know: {', '.join(refused)}. If you trust "
            f"its origin, call load_model(…, trusted={refused!r}), or trusted=True for all."
        )
    return skops.io.load(path, trusted=allowed)


def _save_joblib(model: Any, path: Path) -> None:
    import joblib

    joblib.dump(model, path)


def _load_joblib(path: Path, trusted: bool | Collection[str]) -> Any:  # noqa: ARG001
    import joblib

    return joblib.load(path)


def _save_cloudpickle(model: Any, path: Path) -> None:
    import cloudpickle

    with path.open("wb") as file:
        cloudpickle.dump(model, file)


def _load_cloudpickle(path: Path, trusted: bool | Collection[str]) -> Any:  # noqa: ARG001
    import cloudpickle

    with path.open("rb") as file:
        return cloudpickle.load(file)


FLAVORS: dict[str, Flavor] = {
    "skops": Flavor("model.skops", ("skops",), False, _save_skops, _load_skops),
    "joblib": Flavor("model.joblib", ("joblib",), True, _save_joblib, _load_joblib),
    "cloudpickle": Flavor(
        "model.pkl", ("cloudpickle",), True, _save_cloudpickle, _load_cloudpickle
    ),
}
# Which flavours suit the objects of a library, best first.
_SUITED = {"sklearn": ("skops", "joblib", "cloudpickle")}
_OTHERWISE = ("cloudpickle", "joblib")


def named(name: object) -> Flavor:
    """Return a flavour by name; ArgumentError when there is none."""
    flavor = FLAVORS.get(str(name))
    if flavor is None:
        raise ArgumentError(f"flavour {name!r} is not known: use one of {', '.join(FLAVORS)}.")
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
