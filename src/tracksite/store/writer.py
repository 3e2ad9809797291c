"""RunWriter: one process's way of logging to one run; threads share it, a fork gets its own."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from tracksite.errors import StoreError
from tracksite.schema import FORMAT
from tracksite.store.ids import new_writer
from tracksite.store.livelog import Segment, patch_frame, point_frame, series_frames
from tracksite.store.patches import normalise
from tracksite.store.process import identity
from tracksite.store.saving import save_segment
from tracksite.store.syncing import Syncer, warn_once

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
        try:
            self._save()
        except StoreError:
            _syncer.keep(self)
            raise
        _syncer.forget(self)

    def sync(self) -> None:
        """Bring the live log to disk, retry what the disk refused, save what has grown large."""
        with self._lock:
            segment = self._segment
            if segment is not None:
                segment.settle()
                if segment.used > ROTATE_BYTES and not segment.in_memory:
                    self._rotate()
        if segment is not None:
            with self._saving:
                segment.sync()
        if self._sealed:
            self._save()
        if self._closed:
            _syncer.forget(self)

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
            self._warn(f"cannot be written ({segment.trouble}): what is logged waits in memory")
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
                warn_once(f"run {self.run_id} is losing points: its disk refuses and {error}")
            else:
                self._warn(f"has no room ({error}): what is logged waits in memory")
                self._carry_over(frame)

    def _reopen(self) -> Segment:
        """Open the log that a forked child has not opened yet."""
        if self._closed:
            message = f"run {self.run_id} has ended: start_run(run_id=...) resumes it"
            raise StoreError(message)
        self._segment = self._open()
        _syncer.watch(self)
        return self._segment

    def _warn(self, trouble: str) -> None:
        """Warn once for each store that its disk refuses."""
        warn_once(f"{self.root} {trouble} until it can be saved", about=str(self.root))

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


_syncer = Syncer()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_syncer.after_fork)
