"""Keras 3, on any of its backends: a callback for `Model.fit` and `Model.evaluate`."""

from __future__ import annotations

import contextlib
import math
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.integrations.runs import (
    Session,
    flat,
    log_numbers,
    log_settings,
    needs,
    say_goal,
    session,
    short,
)

with needs("keras"):
    import keras

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEPT = "model.keras"
_LOSS = "val_loss"


class TracksiteCallback(keras.callbacks.Callback):
    """Log params, the model's summary, metrics by epoch (and by batch), and the best model."""

    def __init__(
        self,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tracking_uri: str | None = None,
        every_n_batches: int | None = None,
        monitor: str | None = _LOSS,
        mode: str | None = None,
    ) -> None:
        """Take where to log, if no run is active, and what.

        Args:
            experiment: of a new run.
            run_name: of a new run.
            run_id: of a run to resume.
            tracking_uri: the store of the run; default: the chosen one.
            every_n_batches: log metrics of each n-th batch too, as `batch/<metric>`.
            monitor: the metric by which the model of the best epoch is kept, as the artifact
                model.keras; without it, as where there is no validation, the last one. None
                keeps no model.
            mode: "min" or "max": which value of it is best; None: as Keras knows it of its own
                metrics, else "min".

        A `monitor` of your own, or else that of a ModelCheckpoint or an EarlyStopping beside this
        callback, is what the run says it is after.
        """
        super().__init__()
        self._where = {"experiment": experiment, "run_name": run_name, "run_id": run_id}
        self._where["tracking_uri"] = tracking_uri
        self._every = every_n_batches
        self._monitor = monitor
        self._mode = mode
        self._own = monitor is not None and (monitor != _LOSS or mode is not None)
        self._said = False
        self._best = math.inf
        self._batches = 0
        self._session: Session | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log params and summary."""
        self._session = session(self, **self._where)
        self._where["run_id"] = self._session.run.run_id  # a second fit goes on with it
        run = self._session.run
        log_settings(run, {**self.params, **_settings(self.model)})
        lines: list[str] = []
        self.model.summary(print_fn=lambda line, **_: lines.append(line), line_length=100)
        run.log_text("\n".join(lines), "model_summary.txt")

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of a batch, where that was asked for."""
        if self._every and self._session and self._batches % self._every == 0:
            log_numbers(self._session.run, logs or {}, self._batches, "batch/")
        self._batches += 1

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of an epoch, and keep the model if it is the best so far."""
        if self._session is None:
            return
        log_numbers(self._session.run, logs or {}, epoch)
        self._say_goal(self._session, _beside())
        value = (logs or {}).get(self._monitor) if self._monitor else None
        sign = -1.0 if value is not None and self._known_mode() == "max" else 1.0
        if value is not None and sign * value < self._best:
            self._best = sign * value
            self._session.run.log_metric("best_epoch", epoch, epoch)
            self._keep(self._session)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End a run that was started here, keeping the model if no epoch was the best."""
        if self._session is None:
            return
        self._say_goal(self._session, _beside())
        if self._monitor and self._best == math.inf:
            self._keep(self._session)
        self._session.end()
        self._session = None

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log what `evaluate` found, as `test/<metric>`, where that follows a training."""
        if self._session is None and self._where["run_id"]:
            begun = session(self, **self._where)
            log_numbers(begun.run, logs or {}, 0, "test/")
            begun.end()

    def _known_mode(self) -> str | None:
        """Return the mode that was given, else what Keras knows of the monitored metric."""
        if self._mode is None:
            probe = keras.callbacks.EarlyStopping(self._monitor)
            probe.set_model(self.model)
            with contextlib.suppress(AttributeError, ValueError):  # it is no metric of Keras
                probe._set_monitor_op()  # noqa: SLF001 - nothing else tells what Keras knows
                self._mode = "max" if _prefers_more(probe) else "min"
        return self._mode

    def _say_goal(self, begun: Session, beside: Sequence[Any]) -> None:
        """Say what the training is after, once that is known."""
        if self._said:
            return
        goal = _monitored(beside)
        if self._own and self._known_mode():
            goal = str(self._monitor), self._known_mode() == "max"
        if goal is not None:
            self._said = True
            say_goal(begun.run, goal)

    def _keep(self, begun: Session) -> None:
        with tempfile.TemporaryDirectory(prefix="tracksite-model-") as folder:
            path = Path(folder) / _KEPT
            self.model.save(path)
            begun.run.log_artifact(path)


def _beside() -> Sequence[Any]:
    """Return the callbacks of the fit that calls this one; Keras shows a callback no others."""
    frame = sys._getframe(2)  # noqa: SLF001 - the list of callbacks is the caller's own
    found = getattr(frame.f_locals.get("self"), "callbacks", None)
    return found if isinstance(found, list) else ()


def _monitored(callbacks: Sequence[Any]) -> tuple[str, bool] | None:
    """Return what is monitored to keep the best model or to stop, and whether more is better."""
    kinds = (keras.callbacks.ModelCheckpoint, keras.callbacks.EarlyStopping)
    for kind in kinds:
        for callback in callbacks:
            chooses = isinstance(callback, kind) and getattr(callback, "save_best_only", True)
            if chooses and callback.monitor_op is not None:
                return callback.monitor, _prefers_more(callback)
    return None


def _prefers_more(callback: Any) -> bool:
    return bool(callback.monitor_op(2.0, 1.0))


def _settings(model: keras.Model) -> dict[str, Any]:
    """Return the settings of a compiled model, and its size."""
    loss = model.loss if isinstance(model.loss, str) else type(model.loss).__name__
    settings: dict[str, Any] = {"loss": loss}
    settings["model/parameters"] = model.count_params()
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        config = flat({**optimizer.get_config(), "name": type(optimizer).__name__}, "optimizer/")
        settings |= {key: short(value) for key, value in config.items() if value is not None}
    return settings
