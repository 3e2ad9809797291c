"""Masking takes no more work than a text is long, whatever stands in it."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracksite.masking
from tracksite.masking import find, mask_text, mask_words

_PIECES = [
    *("_", "token_", "token", "password=", "password: ", "Bearer ", "://", "@", "a:b@", "ghp_"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "eyJa.", "\\n", '\\"', "'''", "(", "AAAA"),
    *('secret,"', "=", "aB3", "İ", '"password": "', "<password>", "default", 'token="', "?sig="),
    *("login password ", "&;", " ", "\n", "https://a:", "--password ", "key ", "1", "/", "-", "é"),
]
_SMALL, _MORE = 2_000, 4
_MOST = 1.6 * _MORE  # of the work for so much more text: squares would need _MORE times _MORE


def _lines_run(call, *values):
    """How many lines of Python a call runs: the same each time, on every machine."""
    count = 0

    def trace(_frame, event, _value):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(*values)
    finally:
        sys.settrace(before)
    return count


@settings(max_examples=60)
@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map("".join))
def test_work_grows_as_the_text_does(piece):
    """Four times as much of anything takes about four times as many steps, not sixteen times."""
    times = _SMALL // len(piece)
    small = _lines_run(find, piece * times)
    large = _lines_run(find, piece * times * _MORE)
    assert large <= _MOST * small + 500


@settings(max_examples=30)
@given(st.lists(st.sampled_from([*_PIECES, "--token", "-p", "a=b"]), min_size=1, max_size=4))
def test_work_grows_as_the_command_line_does(words):
    """The same holds for the words of a command line, however many they are."""
    small = _lines_run(mask_words, words * 40)
    large = _lines_run(mask_words, words * 40 * _MORE)
    assert large <= _MOST * small + 500


def _patterns():
    for module in pkgutil.iter_modules(tracksite.masking.__path__):
        loaded = importlib.import_module(f"tracksite.masking.{module.name}")
        for name, value in vars(loaded).items():
            if isinstance(value, re.Pattern):
                yield pytest.param(value, id=f"{module.name}.{name}")


def _repeats(parsed, inside=0):
    """Each repeat of a parsed pattern: how often at most, and in how many others it stands."""
    for operator, value in parsed:
        name = str(operator)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            yield value[1], inside, name
            yield from _repeats(value[2], inside + (value[1] != 1))
        elif name == "SUBPATTERN":
            yield from _repeats(value[3], inside)
        elif name == "BRANCH":
            for branch in value[1]:
                yield from _repeats(branch, inside)
        elif name in {"ASSERT", "ASSERT_NOT"}:
            yield from _repeats(value[1], inside)


@pytest.mark.parametrize("pattern", list(_patterns()))
def test_no_pattern_can_backtrack_without_a_bound(pattern):
    """No repeat without an end stands in another, or before another."""
    parser = re._parser
    repeats = list(_repeats(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)))
    endless = [depth for most, depth, _ in repeats if most is parser.MAXREPEAT]
    assert len(endless) <= 1 or "\\Z" in pattern.pattern
    assert not any(endless)
    assert all(depth <= 1 for _, depth, _ in repeats)


@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=12)), max_size=12))
def test_what_is_masked_stays_as_it_is(pieces):
    """Masking a masked text changes nothing, and the places that are found never overlap."""
    text = "".join(pieces)
    masked = mask_text(text)
    assert mask_text(masked) == masked
    spans = find(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert mask_text(text) == masked
