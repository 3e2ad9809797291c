# ruff: noqa: RUF001 - letters that look like others are the point
"""Odd runs, and filters of them that nobody wrote down: both readers of filters must agree."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.query.made import patch

KEYS = (
    *("lr", "depth", "val/loss", "weird.key", "x:y", "a-b", "a b", "1st", "-", ".", "or", "null"),
    *("é", "日本", "x²", "²x", "½", "Ⅷ", "Ⅷb", "Å", "e\u0301", "🚀", "it's", 'quo"te', "tick`"),
    *("__proto__", "constructor", "toString", "status", "name", "start_time", "created", "user_id"),
    *("dataset.name", "dataset.size", "dataset", "digest", "context"),
    *("metrics.lr", "params.lr", "tags.depth", "params.params.lr", "metric", "tag", "IN", "İn"),
)
NUMBERS = (
    *("0", "-0", "+0", "5", "5.", "5.0", "+5", "05", "5e0", ".5", "0.5", "5e-1", "-.5E+0", "00501"),
    *("0.1", "0.10", "1e-400", "0.1000000000000000055511151231257827", "4.9e-324", "2e-324"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994"),
    *("-9007199254740993", "9007199254740993.0", "9.007199254740993e15", "9007199254740993.5"),
    *("900719925474099300e-2", "1e22", "10000000000000000000000", "10000000000000000000001"),
    *("1e308", "1.7976931348623157e308", "1.7976931348623159e308", "9" * 40, "9" * 39 + "8"),
    *("0" * 400 + "7", "1" + "0" * 400 + "e-400", "1769860800000", "1769860800000.5"),
)
NO_NUMBERS = (
    *("0x10", "0b1", "0o7", "1_000", "1,000", "1 000", " 5", "5 ", "5\n", "5\xa0", "\ufeff5"),
    *("٣", "１２", "1e400", "-1e400", "inf", "-inf", "+Infinity", "INF", "ınf", "nan", "NaN"),
    *("e5", "1e", "1e+", "--5", "+-5", "5f", "5L", "5d", "1.2.3", "½", "²", "", " ", ".", "-", "+"),
    *("12e5", "88f1", "0777", "True", "None", "null", "2026-01-31", "2026-01-31T10:00:00Z"),
)
WORDS = (
    *("adam", "Adam", "ADAM", "résumé", "RÉSUMÉ", "ſharp", "Kelvin", "\u212aelvin", "İstanbul"),
    *("istanbul", "ısparta", "straße", "STRASSE", "ẞ", "Σίσυφος", "σίσυφοΣ", "ǅ", "ß", "🚀🚀"),
    *("50% off", "a_b", "a.b", "a\nb", "a\\b", "it's", 'say "hi"', "`x`", "[a-z]+", "^a$", "(x|y)"),
    *("a/b", "a b", "\u2028", "\x85", "\x1f", "{}", "null", "and", "#", "~", "&&", "a--b"),
)
TEXTS = (*NUMBERS, *NO_NUMBERS, *WORDS)
VALUES = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5.0, 0.5, 0.1, 2.0**53, 1e22, 1e308, 5e-324)
TIMES = (
    *("2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31T12:00:00.123"),
    *("2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.1234567Z", "2026-01-31T13:30:00+01:30"),
    *("2026-02-30", "2026-13-01", "0000-01-01", "0001-01-01", "9999-12-31T23:59:59.999999"),
    *("1969-12-31T23:59:59.9995", "20260131", "2026-W05-6", "2026-01-31T24:00", "2026-01-31T12"),
    *("2026-01-31T12:00:60", "2026-1-31", " 2026-01-31", "2026-01-31T12:00:00z", "31.1.2026"),
    *("2026-01-31t12:00", "2026-01-31T12:00:00+0130", "2026-01-31T12:00:00,5", "2026-01-31Z"),
    *("0001-01-01T00:00+23:59", "2026-01-31T12:00+24:00", "٢٠٢٦-01-31", "yesterday", ""),
)
ATTRIBUTES = (
    *("run_id", "name", "run_name", "status", "user", "user_id", "source", "git_commit"),
    *("parent_run_id", "experiment", "duration_s", "duration", "started_at", "start_time"),
    *("ended_at", "end_time", "created", "nothing"),
)
FAMILIES = {
    "metric": ("metric", "metrics", "METRICS"),
    "param": ("param", "params", "parameter", "parameters", "Params"),
    "tag": ("tag", "tags"),
    "attribute": ("attribute", "attributes", "attr", "run"),
    "dataset": ("dataset", "datasets", "Dataset"),
}
DATASETS = ("train", "Train", "val%", "5", "0x10", "it's")
SPACES = (*" " * 150, "  ", "\n", "\t", "\xa0", "\u2003", "\ufeff", "\x85", "\x1c", "\u200b")


def runs(chance: random.Random, count: int = 40) -> list[dict[str, Any]]:
    """Return the patches of some runs whose params, metrics, tags and attributes are odd."""
    return [_run(chance, place) for place in range(count)]


def _run(chance: random.Random, place: int) -> dict[str, Any]:
    def some(values: tuple[Any, ...]) -> dict[str, Any]:
        return {key: chance.choice(values) for key in KEYS if chance.random() < 0.7}

    began = datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(
        days=chance.choice((0, 0, 0, 1, -30_000)), microseconds=chance.choice((0, 1, 123_456, -1))
    )
    ended = chance.choice((None, began, began + timedelta(seconds=chance.choice((0.1, 5, 60)))))
    return patch(
        f"{place:032x}",
        some(TEXTS),
        some((*VALUES, chance.gauss(0, 1))),
        some(TEXTS),
        name=chance.choice((None, *TEXTS)),
        user=chance.choice((None, "ada", "5", "0x10")),
        source=chance.choice((None, "train.py")),
        status=chance.choice(("finished", "failed", "running", "killed")),
        started_at=began,
        ended_at=ended,
        inputs=_inputs(chance),
        git_commit=chance.choice((None, "12345678", "1234e567", "9007199254740993")),
    )


def _inputs(chance: random.Random) -> list[dict[str, Any]]:
    def one(name: str) -> dict[str, Any]:
        context = chance.choice((None, "eval", name))
        return {"name": name, "digest": chance.choice(("d1", "d2")), "context": context}

    return list(map(one, chance.sample(DATASETS, chance.choice((0, 0, 1, 2)))))


def a_filter(chance: random.Random) -> str:
    """Return a filter, now and then with a slip of the pen in it."""
    text = _joined(chance, chance.choice((0, 0, 1, 1, 2, 3)))
    if chance.random() < 0.08:
        at = chance.randrange(len(text) + 1)
        slip = chance.choice(("", "'", '"', "`", "(", ")", "=", ".", " ", "5", "and", "🚀", "\x00"))
        text = text[:at] + slip + text[at + chance.randrange(2) :]
    return text


def _joined(chance: random.Random, depth: int) -> str:
    if not depth:
        return _test(chance)
    match chance.randrange(4):
        case 0:
            return f"{_word(chance, 'not')}{_space(chance)}{_joined(chance, depth - 1)}"
        case 1:
            return f"({_joined(chance, depth - 1)})"
        case _:
            word = _word(chance, chance.choice(("and", "and", "or")))
            parts = (_joined(chance, depth - 1), word, _joined(chance, depth - 1))
            return _space(chance).join(parts)


def _test(chance: random.Random) -> str:
    name = _name(chance)
    match chance.randrange(8):
        case 0:
            asked = chance.choice(("is null", "IS NOT NULL", "is  null"))
            return f"{name}{_space(chance)}{asked}"
        case 1 | 2:
            kind = chance.choice(("like", "ILIKE", "not like", "not ilike"))
            return _space(chance).join((name, kind, _quoted(chance, _pattern(chance))))
        case 3:
            values = ",".join(_value(chance, name) for _ in range(chance.randint(1, 4)))
            return f"{name} {chance.choice(('in', 'not in', 'IN', 'Not In'))} ({values})"
        case _:
            sign = chance.choice(("=", "==", "!=", "<>", "<", "<=", ">", ">="))
            gap = chance.choice(("", _space(chance)))
            return f"{name}{gap}{sign}{gap}{_value(chance, name, sign)}"


def _name(chance: random.Random) -> str:
    if chance.random() < 0.25:
        name = chance.choice(ATTRIBUTES)
        return name if chance.random() < 0.5 else f"{chance.choice(FAMILIES['attribute'])}.{name}"
    if chance.random() < 0.1:
        key = chance.choice(("name", "digest", "context", "name", "size", '"name"', "`context`"))
        return f"{chance.choice(FAMILIES['dataset'])}.{key}"
    key = chance.choice(KEYS)
    plain = key if chance.random() < 0.05 else _marked(key, chance.choice('"`'))
    if chance.random() < 0.2:
        return plain
    family = chance.choice([word for words in FAMILIES.values() for word in words])
    return f"{_marked(family, '`') if chance.random() < 0.1 else family}.{plain}"


def _value(chance: random.Random, name: str, sign: str = "=") -> str:
    """Return a value that mostly can be compared with what the name says."""
    if chance.random() < 0.05:
        return chance.choice((*NO_NUMBERS, *WORDS))
    if name.endswith(("_at", "_time", "created")) and chance.random() < 0.7:
        return _quoted(chance, chance.choice(TIMES))
    numeric = name.lower().startswith("metric") or name.startswith("dur") or sign[0] in "<>"
    if chance.random() < (0.9 if numeric else 0.3):
        number = chance.choice((*NUMBERS, "-inf", "inf", "Infinity", "+infinity"))
        return chance.choice((number, number, _quoted(chance, number)))
    if name.lower().startswith("dataset"):
        return _quoted(chance, chance.choice((*DATASETS, "d1", "D2")))
    return _quoted(chance, chance.choice(TEXTS))


def _pattern(chance: random.Random) -> str:
    text = chance.choice((*TEXTS, *WORDS, "finished", "FINISHED"))
    marks = "".join(chance.choice(("", "", "%", "_")) or char for char in text)
    return chance.choice((text, marks, f"%{text[1:]}", f"{text[:2]}%", text.swapcase(), "%"))


def _quoted(chance: random.Random, text: str) -> str:
    return _marked(text, chance.choice("'''\""))


def _marked(text: str, quote: str) -> str:
    return quote + text.replace(quote, quote * 2) + quote


def _word(chance: random.Random, word: str) -> str:
    return chance.choice((word, word, word.upper(), word.title()))


def _space(chance: random.Random) -> str:
    return chance.choice(SPACES)
