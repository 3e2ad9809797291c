"""A command line, word by word: options, assignments, headers, and the code of `python -c`."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from tracksite.masking import names
from tracksite.masking.judged import MASK, is_odd, is_secret
from tracksite.masking.spans import (
    SHORTEST_KNOWN,
    Span,
    cut,
    find,
    mask_named,
    mask_text,
    merged,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_PASSWORD_LETTERS = frozenset({"-p", "-P", "-pw", "-pass"})
_USER_OPTIONS = frozenset({"-u", "--user", "--login", "--basic", "--proxy-user", "-U", "--userpwd"})
_PLURAL = re.compile(r"(?:s|auth|login)\Z", re.IGNORECASE)
_FILE = re.compile(r"[\w.-]{1,200}\.[A-Za-z0-9]{1,8}\Z")
_NUMBER = re.compile(r"[+-]?[0-9.,:]{1,24}\Z")


def mask_words(words: Sequence[str], known: Collection[str] = ()) -> list[str]:
    """Return the words of a command line with secrets replaced by ***.

    Masked are: the values of an option or assignment whose name says secret (`--password x`,
    `--token=x`, `api_key=x`, `-p x`, `-u me:x`), and what `find` finds in any word. A second value
    of such an option is masked where the option's name is plural or the value is no plain word.
    """
    masked: list[str] = []
    name, values = "", 0  # the option before, which waits for its value, and how many it had
    for word, inside in zip(words, _found(words, known), strict=True):
        if name and not word.startswith("--") and _is_value(name, word, values):
            masked.append(_value(name, word, known))
            values += 1
            continue
        if _is_glued(word):
            masked.append(f"{word[:2]}{MASK}")
            name = ""
            continue
        option, equals, value = word.partition("=")
        bare = option.lstrip("-+")
        if equals and _is_name(bare):
            masked.append(f"{option}={mask_named(bare, value, known=known)[0]}")
        else:
            masked.append(cut(word, inside))
        if word.startswith("-") and not equals:
            name, values = word, 0
        elif values or not word.startswith("-"):
            name = ""
    return masked


def _found(words: Sequence[str], known: Collection[str]) -> list[list[Span]]:
    """Return the secrets of each word: those of the word alone, and those of the whole line."""
    whole = find(" ".join(words), known=known)
    found, begun, at = [], 0, 0
    for word in words:
        end = begun + len(word)
        while at < len(whole) and whole[at].end <= begun:
            at += 1
        inside = find(word, known=known)
        for span in islice(whole, at, None):
            if span.start >= end:
                break
            part = Span(max(span.start - begun, 0), min(span.end - begun, len(word)), span.why)
            if word[part.start : part.end].strip("*"):
                inside.append(part)
        found.append(merged(inside))
        begun = end + 1
    return found


def secrets_of(words: Sequence[str], masked: Sequence[str]) -> list[str]:
    """Return what was masked in the words of a command line."""
    found = []
    for word, left in zip(words, masked, strict=True):
        if word == left:
            continue
        start, _, end = left.partition(MASK)
        if MASK not in end and word.startswith(start) and word.endswith(end):
            found.append(word[len(start) : len(word) - len(end)])
    return found


def _is_name(text: str) -> bool:
    return len(text) <= names.LONGEST and not any(sign in text for sign in " \"'{?&\n")


def _is_glued(word: str) -> bool:
    """Whether a word is `-p` with a password right behind it, as mysql takes it."""
    rest = word[2:]
    fits = word[:2] == "-p" and len(rest) >= SHORTEST_KNOWN and rest.isascii()
    return fits and is_odd(rest) and not any(sign in rest for sign in "=./-_:")


def _is_value(option: str, word: str, values: int) -> bool:
    """Whether a word is a secret value of this option, which had so many values before it."""
    if option in _USER_OPTIONS:
        return values == 0 and ":" in word and not word.startswith("-")
    if option in _PASSWORD_LETTERS:
        return values == 0 and not word.startswith("-") and not _NUMBER.match(word)
    name = option.lstrip("-")
    if not is_secret(names.kind(name), word, quoted=True, whole=True):
        return False
    if values == 0:
        return True
    plain = bool(_FILE.match(word)) or "/" in word or not is_odd(word)
    return not word.startswith("-") and (bool(_PLURAL.search(name)) or not plain)


def _value(option: str, word: str, known: Collection[str]) -> str:
    if option in _USER_OPTIONS:
        if find(word, known=known):
            return mask_text(word, known)
        return f"{word.partition(':')[0]}:{MASK}"
    return MASK
