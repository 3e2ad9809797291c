"""The values of secret names, in code, settings, JSON, URLs, headers and prose.

`PASSWORD = "x"`, `{"token": "x"}`, `export API_KEY=x`, `?X-Amz-Signature=x`, `Authorization: x`,
`os.environ["TOKEN"] = "x"`, `SecretStr("x")` behind a secret name, `<password>x</password>`,
`login me password x`. A value that is code, a place holder or an everyday word stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracksite.masking import names
from tracksite.masking.random import has_entropy, is_wordlike

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "***"
_LONGEST = 4096  # characters of a value that are looked at

# What every secret name holds, in lower case. Grouped by first letters, which makes it fast.
_STEM = re.compile(
    r"p(?:ass|wd|at(?![a-z]))|s(?:ecret|ig|enha|enord|as(?![a-z]))|t(?:oken|icket)"
    r"|c(?:red|ookie|ontrase|ode(?![a-z]))|ke(?:y|nnwort)|auth|bearer|dsn|jwt|nnection[ _.-]?string"
    r"|w(?:ebhook|achtw)|otp(?![a-z])|h(?:as[lł]o|mac)|\bmotdepasse|\bbasic(?=[ \t])"
)
_REST = re.compile(r"[\w.\-]*")
_SECOND_WORDS = frozenset("key keys token tokens string".split())
_SIGNATURES = frozenset({"sig", "signature", "credential", "jwt"})
_SCHEMES = frozenset({"bearer", "basic", "token", "digest", "apikey", "negotiate"})

_CLOSING = re.compile(r"(?P<quote>\\{0,3}[\"'`])?[\])]{0,2}[ \t]{0,8}")
_SIGN = re.compile(r"(?:===?|=>|:=|!=|=|::|:|,|\(|>)[ \t]{0,8}")
_BREAK = re.compile(r"[ \t]{0,8}\r?\n[+\- ]?[ \t]{0,40}")
_TYPE = re.compile(r"[A-Za-z_][\w.\[\]| ]{0,60}+=(?!=)[ \t]{0,8}")
_CALL = re.compile(r"(?P<name>[A-Za-z_][\w.]{0,60}+)\([ \t]{0,8}(?=[rRbBuUfF]{0,2}[\"'])")
_DEFAULT = re.compile(r"default[ \t]{0,8}=[ \t]{0,8}(?=[rRbBuUfF]{0,2}[\"'])")
_TO_DEFAULT = 80  # characters of a call in which a default may stand
_QUOTE = re.compile(r"(?P<prefix>[rRbBuUfF]{0,2})(?P<quote>\\{0,3}(?:\"\"\"|'''|[\"'`]))")
_BARE = re.compile(rf"[^\s\"'`,;&<>(){{}}\[\]|\\]{{1,{_LONGEST}}}")
_IN_QUERY = re.compile(rf"[^&#\s\"'<>`\\]{{1,{_LONGEST}}}")
_IN_PAIR = re.compile(rf"[^;\"'\n\r]{{1,{_LONGEST}}}")
_IN_HEADER = re.compile(rf"[^\"'\n\r`\\]{{1,{_LONGEST}}}")
_VERB = re.compile(r"[ \t]{1,4}(?:(?:is|was|to)[ \t]{1,4})?(?=[^\s=:])")
_WRAPPERS = frozenset("str bytes b64decode b64encode fromhex unhexlify quote quote_plus".split())
_NO_WRAPPERS = frozenset({"TypeVar", "Path", "NewType", "ForwardRef", "Header", "Query", "Cookie"})
_READS = ("get", "load", "read", "fetch", "find", "has", "is", "check", "require", "count", "no")

_PLACE_HOLDER = re.compile(
    r"(?:\*+|x{3,8}|X{3,8}|\.{2,8}|…|-+|_+|<[^<>\n]{0,80}>|\[[A-Za-z_ -]{0,40}\]"
    r"|\$\{[^{}\n]{0,80}\}|\$[A-Z_]{1,80}|\{\{?[^{}\n]{0,80}\}?\}|%\(\w{1,40}\)s|%[sdr]|%[A-Z_]{1,80}%)\Z"
)
_EMPTY = frozenset(
    "none null nil undefined true false yes no on off redacted masked hidden unset str int float"
    " bool bytes string object any optional secretstr".split()
)
_NUMBER = re.compile(r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}(?:e[+-]?[0-9]{1,3})?\Z", re.IGNORECASE)
_CHAIN = re.compile(
    r"(?:self|cls|args|cfg|config|settings|os|env|opts?|options|conf|params|ctx|request|kwargs"
    r"|hparams|flags|FLAGS|secrets|creds|credentials|st|userdata|process)\.\w{1,80}(?:\.\w{1,80}){0,6}\Z"
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,127}(?:\.[A-Za-z_]\w{0,127}){0,6}\Z")
_LETTER, _DIGIT, _SYMBOL = (
    re.compile("[^\\W\\d_]"),
    re.compile("[0-9]"),
    re.compile(r"[!@#$%^&*+?~]"),
)
_SOFT_NUMBER = 6  # digits of a number that may be a token
_SOFT_WORD = 8
_KEY_DIGITS = 4


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
        found = _value(text, start, end, name, kind)
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


def _value(text: str, start: int, end: int, name: str, kind: str) -> tuple[int, int] | None:
    """Return where the value of the name that ends here stands, if it is a secret."""
    before = text[start - 1] if start else ""
    if before in {"?", "&", ";"}:
        found = _query(text, end, name, kind, divided=before == ";")
        if found:
            return found
    if name.lower().lstrip("-") in _SCHEMES:
        found = _scheme(text, end)
        if found:
            return found
    if not kind or kind == names.SIGNED:
        return None
    closing = _CLOSING.match(text, end)
    at = closing.end() if closing else end
    sign = _SIGN.match(text, at)
    if sign is None:
        return _spaced(text, start, end, kind)
    closed = bool(closing and closing["quote"])
    return _after(text, start, sign, kind, name, closed=closed)


def _query(text: str, end: int, name: str, kind: str, *, divided: bool) -> tuple[int, int] | None:
    """Return the value in the query of a URL, or among pairs that ";" divides."""
    if not kind or text[end : end + 1] != "=":
        return None
    match = (_IN_PAIR if divided else _IN_QUERY).match(text, end + 1)
    if match is None:
        return None
    signs = kind == names.SIGNED and names.words(name)[-1] in _SIGNATURES
    if kind == names.SIGNED and not signs and not has_entropy(match.group()):
        return None
    sure = names.HARD if signs or kind in {names.SIGNED, names.SOFT} and not divided else kind
    return match.span() if is_secret(sure, match.group(), quoted=True) else None


def _scheme(text: str, end: int) -> tuple[int, int] | None:
    """Return what follows `Bearer` or `Basic`, where it is no everyday word."""
    if text[end : end + 1] not in {" ", "\t"}:
        return None
    match = _BARE.match(text, end + 1)
    if match is None or len(match.group()) < _SOFT_WORD or not is_odd(match.group()):
        return None
    return match.span()


def _after(
    text: str, start: int, sign: re.Match[str], kind: str, name: str, *, closed: bool
) -> tuple[int, int] | None:
    """Return the value behind a sign such as "=" or ":"."""
    operator, at = sign.group().strip(), sign.end()
    if operator == ">" and not _is_element(text, start, at):
        return None
    if operator == "," and not closed:
        return None
    if operator == "(" and not _is_call(text, sign.start(), name):
        return None
    broken = _BREAK.match(text, at) if operator in {"(", "=", ","} else None
    if operator == "=" and text[at : at + 1] == "(":
        at += 1
        broken = _BREAK.match(text, at)
    if broken and _QUOTE.match(text, broken.end()):
        at = broken.end()
    if operator == ":" and (typed := _TYPE.match(text, at)):
        at = typed.end()
    if operator == ",":
        named = text.find("default", at, at + _TO_DEFAULT)
        default = _DEFAULT.match(text, named) if named >= 0 else None
        at = default.end() if default else at
    call = _CALL.match(text, at)
    if call and _is_wrapper(call["name"]):
        at, call = call.end(), None
    quote = None if call else _QUOTE.match(text, at)
    if quote:
        found = _quoted(text, quote, kind, name)
        if found and operator == "," and names.kind(text[slice(*found)]):  # a list of names
            return None
        return found
    if call or operator in {"(", ",", "=="}:
        return None
    return _bare(text, start, at, operator, kind, name)


def _is_element(text: str, start: int, at: int) -> bool:
    """Whether the name is that of an XML element whose content begins here."""
    return text[start - 1 : start] == "<" and text.find("</", at, at + _LONGEST) > at


def _is_call(text: str, at: int, name: str) -> bool:
    """Whether a call of this name, whose parenthesis stands here, is given a secret."""
    first = names.words(name.rpartition(".")[2])[:1]
    return text[at - 1] not in " \t" and not (first and first[0] in _READS)


def _is_wrapper(name: str) -> bool:
    """Whether a call only wraps the literal that it is given, as `SecretStr` does."""
    last = name.rpartition(".")[2]
    return last in _WRAPPERS or (last[:1].isupper() and last not in _NO_WRAPPERS)


def _quoted(text: str, quote: re.Match[str], kind: str, name: str) -> tuple[int, int] | None:
    """Return the inside of a literal; without a closing quote, the rest of its line."""
    begun, mark = quote.end(), quote["quote"]
    bound = min(len(text), begun + _LONGEST)
    if len(mark) < len('"""'):
        line = text.find("\n", begun, bound)
        bound = bound if line < 0 else line
    end = text.find(mark, begun, bound)
    while end > begun and text[end - 1] == "\\" and not mark.startswith("\\"):
        end = text.find(mark, end + 1, bound)
    end = bound if end < 0 else end
    if _is_header(name) and end > begun:
        return begun, end
    return (begun, end) if is_secret(kind, text[begun:end], quoted=True) else None


