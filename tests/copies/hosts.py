"""Machines: each with a clock, processes and a copy of the store, taking turns in this process."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tracksite.store import clock, process, system, writer
from tracksite.store.local import LocalStore, open_store
from tracksite.store.shelf import Shelf

BEGIN_NS = 1_767_322_800 * 10**9
TURN_NS = 10_000_000  # that go by with each turn of somebody


class Idle:
    """A syncer that never does anything by itself."""

    def start(self) -> bool:
        """Say that somebody syncs."""
        return True

    def watch(self, one: object) -> None:
        """Do nothing."""

    keep = forget = watch


@dataclass
class Host:
    """A machine.

    Attributes:
        name: of the machine.
        root: its copy of the store.
        ahead_ns: how far its clock is ahead.
        writers: the open ones, by the number of their process.
        shelves: where those put artifacts.
        given: the last number that its clock of edits gave.
    """

    name: str
    root: Path
    ahead_ns: int = 0
    writers: dict[int, writer.RunWriter] = field(default_factory=dict)
    shelves: dict[int, Shelf] = field(default_factory=dict)
    given: int = 0

    @property
    def store(self) -> LocalStore:
        """The store in its copy, which is made if need be."""
        return open_store(self.root, create=True)


class World:
    """All machines, and the time that goes by with each turn; use `world()`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Let processes be those of the machine whose turn it is."""
        self.now_ns = BEGIN_NS
        self.pids = itertools.count(1)
        self._patch = patch
        self._host: Host | None = None
        self._pid = 0
        patch.setattr(writer, "_syncer", Idle())
        patch.setattr(writer, "identity", self._identity)
        patch.setattr(process, "is_local", self._is_local)
        patch.setattr(system, "pid_exists", self._exists)
        patch.setattr(process, "_started", lambda _: "1")
        patch.setattr(time, "time_ns", self._time_ns)

    @contextlib.contextmanager
    def turn(self, host: Host) -> Iterator[LocalStore]:
        """Let it be the turn of a machine; gives its store."""
        self.now_ns += TURN_NS
        self._host = host
        before, clock._given[0] = clock._given[0], host.given
        try:
            yield host.store
        finally:
            host.given, clock._given[0] = clock._given[0], before
            self._host = None

    def begin(self, host: Host, run_id: str, *, resume: bool = False) -> int:
        """Open a writer of a run as a process of its own; return the number of that."""
        self._pid = next(self.pids)
        host.writers[self._pid] = host.store.open_writer(run_id, resume=resume)
        return self._pid

    def end(self, host: Host, pid: int) -> None:
        """End a process that has ended its run."""
        host.writers.pop(pid).close()

    def kill(self, host: Host, pid: int) -> None:
        """Kill a process in the midst of its run."""
        host.writers.pop(pid).after_fork()  # lets go of the file as it is

    def _time_ns(self) -> int:
        self.now_ns += 1000
        return self.now_ns + (self._host.ahead_ns if self._host else 0)

    def _identity(self) -> dict[str, Any]:
        name = self._host.name if self._host else "nobody"
        return {"host": "same", "pid": self._pid, "pid_started": "1", "pid_space": f"{name}/1"}

    def _is_local(self, header: dict[str, Any]) -> bool:
        return self._host is not None and header.get("pid_space") == f"{self._host.name}/1"

    def _exists(self, pid: int) -> bool:
        return self._host is not None and pid in self._host.writers


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Yield a world whose clock begins anew."""
    with pytest.MonkeyPatch.context() as patch:
        made = World(patch)
        patch.setattr(clock, "_given", [0])
        yield made


def silence(root: Path) -> None:
    """Let the live logs of a store have given no sign of life for years."""
    for path in (root / "live").glob("*.wal"):
        os.utime(path, (0, 0))
