"""Whether a value that stands under a secret name is a secret: not code, no place holder."""

from __future__ import annotations

import re

from tracksite.masking import names
from tracksite.masking.random import has_entropy, is_wordlike, looks_drawn

MASK = "***"

_PLACE_HOLDER = re.compile(
    r"(?:\*+|x{3,8}|X{3,8}|\.{2,8}|…|-+|_+|<[^<>\n]{0,80}>|\[[A-Za-z_ -]{0,40}\]"
    r"|\$\{[^{}\n]{0,80}\}|\$[A-Z_]{1,80}|\{\{?[^{}\n]{0,80}\}?\}|%\(\w{1,40}\)s|%[sdr]"
    r"|%[A-Z_]{1,80}%)\Z"
)
_EMPTY = frozenset(
    "none null nil undefined true false yes no on off redacted masked hidden unset str int float"
    " bool bytes string object any optional secretstr".split()
)
_NUMBER = re.compile(r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}(?:e[+-]?[0-9]{1,3})?\Z", re.IGNORECASE)
_CHAIN = re.compile(
    r"(?:self|cls|args|cfg|config|settings|os|env|opts?|options|conf|params|ctx|request|kwargs"
    r"|hparams|flags|FLAGS|secrets|creds|credentials|st|userdata|process)\."
    r"\w{1,80}(?:\.\w{1,80}){0,6}\Z"
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,127}(?:\.[A-Za-z_]\w{0,127}){0,6}\Z")
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile("[0-9]")
_VERSION = re.compile(  # of a package, as pip, conda and npm write it
    r"(?:[\^~]|[<>=!~]=|[<>])?[0-9]{1,4}(?:\.[0-9]{1,8}){2,3}(?:[.-]?[a-z]{1,5}\.?[0-9]{1,8})?"
    r"(?:=\w{1,40})?\Z"
)
_SYMBOL = re.compile(r"[!@#$%^&*+?~]")
_SOFT_NUMBER, SOFT_WORD = 6, 8  # characters of a number, or a word, that may be a token
_KEY_DIGITS = 4


def is_secret(kind: str, value: str, *, quoted: bool, whole: bool = False) -> bool:
    """Whether a value under a name of this kind is a secret.

    Args:
        kind: what `names.kind` says of the name.
        value: what stands there.
        quoted: whether the value has clear ends, rather than those that a scan took for them.
        whole: whether name and value are surely a name and its value, as those of a param are.
    """
    value = value.strip()
    if not value or value.startswith(MASK) or is_empty(value):
        return False
    if _PLACE_HOLDER.match(value) or _VERSION.match(value):
        return False
    if kind == names.KEYISH:
        return _is_key(value)
    if kind == names.WEAK:
        return _is_drawn(value)
    return kind == names.HARD or (kind == names.SOFT and _is_token(value, quoted, whole))


def _is_token(value: str, quoted: bool, whole: bool) -> bool:  # noqa: FBT001 - as is_secret has them
    if _NUMBER.match(value):
        return value.isdigit() and len(value) >= _SOFT_NUMBER
    if whole or " " in value:
        return whole
    return is_odd(value) or (quoted and len(value) >= SOFT_WORD and not is_wordlike(value))


def _is_drawn(value: str) -> bool:
    """Whether a value under a name that tells of a count or a way is a secret all the same."""
    is_word = len(value) < SOFT_WORD or _NUMBER.match(value) or not is_odd(value)
    return not is_word and looks_drawn(value)


def _is_key(value: str) -> bool:
    """Whether a value under a name that ends in "key" is a key to something."""
    digits = sum(map(str.isdigit, value))
    if not has_entropy(value) or digits < _KEY_DIGITS or _NUMBER.match(value):
        return False
    return looks_drawn(value)


def is_empty(value: str) -> bool:
    """Whether a value says nothing: `None`, `true`, or the name of a type."""
    return value.lower() in _EMPTY


def is_odd(value: str) -> bool:
    """Whether a word is none of everyday: letters with digits, or with signs."""
    if _SYMBOL.search(value):
        return True
    return bool(_DIGIT.search(value)) and bool(_LETTER.search(value))


def is_code(value: str, following: str) -> bool:
    """Whether a value is an expression: a call, an index, an attribute or another secret's name.

    Args:
        value: what stands there without quotes.
        following: the character behind it.
    """
    if _CHAIN.match(value) or is_call(value, following):
        return True
    return bool(_IDENTIFIER.match(value)) and not _DIGIT.search(value) and bool(names.kind(value))


def is_call(value: str, following: str) -> bool:
    """Whether a value is a name that is called or indexed."""
    return following in {"(", "["} and bool(_IDENTIFIER.match(value))