def _is_header(name: str) -> bool:
    return name.lower().endswith(("authorization", "cookie"))


def _bare(
    text: str, start: int, at: int, operator: str, kind: str, name: str
) -> tuple[int, int] | None:
    """Return a value without quotes, unless it is code or prose."""
    if operator == ":" and _is_header(name) and _begins_header(text, start):
        match = _IN_HEADER.match(text, at)
        fits = match and is_secret(names.HARD, match.group(), quoted=True)
        return match.span() if match and fits else None
    match = _BARE.match(text, at)
    if match is None:
        return None
    value, (begun, end) = match.group(), match.span()
    following = text[end : end + 1]
    if value.lower() in _EMPTY:
        return None
    if kind == names.HARD and operator in {":", "=", "::"} and _begins_line(text, start):
        if following in {"(", "["} and _IDENTIFIER.match(value):
            return None
        if operator == ":" and following == " ":  # YAML: the whole line is the value
            whole = _IN_HEADER.match(text, at)
            end = whole.end() if whole else end
            return begun, end - (len(text[begun:end]) - len(text[begun:end].rstrip()))
    if operator == ":" and kind == names.HARD and not is_odd(value) and following not in _ENDS:
        return None
    if _is_code(value, following):
        return None
    return (begun, end) if is_secret(kind, value, quoted=False) else None


