"""Marking a folder as a store: files of the same bytes in every store, so no two copies differ."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from tracksite.schema import FORMAT
from tracksite.store import doubled, parts

if TYPE_CHECKING:
    from pathlib import Path

# Without `-text` a clone may get other line endings, and so other files than were logged. Live logs
# are of this machine alone. The patterns begin at the store: artifacts may be called as they like.
MARKS = {
    ".gitattributes": b"* -text\n",
    ".gitignore": b"/live/\n/tmp-*\n/*/tmp-*\n",
}


def mark(root: Path) -> None:
    """Write what git is told, where it is not; a store that cannot be written goes without."""
    for name, content in MARKS.items():
        with contextlib.suppress(OSError):
            if not os.path.lexists(root / name):
                parts.write_durably(root / name, content)


def upgrade(root: Path) -> None:
    """Let `store.json` say the format of today, in the bytes that it has in every store.

    Raises:
        OSError: the disk refuses.
    """
    path, content = root / "store.json", doubled.encode({"format": FORMAT})
    if not path.exists() or path.read_bytes() != content:
        parts.write_durably(path, content)
