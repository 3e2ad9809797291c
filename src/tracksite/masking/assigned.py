"""The values of secret names, in code, settings, JSON, URLs, headers and prose.

`PASSWORD = "x"`, `{"token": "x"}`, `export API_KEY=x`, `?X-Amz-Signature=x`, `Authorization: x`,
`os.environ["TOKEN"] = "x"`, `SecretStr("x")` behind a secret name, `<password>x</password>`,
`login me password x`. A value that is code, a place holder or an everyday word stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracksite.masking import names, written
from tracksite.masking.written import LONGEST, Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracksite.masking.written import Place

# What every secret name holds, in lower case. Grouped by first letters, which makes it fast.
_STEM = re.compile(
    r"p(?:ass|wd|at(?![a-z]))|s(?:ecret|ig|enha|enord|as(?![a-z]))|t(?:oken|icket)"
    r"|c(?:red|ookie|ontrase|ode(?![a-z]))|ke(?:y|nnwort)|auth|bearer|dsn|jwt|nnection[ _.-]?string"
    r"|w(?:ebhook|achtw)|otp(?![a-z])|h(?:as[lł]o|mac)|\bmotdepasse|\bbasic(?=[ \t])"
)
_REST = re.compile(r"[\w.\-]*")
_SECOND_WORDS = frozenset("key keys token tokens string".split())
_SCHEMES = frozenset({"bearer", "basic", "token", "digest", "apikey", "negotiate"})

_CLOSING = re.compile(r"(?P<quote>\\{0,3}[\"'`])?[\])]{0,2}[ \t]{0,8}")
_SIGN = re.compile(r"(?:===?|=>|:=|!=|=|::|:|,|\(|>)[ \t]{0,8}")
_BREAK = re.compile(r"\(?[ \t]{0,8}\r?\n[+\- ]?[ \t]{0,40}")
_TYPE = re.compile(r"[A-Za-z_][\w.\[\]| ]{0,60}+=(?!=)[ \t]{0,8}")
_CALL = re.compile(r"(?P<name>[A-Za-z_][\w.]{0,60}+)\([ \t]{0,8}(?=[rRbBuUfF]{0,2}[\"'])")
_DEFAULT = re.compile(r"default[ \t]{0,8}=[ \t]{0,8}(?=[rRbBuUfF]{0,2}[\"'])")
_TO_DEFAULT = 80  # characters of a call in which a default may stand
_WRAPPERS = frozenset("str bytes b64decode b64encode fromhex unhexlify quote quote_plus".split())
_NO_WRAPPERS = frozenset({"TypeVar", "Path", "NewType", "ForwardRef", "Header", "Query", "Cookie"})
_READS = ("get", "load", "read", "fetch", "find", "has", "is", "check", "require", "count", "no")


def values(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start and end of each secret value, and the name that says so."""
    lower = text.lower()
    if len(lower) != len(text):  # some capitals are two letters when small
        lower = "".join(small if len(small := it.lower()) == 1 else it for it in text)
    done = 0
    for hit in _STEM.finditer(lower):
        if hit.end() <= done:
            continue
        end = _end_of_name(text, hit.end())
        start = _start_of_name(text, max(done, hit.end() - names.LONGEST), hit.end())
        name, done = text[max(start, end - names.LONGEST) : end], end
        kind = names.kind(name)
        if kind != names.HARD and name.lower() in _SECOND_WORDS:
            name, kind = _with_word_before(text, start, name, kind)
        found = _value(text, Name(start, end, name, kind))
        if found:
            yield *found, name
            done = found[1]


def _end_of_name(text: str, at: int) -> int:
    match = _REST.match(text, at)
    return match.end() if match else at


def _start_of_name(text: str, least: int, end: int) -> int:
    """Return where the name begins that holds what ends here, no further back than `least`."""
    at = end
    while at > least and (text[at - 1].isalnum() or text[at - 1] in "_.-"):
        at -= 1
    escaped = at and text[at - 1] == "\\" and text[at : at + 1] in {"n", "r", "t"}
    return at + 1 if escaped and at + 1 < end else at


