"""Characters that nobody sees are shown by their numbers, in pages and on a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksite.visible import escaped, visible

# What Unicode's format, direction, control and default-ignorable characters are, of those seen.
VISIBLE_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
FILLERS = "\u115f\u1160\u3164\uffa0\u2800\u034f\u180b\ufe0f\U000e0100\U000e01ef\ufffe\U0010ffff"


def test_every_character_that_has_no_look_is_shown():
    """Controls, formats, fillers and noncharacters come out as numbers; tabs and lines stay."""
    for number in range(0x110000):
        char = chr(number)
        hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or char in FILLERS
        if hidden and char not in "\t\n\r" and number not in VISIBLE_FORMATS:
            assert visible(f"a{char}b") == f"a[U+{number:04X}]b"
        elif unicodedata.category(char)[0] in "LNPS" and char not in FILLERS:
            assert visible(char) == char


NEEDED = [
    "\U0001f469\u200d\U0001f52c",
    "\u2764\ufe0f",
    "1\ufe0f\u20e3",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0915\u094d\u200d\u0937",
    "\u845b\U000e0100\u57ce",
    "na\u00efve \u2013 \u201cx\u201d",
    "a\tb\r\nc",
    "\u65e5\u3000\u8a9e",
]


@pytest.mark.parametrize("text", NEEDED)
def test_what_a_script_or_an_emoji_needs_stays(text):
    """Joiners and variation selectors are left where they do their work."""
    assert visible(text) == text


@pytest.mark.parametrize(
    "text", ["ab\u200dc", "a\ufe0f", "\u200d", "👩\u200d", "pa\u00adypal", "\u202ea"]
)
def test_what_nothing_needs_is_shown(text):
    """The same characters are shown where they do no work."""
    assert "[U+" in visible(text)


@given(st.text(max_size=30))
def test_what_is_shown_hides_nothing_and_is_shown_once(text):
    """What came out is printed as it is, and shown again it is the same."""
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_escaped_json_means_the_same_and_steers_no_terminal(text):
    """In JSON such characters are escapes."""
    told = escaped(json.dumps([text], ensure_ascii=False))
    assert json.loads(told) == [text]
    for char in told:
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs"} or ord(char) in VISIBLE_FORMATS
