"""Marking a folder as a store: files of the same bytes in every store, so no two copies differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.schema import FORMAT
from tracksite.store import doubled, parts

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    ".gitattributes": b"* -text\n",  # a checkout converts no line endings
    ".gitignore": b"live/\ntmp-*\n",
}


def mark(root: Path) -> None:
    """Write what says that a folder is a store; files that are there are left as they are.

    Raises:
        OSError: the disk refuses.
    """
    for name, content in FILES.items():
        if not (root / name).exists():
            parts.write_durably(root / name, content)
    upgrade(root)


def upgrade(root: Path) -> None:
    """Let `store.json` say the format of today."""
    path, content = root / "store.json", doubled.encode({"format": FORMAT})
    if not path.exists() or path.read_bytes() != content:
        parts.write_durably(path, content)
