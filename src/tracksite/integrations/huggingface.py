"""Hugging Face Transformers: `Trainer(…, callbacks=[TracksiteCallback()])`."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from tracksite.integrations.runs import (
    Session,
    flat,
    log_numbers,
    log_settings,
    needs,
    say_goal,
    session,
)

with needs("huggingface"):
    from transformers import TrainerCallback
    from transformers.trainer_callback import ExportableState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import TrainerControl, TrainerState, TrainingArguments


class TracksiteCallback(TrainerCallback, ExportableState):
    """Log training arguments and the model's config as params, and what the Trainer logs.

    Metrics are logged at the global step, from the world's process zero alone. The run is the
    active one, else one of its own, which ends with `train()`; a later `evaluate()` resumes it.
    Checkpoints keep the run's id: a training that goes on from one goes on in the same run with
    `TrainingArguments(restore_callback_states_from_checkpoint=True)`, or with `run_id`.
    """

    def __init__(
        self,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tracking_uri: str | None = None,
        log_model: bool = False,
    ) -> None:
        """Take where to log, if no run is active, and what.

        Args:
            experiment: of a new run.
            run_name: of a new run; default: that of the training arguments.
            run_id: of a run to resume.
            tracking_uri: the store of the run; default: the chosen one.
            log_model: copy the model as the training leaves it, which is the best one with
                `load_best_model_at_end`, and its tokenizer, into the artifacts below `model`.
        """
        self._where = {"experiment": experiment, "run_name": run_name}
        self._where["tracking_uri"] = tracking_uri
        self._log_model = log_model
        self._session: Session | None = None
        self._training = False
        self.run_id = run_id

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of this callback."""
        arguments = {**self._where, "log_model": self._log_model}
        return {"args": arguments, "attributes": {"run_id": self.run_id}}

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **_: Any,
    ) -> None:
        """Log the params."""
        if state.is_world_process_zero:
            self._training = True
            log_settings(self._begun(args).run, _settings(args, model))
            if args.metric_for_best_model:
                metric = f"eval_{args.metric_for_best_model.removeprefix('eval_')}"
                say_goal(self._begun(args).run, (metric, bool(args.greater_is_better)))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Log metrics at the global step."""
        if state.is_world_process_zero:
            log_numbers(self._begun(args).run, logs or {}, state.global_step)

    def on_evaluate(self, *_: Any, **__: Any) -> None:
        """End a run that was resumed for an evaluation after the training."""
        if not self._training:
            self._end()

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        processing_class: Any = None,
        **_: Any,
    ) -> None:
        """Log the model, if that was asked for, and end a run that was started here."""
        self._training = False
        if self._session and self._log_model and state.is_world_process_zero:
            with tempfile.TemporaryDirectory(prefix="tracksite-model-") as folder:
                for part in filter(None, (model, processing_class)):
                    part.save_pretrained(folder)
                self._session.run.log_artifacts(folder, "model")
        self._end()

    def _begun(self, args: TrainingArguments) -> Session:
        if self._session is None:
            where = {**self._where, "run_name": self._where["run_name"] or args.run_name}
            self._session = session(self, run_id=self.run_id, **where)
            self.run_id = self._session.run.run_id
        return self._session

    def _end(self) -> None:
        if self._session:
            self._session.end()
            self._session = None


def _settings(args: TrainingArguments, model: Any) -> dict[str, Any]:
    """Return what is set of the arguments, and of the model's config as `model/<name>`."""
    config = getattr(model, "config", None)
    known = {**args.to_sanitized_dict(), "model": config.to_dict() if config else {}}
    unset: tuple[Any, ...] = (None, "", "None", {})
    return {key: value for key, value in flat(known).items() if value not in unset}
