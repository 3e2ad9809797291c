"""Where the secrets of a text stand, and the text without them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracksite.masking import assigned, forms, judged, names, random, urls
from tracksite.masking.judged import MASK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

NAMED = "the name says so"
SHORTEST_KNOWN = 6  # characters of a known secret that is looked for in texts


@dataclass(frozen=True, order=True)
class Span:
    """A secret: where it starts and ends, why it is taken for one, and the name that says so."""

    start: int
    end: int
    why: str
    name: str = ""


def find(
    text: str, *, known: Collection[str] = (), allow: Collection[str] = (), guess: bool = True
) -> list[Span]:
    """Return the secrets of a text, in order, none overlapping.

    Args:
        text: any text.
        known: secrets that are known from elsewhere: wherever they stand, they are found.
        allow: texts, and names of values, that are no secrets.
        guess: also find words that only look drawn at random.
    """
    found = [span for span in _all(text, known, guess=guess) if span.end > span.start]
    if allow:
        found = [span for span in found if not _is_allowed(text, span, allow)]
    found = [span for span in found if text[span.start : span.end] != MASK]
    return merged(found)


def _all(text: str, known: Collection[str], *, guess: bool) -> Iterator[Span]:
    for start, end in forms.private_keys(text):
        yield Span(start, end, "a private key")
    for start, end, service in forms.tokens(text):
        yield Span(start, end, f"a token of {service}")
    for start, end in urls.userinfo(text):
        yield Span(start, end, "a user in a URL")
    for start, end, name in assigned.values(text):
        yield Span(start, end, NAMED, name.strip("-."))
    for start, end in random.random_words(text) if guess else ():
        yield Span(start, end, "it looks drawn at random")
    for secret in known:
        at = text.find(secret)
        while at >= 0:
            yield Span(at, at + len(secret), "a secret that stands elsewhere in the run too")
            at = text.find(secret, at + len(secret))


def _is_allowed(text: str, span: Span, allow: Collection[str]) -> bool:
    return text[span.start : span.end] in allow or (bool(span.name) and span.name in allow)


def merged(found: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that overlap made into one."""
    disjoint: list[Span] = []
    for span in sorted(found):
        if disjoint and span.start < disjoint[-1].end:
            last = disjoint[-1]
            disjoint[-1] = replace(last, end=max(last.end, span.end))
        else:
            disjoint.append(span)
    return disjoint


def cut(text: str, found: Collection[Span]) -> str:
    """Return a text with a mask in place of each of these spans."""
    parts, at = [], 0
    for span in found:
        parts += [text[at : span.start], MASK]
        at = span.end
    return "".join([*parts, text[at:]])


def mask_text(text: str, known: Collection[str] = ()) -> str:
    """Return a text with *** in place of each secret; `known` ones wherever they stand."""
    return cut(text, find(text, known=known))


def mask_named(
    name: str, value: str, *, known: Collection[str] = (), allow: Collection[str] = ()
) -> tuple[str, str]:
    """Return the value of a name without its secrets, and why they are taken for some ("": none).

    The name may say that all of the value is a secret; else what stands inside it is looked at.
    """
    if name in allow or value in allow:
        return value, ""
    kind = names.kind(name)
    if kind != names.SIGNED and judged.is_secret(kind, value, quoted=True, whole=True):
        return (value, "") if value == MASK else (MASK, NAMED)
    found = find(value, known=known, allow=allow, guess=not names.is_digest(name))
    return (cut(value, found), found[0].why) if found else (value, "")


def worth_knowing(value: str) -> bool:
    """Whether a secret is so unlike everyday words that it may be looked for in other texts."""
    return len(value) >= SHORTEST_KNOWN and judged.is_odd(value)
