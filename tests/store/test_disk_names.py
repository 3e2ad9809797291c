"""Names on disk: ones that every system can hold and tell apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracksite.paths import RESERVED
from tracksite.store import disk_names

DIGEST = "0123456789abcdef" * 4
# What paths are made of that is plain, odd or refused somewhere.
PARTS = st.text(
    st.sampled_from('abcABC019._- $é\u0301ß"<>:|?*🙂\x07') | st.characters(exclude_characters="/")
).filter(bool)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


def _holds_everywhere(part):
    """Whether Windows, macOS and Linux all take a name as it is."""
    return (
        part == unicodedata.normalize("NFC", part)
        and not set(part) & set('<>:"|?*\\/')
        and not any(ord(one) < 32 for one in part)
        and not part.endswith((".", " "))
        and RESERVED.match(part) is None
        and 0 < len(part) <= 100
        and len(part.encode()) <= 200
    )


@given(PATHS)
@example("CON/aux.txt/x.tar.gz")
@example(". ./.../a?b")
@example("é" * 300 + ".txt")
def test_a_portable_path_can_lie_on_any_disk(path):
    """Whatever a path holds, each part of its portable form does everywhere, and stays so."""
    made = disk_names.portable(path)
    assert made.count("/") == path.count("/")
    assert all(map(_holds_everywhere, made.split("/")))
    assert disk_names.portable(made) == made
    for mark in (DIGEST[:16], DIGEST):
        name = disk_names.with_digest(made.rpartition("/")[2], mark)
        assert mark in name
        assert _holds_everywhere(name)
        assert disk_names.is_marked(f"x/{name}", DIGEST)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("notes.txt", "notes.0123456789abcdef.txt"),
        ("x.tar.gz", "x.tar.0123456789abcdef.gz"),
        ("model", "model.0123456789abcdef"),
        (".bashrc", ".bashrc.0123456789abcdef"),
        ("con.txt", "_con.0123456789abcdef.txt"),
        ("a?b", "a_b.0123456789abcdef"),
        ("dots...", "dots.0123456789abcdef"),
        (".gitignore", "_.0123456789abcdef.gitignore"),
    ],
)
def test_a_digest_stands_before_the_suffix(path, name):
    """A name with a digest still tells people and programs what kind of file it is."""
    assert disk_names.with_digest(disk_names.portable(path), DIGEST[:16]) == name


@pytest.mark.parametrize(
    "path", ["a b/c.txt", "é.txt", "x" * 100, ".hidden", "images/loss/7.png", "a.github/x"]
)
def test_a_plain_path_stays(path):
    """A path that every system can hold needs no other name."""
    assert disk_names.is_portable(path)


@pytest.mark.parametrize(
    "path",
    ["CON", "a/nul.txt", "a:b", "x.", "x ", "e\u0301.txt", "x" * 101, "a/.git/x", "d/" * 90 + "x"],
)
def test_other_paths_do_not(path):
    """A path that some system refuses, changes or misunderstands is known as one."""
    assert not disk_names.is_portable(path)


def test_names_that_some_system_confuses_share_a_key():
    """Names that differ by case or by the spelling of an accent have one key."""
    assert disk_names.key("Note.TXT") == disk_names.key("note.txt")
    assert disk_names.key("e\u0301") == disk_names.key("\u00c9")
    assert disk_names.key("a") != disk_names.key("b")
