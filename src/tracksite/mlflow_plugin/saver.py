"""The saver: live logs of ended runs become parts in threads of their own, so no client waits."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from tracksite.errors import StoreError
from tracksite.store.syncing import warn_once
from tracksite.store.system import started

if TYPE_CHECKING:
    from tracksite.store.writer import RunWriter

THREADS = 4  # most of saving is waiting for the disk
MOST_WAITING = 64  # open files; past that a client saves by itself


class Saver:
    """Closes writers in up to THREADS threads, which end when there is nothing to do."""

    def __init__(self) -> None:
        """Start no thread yet."""
        self._waiting: SimpleQueue[RunWriter] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def submit(self, writer: RunWriter) -> None:
        """Close a writer soon; now, when too many wait."""
        if self._waiting.qsize() >= MOST_WAITING:
            _close(writer)
            return
        self._waiting.put(writer)
        with self._lock:
            if len(self._threads) < THREADS:
                self._start()

    def _start(self) -> None:
        """Start a thread; without one, all that waits is closed now."""
        thread = started("tracksite-save", self._work)
        if thread is not None:
            self._threads.add(thread)
        else:
            self._drain()

    def finish(self) -> None:
        """Close all that wait, and return when everything is on disk."""
        self._drain()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        while True:
            self._drain()
            with self._lock:
                if self._waiting.empty():
                    self._threads.discard(threading.current_thread())
                    return

    def _drain(self) -> None:
        while True:
            try:
                writer = self._waiting.get_nowait()
            except Empty:
                return
            _close(writer)


def _close(writer: RunWriter) -> None:
    try:
        writer.close()
    except (OSError, StoreError) as error:
        warn_once(str(error))
