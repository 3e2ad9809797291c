"""Regular expressions meet texts of anybody's: none of them goes back over one again and again."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
import resource
import subprocess
import sys
from pathlib import Path

import tracksite

LENGTH = 1000
CPU_S = 120  # they take a few; one that looks at a text in n³ steps takes hours
WORDS = [
    *"aA0 /.-_:@'=\n,[;%",
    *("://", "models:/", "runs:/", "\x1b[", "a-", "a_", "0.", "''", "a/", "a ", "git@", '"', "`"),
]
STARTS = ["", '<svg viewBox="', "models:/", "https://a", "'", "0", "a", "tags.`"]


def expressions() -> list[re.Pattern]:
    """Return every expression that a module of tracksite keeps."""
    found = {}
    for module in pkgutil.walk_packages(tracksite.__path__, "tracksite."):
        if module.name == "tracksite.__main__":
            continue
        try:
            loaded = importlib.import_module(module.name)
        except ImportError:  # a framework is not installed
            continue
        found |= {id(it): it for it in vars(loaded).values() if isinstance(it, re.Pattern)}
    return list(found.values())


def try_all() -> None:
    """Let every expression look at texts that nearly match."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    for expression in expressions():
        for start, word in itertools.product(STARTS, WORDS):
            text = (start + word * LENGTH)[:LENGTH] + "\x00"
            told = text.encode() if isinstance(expression.pattern, bytes) else text
            expression.fullmatch(told)
            expression.search(told)


def test_no_expression_goes_back_over_a_text_again_and_again():
    """Each one comes to an end soon on texts that match it nearly, and nearly everywhere."""
    assert len(expressions()) > 30
    code = "from tests.test_expressions import try_all; try_all()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
