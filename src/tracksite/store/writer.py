"""RunWriter: one process's way of logging to one run; threads share it, a fork gets its own."""

from __future__ import annotations

import os
import threading
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Any

from tracksite.errors import StoreError
from tracksite.schema import FORMAT
from tracksite.store import parts, points
from tracksite.store.ids import new_writer
from tracksite.store.livelog import Segment, patch_frame, point_frame, read_segment, series_frames
from tracksite.store.patches import normalise, to_table
from tracksite.store.process import identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SYNC_S = 1.0
ROTATE_BYTES = 1 << 26  # a live log of 2 million points becomes a part


class RunWriter:
    """Appends to the live log of one run and turns it into parts."""

    def __init__(self, root: Path, run_id: str, *, kind: str = "run", seq: int = 0) -> None:
        """Open a live log for a run (or another entity) of the store at `root`.

        Args:
            root: the store's folder.
            run_id: 32 hex digits.
            kind: one of `schema.KINDS`.
            seq: the first Lamport number to use: above every number of the run so far.
        """
        self.run_id = run_id
        self.root = root
        self._kind = kind
        self._seq = seq
        self._writer = new_writer()
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._sealed: list[Segment] = []
        self._lost = 0
        self._closed = False
        self._keys: dict[str, int] = {}
        self._segment: Segment | None = self._open()
        _syncer.watch(self)

    def patch(self, **fields: Any) -> None:
        """Log any fields of a patch; see `patches.normalise` for their forms and errors."""
        frame = patch_frame(normalise(fields))
        with self._lock:
            self._append(frame)

    def point(self, key: str, value: float, step: int, time_us: int) -> None:
        """Log one metric point; it survives the death of this process when this returns."""
        with self._lock:
            number = self._keys.get(key)
            if number is None:
                number = self._name(key)
            try:
                self._segment.append_point(number, step, time_us, value)  # type: ignore[union-attr]
            except (OSError, AttributeError):  # no room, or no log yet after a fork or the end
                self._append(point_frame(number, step, time_us, value))

    def series(
        self, key: str, values: Sequence[float], steps: Sequence[int], times_us: Sequence[int]
    ) -> None:
        """Log many points of one metric from equally long sequences or arrays."""
        import numpy as np

        columns = (
            np.ascontiguousarray(steps, dtype="<i8"),
            np.ascontiguousarray(times_us, dtype="<i8"),
            np.ascontiguousarray(values, dtype="<f8"),
        )
        with self._lock:
            for frame in series_frames(self._number(key), *columns):
                self._append(frame, count=len(columns[0]))

    def flush(self) -> None:
        """Turn what was logged so far into parts, durable on disk when this returns.

        Raises:
            StoreError: something could not be saved; it is kept and tried again later.
        """
        with self._lock:
            self._rotate()
        self._save()

    def close(self) -> None:
        """Flush, and end the live log: from now on nobody is logging through this writer.

        Raises:
            StoreError: something is unsaved.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._segment is not None:
                self._sealed.append(self._segment)
                self._segment = None
        _syncer.forget(self)
        self._save()

    def sync(self) -> None:
        """Bring the live log to disk, retry what the disk refused, save what has grown large."""
        with self._lock:
            segment = self._segment
            if self._closed or segment is None:
                return
            segment.settle()
            if segment.used > ROTATE_BYTES and not segment.in_memory:
                self._rotate()
        with self._saving:
            segment.sync()
        if self._sealed:
            self._save()

    def after_fork(self) -> None:
        """Become a writer of the child's own: the parent keeps its log, we never touch it."""
        self._lock, self._saving = threading.Lock(), threading.Lock()
        self._writer, self._sealed, self._lost, self._keys = new_writer(), [], 0, {}
        self._seq += 1
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None  # opened when the child first logs: most children never do

    def _open(self) -> Segment:
        name = f"{self.run_id}.{self._writer}.{self._seq}.wal"
        segment = Segment(self.root / "live" / name)
        header = {
            "format": FORMAT,
            "run_id": self.run_id,
            "kind": self._kind,
            "writer": self._writer,
            "seq": self._seq,
            "opened_at": time.time_ns() // 1000,
            **identity(),
        }
        segment.append(patch_frame(header))
        if segment.in_memory:
            _warn(f"{segment.path.parent} cannot be written ({segment.trouble}): kept in memory")
        return segment

    def _number(self, key: str) -> int:
        number = self._keys.get(key)
        return self._name(key) if number is None else number

    def _name(self, key: str) -> int:
        number = self._keys[key] = len(self._keys)
        self._append(patch_frame({"key": [number, key]}))
        return number

    def _append(self, frame: bytes, count: int = 1) -> None:
        segment = self._segment or self._reopen()
        try:
            segment.append(frame)
        except OSError as error:
            if segment.in_memory:
                self._lost += count
                _warn(f"run {self.run_id} has lost points: its disk refuses and {error}")
            else:
                _warn(f"{segment.path} cannot grow ({error}): logging goes on in memory")
                self._carry_over(frame)

    def _reopen(self) -> Segment:
        """Open the log that a forked child has not opened yet."""
        if self._closed:
            message = f"run {self.run_id} has ended: start_run(run_id=...) resumes it"
            raise StoreError(message)
        self._segment = self._open()
        return self._segment

    def _carry_over(self, frame: bytes) -> None:
        """Go on in a segment of its own, which still knows the keys by their numbers."""
        keys = self._keys
        segment = self._rotate()
        self._keys = keys
        for name, number in keys.items():
            segment.append(patch_frame({"key": [number, name]}))
        segment.append(frame)

    def _rotate(self) -> Segment:
        if self._segment is not None:
            self._sealed.append(self._segment)
        self._seq += 1
        self._keys = {}
        self._segment = self._open()
        return self._segment

    def _save(self) -> None:
        with self._saving:
            while self._sealed:
                try:
                    save_segment(self.root, self._sealed[0].content())
                except OSError as error:
                    message = f"run {self.run_id} is not saved in {self.root / 'log'} ({error})"
                    where = "only in memory" if self._sealed[0].in_memory else "in its live log"
                    message += f": make room or mend permissions; it is kept {where}"
                    raise StoreError(message) from error
                self._sealed.pop(0).close(remove=True)
        if self._lost:
            message = f"run {self.run_id} lost {self._lost} points: its disk refused for too long"
            raise StoreError(message)