def _begins_header(text: str, start: int) -> bool:
    return text[max(0, start - 1) : start] in {"'", '"'} or _begins_line(text, start)


_ENDS = frozenset({"", "\n", "\r", '"', "'", "`", "}", "<", ",", ";"})


def _begins_line(text: str, start: int) -> bool:
    """Whether only a sign of a diff, a bullet, blanks or `export` stand before it on its line."""
    before = text[max(0, start - 40) : start].rpartition("\n")[2]
    return before.strip(" \t+-*>") in {"", "export", "set", "ENV", "ARG"}


def _is_code(value: str, following: str) -> bool:
    """Whether a value is an expression: a call, an index, an attribute or another secret's name."""
    if following in {"(", "["} and _IDENTIFIER.match(value):
        return True
    if _CHAIN.match(value):
        return True
    return bool(_IDENTIFIER.match(value)) and not _DIGIT.search(value) and bool(names.kind(value))


def _spaced(text: str, start: int, end: int, kind: str) -> tuple[int, int] | None:
    """Return a value behind blanks alone: `--password x`, `login me password x`, `is x`."""
    gap = _VERB.match(text, end)
    if gap is None or kind not in {names.HARD, names.SOFT} or text[start - 1 : start] == "/":
        return None
    quote = _QUOTE.match(text, gap.end())
    match = _BARE.match(text, quote.end() if quote else gap.end())
    if match is None:
        return None
    option = text[start] == "-" and text[start : start + 2] == "--"
    netrc = " login " in text[max(0, start - 200) : start]
    value = match.group().rstrip(".:")
    file = text[max(0, start - 4) : start] in {"ENV ", "ARG "} and kind == names.HARD
    if option or netrc or file:
        fits = not value.startswith("-") and is_secret(kind, value, quoted=True)
    else:
        fits = kind == names.HARD and is_odd(value) and is_secret(kind, value, quoted=False)
    return (match.start(), match.start() + len(value)) if fits else None


def is_secret(kind: str, value: str, *, quoted: bool, whole: bool = False) -> bool:
    """Whether a value under a name of this kind is a secret.

    Args:
        kind: what `names.kind` says of the name.
        value: what stands there.
        quoted: whether the value has clear ends, rather than those that a scan took for them.
        whole: whether name and value are surely a name and its value, as those of a param are.
    """
    value = value.strip()
    if not value or value.startswith(MASK) or value.lower() in _EMPTY or _PLACE_HOLDER.match(value):
        return False
    if kind == names.HARD:
        return True
    if kind in {names.KEYISH, ""}:
        return kind == names.KEYISH and _is_key(value)
    if _NUMBER.match(value):
        return value.isdigit() and len(value) >= _SOFT_NUMBER
    if whole:
        return True
    if " " in value:
        return False
    return is_odd(value) or (quoted and len(value) >= _SOFT_WORD and not is_wordlike(value))


def _is_key(value: str) -> bool:
    """Whether a value under a name that ends in "key" is a key to something."""
    digits = sum(map(str.isdigit, value))
    return has_entropy(value) and digits >= _KEY_DIGITS and not _NUMBER.match(value)


def is_odd(value: str) -> bool:
    """Whether a word is none of everyday: letters with digits, or with signs."""
    if _SYMBOL.search(value):
        return True
    return bool(_DIGIT.search(value)) and bool(_LETTER.search(value))
