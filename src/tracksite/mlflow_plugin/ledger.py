"""The ledger: every entity of a store in memory, kept equal to the files, and the way to write.

Reading again costs nothing while nothing changed: the times of the store's folders say whether a
file came or went, and a live log of another process is looked at where its next frame would be.
What changed is read again alone. One `RunWriter` is kept for each run that this process logs to.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tracksite.errors import StoreError
from tracksite.mlflow_plugin.entity import Entity, from_row
from tracksite.mlflow_plugin.lifecycle import still_deleted
from tracksite.mlflow_plugin.saver import Saver
from tracksite.mlflow_plugin.watched import Watched
from tracksite.query.runs import fold
from tracksite.store import clock, parts
from tracksite.store.livelog import SEGMENT_NAME
from tracksite.store.local import open_store
from tracksite.store.syncing import warn_once
from tracksite.store.system import on_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from tracksite.schema import Snapshot
    from tracksite.store.writer import RunWriter

SETTLED_NS = 50_000_000  # a folder's time tells changes apart that are so far apart
IDLE_S = 5.0  # a writer of a run that has ended is closed so long after its last call
MOST_OPEN = 200
MOST_SNAPSHOTS = 8
_FOLDERS = ("live", "log", "manifest")


class Ledger:
    """What a store holds, for any number of threads of one process."""

    def __init__(self, root: Path) -> None:
        """Open the store in a folder, making it if there is none.

        Raises:
            StoreError: it cannot be made or read.
        """
        self.store = open_store(root, create=True)
        self.lock = threading.RLock()
        self._entities: dict[str, Entity] = {}
        self._names: dict[str, set[str]] = {}  # folder → names seen
        self._looked: dict[str, int] = {}  # folder → its time when that was all
        self._foreign: dict[str, Watched] = {}  # live logs of other writers
        self._open: dict[str, _Open] = {}
        self._saver = Saver()
        self._is_child = False
        self._own: set[str] = set()  # writer ids of this process
        self._others: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        self._snapshots: dict[str, Snapshot] = {}  # of the last entities whose points were asked
        _ledgers.add(self)

    def get(self, entity_id: str) -> Entity | None:
        """Return an entity as it stands now."""
        with self.lock:
            self._look([entity_id])
            return self._entities.get(entity_id)

    def peek(self, entity_id: str) -> Entity | None:
        """Return an entity as it was when the files were last looked at."""
        return self._entities.get(entity_id)

    def recent(self, entity_id: str) -> Entity | None:
        """Return an entity; one that this process logs to, without looking for other writers."""
        return self.peek(entity_id) if entity_id in self._open else self.get(entity_id)

    def all(self, kind: str) -> list[Entity]:
        """Return the entities of a kind as they stand now, deleted ones too."""
        with self.lock:
            self._look(None)
            return [entity for entity in self._entities.values() if entity.kind == kind]

    def begin(self, entity_id: str, kind: str, fields: Mapping[str, Any]) -> Entity:
        """Write the first patch of a new entity into a live log, which stays open."""
        with self.lock:
            entity = self._entities[entity_id] = Entity(entity_id, kind)
            self._opened(entity, resume=False)
            self.patch(entity, fields)
            return entity

    def patch(self, entity: Entity, fields: Mapping[str, Any]) -> None:
        """Write a patch, above everything that is known of the entity where that matters.

        What is deleted stays so, unless the patch says otherwise.
        """
        with self.lock:
            entity = self._entities.setdefault(entity.entity_id, entity)
            self._snapshots.pop(entity.entity_id, None)
            fields = still_deleted(self, entity, fields)
            current = self._open.get(entity.entity_id)
            if current is not None and entity.knows(fields) and self._passed(current):
                self.close(entity.entity_id)
                current = self._opened(entity, resume=True)
            if current is None:
                part = self.store.write_patch(entity.entity_id, entity.kind, fields)
                self._own.add(part.writer)
                opened = said = part.seq
            else:
                current.used = time.monotonic()
                current.writer.patch(**fields)
                opened, said = current.seq, current.writer.said
            entity.apply(fields, time.time_ns() // 1000, opened, said)

    def log(self, entity: Entity, points: Iterable[tuple[str, int, int, float]]) -> None:
        """Log points of metrics: key, step, milliseconds since 1970, value."""
        with self.lock:
            self._snapshots.pop(entity.entity_id, None)
            current = self._open.get(entity.entity_id) or self._opened(entity, resume=True)
            current.used = time.monotonic()
            add = current.writer.point
            for key, step, millis, value in points:
                point = entity.order(key, step, millis, value)
                add(key, value, step, point.time_us)

    def resume(self, entity: Entity) -> None:
        """Open a live log for an entity that goes on: it is running as long as this lives."""
        with self.lock:
            if entity.entity_id not in self._open:
                self._opened(entity, resume=True)

    def close(self, entity_id: str) -> None:
        """Bring what this process logged of an entity to disk, and let go of its live log.

        Raises:
            StoreError: something is unsaved; it is kept and tried again.
        """
        with self.lock:
            current = self._open.pop(entity_id, None)
            if current is not None:
                current.writer.close()

    def close_soon(self, entity_id: str) -> None:
        """Close a live log in a thread of its own: what is in it outlives this process anyway."""
        with self.lock:
            current = self._open.pop(entity_id, None)
        if current is not None:
            self._saver.submit(current.writer)

    def close_all(self) -> None:
        """Close every live log; what goes wrong is a warning."""
        with self.lock:
            for entity_id in list(self._open):
                self._close_quietly(entity_id)
        self._saver.finish()

    def after_fork(self) -> None:
        """Become the ledger of a child, which knows what its parent knew and what it logs itself.

        It reads no more files: the threads of Polars do not survive a fork, so it would hang.
        """
        self.lock = threading.RLock()
        self._saver = Saver()
        self._open.clear()
        self._is_child = True

    def snapshot(self, entity_id: str) -> Snapshot:
        """Return the snapshot of one entity, for its points; kept, as clients ask key by key.

        Until anything changes, that is; own points say the same in a live log as in parts.
        """
        with self.lock:
            self._look([entity_id])
            kept = self._snapshots.pop(entity_id, None) or self.store.snapshot([entity_id])
            self._snapshots[entity_id] = kept
            while len(self._snapshots) > MOST_SNAPSHOTS:
                del self._snapshots[next(iter(self._snapshots))]
            return kept

    def _opened(self, entity: Entity, *, resume: bool) -> _Open:
        self._tidy()
        writer = self.store.open_writer(entity.entity_id, kind=entity.kind, resume=resume)
        current = _Open(writer)
        self._own.add(current.writer_id)
        self._open[entity.entity_id] = current
        return current

    def _tidy(self) -> None:
        """Close the live logs that nobody needs any more."""
        now = time.monotonic()
        for entity_id, current in list(self._open.items()):
            status = self._entities[entity_id].fields.get("status")
            if status != "running" and now - current.used > IDLE_S:
                self._close_quietly(entity_id)
        if len(self._open) >= MOST_OPEN:
            self._close_quietly(min(self._open, key=lambda one: self._open[one].used))

    def _close_quietly(self, entity_id: str) -> None:
        try:
            self.close(entity_id)
        except (OSError, StoreError) as error:
            warn_once(str(error))

    def _passed(self, current: _Open) -> bool:
        """Return whether another writer's numbers of the entity reach up to those of ours."""
        now = clock.tick(current.writer.said)
        return any(number >= now for _, number in self._others[current.writer.run_id])

    def _look(self, wanted: Collection[str] | None) -> None:
        """Bring the entities up to date with the files."""
        if self._is_child and self._looked:
            return
        changed = self._changed_names()
        changed |= self._grown(wanted)
        if changed:
            self._read(None if "*" in changed else changed)

    def _changed_names(self) -> set[str]:
        """Return the ids that files came or went for; "*" when it may be any."""
        first = not self._looked
        found: set[str] = {"*"} if first else set()
        for folder in _FOLDERS:
            path = self.store.root / folder
            try:
                changed_ns = path.stat().st_mtime_ns
            except FileNotFoundError:
                changed_ns = 0
            if self._looked.get(folder) == changed_ns:
                continue
            now = time.time_ns()
            names = set(os.listdir(path)) if changed_ns else set()  # noqa: PTH208 - five times iterdir()
            difference = names ^ self._names.get(folder, set())
            self._names[folder] = names
            self._looked[folder] = changed_ns if now - changed_ns > SETTLED_NS else -1
            if difference:
                found |= {"*"} if folder == "manifest" else self._strangers(folder, difference)
        return found

    def _strangers(self, folder: str, names: Iterable[str]) -> set[str]:
        """Return whose files these are, those that this process wrote left out."""
        found = set()
        pattern = SEGMENT_NAME if folder == "live" else parts.PART_NAME
        for name in names:
            if name.startswith("tmp-") or name[33:45] in self._own:
                continue
            if pattern.fullmatch(name):
                number = name[46:].replace("-", ".").partition(".")[0]
                self._others[name[:32]].add((name[33:45], int(number)))
                found.add(name[:32])
        return found

    def _grown(self, wanted: Collection[str] | None) -> set[str]:
        """Return the ids whose live log of another writer grew, or lost its writer."""
        for name in [name for name in self._foreign if name not in self._names["live"]]:
            del self._foreign[name]
        return {
            name[:32]
            for name, watched in self._foreign.items()
            if (wanted is None or name[:32] in wanted) and watched.changed()
        }

    def _read(self, ids: set[str] | None) -> None:
        """Read entities again; an own live log is read with the rest, so nothing is lost."""
        for name in self._names["live"]:  # before reading: what grows from now on is seen later
            known = SEGMENT_NAME.fullmatch(name) and name[33:45] not in self._own
            if known and (ids is None or name[:32] in ids):
                self._foreign[name] = Watched(self.store.root / "live" / name)
        snapshot = self.store.snapshot(ids)
        for problem in snapshot.problems:
            warn_once(problem.message)
        if ids is None:
            self._entities.clear()
            self._snapshots.clear()
        for entity_id in ids or ():
            self._entities.pop(entity_id, None)
            self._snapshots.pop(entity_id, None)
        for row in fold(snapshot).iter_rows(named=True):
            if row["kind"] is not None:
                self._entities[row["run_id"]] = from_row(row)


class _Open:
    """A live log that this process writes."""

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer
        self.writer_id: str = writer.writer_id
        self.seq: int = writer.seq
        self.used = time.monotonic()


_ledgers: weakref.WeakSet[Ledger] = weakref.WeakSet()
_shared: dict[Path, Ledger] = {}
_sharing = threading.Lock()


def ledger_of(root: Path) -> Ledger:
    """Return the one ledger of a store in this process: tracking and registry share it."""
    with _sharing:
        if root not in _shared:
            _shared[root] = Ledger(root)
        return _shared[root]


def _each(action: Callable[[Ledger], None]) -> None:
    for ledger in list(_ledgers):
        action(ledger)


atexit.register(_each, Ledger.close_all)
on_fork(lambda: _each(Ledger.after_fork))
