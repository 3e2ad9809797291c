"""The words in the names of metrics, and what each means: all from `metric_names.toml`."""

from __future__ import annotations

import itertools
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FILE = Path(__file__).with_name("metric_names.toml")
LONGEST = 300  # characters of a name that are read

_CHUNK = re.compile(r"[^\W_]+")
_PIECE = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*|[0-9]+|[^A-Za-z0-9]+")
_MINUS = re.compile(r"^\s*[-−](?=[^\W\d_])|^\s*1\s+[-−]\s")
_NUMBER = re.compile(r"[0-9]+\Z")
_DIGITS = "0123456789"


class Kind(Enum):
    """What a wording does in a name; the file says what each is for."""

    METRIC = "metric"
    PART = "part"
    SPLIT = "split"
    NEUTRAL = "neutral"
    NEGATION = "negation"
    ANYWHERE = "anywhere"
    LAST = "last"
    ALONE = "alone"
    UNKNOWN = "unknown"


class Meaning(NamedTuple):
    """What one wording means: its kind, and of a metric or a split what the file says of it."""

    kind: Kind
    split: str = ""
    direction: str | None = None
    low: float | None = None
    high: float | None = None
    level: int = 0
    place: int = 0
    overrules: bool = False
    spread: bool = False
    weak: bool = False

    @property
    def told(self) -> dict[str, Any]:
        """What a metric's name tells by this wording: fields of `metric_names.Reading`."""
        names = ("direction", "low", "high", "level", "place")
        return {name: getattr(self, name) for name in names}


class Item(NamedTuple):
    """A wording that was found in a name, and what it means."""

    words: tuple[str, ...]
    meaning: Meaning

    @property
    def text(self) -> str:
        """The wording."""
        return " ".join(self.words)


@dataclass(frozen=True)
class Table:
    """The file, as it is looked things up in."""

    meanings: Mapping[tuple[str, ...], Meaning]
    first: frozenset[tuple[str, ...]]
    prepositions: frozenset[str]
    words: frozenset[str]  # all that stand in any wording
    affixes: frozenset[str]  # that are written in one with a metric: valloss, aucmean
    longest: Mapping[str, int]  # first word → words of the longest wording that begins so


def items(metric: str) -> tuple[Item, ...]:
    """Return the wordings in the name of a metric in order, each as long as the file knows one."""
    known, found, at = table(), [], 0
    words = _words(metric)
    numbers = tuple("#" if _NUMBER.match(word) else word for word in words)
    while at < len(words):
        longest = known.longest.get(words[at], 0)
        for end in range(min(at + longest, len(words)), at, -1):
            place = slice(at, end)
            meaning = known.meanings.get(words[place]) or known.meanings.get(numbers[place])
            if meaning is not None:
                break
        else:
            place = slice(at, at + 1)
            meaning = _unknown(words[at], known)
        found.append(Item(words[place], meaning))
        at = place.stop
    return tuple(found)


def _unknown(word: str, known: Table) -> Meaning:
    """Return what a word means that is in no wording; letters and numbers name no part."""
    small = len(word) == 1 or _NUMBER.match(word) or word in known.prepositions
    return Meaning(Kind.NEUTRAL if small else Kind.UNKNOWN)


def _words(metric: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: `valF1/mAP@5` is val, f1, map, at, 5."""
    text = unicodedata.normalize("NFKC", metric[:LONGEST]).replace("@", " at ")
    text = _MINUS.sub("minus ", text)
    return tuple(word for chunk in _CHUNK.findall(text) for word in _parts(chunk))


def _parts(chunk: str) -> Iterator[str]:
    """Yield the words that are written in one: as known ones, else by capitals and digits."""
    known = _known(chunk.lower())
    if known is not None:
        yield from known
        return
    for piece in _PIECE.findall(chunk):
        word = piece.lower()
        yield from _known(word) or re.findall(r"[0-9]+|[^0-9]+", word)


def _known(word: str) -> tuple[str, ...] | None:
    """Return a word as known ones: itself, a number behind it, or two that are run together."""
    known = table()
    if word in known.words or _NUMBER.match(word):
        return (word,)
    letters = word.rstrip(_DIGITS)
    if letters in known.words:
        return letters, word[len(letters) :]
    for at in range(2, len(word) - 1):
        left, right = word[:at], word[at:]
        if left in known.affixes and (right,) in known.meanings:
            return left, right
        if right in known.affixes and (left,) in known.meanings:
            return left, right
    return None


@cache
def table() -> Table:
    """Return the file as a table; it is read once."""
    document = tomllib.loads(FILE.read_text(encoding="utf-8"))
    modifiers, never = document["modifiers"], document["never"]
    around = _meaning(Kind.NEUTRAL, modifiers["neutral"])
    for split, text in document["splits"].items():
        around |= _meaning(Kind.SPLIT, text, split)
    spreads = _meaning(Kind.ANYWHERE, never["anywhere"])
    first = _meaning(Kind.UNKNOWN, never["first"])
    meanings = {
        **around,
        **_meaning(Kind.PART, modifiers["part"]),
        **first,
        **_meaning(Kind.ALONE, never["alone"]),
        **_meaning(Kind.LAST, never["last"]),
        **spreads,
        **_meaning(Kind.NEGATION, modifiers["negations"]),
        **dict(_metrics(document["level"])),
    }
    single = [words[0] for words in (*around, *spreads) if len(words) == 1]
    return Table(
        meanings,
        frozenset(first),
        frozenset(word for (word,) in _wordings(modifiers["prepositions"])),
        frozenset(word for words in meanings for word in words),
        frozenset(word for word in single if len(word) > 1),
        {words[0]: len(words) for words in sorted(meanings, key=len)},
    )


def split_words() -> list[str]:
    """Return every single word for a split of the data, such as val and train, in order."""
    found = (words for words, meaning in table().meanings.items() if meaning.kind is Kind.SPLIT)
    return sorted(words[0] for words in found if len(words) == 1)


def _meaning(kind: Kind, text: str, split: str = "") -> dict[tuple[str, ...], Meaning]:
    return {words: Meaning(kind, split) for words in _wordings(text)}


def _metrics(
    levels: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[tuple[str, ...], Meaning]]:
    for at, level in enumerate(levels):
        place = itertools.count()
        for group in level["group"]:
            low, high = (None if it == "" else it for it in group.get("range", ("", "")))
            flags = [group.get(flag, False) for flag in ("overrules", "spread", "weak")]
            told = (group["direction"], low, high, at)
            for names in group["names"]:
                meaning = Meaning(Kind.METRIC, "", *told, next(place), *flags)
                yield from ((words, meaning) for words in _wordings(names))


def _wordings(text: str) -> list[tuple[str, ...]]:
    """Return the wordings in a list of the file, each as its words."""
    return [tuple(wording.split()) for wording in text.split(",") if wording.strip()]
