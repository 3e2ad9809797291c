"""What a call could not use, said in a sentence: each library raises kinds of its own."""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from tracksite.errors import ArgumentError, StoreError, TracksiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def understood(call: str) -> Iterator[None]:
    """Turn what is raised inside into an error of ours, with its cause.

    Args:
        call: name of the function that was called.

    Raises:
        ArgumentError: whatever was raised that is neither ours nor the disk's.
        StoreError: the disk refused.
    """
    try:
        yield
    except TracksiteError:
        raise
    except OSError as error:
        raise StoreError(
            f"{call}() failed ({error}): make room on the disk, or mend its permissions."
        ) from error
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise  # Ctrl-C and the like; what Polars raises of Rust's is no Exception either
        told = next(iter(str(error).splitlines()), "")[:200]
        raise ArgumentError(
            f"{call}() cannot use what it was given ({type(error).__name__}: {told}): "
            "its documentation says what it takes."
        ) from error


def refusing(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function out of which only errors of ours come."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with understood(function.__name__):
            return function(*args, **kwargs)

    return call
