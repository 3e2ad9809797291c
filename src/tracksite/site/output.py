"""The files of a site: set aside while they are made, put into place when all of them are.

So a build that fails or is killed while it makes pages leaves the site as it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Self

from tracksite.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracksite.site.manifest import Entry

_ASIDE = re.compile(r"\.tmp-[0-9a-f]{12}")
_LEFTOVER_S = 3600.0  # no build goes so long without making a file


class Output:
    """A folder beside the pages, where new files wait; it is gone when the context ends."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self._aside = site / f".tmp-{os.urandom(6).hex()}"
        self._waiting: dict[str, str] = {}
        self._gone: list[str] = []

    def __enter__(self) -> Self:
        """Make the folder, and remove those of builds that were killed."""
        with _told(self.site):
            self.site.mkdir(parents=True, exist_ok=True)
            for other in self.site.glob(".tmp-*"):
                if _ASIDE.fullmatch(other.name) and _age_s(other) > _LEFTOVER_S:
                    shutil.rmtree(other, ignore_errors=True)
            self._aside.mkdir()
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the folder and whatever still waits in it."""
        shutil.rmtree(self._aside, ignore_errors=True)

    def put(self, path: str, content: bytes | None) -> bool:
        """Set a file's new content aside (None: there shall be none); False where it is so now."""
        if content is None:
            self._gone.append(path)
            return False
        if _holds(self.site / path, content):
            return False
        waiting = f"{self._aside}/{len(self._waiting)}"
        with _told(self.site / path), open(waiting, "wb") as file:  # noqa: PTH123 - thousands
            file.write(content)
        self._waiting[path] = waiting
        return True

    def publish(self) -> None:
        """Put into place what waits; readers of a file see the old or the new one."""
        made: set[str] = set()
        for path, waiting in self._waiting.items():
            place = f"{self.site}/{path}"
            folder = place.rpartition("/")[0]
            with _told(self.site / path):
                if folder not in made:
                    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - thousands of folders
                    made.add(folder)
                os.replace(waiting, place)  # noqa: PTH105 - thousands of files
        self._waiting.clear()
        for path in self._gone:
            remove(self.site, path)


@contextlib.contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BuildError(
            f"{place} cannot be written ({error.strerror}): choose a folder that can."
        ) from error


def _age_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _holds(place: Path, content: bytes) -> bool:
    try:
        with open(place, "rb") as file:  # noqa: PTH123 - thousands of files
            return os.fstat(file.fileno()).st_size == len(content) and file.read() == content
    except OSError:
        return False


def whole(site: Path, path: str, entry: Entry) -> bool:
    """Whether a file is still there as the last build left it, by its size."""
    try:
        return os.stat(f"{site}/{path}").st_size == entry[1]  # noqa: PTH116 - thousands of files
    except OSError:
        return entry[1] is None


def write(site: Path, path: str, content: bytes) -> None:
    """Write one file at once, so that readers see the old or the new one."""
    with Output(site) as output:
        output.put(path, content)
        output.publish()


def remove(site: Path, path: str) -> bool:
    """Delete a file and the folders that it leaves empty; False when it was not there."""
    place = site / path
    try:
        place.unlink()
    except OSError:
        return False
    with contextlib.suppress(OSError):
        for folder in place.parents:
            if folder == site:
                break
            folder.rmdir()
    return True
