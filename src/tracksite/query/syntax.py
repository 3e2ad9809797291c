"""The language of filters and orders: text to a frozen syntax tree, by recursive descent.

MLflow's search grammar, and beyond it bare names, `or`, `not` and parentheses::

    filter = [or]
    or     = and {"or" and}
    and    = not {"and" not}
    not    = "not" not | "(" or ")" | test
    test   = name ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
           | name ["not"] ("like" | "ilike") value       % any characters, _ any one character
           | name ["not"] "in" "(" value {"," value} ")"
           | name "is" ["not"] "null"
    name   = [family "."] key           family: attribute, metric, param, tag, dataset (and their
                                        plurals); of a data set: name, digest, context
    key    = word | `backquoted` | "double-quoted"
    value  = number | 'text' | "text" | word
    order  = name ["asc" | "desc"]

Keywords and families may be in any case; a doubled quote inside quotes stands for one; a word
begins with a letter or `_` and goes on with letters, digits and `_ . / : @ -`. A number is what
`schema.number` takes, or `inf`, `infinity` with or without a sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from tracksite import schema
from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_LENGTH = 10_000
MAX_DEPTH = 50

FAMILIES: Mapping[str, str] = {
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
DATASET_KEYS = ("name", "digest", "context")
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "like", "ilike"}
_SIGNS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_INFINITIES = {"inf", "infinity"}
_INFINITE = re.compile("[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII)
_SPACES = re.compile("[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]*")
_TOKEN = re.compile(  # white space comes before: what Python takes for it is not JavaScript's
    rf"""(?:
    (?P<number>{schema.NUMBER}(?![\w.]) | [+-](?:inf|infinity)(?![\w.]))
  | (?P<word>[^\W\d][\w./:@-]*)
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<backquoted>`(?:[^`]|``)*`)
  | (?P<sign><=|>=|<>|!=|==|=|<|>)
  | (?P<mark>[(),.])
  | (?P<end>\Z)
    )""",
    re.VERBOSE,
)

Value: TypeAlias = float | str


@dataclass(frozen=True)
class Name:
    """What a test looks at: `family` is one of FAMILIES' values, or None for a bare name."""

    family: str | None
    key: str
    at: int


@dataclass(frozen=True)
class Compare:
    """`name < value` and its kin; `value` may be text that a number or a time is read from."""

    name: Name
    sign: str
    value: Value
    at: int


@dataclass(frozen=True)
class OneOf:
    """`name = value` and `name IN (…)`; negated: `!=` and `NOT IN`. `at` is where values begin."""

    name: Name
    values: tuple[Value, ...]
    negated: bool
    at: int


@dataclass(frozen=True)
class Like:
    """`name LIKE pattern`."""

    name: Name
    pattern: str
    ignore_case: bool
    negated: bool


@dataclass(frozen=True)
class Missing:
    """`name IS NULL`."""

    name: Name
    negated: bool


@dataclass(frozen=True)
class Not:
    """The opposite of a test's outcome."""

    test: Node


@dataclass(frozen=True)
class And:
    """Every one of the tests; none at all is true."""

    tests: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """At least one of the tests."""

    tests: tuple[Node, ...]


Node: TypeAlias = Compare | OneOf | Like | Missing | Not | And | Or


@dataclass(frozen=True)
class Filter:
    """A filter that was understood: its text, for errors, and its tree."""

    text: str
    root: Node


@dataclass(frozen=True)
class Order:
    """One column to order by."""

    text: str
    name: Name
    descending: bool


class _Token(NamedTuple):
    kind: str
    text: str
    at: int
    end: int


def parse(text: str) -> Filter:
    """Return the tree of a filter; empty text is the filter that everything passes.

    Raises:
        ArgumentError: not in the grammar, longer than MAX_LENGTH or nested deeper than MAX_DEPTH;
            the message points at the place.
    """
    parser = _Parser(text, "filter")
    root = And(()) if parser.token.kind == "end" else parser.disjunction(0)
    parser.finish("`and` or `or` joins tests, and text with spaces or signs goes in quotes")
    return Filter(text, root)


def parse_order(text: str) -> Order:
    """Return what `"metrics.f1 DESC"` says; raise ArgumentError, with the place, if it cannot."""
    parser = _Parser(text, "order")
    name = parser.name()
    descending = parser.keyword("desc")
    if not descending:
        parser.keyword("asc")
    parser.finish("write a name, then ASC or DESC, and give further columns as further texts")
    return Order(text, name, descending)


def complaint(text: str, at: int, message: str, what: str = "filter") -> ArgumentError:
    """Return the error for character `at` of `text`, with a caret below the place."""
    start, stop = max(0, at - 60), at + 40
    shown = "".join(char if char.isprintable() else "·" for char in text[start:stop])
    head, tail = "…" if start else "", "…" if stop < len(text) else ""
    caret = " " * (at - start + len(head)) + "^"
    excerpt = f"    {head}{shown}{tail}\n    {caret}"
    return ArgumentError(f"The {what} fails at character {at + 1}: {message}.\n{excerpt}")


class _Parser:
    """A cursor over the tokens of one text."""

    def __init__(self, text: str, what: str) -> None:
        if not isinstance(text, str):
            raise ArgumentError(f"The {what} {text!r} is no text; write it as a string.")
        if len(text) > MAX_LENGTH:
            raise ArgumentError(
                f"The {what} has {len(text)} characters; {MAX_LENGTH} are the most that are read."
            )
        self.text, self.what = text, what
        lone = re.search("[\ud800-\udfff]", text)
        if lone:
            raise self.fail(f"{lone[0]!r} is half a character; write whole ones", lone.start())
        self._tokens = self._read_tokens()
        self.token = next(self._tokens)

    def _read_tokens(self) -> Iterator[_Token]:
        at = 0
        while True:
            at = _after_spaces(self.text, at)
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self.fail(_unreadable(self.text[at]), at)
            kind = str(match.lastgroup)
            token = _Token(kind, match[kind], match.start(kind), match.end())
            yield token
            at = token.end

    def fail(self, message: str, at: int) -> ArgumentError:
        return complaint(self.text, at, message, self.what)

    def expected(self, wanted: str) -> ArgumentError:
        found = "the end" if self.token.kind == "end" else f"`{self.token.text[:40]}`"
        return self.fail(f"expected {wanted}, found {found}", self.token.at)

    def take(self) -> _Token:
        token, self.token = self.token, next(self._tokens)
        return token

    def keyword(self, *words: str) -> bool:
        if self.token.kind != "word" or self.token.text.lower() not in words:
            return False
        self.take()
        return True

    def mark(self, mark: str, wanted: str) -> None:
        if self.token.text != mark:
            raise self.expected(wanted)
        self.take()

    def finish(self, remedy: str) -> None:
        if self.token.kind != "end":
            raise self.fail(
                f"`{self.token.text[:40]}` does not belong here; {remedy}", self.token.at
            )

    def disjunction(self, depth: int) -> Node:
        tests = self._joined("or", lambda: self.conjunction(depth))
        return tests[0] if len(tests) == 1 else Or(tests)

    def conjunction(self, depth: int) -> Node:
        tests = self._joined("and", lambda: self.negation(depth))
        return tests[0] if len(tests) == 1 else And(tests)

    def _joined(self, word: str, part: Callable[[], Node]) -> tuple[Node, ...]:
        tests = [part()]
        while self.keyword(word):
            tests.append(part())
        return tuple(tests)

    def negation(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.fail(f"nested deeper than {MAX_DEPTH}; write it flatter", self.token.at)
        if self.keyword("not"):
            return Not(self.negation(depth + 1))
        if self.token.text != "(":
            return self.test()
        self.take()
        inside = self.disjunction(depth + 1)
        self.mark(")", "`)`")
        return inside

    def test(self) -> Node:
        name = self.name()
        if self.token.kind == "sign":
            return self._comparison(name)
        if self.keyword("is"):
            negated = self.keyword("not")
            if not self.keyword("null"):
                raise self.expected("`null`, as in `name is null`")
            return Missing(name, negated)
        negated = self.keyword("not")
        if self.keyword("in"):
            return self._membership(name, negated)
        return self._like(name, negated)

    def _comparison(self, name: Name) -> Node:
        sign = _SIGNS[self.take().text]
        at = self.token.at
        value = self.value()
        if sign in ("=", "!="):
            return OneOf(name, (value,), negated=sign == "!=", at=at)
        return Compare(name, sign, value, at)

    def _membership(self, name: Name, negated: bool) -> Node:  # noqa: FBT001  # positions are clear here
        self.mark("(", "`(` and the values, as in `name in ('a', 'b')`")
        at = self.token.at
        values = [self.value()]
        while self.token.text == ",":
            self.take()
            values.append(self.value())
        self.mark(")", "`,` or `)`")
        return OneOf(name, tuple(values), negated, at)

    def _like(self, name: Name, negated: bool) -> Node:  # noqa: FBT001  # positions are clear here
        ignore_case = self.keyword("ilike")
        if not ignore_case and not self.keyword("like"):
            raise self.expected("a comparison such as `>`, `like`, `in` or `is null`")
        at = self.token.at
        pattern = self.value()
        if not isinstance(pattern, str):
            raise self.fail("a pattern is text: put it in single quotes, as in 'res%'", at)
        return Like(name, pattern, ignore_case, negated)

    def name(self) -> Name:
        token = self.token
        if token.kind in ("quoted", "backquoted"):
            self.take()
            return self._after_quoted(token)
        if token.kind != "word" or token.text.lower() in _KEYWORDS:
            remedy = 'such as `f1`, `metrics.f1` or `params."learning rate"`'
            raise self.expected(f"a name {remedy}")
        self.take()
        first, dot, key = token.text.partition(".")
        family = FAMILIES.get(first.lower()) if dot else None
        is_param = family == "dataset" and key and key not in DATASET_KEYS  # `dataset.size`
        if family is None or is_param:
            return Name(None, token.text, token.at)
        return Name(family, key or self._quoted_key(), token.at)

    def _after_quoted(self, token: _Token) -> Name:
        family = FAMILIES.get(_unquoted(token.text).lower())
        if family is None or self.token.text != ".":
            return Name(None, _unquoted(token.text), token.at)
        self.take()  # MLflow's `metric`.`f1`
        if self.token.kind == "word":
            return Name(family, self.take().text, token.at)
        return Name(family, self._quoted_key(), token.at)

    def _quoted_key(self) -> str:
        if self.token.kind not in ("quoted", "backquoted"):
            raise self.expected("a key after the dot, in double quotes or backquotes if need be")
        return _unquoted(self.take().text)

    def value(self) -> Value:
        token = self.token
        if token.kind in ("text", "quoted"):
            return _unquoted(self.take().text)
        if token.kind == "number" or token.text.lower() in _INFINITIES:
            return number_of(self.take().text)
        if token.kind != "word":
            raise self.expected("a number or text in single quotes")
        if token.text.lower() == "null":
            raise self.fail("nothing equals null; write `is null` or `is not null`", token.at)
        if token.text.lower() in _KEYWORDS:
            raise self.expected("a number or text in single quotes")
        return self.take().text


def _after_spaces(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return at if found is None else found.end()


def _unquoted(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)


def _unreadable(char: str) -> str:
    if char in "'\"`":
        return f"the quote {char} is never closed; close it, and double a quote inside"
    if char.isdigit() or char in "+-":
        return "this is no number; put text in single quotes and a name in double quotes"
    return f"{char!r} means nothing here; put text in single quotes and a name in double quotes"


def as_number(value: Value) -> float | None:
    """Return a value as a number, also one that was written in quotes; None if it is none."""
    if not isinstance(value, str):
        return value
    spelled = re.fullmatch(schema.NUMBER, value) or _INFINITE.fullmatch(value)
    return number_of(value) if spelled else None


def number_of(text: str) -> float:
    """Return the number that a text spells, as `schema.number`; infinite beyond the doubles."""
    found = schema.number(text)
    return float(text) if found is None else found
