"""Verdicts: which files were found sound before, so that a rebuild need not hash them again.

A verdict holds for one name, size and modification time; a part's name carries its hash, so it
never means another content. Verdicts lie in the user's cache folder and may be removed at any time:
they spare work and change no result. Whatever is decoded is checked as it is read all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING

from tracksite.schema import FORMAT
from tracksite.store import ages, system

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

Verdict = tuple[int, int]  # size in bytes, modification time in nanoseconds


def cache_file(folder: Path) -> Path | None:
    """Return where the verdicts on the files of a folder are kept: a copy has its own.

    None where the user has no home, as in a container with an unknown uid.
    """
    base = system.cache_folder()
    name = hashlib.blake2b(os.fsencode(folder), digest_size=16).hexdigest()
    return base and base / "tracksite" / f"{name}.json"


@contextlib.contextmanager
def on(folder: Path, names: Collection[object]) -> Iterator[dict[str, Verdict]]:
    """Give the verdicts on the files of a folder, and keep those that are added to them.

    Where nothing is in question (no `names`), nothing is read or kept.
    """
    cache = cache_file(folder)
    known = load(cache) if cache and names else {}
    before = dict(known)
    yield known
    if cache and known != before:
        save(cache, known)


def load(path: Path) -> dict[str, Verdict]:
    """Return file name → verdict; none where they cannot be read."""
    try:
        known = json.loads(path.read_bytes())
        if known["format"] != FORMAT:
            return {}
        return {str(name): (int(size), int(time)) for name, (size, time) in known["sound"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def save(path: Path, verdicts: dict[str, Verdict]) -> None:
    """Keep verdicts, if the cache folder can be written."""
    temporary = path.with_name(f"{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"format": FORMAT, "sound": verdicts}))
        temporary.replace(path)
    except OSError:
        ages.discard(temporary)


def of(paths: Iterable[Path]) -> dict[str, Verdict]:
    """Return what a verdict on each of these files would be now; missing files are left out."""
    found = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found[path.name] = (status.st_size, status.st_mtime_ns)
    return found
