"""LIKE in searches: what it finds, and that no pattern makes it look for ever."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mlflow")
from tracksite.mlflow_plugin.searching import like

LETTERS = "aAb%_.\n"


@given(st.text(LETTERS, max_size=8), st.text(LETTERS, max_size=8), st.booleans())
def test_like_finds_what_its_pattern_says(pattern, text, ignore_case):
    """As with an expression in which % is any text and _ any character."""
    expression = "".join({"%": ".*", "_": "."}.get(it) or re.escape(it) for it in pattern)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    expected = re.fullmatch(expression, text, flags) is not None
    assert like(pattern, ignore_case=ignore_case)(text) is expected


def test_no_pattern_looks_for_ever():
    """A pattern of many % over a long text that nearly matches comes to an end."""
    matches = like("%a" * 300 + "%b", ignore_case=True)
    assert not matches("a" * 5000)
    assert matches("a" * 5000 + "b")
