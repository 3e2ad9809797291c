"""MLflow's searches over what is in memory: its own grammar, the answers of its database store."""

from __future__ import annotations

import math
import operator
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import SEARCH_MAX_RESULTS_THRESHOLD
from mlflow.utils.search_utils import SearchUtils

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Test = Callable[[Any], bool]
    Key = Callable[[Any], Any]

T = TypeVar("T")
NULL_TESTS = ("IS NULL", "IS NOT NULL")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "IN": lambda left, right: left in right,
    "NOT IN": lambda left, right: left not in right,
}


def compare(comparator: str, value: object) -> Test:
    """Return the test of a comparison: nothing compares to what is missing, as in SQL."""
    sign = comparator.upper()
    if sign in NULL_TESTS:
        return (lambda found: found is None) if sign == "IS NULL" else (lambda it: it is not None)
    if sign in {"LIKE", "ILIKE"}:
        matches = like(str(value), ignore_case=sign == "ILIKE")
        return lambda found: found is not None and matches(found)
    check = _OPERATORS[sign]
    return lambda found: found is not None and check(found, value)


@lru_cache(maxsize=256)
def like(pattern: str, *, ignore_case: bool) -> Test:
    """Return the test of a LIKE pattern: % is any text, _ any character.

    What stands between the % is found from left to right, each at its first place: that suffices
    , and no place is looked at again, whatever the pattern.
    """
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    parts = [["." if it == "_" else re.escape(it) for it in part] for part in pattern.split("%")]
    first, *middle = (re.compile("".join(part), flags) for part in parts)
    if not middle:
        return lambda found: first.fullmatch(found) is not None
    last, length = middle.pop(), len(parts[-1])

    def matches(found: str) -> bool:
        place = first.match(found)
        at = place.end() if place else -1
        for part in middle:
            place = part.search(found, at) if at >= 0 else None
            at = place.end() if place else -1
        return 0 <= at <= len(found) - length and bool(last.fullmatch(found, len(found) - length))

    return matches


def ordered(rows: Iterable[T], keys: Sequence[tuple[Key, bool]]) -> list[T]:
    """Return rows in the order of several keys, each ascending or not.

    What has no value comes last in both directions, after NaN.
    """
    found = list(rows)
    for key, ascending in reversed(keys):
        present, nans, missing = [], [], []
        for row in found:
            value = key(row)
            if value is None:
                missing.append(row)
            elif isinstance(value, float) and math.isnan(value):
                nans.append(row)
            else:
                present.append((value, row))
        present.sort(key=operator.itemgetter(0), reverse=not ascending)
        found = [row for _, row in present] + nans + missing
    return found


def page(
    rows: Sequence[T], max_results: int | None, page_token: str | None
) -> tuple[Sequence[T], bytes | None]:
    """Return one page of rows and the token of the next one."""
    start = SearchUtils.parse_start_offset_from_page_token(page_token)
    if max_results is None:
        return rows[start:], None
    end = start + max_results
    token = SearchUtils.create_page_token(end) if end < len(rows) else None
    return rows[start:end], token


def paged(rows: Sequence[T], max_results: int | None, page_token: str | None) -> PagedList[T]:
    """Return one page of rows as MLflow's PagedList."""
    found, token = page(rows, max_results, page_token)
    return PagedList(list(found), token)


def check_max_results(max_results: int | None, *, optional: bool = False) -> None:
    """Raise what MLflow raises for a page size that it does not allow."""
    if (max_results is None and not optional) or (max_results is not None and max_results < 1):
        _refuse(
            f"Invalid value {max_results} for parameter 'max_results' supplied. "
            "It must be a positive integer"
        )
    if max_results is not None and max_results > SEARCH_MAX_RESULTS_THRESHOLD:
        _refuse(
            f"Invalid value {max_results} for parameter 'max_results' supplied. "
            f"It must be at most {SEARCH_MAX_RESULTS_THRESHOLD}"
        )


def _refuse(message: str) -> None:
    raise MlflowException(message, INVALID_PARAMETER_VALUE)
