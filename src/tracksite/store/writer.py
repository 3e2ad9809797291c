"""RunWriter: one process's way of logging to one run; threads share it, a fork gets its own."""

from __future__ import annotations

import threading
import time
from threading import get_ident
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tracksite.errors import StoreError
from tracksite.store import clock, system
from tracksite.store.ids import import_writer, new_writer
from tracksite.store.leaving import Leaving
from tracksite.store.livelog import (
    SLOT,
    header,
    pack_crc,
    pack_point,
    patch_frame,
    point_frame,
    put_point,
    series_frames,
)
from tracksite.store.pacing import Pace
from tracksite.store.patches import normalise
from tracksite.store.process import identity
from tracksite.store.segment import Segment
from tracksite.store.syncing import SYNC_S, Syncer, warn_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

AT_ONCE_MS = 100  # the first patch of a log counts as said with its header for so long
OWNER_CALLS = 64  # in a row make a thread the owner of a segment that has none


class RunWriter:
    """Appends to the live log of one run and turns it into parts.

    Any thread may log. The thread that logs most appends its points without the lock, as the
    owner of the segment; another one that comes along takes that away from it (`_current`).

    Attributes:
        root: the store's folder.
        run_id: 32 hex digits.
        writer_id: 12 hex digits, new in each process.
        seq: the number of the current segment, see `clock`.
        ahead_ns: by how much the clock of the run's past is ahead of ours.
    """

    def __init__(
        self,
        root: Path,
        run_id: str,
        *,
        kind: str = "run",
        seq: int = 0,
        strict: bool = False,
        ahead_ns: int = 0,
        imported: bool = False,
    ) -> None:
        """Open a live log for a run (or another entity) of the store at `root`.

        Args:
            root: the store's folder.
            run_id: 32 hex digits.
            kind: one of `schema.KINDS`.
            seq: the first number to use, of `clock`: above every number of the run so far.
            strict: raise StoreError where the disk refuses, rather than keep it in memory.
            ahead_ns: see the attribute; times that nobody chose are given by so much later, so
                that those of a run never go back.
            imported: it is brought in from another tool for the first time: what is logged is said
                at `seq`, under names that another store's import gives, too.

        Raises:
            StoreError: `strict`, and the disk refuses.
        """
        self.run_id = run_id
        self.root = root
        self._kind = kind
        self.seq = self._said = seq
        self.ahead_ns = ahead_ns
        self._strict = strict
        self._imported = imported
        self.writer_id = import_writer(run_id) if imported else new_writer()
        self._lock = threading.RLock()  # re-entrant, because a signal handler may log
        self._left = Leaving(root, run_id)
        self._lost = 0
        self._closed = False
        self._thread, self._calls = 0, 0  # who logged last, and how often in a row
        self._tended = True  # a thread syncs each second; else each call looks if it is time
        self._synced = time.monotonic()
        self._pace = Pace()
        self._segment = self._open(seq)
        _syncer.watch(self)

    @property
    def said(self) -> int:
        """Return the number of what was said last."""
        return self._said

    def patch(self, **fields: Any) -> None:
        """Log any fields of a patch; see `patches.normalise` for their forms and errors."""
        patch = normalise(fields)
        self._log(lambda segment: patch_frame(self._stamped(segment, patch)))

    def point(self, key: str, value: float, step: int, time_us: int) -> None:
        """Log one metric point; it survives the death of this process when this returns."""
        segment = self._segment
        if segment.owner == get_ident():  # written out, because this is what training loops call
            try:
                body = pack_point(segment.keys[key], step, time_us, value)
                at = segment.used
                if at < segment.size:
                    segment.used = at + SLOT
                    put_point(segment.buffer, at, crc32(body), body)  # type: ignore[arg-type]
                    return
            except (KeyError, TypeError):  # a new key, or not the owner's any more
                pass
        self._log(lambda segment: point_frame(segment.number(key), step, time_us, value))

    def points(self, values: Mapping[str, float], step: int, time_us: int) -> None:
        """Log one point of each of several metrics, as `point` does, at the same step and time."""
        segment = self._segment
        if segment.owner == get_ident():
            try:
                keys = segment.keys
                bodies = [pack_point(keys[key], step, time_us, it) for key, it in values.items()]
                frames = b"".join([pack_crc(crc32(body)) + body for body in bodies])
                at = segment.used
                end = at + len(frames)
                if end <= segment.size:
                    segment.used = end
                    segment.buffer[at:end] = frames  # type: ignore[index]
                    return
            except (KeyError, ValueError):  # a new key, or not the owner's any more
                pass
        for key, value in values.items():
            self.point(key, value, step, time_us)

    def series(
        self, key: str, values: Sequence[float], steps: Sequence[int], times_us: Sequence[int]
    ) -> None:
        """Log many points of one metric from equally long sequences or arrays."""
        for count, frame in series_frames(values, steps, times_us):
            self._log(lambda segment, frame=frame: frame(segment.number(key)), count)  # type: ignore[misc]

    def flush(self) -> None:
        """Bring what was logged so far to disk, in the live log: it is durable when this returns.

        Raises:
            StoreError: something could not be saved; it is kept and tried again later.
        """
        try:
            self.sync()
            trouble = self._segment.trouble
        except OSError as error:
            trouble = error
        if trouble is not None:
            message = f"run {self.run_id} is not saved in {self.root / 'live'} ({trouble})"
            raise StoreError(f"{message}: make room or mend permissions; it is kept in memory")

    def save(self) -> None:
        """Turn what was logged so far into parts, durable on disk when this returns.

        Raises:
            StoreError: something could not be saved; it is kept and tried again later.
        """
        with self._lock:
            self._rotate()
        self._save()

    def close(self) -> None:
        """Save, and end the live log: from now on nobody is logging through this writer.

        Raises:
            StoreError: something is unsaved.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._seal()
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
            if not segment.sealed:
                segment.settle()
                segment = self._guarded(segment)
                if not self._imported and self._pace.is_due(segment):  # an import splits by size
                    self._rotate()
        with self._left.turn:
            if not segment.sealed:
                segment.sync()
        if self._left.segments:
            self._save()
        if self._closed:
            _syncer.forget(self)

    def _guarded(self, segment: Segment) -> Segment:
        """Undo what other programs did to the live log, and say so; return it as it is now."""
        if lost := segment.mend():
            warn_once(
                f"{segment.path} was cut or written over by another program: {lost} bytes of what "
                f"was logged are lost; copy no older store over one that is logged to"
            )
        if not segment.is_named():
            segment = self._segment = segment.shared()
            segment.put_back()
            if segment.trouble is not None:
                warn_once(f"{segment.path} was removed and cannot be put back ({segment.trouble})")
        return segment

    def after_fork(self) -> None:
        """Become a writer of the child's own: the parent keeps its log, we never touch it."""
        self._lock, self._left = threading.RLock(), Leaving(self.root, self.run_id)
        self.writer_id, self._lost = new_writer(), 0
        self._segment.close(remove=False)  # the child opens its own if it logs: most never do

    def _log(self, frame_for: Callable[[Segment], bytes], count: int = 1) -> None:
        """Append the frame that a segment needs to say something, wherever there is room."""
        with self._lock:
            while True:
                segment = self._current()
                try:
                    segment.append(frame_for(segment))
                except ValueError:  # sealed by a signal handler just now
                    continue
                except OSError as error:
                    if self._is_lost(segment, error, count):
                        return
                    continue
                break
        if not self._tended and time.monotonic() - self._synced > SYNC_S:
            self._synced = time.monotonic()
            _syncer.tend(self)

    def _stamped(self, segment: Segment, patch: dict[str, Any]) -> dict[str, Any]:
        """Return a patch with the number at which it is said, unless that is the header's.

        It is the header's where it comes first, at once, and nothing was said in between.
        """
        if self._imported:
            return patch
        alone = segment.unsaid and clock.last() == self.seq
        segment.unsaid = False
        self._said = clock.tick(self._said)
        if alone and clock.wall_ms(self._said) - clock.wall_ms(self.seq) < AT_ONCE_MS:
            return patch
        return {**patch, "seq": self._said}

    def _current(self) -> Segment:
        """Return the segment to append to, for this thread; it holds the lock."""
        if self._segment.sealed:
            if self._closed:
                message = f"run {self.run_id} has ended: start_run(run_id=...) resumes it"
                raise StoreError(message)
            self._rotate()
        if self._segment.is_full and not self._segment.in_memory:
            self._rotate()
        segment, thread = self._segment, get_ident()
        if segment.owner not in {0, thread}:
            segment = self._segment = segment.shared()
        self._calls = self._calls + 1 if thread == self._thread else 0
        self._thread = thread
        if not segment.owner and self._calls >= OWNER_CALLS and self._tended:
            segment.own(thread)
        return segment

    def _is_lost(self, segment: Segment, error: OSError, count: int) -> bool:
        """Find room elsewhere for what a segment has none for; return whether there is none."""
        if self._strict:
            message = f"run {self.run_id} cannot be logged to {self.root} ({error}): make room"
            raise StoreError(message) from error
        if segment.in_memory:
            self._lost += count
            warn_once(f"run {self.run_id} is losing points: its disk refuses and {error}")
            return True
        self._rotate()  # that warns where there is no room for another file either
        return False

    def _rotate(self) -> None:
        seq = self.seq + 1 if self._imported else clock.tick(self._said)
        self.seq = self._said = self._segment.next = seq
        self._seal()
        fresh = self._open(seq)
        fresh.follows = True
        if self._segment.sealed:
            self._segment = fresh
        else:  # a signal handler has opened one meanwhile
            fresh.close(remove=True)

    def _seal(self) -> None:
        segment = self._segment
        if segment.seal():  # a signal handler may have done so just now
            self._left.segments.append(segment)

    def _open(self, seq: int) -> Segment:
        name = f"{self.run_id}.{self.writer_id}.{seq}.wal"
        self._tended = _syncer.start()
        self._pace.begin()
        owner = get_ident() if self._tended else 0
        opened_at = (time.time_ns() + self.ahead_ns) // 1000
        said = header(self.run_id, self._kind, self.writer_id, seq, opened_at)
        segment = Segment(self.root / "live" / name, patch_frame({**said, **identity()}), owner)
        if segment.in_memory:
            trouble = f"{self.root} cannot be written ({segment.trouble})"
            if self._strict:
                raise StoreError(f"{trouble}: make room or mend permissions")
            waits = "what is logged waits in memory until it can be saved"
            warn_once(f"{trouble}: {waits}", about=str(self.root))
        return segment

    def _save(self) -> None:
        self._left.save()
        if self._lost:
            message = f"run {self.run_id} lost {self._lost} points: its disk refused for too long"
            raise StoreError(message)


_syncer = Syncer()
system.on_fork(_syncer.after_fork)
