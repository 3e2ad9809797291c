"""Characters that nobody sees, made visible: two names that look the same are told apart.

These are control, format and direction characters, those that Unicode calls default-ignorable
(DerivedCoreProperties 16.0), fillers and blanks that are no white space, lone surrogates and
noncharacters. They stay where a script or an emoji needs them: joiners and variation selectors
beside what they join or vary. Other unassigned characters have no glyph, and are drawn as boxes.
The function `tracksite.visible` of tracksite.js follows the same rule, and a test holds the two
together.
"""

from __future__ import annotations

import re

_EMOJI = "\u2190-\u27bf\u2900-\u2bff\U0001f000-\U0001faff"
_SCRIPTS = "\u0620-\u06ff\u0750-\u077f\u08a0-\u0dff\u1000-\u109f\u1780-\u17b3"
_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_NEEDED = (
    f"(?<=[{_EMOJI}#*0-9©®‼⁉™\u2139〰〽㊗㊙])[\ufe0e\ufe0f]"
    f"|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"
    f"|(?<=[{_SCRIPTS}])[\u200c\u200d](?=[{_SCRIPTS}])"
    f"|(?<=[{_IDEOGRAPHS}])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_PLANES = range(0x10000, 0x110000, 0x10000)
_HIDDEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
) + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in _PLANES)
_ANY = re.compile(f"[{_HIDDEN}]")
_FIND = re.compile(f"{_NEEDED}|([{_HIDDEN}])")


def visible(text: str) -> str:
    """Return a text with [U+200B] and the like for each character that nobody would see.

    Tabs and line ends stay.
    """
    if (text.isascii() and text.isprintable()) or not _ANY.search(text):
        return text
    return _FIND.sub(_shown, text)


def escaped(json: str) -> str:
    r"""Return a JSON text with such characters, needed or not, as escapes: it means the same."""
    return _ANY.sub(_escape, json)


def _shown(found: re.Match[str]) -> str:
    return f"[U+{ord(found[1]):04X}]" if found[1] else found[0]


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