def _with_word_before(text: str, start: int, name: str, kind: str) -> tuple[str, str]:
    """Return the name and kind of two words such as "API key", if that says more."""
    if start and text[start - 1] in " \t":
        before = text[max(0, start - 1 - 24) : start - 1]
        longer = re.split(r"[^\w.\-]", before)[-1] + "_" + name
        if names.kind(longer) == names.HARD:
            return longer, names.HARD
    return name, kind


def _value(text: str, name: Name) -> Place | None:
    """Return where the value of a name stands, if it is a secret."""
    before = text[name.start - 1] if name.start else ""
    found = None
    if before in {"?", "&", ";"}:
        found = written.in_query(text, name, divided=before == ";")
    if not found and name.name.lower().lstrip("-") in _SCHEMES:
        found = written.behind_scheme(text, name.end)
    if found or not name.kind or name.kind == names.SIGNED:
        return found
    closing = _CLOSING.match(text, name.end)
    sign = _SIGN.match(text, closing.end() if closing else name.end)
    if sign is None:
        return written.behind_blank(text, name)
    if not _assigns(text, name, sign, closed=bool(closing and closing["quote"])):
        return None
    return _behind_sign(text, name, sign)


def _assigns(text: str, name: Name, sign: re.Match[str], *, closed: bool) -> bool:
    """Whether a sign stands between a name and its value; `closed`: the name is in quotes."""
    operator = sign.group().strip()
    if operator == ">":  # an XML element
        is_element = text[name.start - 1 : name.start] == "<"
        return is_element and text.find("</", sign.end(), sign.end() + LONGEST) > 0
    if operator == "(":  # a call, that is given a secret
        first = names.words(name.name.rpartition(".")[2])[:1]
        reads = bool(first) and first[0] in _READS
        return text[sign.start() - 1] not in " \t" and not reads
    if operator == ",":  # a call that names what it is given, or a pair; no list of names
        if text.startswith("-", name.start):  # a command line as a list of words
            return closed
        before = text[max(0, name.start - _TO_DEFAULT) : max(0, name.start - 1)]
        return closed and before.rstrip().endswith("(")
    return True


def _behind_sign(text: str, name: Name, sign: re.Match[str]) -> Place | None:
    """Return the value behind a sign such as "=" or ":"."""
    operator = sign.group().strip()
    at = _past_code(text, sign.end(), operator)
    call = _CALL.match(text, at)
    if call:
        if not _is_wrapper(call["name"]):
            return None
        at = call.end()
    if not written.is_quoted(text, at):
        is_value = operator not in {"(", ",", "=="}
        return written.bare(text, at, name, colon=operator == ":") if is_value else None
    found = written.quoted(text, at, name)
    is_list = operator == "," and found and names.kind(text[slice(*found)])
    is_option = operator == "," and found and text[found[0] : found[0] + 1] == "-"
    return None if is_list or is_option else found


def _past_code(text: str, at: int, operator: str) -> int:
    """Return where the value begins behind a type, `default=`, or the break of a line."""
    if operator in {"(", "=", ","} and (broken := _BREAK.match(text, at)):
        return broken.end() if written.is_quoted(text, broken.end()) else at
    if operator == "=" and text.startswith("(", at):
        return at + 1
    if operator == ":" and (typed := _TYPE.match(text, at)):
        return typed.end()
    named = text.find("default", at, at + _TO_DEFAULT) if operator == "," else -1
    default = _DEFAULT.match(text, named) if named >= 0 else None
    return default.end() if default else at


def _is_wrapper(name: str) -> bool:
    """Whether a call only wraps the literal that it is given, as `SecretStr` does."""
    last = name.rpartition(".")[2]
    return last in _WRAPPERS or (last[:1].isupper() and last not in _NO_WRAPPERS)
