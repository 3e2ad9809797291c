"""Tokens of known services, told by how they begin: the table is `forms.json`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 4096  # characters of a token that are looked at
_KEY_BEGIN, _KEY_END = "-----BEGIN ", "-----END "
_KEY_HEAD = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z0-9 ]{0,20}-----")
_KEY_FOOT = re.compile(r"-----END [A-Z0-9 ]{0,60}-----")
# Where a word begins that may be a token: no form is shorter.
_BEGINNING = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z0-9][\w.=~/+:\-]{13})")
_SURE = 2  # characters that every form begins with
_DIGIT_WITHIN = 64  # characters: no token has so many letters in a row
_DIGIT = re.compile(r"[0-9]")


@dataclass(frozen=True)
class Form:
    """One way in which a token begins.

    Attributes:
        service: whose token it is.
        start: how it begins.
        rest: matches the characters that follow.
        least: how many of them there are at least.
        digit: whether one of them is a digit.
    """

    service: str
    start: str
    rest: re.Pattern[str]
    least: int
    digit: bool


@cache
def forms() -> tuple[Form, ...]:
    """Return every form of the table; read when it is first asked for."""
    table = json.loads(Path(__file__).with_name("forms.json").read_text(encoding="utf-8"))
    rests = {
        name: re.compile(f"[{characters}]{{0,{_LONGEST}}}")
        for name, characters in table["characters"].items()
    }
    return tuple(
        Form(service, start, rests[rest], least, digit)
        for service, starts, rest, least, digit in table["forms"]
        for start in starts
    )


@cache
def _by_beginning() -> dict[str, list[Form]]:
    found: dict[str, list[Form]] = {}
    for form in forms():
        found.setdefault(form.start[:_SURE], []).append(form)
    return found


def tokens(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start and end of each token of a known form, and the service; some may overlap."""
    known, done = _by_beginning(), 0
    for hit in _BEGINNING.finditer(text):
        at = hit.start()
        if at < done:
            continue
        for form in known.get(text[at : at + _SURE], ()):
            begun = at + len(form.start)
            if text.startswith(form.start, at) and (end := _end(form, text, begun)) > begun:
                yield at, end, form.service
                done = max(done, end)


def _end(form: Form, text: str, begun: int) -> int:
    if form.digit and not _DIGIT.search(text, begun, begun + _DIGIT_WITHIN):
        return begun
    match = form.rest.match(text, begun)
    end = match.end() if match else begun
    if end - begun < form.least or (form.digit and not _DIGIT.search(text, begun, end)):
        return begun
    while text[end - 1] in ".=-" and end - begun > form.least:  # a sentence may end here
        end -= 1
    return end


def private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of the content of each private key in PEM form, its lines one by one.

    Heads, feet and the first character of a line of a diff stay, so that lines can be counted.
    """
    at = text.find(_KEY_BEGIN)
    while at >= 0:
        head = _KEY_HEAD.match(text, at)
        if head is None:
            at = text.find(_KEY_BEGIN, at + 1)
            continue
        foot = text.find(_KEY_END, head.end())
        stop = len(text) if foot < 0 else foot
        yield from _lines(text, head.end(), stop)
        closing = None if foot < 0 else _KEY_FOOT.match(text, foot)
        at = text.find(_KEY_BEGIN, closing.end() if closing else stop)


def _lines(text: str, at: int, stop: int) -> Iterator[tuple[int, int]]:
    while at < stop:
        end = text.find("\n", at, stop)
        end = stop if end < 0 else end
        begun = at + (text[at] in "+- " and end > at)
        if text[begun:end].strip():
            yield begun, end
        at = end + 1