def save_segment(root: Path, content: bytes) -> None:
    """Write a segment's parts: its points, then the patch that commits them.

    The parts are a function of the content alone, so saving one segment twice writes the same
    files twice.

    Raises:
        OSError: the disk refused.
    """
    segment = read_segment(content)
    header, patch = segment.header, segment.patch
    if not patch and not len(segment.points):
        return
    commit = (header["run_id"], header["writer"], header["seq"])
    if len(segment.points):
        ordered = points.to_sorted(segment.points)
        parts.write_part(root / "log", commit, "points", points.to_table(commit[0], ordered))
        patch = {**patch, "metrics": points.summarise(ordered)}
    row = to_table(
        {"kind": header["kind"], **patch},
        run_id=commit[0],
        writer=commit[1],
        seq=commit[2],
        timestamp=header["opened_at"],
    )
    parts.write_part(root / "log", commit, "runs", row)


class _Syncer:
    """One daemon thread that syncs every open writer each second."""

    def __init__(self) -> None:
        self._writers: weakref.WeakSet[RunWriter] = weakref.WeakSet()
        self._thread: threading.Thread | None = None

    def watch(self, writer: RunWriter) -> None:
        self._writers.add(writer)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="tracksite-sync", daemon=True)
            self._thread.start()

    def forget(self, writer: RunWriter) -> None:
        self._writers.discard(writer)

    def after_fork(self) -> None:
        self._thread = None
        for writer in list(self._writers):
            writer.after_fork()
            self.watch(writer)

    def _run(self) -> None:
        while True:
            time.sleep(SYNC_S)
            for writer in list(self._writers):
                try:
                    writer.sync()
                except (OSError, StoreError) as error:
                    _warn(str(error))


_syncer = _Syncer()
_warned: set[str] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_syncer.after_fork)


def _warn(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(f"tracksite: {message}", RuntimeWarning, stacklevel=2)
