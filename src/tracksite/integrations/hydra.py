"""Hydra: a callback that makes a run of each job, named in the config.

hydra:
  callbacks:
    tracksite:
      _target_: tracksite.integrations.hydra.TracksiteCallback
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from tracksite.integrations.captured import masked
from tracksite.integrations.runs import Session, log_settings, needs
from tracksite.tracking.fluent import ActiveRun, start_run

with needs("hydra"):
    from hydra.core.utils import JobReturn, JobStatus
    from hydra.experimental.callback import Callback
    from omegaconf import OmegaConf

if TYPE_CHECKING:
    from omegaconf import DictConfig


class TracksiteCallback(Callback):
    """Start a run before each job and end it after; the run is active while the job runs.

    The config is logged as params (`a/b` for what is nested) and as config.yaml; the overrides
    are a tag. The jobs of a multirun are nested in one run, where they run in one process.
    """

    def __init__(self, *, experiment: str | None = None, run_name: str | None = None) -> None:
        """Take where to log.

        Args:
            experiment: of the runs; default: the active one.
            run_name: of the run, or of a multirun's outer run; default: the job's name.
        """
        self._where = {"experiment": experiment, "run_name": run_name}
        self._outer: ActiveRun | None = None
        self._run: ActiveRun | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Start the run that the jobs are nested in."""
        self._outer = start_run(**self._options(config))

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Start a job's run."""
        options = self._options(config)
        if self._outer is not None:
            options = {"run_name": f"{config.hydra.job.name} {config.hydra.job.num}"}
        self._run = start_run(**options, nested=True)
        own = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
        log_settings(self._run, OmegaConf.to_container(own, resolve=True))
        self._run.log_text(masked(OmegaConf.to_yaml(own)), "config.yaml")
        self._run.set_tag("hydra.overrides", masked(" ".join(config.hydra.overrides.task)))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """End a job's run as the job ended."""
        if self._run is None:
            return
        begun, self._run = Session(self._run, owned=True), None
        if job_return.status == JobStatus.COMPLETED:
            begun.end()
        else:
            begun.end("failed", "".join(traceback.format_exception(job_return._return_value)))  # noqa: SLF001

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """End the run that the jobs were nested in."""
        if self._outer is not None:
            Session(self._outer, owned=True).end()

    def _options(self, config: DictConfig) -> dict[str, Any]:
        name = self._where["run_name"] or config.hydra.job.name
        return {"experiment": self._where["experiment"], "run_name": name}
