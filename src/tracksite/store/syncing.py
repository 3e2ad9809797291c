"""One daemon thread that looks after every open writer, and warnings that come once."""

from __future__ import annotations

import contextlib
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Protocol

from tracksite.errors import TracksiteError
from tracksite.store import system

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

SYNC_S = 1.0


class Writer(Protocol):
    """What a `RunWriter` is to its Syncer."""

    root: Path

    def sync(self) -> None:
        """Bring what was logged to disk; raises OSError or StoreError."""

    def after_fork(self) -> None:
        """Leave everything to the parent of this process."""


class Syncer:
    """Syncs every open writer each second, and recovers dead logs of the stores they write to."""

    def __init__(self) -> None:
        """Start nothing yet: the thread starts with the first writer."""
        self._writers: weakref.WeakSet[Writer] = weakref.WeakSet()
        self._unsaved: set[Writer] = set()  # closed, but the disk refused: kept alive here
        self._roots: dict[Path, bool] = {}  # store → whether its dead logs were looked after
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Return whether the thread runs; it does not where the system allows no more threads."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = system.started("tracksite-sync", self._run)
        return self._thread is not None

    def watch(self, writer: Writer) -> None:
        """Look after a writer from now on."""
        self._writers.add(writer)
        self._roots.setdefault(writer.root, False)
        self.start()

    def tend(self, writer: Writer) -> None:
        """Sync a writer now, as the thread does each second; what goes wrong is a warning."""
        with _named(writer.root):
            writer.sync()

    def keep(self, writer: Writer) -> None:
        """Go on trying to save a writer that was closed while the disk refused."""
        self._unsaved.add(writer)
        self.watch(writer)

    def forget(self, writer: Writer) -> None:
        """Let go of a writer that has nothing left to save."""
        self._writers.discard(writer)
        self._unsaved.discard(writer)

    def after_fork(self) -> None:
        """Leave the parent's thread and what it has to save to the parent."""
        self._thread = None
        self._unsaved.clear()
        for writer in list(self._writers):
            writer.after_fork()

    def _run(self) -> None:
        while True:
            time.sleep(SYNC_S)
            for writer in list(self._writers):
                self.tend(writer)
            for root in [root for root, done in list(self._roots.items()) if not done]:
                self._roots[root] = True
                with _named(root):
                    _recover(root)


@contextlib.contextmanager
def _named(root: Path) -> Iterator[None]:
    """Turn what goes wrong with a store into a warning: this thread lives on, and the training."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the other writers need this thread
        known = isinstance(error, (OSError, TracksiteError))
        with contextlib.suppress(RuntimeWarning):  # where warnings are errors
            warn_once(str(error) if known else repr(error), about=str(root) if known else None)


def _recover(root: Path) -> None:
    from tracksite.store.listing import names_in

    if len(names_in(root / "live", None)) > 1:  # not only the log of who asks
        from tracksite.store.recovery import recover

        with contextlib.suppress(ImportError):  # where runs are only logged nothing is saved
            recover(root, now=time.time(), others=False)  # their logs are read where they are


_warned: set[str] = set()


def warn_once(message: str, about: str | None = None) -> None:
    """Warn, unless it was warned of the same thing (by default: with the same words) before."""
    about = about or message
    if about not in _warned:
        _warned.add(about)
        warnings.warn(f"tracksite: {message}", RuntimeWarning, stacklevel=4)
