"""Keras 3, on any of its backends: a callback for `Model.fit` and `Model.evaluate`."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.integrations.runs import (
    Session,
    flat,
    log_numbers,
    log_settings,
    needs,
    session,
    short,
)

with needs("keras"):
    import keras

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = "model.keras"


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
        monitor: str | None = "val_loss",
        mode: str = "min",
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
            mode: "min" or "max": which value of it is best.
        """
        super().__init__()
        self._where = {"experiment": experiment, "run_name": run_name, "run_id": run_id}
        self._where["tracking_uri"] = tracking_uri
        self._every = every_n_batches
        self._monitor = monitor
        self._sign = -1.0 if mode == "max" else 1.0
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
        value = (logs or {}).get(self._monitor) if self._monitor else None
        if value is not None and self._sign * value < self._best:
            self._best = self._sign * value
            self._session.run.log_metric("best_epoch", epoch, epoch)
            self._keep(self._session)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End a run that was started here, keeping the model if no epoch was the best."""
        if self._session is None:
            return
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

    def _keep(self, begun: Session) -> None:
        with tempfile.TemporaryDirectory(prefix="tracksite-model-") as folder:
            path = Path(folder) / _KEPT
            self.model.save(path)
            begun.run.log_artifact(path)


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
