"""A value where it stands in a text: in quotes, bare, in a query, in a header, behind a blank."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracksite.masking import names
from tracksite.masking.judged import SOFT_WORD, is_call, is_code, is_empty, is_odd, is_secret
from tracksite.masking.random import has_entropy

LONGEST = 4096  # characters of a value that are looked at
_BEFORE = 200  # characters in front of a name that may say what it is

_SIGNATURES = frozenset({"sig", "signature", "credential", "jwt"})
_QUOTE = re.compile(r"(?P<prefix>[rRbBuUfF]{0,2})(?P<quote>\\{0,3}(?:\"\"\"|'''|[\"'`]))")
_BARE = re.compile(rf"[^\s\"'`,;&<>(){{}}\[\]|\\]{{1,{LONGEST}}}")
_IN_QUERY = re.compile(rf"[^&#\s\"'<>`\\]{{1,{LONGEST}}}")
_IN_PAIR = re.compile(rf"[^;\"'\n\r]{{1,{LONGEST}}}")
_IN_HEADER = re.compile(rf"[^\"'\n\r`\\]{{1,{LONGEST}}}")
_VERB = re.compile(r"[ \t]{1,4}(?:(?:is|was|to)[ \t]{1,4})?(?=[^\s=:])")
_FILLED_IN = ("${", "#{", "%{", "$(")  # a value that is put there later
_ENDS = frozenset({"", "\n", "\r", '"', "'", "`", "}", "<", ",", ";"})

Place = tuple[int, int]


@dataclass(frozen=True)
class Name:
    """A name in a text: where it stands, and what `names.kind` says of it."""

    start: int
    end: int
    name: str
    kind: str

    @property
    def is_header(self) -> bool:
        """Whether all of a header of this name is a secret."""
        return self.name.lower().endswith(("authorization", "cookie"))


def quoted(text: str, at: int, name: Name) -> Place | None:
    """Return the inside of the literal that begins here, if it is a secret of the name.

    Without a closing quote that is the rest of its line.
    """
    quote = _QUOTE.match(text, at)
    if quote is None:
        return None
    begun, mark = quote.end(), quote["quote"]
    end = _closing(text, begun, mark)
    kind = names.HARD if name.is_header else name.kind
    return (begun, end) if is_secret(kind, text[begun:end], quoted=True) else None


def is_quoted(text: str, at: int) -> bool:
    """Whether a literal in quotes begins here."""
    return _QUOTE.match(text, at) is not None


def _closing(text: str, begun: int, mark: str) -> int:
    bound = min(len(text), begun + LONGEST)
    if not mark.endswith(('"""', "'''")):
        line = text.find("\n", begun, bound)
        bound = bound if line < 0 else line
    end = text.find(mark, begun, bound)
    while end > begun and text[end - 1] == "\\" and not mark.startswith("\\"):
        end = text.find(mark, end + 1, bound)
    return bound if end < 0 else end


def bare(text: str, at: int, name: Name, *, colon: bool) -> Place | None:
    """Return a value without quotes, unless it is code or prose.

    Args:
        text: that it stands in.
        at: where it begins.
        name: in front of it.
        colon: whether ":" stands between them, rather than "=".
    """
    if colon and name.is_header and (_is_quote_before(text, name) or _begins_line(text, name)):
        return _header(text, at)
    match = _BARE.match(text, at)
    if match is None or is_empty(match.group()) or text.startswith(_FILLED_IN, at):
        return None
    value, following = match.group(), text[match.end() : match.end() + 1]
    if name.kind == names.HARD and _begins_line(text, name):
        if colon and following == " ":  # YAML: the whole line is the value
            return _header(text, at)
        fits = not is_call(value, following)
    else:
        is_prose = colon and name.kind == names.HARD and not is_odd(value)
        fits = not (is_prose and following not in _ENDS)
    fits = fits and not is_code(value, following)
    return match.span() if fits and is_secret(name.kind, value, quoted=False) else None


def _header(text: str, at: int) -> Place | None:
    """Return the rest of a line, or what is left of it before a quote."""
    match = _IN_HEADER.match(text, at)
    if match is None or not is_secret(names.HARD, match.group(), quoted=True):
        return None
    return at, at + len(match.group().rstrip())


def _is_quote_before(text: str, name: Name) -> bool:
    return text[max(0, name.start - 1) : name.start] in {"'", '"'}


def _begins_line(text: str, name: Name) -> bool:
    """Whether only a sign of a diff, a bullet, blanks or `export` stand before it on its line."""
    before = text[max(0, name.start - 40) : name.start].rpartition("\n")[2]
    return before.strip(" \t+-*>") in {"", "export", "set", "ENV", "ARG"}


def in_query(text: str, name: Name, *, divided: bool) -> Place | None:
    """Return the value in the query of a URL, or (`divided`) among pairs that ";" divides."""
    if not name.kind or text[name.end : name.end + 1] != "=":
        return None
    match = (_IN_PAIR if divided else _IN_QUERY).match(text, name.end + 1)
    if match is None:
        return None
    kind, value = name.kind, match.group()
    if kind == names.SIGNED:
        signs = names.words(name.name)[-1] in _SIGNATURES
        kind = names.HARD if signs or has_entropy(value) else ""
    elif kind == names.SOFT and not divided:
        kind = names.HARD
    return match.span() if is_secret(kind, value, quoted=True) else None


def behind_scheme(text: str, at: int) -> Place | None:
    """Return what follows `Bearer` or `Basic`, where it is no everyday word."""
    match = _BARE.match(text, at + 1) if text[at : at + 1] in {" ", "\t"} else None
    if match is None or len(match.group()) < SOFT_WORD or not is_odd(match.group()):
        return None
    return match.span()


def behind_blank(text: str, name: Name) -> Place | None:
    """Return a value behind blanks alone: `--password x`, `login me password x`, `is x`."""
    gap = _VERB.match(text, name.end)
    if gap is None or name.kind not in {names.HARD, names.SOFT}:
        return None
    match = _BARE.match(text, gap.end() + is_quoted(text, gap.end()))
    if match is None or text[name.start - 1 : name.start] == "/":
        return None
    value = match.group().rstrip(".:")
    if _takes_words(text, name):
        fits = not value.startswith("-") and is_secret(name.kind, value, quoted=True)
    else:
        fits = (
            name.kind == names.HARD and is_odd(value) and is_secret(names.HARD, value, quoted=False)
        )
    return (match.start(), match.start() + len(value)) if fits else None


def _takes_words(text: str, name: Name) -> bool:
    """Whether a value follows this name behind a blank: options, netrc and build files."""
    if text.startswith("--", name.start):
        return True
    before = text[max(0, name.start - _BEFORE) : name.start]
    return " login " in before or (before.endswith(("ENV ", "ARG ")) and name.kind == names.HARD)
