"""What a logged file is called on disk: names that every system can hold and tell apart.

Pure functions. Windows refuses some characters and names, and drops dots and spaces at the end;
macOS and Windows do not tell `a` from `A`, and some systems spell `é` in another way than it was
given. Git refuses `.git`, and would obey a `.gitignore` among the artifacts.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata

from tracksite.paths import RESERVED

LONGEST_NAME, LONGEST_NAME_BYTES = 100, 200
LONGEST_PATH = 180  # with the store's folder before it: Windows ends at 260
SHORT_DIGEST = 16  # hex digits of it in a name; all 64 where other content has that name
_LONGEST_SUFFIX = 20
_OF_GIT = frozenset({".git", ".gitignore", ".gitattributes", ".gitmodules", "git~1"})
_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')


def key(name: str) -> str:
    """Return what two names have in common that some file system cannot tell apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def portable(path: str) -> str:
    """Return a relative path whose every part any system can hold; such a path stays as it is."""
    return "/".join(map(_portable, path.split("/")))


def is_portable(path: str) -> bool:
    """Whether a path can lie on any disk as it is."""
    return len(path) <= LONGEST_PATH and portable(path) == path


def with_digest(name: str, mark: str) -> str:
    """Return a portable file name with a mark before its suffix: `notes.<mark>.txt`."""
    stem, suffix = posixpath.splitext(name)
    if not stem.strip(".") or len(suffix.encode()) > _LONGEST_SUFFIX:
        stem, suffix = name, ""
    tail = f".{mark}{suffix}"
    return _cut(stem, LONGEST_NAME - len(tail), LONGEST_NAME_BYTES - len(tail.encode())) + tail


def is_marked(path: str, sha256: str) -> bool:
    """Whether a file's name says its content: it was given here, and nobody logged it so."""
    return f".{sha256[:SHORT_DIGEST]}" in path.rpartition("/")[2]


def _portable(part: str) -> str:
    """Return one part of a path as any system can hold it."""
    text = _REFUSED.sub("_", unicodedata.normalize("NFC", part))
    text = _cut(text, LONGEST_NAME, LONGEST_NAME_BYTES)
    if RESERVED.match(text) or key(text) in _OF_GIT or not text:
        text = "_" + _cut(text, LONGEST_NAME - 1, LONGEST_NAME_BYTES - 1)
    return text


def _cut(text: str, characters: int, octets: int) -> str:
    """Return the beginning of a text, without dots and spaces at its end."""
    kept = text[:characters].encode(errors="replace")[:octets].decode(errors="ignore")
    return unicodedata.normalize("NFC", kept).rstrip(". ")
