"""What the name of a metric tells: which way is better, what values can be, which data it is of.

A name is read as people build them: what is measured comes last (`dice_loss` is a loss,
`fit_time` a time), a statistic or a count comes first (`std_f1`, `n_errors`), and what follows a
preposition says where (`recall@5`, `fpr_at_95_tpr`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from tracksite.query.metric_words import Kind, items, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracksite.query.metric_words import Item

MAXIMIZE, MINIMIZE = "maximize", "minimize"
_MEASURED = {Kind.METRIC, Kind.LAST, Kind.ALONE}


@dataclass(frozen=True)
class Reading:
    """What a metric's name tells.

    Attributes:
        direction: "maximize" or "minimize"; None where the name does not tell.
        word: the words that say so, or that make it no goal.
        never: whether it is something that no experiment is after, such as a deviation or a time.
        split: "validation", "test", "training" or "": the data it is of.
        low: the smallest possible value, or None.
        high: the greatest possible value, or None.
        level: 0 for a measure of quality, 1 for a loss, 2 for what a run costs.
        place: how telling the word is among those of its level: 0 is the most.
        parts: how many words say that it is only a part of something, or are not known.
    """

    direction: str | None = None
    word: str = ""
    never: bool = False
    split: str = ""
    low: float | None = None
    high: float | None = None
    level: int = 0
    place: int = 0
    parts: int = 0


def direction_of(metric: str) -> str | None:
    """Return "maximize" or "minimize" as the words of a metric's name tell, None if they do not."""
    return read(metric).direction


def metric_range(metric: str) -> tuple[float | None, float | None]:
    """Return the lowest and the highest possible value of a metric, each None where none is known.

    The name alone is read. A value beyond these bounds shows that the metric is logged in another
    unit, such as an accuracy in per cent: whoever uses them looks at the values first.
    """
    reading = read(metric)
    return reading.low, reading.high


@lru_cache(maxsize=10_000)
def read(metric: str) -> Reading:
    """Return what the name of a metric tells."""
    found = items(metric)
    known = Reading(
        split=next((it.meaning.split for it in found if it.meaning.split), ""),
        parts=sum(it.meaning.kind in {Kind.PART, Kind.UNKNOWN} for it in found),
    )
    head = _head(found)
    said = [it for it in head if it.meaning.kind is Kind.METRIC]
    never = _of(Kind.ANYWHERE, found) or _counted(found) or _behind(head, said)
    if never is not None:
        return replace(known, word=never.text, never=True)
    return _decided(known, said, negated=_front(head)) if said else known


def _of(kind: Kind, found: Sequence[Item]) -> Item | None:
    return next((it for it in found if it.meaning.kind is kind), None)


def _front(found: Sequence[Item]) -> Item | None:
    """Return the first item that says something about what is measured."""
    passed = {Kind.SPLIT, Kind.NEUTRAL}
    return next((it for it in found if it.meaning.kind not in passed), None)


def _counted(found: Sequence[Item]) -> Item | None:
    """Return the word in front that makes a name a count, a rank or an aim, if it has one."""
    front = _front(found)
    return front if front is not None and front.words in table().first else None


def _head(found: Sequence[Item]) -> Sequence[Item]:
    """Return the items that say what is measured: those before a preposition, if they do."""
    for at, item in enumerate(found):
        measured = any(it.meaning.kind in _MEASURED for it in found[:at])
        if measured and item.text in table().prepositions:
            return found[:at]
    return found


def _behind(head: Sequence[Item], said: Sequence[Item]) -> Item | None:
    """Return the word behind all that have a direction that makes a name no goal, if any."""
    if said:
        return _of(Kind.LAST, head[head.index(said[-1]) + 1 :])
    return _of(Kind.LAST, head) or _of(Kind.ALONE, head)


def _decided(known: Reading, said: Sequence[Item], negated: Item | None) -> Reading:
    """Return the reading of a name by the words in it that have a direction.

    Args:
        known: what else it tells.
        said: those words, in order: the last one that overrules others decides, else the last.
        negated: the first word that says anything; if that is a negation, it turns them around.
    """
    overruling = [it for it in said if it.meaning.overrules]
    chosen = overruling[-1] if overruling else min(reversed(said), key=lambda it: it.meaning.weak)
    before = said[: said.index(chosen)]
    if chosen.meaning.spread and any(it.meaning.direction == MAXIMIZE for it in before):
        return replace(known, word=chosen.text, never=True)
    found = replace(known, word=chosen.text, **chosen.meaning.told)
    if negated is None or negated.meaning.kind is not Kind.NEGATION:
        return found
    if found.direction == MAXIMIZE:
        return known
    low, high = (None if bound is None else -bound for bound in (found.high, found.low))
    word = f"{negated.text} {found.word}"
    return replace(found, direction=MAXIMIZE, word=word, low=low, high=high)
