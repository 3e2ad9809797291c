"""ActiveRun: the handle of a run in progress; its methods may be called from any thread."""

from __future__ import annotations

import os
import struct
import threading
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import time_ns
from typing import TYPE_CHECKING, Any, NoReturn, Self

from tracksite.errors import ArgumentError, StateError, StoreError
from tracksite.tracking import check, mlflow_tags
from tracksite.tracking.content import ContentVerbs
from tracksite.tracking.own_secrets import masked
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from tracksite.store.local import LocalStore
    from tracksite.store.writer import RunWriter
    from tracksite.tracking.entities import RunInfo
    from tracksite.tracking.kinds import Value

END_STATUSES = ("finished", "failed", "killed")


class ActiveRun(ContentVerbs):
    """A run in progress, made by `start_run`.

    As a context manager it ends the run: finished; or failed with the traceback kept when an
    exception passes through; or killed when that is a KeyboardInterrupt. A process that was
    forked from the one that started the run may log to it, but never ends it. A handle can be
    pickled: in a worker it is one of the same run, as long as the worker sees the store.

    Attributes:
        info: run_id, run_name, experiment, status and more.
        run_id: 32 hex digits.
        artifact_dir: the folder of the run's artifacts.
    """

    def __init__(
        self,
        store: LocalStore,
        writer: RunWriter,
        info: RunInfo,
        *,
        params: Mapping[str, str],
        on_end: Callable[[ActiveRun, str], None],
        began: bool = False,
        strict: bool = False,
    ) -> None:
        """Take the writer of a run, which may have `began` it just now; use `start_run` instead."""
        super().__init__(store, info.run_id, began=began, strict=strict)
        self.info = info
        self.on_stop: list[Callable[[], None]] = []
        self._writer: Any = writer  # a RunWriter, then _Ended
        self._point: Callable[[str, float, int, int], None] = writer.point
        ahead_ns = writer.ahead_ns  # 0 but for a run that was begun where the clock is ahead
        self._now_ns = time_ns if not ahead_ns else lambda: time_ns() + ahead_ns
        self._params = dict(params)
        self._metric_keys: set[str] = set()
        self._pid = os.getpid()
        self._ending = threading.Lock()  # taken once, never waited for
        self._on_end = on_end

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.info.run_name

    def log_metric(
        self,
        key: str,
        value: float,
        step: int | None = None,
        timestamp: int | datetime | None = None,
    ) -> None:
        """Log one value of a metric; it survives the death of the process when this returns.

        Args:
            key: 1 to 250 characters on one line.
            value: anything that `float()` takes, or a tensor with one element; NaN and ±inf too.
            step: a 64-bit whole number, negative ones too; 0 when None, as in MLflow.
            timestamp: datetime, or milliseconds since 1970; now when None.

        Raises:
            ArgumentError: one of them is not that.
            StateError: the run has ended.
        """
        try:
            if key not in self._metric_keys:
                self._metric_keys.add(check.key("metric", key))
        except TypeError:  # unhashable, so certainly no str
            check.key("metric", key)
        if type(value) is not float:
            value = check.number(key, value)
        if step is None:
            step = 0
        elif type(step) is not int:
            step = check.step(key, step)
        micros = self._now_ns() // 1000 if timestamp is None else check.timestamp_us(timestamp)
        try:
            self._point(key, value, step, micros)
        except struct.error:  # dearer to look at each step than to let packing refuse it
            self._point(key, value, check.step(key, step), micros)

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        timestamp: int | datetime | None = None,
    ) -> None:
        """Log one value of each of several metrics, all with one step and one timestamp.

        Nothing is logged when one of them is refused.

        Args:
            metrics: {key: value}.
            step: as for `log_metric`.
            timestamp: as for `log_metric`.
        """
        known = self._metric_keys
        if type(metrics) is not dict or not all(
            [type(value) is float and key in known for key, value in metrics.items()]  # noqa: C419 - a generator is dearer
        ):
            metrics = {
                check.key("metric", key): check.number(key, value)
                for key, value in check.mapping("metrics", metrics).items()
            }
            known.update(metrics)
        at = step if type(step) is int else check.step("step", 0 if step is None else step)
        micros = self._now_ns() // 1000 if timestamp is None else check.timestamp_us(timestamp)
        try:
            self._writer.points(metrics, at, micros)
        except struct.error:
            check.step("step", at)
            raise

    def log_series(
        self,
        key: str,
        values: Sequence[float],
        steps: Sequence[int] | None = None,
        timestamps: Sequence[int | datetime] | None = None,
    ) -> None:
        """Log a whole series of one metric at once.

        Args:
            key: as for `log_metric`.
            values: n numbers: a list, a NumPy array, a Polars or pandas Series.
            steps: n whole numbers; 0, 1, …, n - 1 when None.
            timestamps: n datetimes or milliseconds since 1970; now for all when None.

        Raises:
            ArgumentError: not one-dimensional, lengths that differ, steps that are not whole.
        """
        from tracksite.tracking import series

        key = check.key("metric", key)
        now_us = self._now_ns() // 1000
        if series.has_numpy():
            self._writer.series(key, *series.columns(key, values, steps, timestamps, now_us=now_us))
            return
        for value, step, at_us in series.points(key, values, steps, timestamps, now_us=now_us):
            self._point(key, value, step, at_us)

    def log_param(self, key: str, value: Value) -> Value:
        """Log one param: a setting that the run was started with.

        Args:
            key: 1 to 250 characters on one line.
            value: anything; `str(value)` is kept; of more than 6000 characters the first,
                with a warning.

        Returns:
            The value, so that it can be used where it is logged.

        Raises:
            ArgumentError: a bad key, or logged before with another value.
        """
        self.log_params({check.key("param", key): value})
        return value

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log several params; nothing is logged when one of them is refused.

        Args:
            params: {key: value}, each as for `log_param`.
        """
        texts = check.params(params)
        for recall in (self._params.get, self._params.setdefault):  # check all, then keep all
            for key, text in texts.items():
                before = recall(key, text)
                if before != text:
                    raise ArgumentError(
                        f"param {key!r} of run {self.run_id} is {check.shorten(before)} and cannot "
                        f"become {check.shorten(text)}: a param says how the run began; "
                        "use a tag, another key or a nested run."
                    )
        if texts:
            self._patch(params=texts)

    def set_tag(self, key: str, value: Value) -> None:
        """Set one tag: text about the run that may change later.

        Args:
            key: 1 to 250 characters on one line.
            value: anything; `str(value)` is kept; of more than 8000 characters the first,
                with a warning.
        """
        self.set_tags({check.key("tag", key): value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags; nothing is set when one of them is refused."""
        texts = check.tags(tags)
        if texts:
            self._patch(**mlflow_tags.fields(texts))

    def delete_tag(self, key: str) -> None:
        """Remove a tag; no error when there is none."""
        self._patch(tags={check.key("tag", key): None})

    def set_description(self, description: str) -> None:
        """Set the run's notes, in Markdown."""
        self._patch(description=check.text("description", "", description, check.MAX_NOTES))

    def add_environment(self, environment: Mapping[str, str]) -> None:
        """Note more of the environment: {key: text}, such as {"package:numpy": "2.4.6"}."""
        self._patch(environment=dict(environment))

    def add_inputs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note data sets, as `tracking.datasets.describe` returns them."""
        self._patch(inputs=list(rows))

    def flush(self) -> None:
        """Bring all that was logged to disk.

        Raises:
            StoreError: the disk refuses; what was logged is kept and tried again later.
        """
        self._writer.flush()

    def resumed(self, fields: Mapping[str, Any]) -> None:
        """Say that the run goes on, with these fields of a patch."""
        self._patch(**{**fields, "status": "running", "error": ""})
        name = fields.get("name", self.info.run_name)
        self.info = replace(self.info, run_name=name, status="running", ended_at=None, error=None)

    def end(
        self,
        status: str = "finished",
        *,
        error: str | None = None,
        ended_at: int | datetime | None = None,
    ) -> None:
        """End the run; again is no error. Runs nested in it that still run end with it.

        Args:
            status: finished, failed or killed, in any case.
            error: the traceback of a failed run.
            ended_at: when it ended: a datetime, or milliseconds since 1970; now when None.

        Raises:
            ArgumentError: another status, or no time.
            StoreError: something could not be saved.
        """
        word = end_status(status)
        at = self._now() if ended_at is None else check.time_of(ended_at)
        self._stop(word, lambda writer: self._say_end(writer, word, error, at))

    def release(self) -> None:
        """Save what was logged and let go of the run, whose status stays as it is.

        Raises:
            StoreError: something could not be saved.
        """
        self._stop(self.info.status, lambda _: None)

    def _stop(self, status: str, say: Callable[[RunWriter], None]) -> None:
        if not self._ending.acquire(blocking=False):
            return
        self._on_end(self, status)
        owner = os.getpid() == self._pid
        for stop in self.on_stop if owner else ():
            stop()
        writer, self._writer = self._writer, _Ended(self.run_id)
        self._point = self._writer.point
        if owner:
            say(writer)
        writer.close()
        if self._unsaved:
            raise StoreError(
                f"run {self.run_id} ended without {len(self._unsaved)} of its artifacts "
                f"({', '.join(self._unsaved[:5])}): make room on the disk and log them again."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        status = exit_status(error)
        text = "".join(traceback.format_exception(error)) if status == "failed" and error else None
        try:
            self.end(status, error=text)
        except StoreError as trouble:  # never the end of a training that went well
            if self.strict:
                raise
            warn(str(trouble))

    def place(self) -> tuple[str, str, bool]:
        """Return what `handles.attached` finds the run by: it is what a pickled handle holds."""
        return str(self._store.root), self.run_id, self.strict

    def __repr__(self) -> str:
        return f"<ActiveRun {self.name!r} {self.run_id} of {self.info.experiment!r}>"

    def _now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._now_ns() // 1000)

    def _patch(self, **fields: Any) -> None:
        self._writer.patch(**fields)

    def _say_end(
        self, writer: RunWriter, status: str, error: str | None, ended_at: datetime
    ) -> None:
        """Write how the run ended, where the process that started it ends it."""
        error = error and masked(check.mended(error))
        writer.patch(status=status, ended_at=ended_at, error=error)
        self.info = replace(self.info, status=status, ended_at=ended_at, error=error)


class _Ended:
    """Stands in for the writer of a run that has ended: whatever is logged is an error."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise StateError(
            f"run {self._run_id} has ended, so nothing can be logged to it: "
            f"resume it with start_run(run_id={self._run_id!r})."
        )

    patch = point = points = series = flush = _refuse


def end_status(status: object) -> str:
    """Return a status that a run can end with, in lower case; MLflow's upper case is accepted."""
    word = str(status).lower()
    if word not in END_STATUSES:
        raise ArgumentError(f"status {status!r} is not one of {', '.join(END_STATUSES)}: use one.")
    return word


def exit_status(error: BaseException | None) -> str:
    """Return how a run ends that is left by an exception, or by none."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "finished"
    return "killed" if isinstance(error, KeyboardInterrupt) else "failed"
