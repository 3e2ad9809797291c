"""Pages of long answers: a token says where the next page begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tracksite.errors import ArgumentError
from tracksite.tracking.entities import PagedList

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def page(ask: Callable[[int], list[T]], max_results: int, token: str | None) -> PagedList[T]:
    """Return one page of an answer.

    Args:
        ask: returns the first n things.
        max_results: how many a page holds.
        token: of the page before; None: the first page.

    Raises:
        ArgumentError: `max_results` is not positive, or a token that no page gave.
    """
    if type(max_results) is not int or max_results < 1:
        raise ArgumentError(f"max_results {max_results!r} is not a positive whole number.")
    if token is not None and not str(token).isdecimal():
        raise ArgumentError(f"page token {token!r} is none: pass the `.token` of the page before.")
    start = int(token or 0)
    end = start + max_results
    found = ask(end + 1)
    return PagedList(found[start:end], str(end) if len(found) > end else None)
