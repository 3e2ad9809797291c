"""Words that look drawn at random, as keys are: and not digests, ids or pictures."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from tracksite.masking import names

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST, _LONGEST = 20, 256  # shorter ones are names, longer ones are content
_RUN = re.compile(rf"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{{{SHORTEST},}}+")
_HEX = re.compile(r"[0-9a-f-]+\Z|[0-9A-F-]+\Z")
_SUBRESOURCE = re.compile(r"(?:sha|md)[0-9]{1,3}[-:=]")
_WRITTEN = re.compile(r"[\[\](){}<>\"',;\s]")  # no key has these
_WRAPPED = (64, 76)  # columns of base64 content that is cut into lines
_BEFORE = 32  # characters in front of a word that may say what it is
_LEAST_DIGITS, _LEAST_CHANGES, _MOST_COMMON = 2, 0.32, 0.55
_LEAST_PIECE, _LEAST_SHARE = 10, 0.3
_TO_BLANKS = str.maketrans("-_+", "   ")
_LOWER, _UPPER, _OTHER = 1, 2, 3

# The pairs of letters that most English text is made of: names are, keys are not.
_COMMON = frozenset(
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve"
    " co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no"
    " ct us ac ot il tr ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts"
    " mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev ld ry mp fe bl ab gh ty op wo"
    " sa ay ex ke ui tt av da ag if do cl ef ff bo sp um pp rm ck lt ue ug od rd ap cr ga gr ep rv"
    " sc up ob ba bu tc gi cu mm qu va ue xt ds rn dr ys nn ew ey gu ls ub ks au ua oo br ht vo kn"
    " rk fr nf dd ft iz nv aw ct ys rc gs sy dt lu ki mb tw ms xp dl pt du eg ok nk".split()
)


def random_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each word of a text that looks drawn at random."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        if end - start > _LONGEST:
            continue
        if _SUBRESOURCE.match(text, start, end) or _is_wrapped(text, start, end):
            continue
        for part in _parts(text, start, end):
            if looks_random(text[slice(*part)]) and not _is_named_digest(text, part[0]):
                yield part


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a run between slashes and equal signs that are long enough."""
    at = start
    for sign in re.finditer("[/=]", text[start:end]):
        if start + sign.start() - at >= SHORTEST:
            yield at, start + sign.start()
        at = start + sign.end()
    if end - at >= SHORTEST:
        yield at, end


def _is_wrapped(text: str, start: int, end: int) -> bool:
    if end - start - (text[start] in "+-") not in _WRAPPED:
        return False
    return (start == 0 or text[start - 1] in "\n+- ") and text[end : end + 1] in {"", "\n", "\\"}


def _is_named_digest(text: str, start: int) -> bool:
    line = text[max(0, start - _BEFORE) : start].rpartition("\n")[2]
    return names.is_digest(line) or line.endswith("base64,")


def looks_random(word: str) -> bool:
    """Whether a word mixes cases and digits as no name does: by class changes and letter pairs."""
    if len(word) < SHORTEST or _HEX.match(word) or word.startswith(("_Z", "_R")):
        return False
    classes = [_class(character) for character in word]
    digits = sum(map(str.isdigit, word))
    if _LOWER not in classes or _UPPER not in classes or digits < _LEAST_DIGITS:
        return False
    changes = sum(a != b for a, b in pairwise(classes))
    if changes < _LEAST_CHANGES * len(word) or not _is_of_one_piece(word):
        return False
    return not is_wordlike(word, _MOST_COMMON)


def _is_of_one_piece(word: str) -> bool:
    """Whether one part of a word between "-", "_" and "+" is long: names are made of short ones."""
    longest = max(map(len, word.translate(_TO_BLANKS).split()), default=0)
    return longest >= _LEAST_PIECE and longest >= _LEAST_SHARE * len(word)


def looks_drawn(word: str) -> bool:
    """Whether a short word looks drawn, rather than put together from words and numbers.

    It is hexadecimal, or changes often between small letters, capitals and others, or has few of
    the pairs of letters that words have. A list, a call or a pair of names is none.
    """
    if _WRITTEN.search(word):
        return False
    changes = sum(_class(a) != _class(b) for a, b in pairwise(word))
    often = changes >= _LEAST_CHANGES * len(word)
    return bool(_HEX.match(word)) or often or not is_wordlike(word)


def is_wordlike(word: str, least: float = 0.5) -> bool:
    """Whether so great a share of the pairs of letters in a word are those of English text."""
    lower = word.lower()
    pairs = [lower[at : at + 2] for at in range(len(word) - 1)]
    letters = [pair for pair in pairs if pair.isalpha()]
    return sum(pair in _COMMON for pair in letters) >= least * max(1, len(letters))


def _class(character: str) -> int:
    return _LOWER if character.islower() else _UPPER if character.isupper() else _OTHER


def has_entropy(text: str, *, least: int = 16, bits: float = 3.0) -> bool:
    """Whether a word is long and has many bits a character (Shannon entropy)."""
    if len(text) < least or len(text) > 2 * _LONGEST or " " in text:
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) >= bits
