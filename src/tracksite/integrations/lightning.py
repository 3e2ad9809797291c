"""PyTorch Lightning: `Trainer(logger=TracksiteLogger())`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracksite.integrations.runs import (
    Session,
    log_numbers,
    log_settings,
    needs,
    say_goal,
    session,
)

with needs("lightning"):
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities import rank_zero_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightning.pytorch import LightningModule
    from lightning.pytorch.callbacks import ModelCheckpoint

    from tracksite.tracking.fluent import ActiveRun

_PROGRESS = ("step", "epoch")  # monitored to keep the newest checkpoints: no goal
_STATUSES = {"success": "finished", "finished": "finished"}  # Lightning's word, else failed


class TracksiteLogger(Logger):
    """Log what a LightningModule logs, at its global step, from rank zero alone.

    The run is the active one, else a run of its own, which ends with `fit`; what is logged later,
    by `test` for example, resumes it. `version` is the run's id: pass it as `run_id` to resume.
    """

    def __init__(
        self,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tracking_uri: str | None = None,
        prefix: str = "",
        log_model: Literal["all"] | bool = False,
    ) -> None:
        """Take where to log, if no run is active, and what.

        Args:
            experiment: of a new run.
            run_name: of a new run.
            run_id: of a run to resume.
            tracking_uri: the store of the run; default: the chosen one.
            prefix: before the key of each metric.
            log_model: copy checkpoints into the run: True: those that are kept when the training
                ends, with the best one named by the tag `best_checkpoint`; "all": each when it
                is saved.
        """
        super().__init__()
        self._where = {"experiment": experiment, "run_name": run_name}
        self._where["tracking_uri"] = tracking_uri
        self._run_id = run_id
        self._prefix = prefix
        self._log_model = log_model
        self._session: Session | None = None
        self._checkpoints: ModelCheckpoint | None = None

    @property
    @rank_zero_experiment
    def experiment(self) -> ActiveRun:
        """Return the run's handle, starting or resuming the run where need be; rank zero only."""
        if self._session is None:
            self._session = session(self, run_id=self._run_id, **self._where)
            self._run_id = self._session.run.run_id
        return self._session.run

    @property
    def name(self) -> str | None:
        """Return the experiment's name, once the run has begun."""
        return self._session.run.info.experiment if self._session else self._where["experiment"]

    @property
    def version(self) -> str | None:
        """Return the run's id, once the run has begun."""
        return self._run_id

    @rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Log params; nested ones as `a/b`."""
        log_settings(self.experiment, vars(params) if isinstance(params, Namespace) else params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics at a step."""
        log_numbers(self.experiment, metrics, step or 0, self._prefix)

    @rank_zero_only
    def log_graph(self, model: LightningModule, *_: Any, **__: Any) -> None:
        """Note what the training monitors; Lightning shows a logger the model, and so its trainer.

        That is the metric of the first ModelCheckpoint that has one, else of an EarlyStopping.
        """
        try:
            trainer = model.trainer
        except RuntimeError:  # it is not in training
            return None
        for callback in (*trainer.checkpoint_callbacks, *trainer.early_stopping_callbacks):
            monitor = getattr(callback, "monitor", None)
            if monitor and monitor not in _PROGRESS:
                return say_goal(self.experiment, (self._prefix + monitor, callback.mode == "max"))
        return None

    @rank_zero_only
    def save(self) -> None:
        """Bring what was logged to disk, as far as the disk lets us."""
        if self._session:
            self._session.save()

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Copy checkpoints into the run: now, or at the end."""
        self._checkpoints = checkpoint_callback
        if self._log_model == "all":
            self._copy(checkpoint_callback.last_model_path, checkpoint_callback.best_model_path)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End a run that was started here."""
        if self._session is None:
            return
        if self._log_model and self._checkpoints:
            kept = self._checkpoints.best_k_models or (self._checkpoints.best_model_path,)
            self._copy(*kept, self._checkpoints.last_model_path)
            self.experiment.set_tag("best_checkpoint", Path(self._checkpoints.best_model_path).name)
        self._session.end(_STATUSES.get(status, "failed"))
        self._session = None

    def _copy(self, *paths: str) -> None:
        for path in {path for path in paths if path and Path(path).exists()}:
            self.experiment.log_artifact(path, "checkpoints")
