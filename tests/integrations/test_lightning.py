"""Lightning: runs that go on, trainings that fail, ranks that say nothing."""

from __future__ import annotations

import gc

import pytest

import tracksite

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
from lightning.pytorch import LightningModule, Trainer  # noqa: E402

from tracksite.integrations.lightning import TracksiteLogger  # noqa: E402


class Line(LightningModule):
    """One weight, and a failure at a batch of choice."""

    def __init__(self, fail_at=-1):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.fail_at = fail_at

    def training_step(self, batch, batch_idx):
        if batch_idx == self.fail_at:
            raise RuntimeError("no convergence")
        loss = self.layer(batch).square().mean()
        self.log("loss", loss)
        return loss

    def test_step(self, batch, batch_idx):
        self.log("test_loss", self.layer(batch).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


LOADER = torch.utils.data.DataLoader(torch.ones(8, 1), batch_size=2)


def _trainer(logger, **options):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    checkpoints = {"enable_checkpointing": False}
    common = {"max_epochs": 1, "log_every_n_steps": 1}
    return Trainer(logger=logger, **{**quiet, **checkpoints, **common, **options})


def test_a_test_after_the_fit_goes_to_the_same_run():
    """What `test` logs after `fit` has ended the run is in that run, which is finished again."""
    logger = TracksiteLogger(experiment="e", run_name="r", prefix="my_")
    trainer, model = _trainer(logger), Line()
    trainer.fit(model, LOADER)
    first = logger.version
    trainer.test(model, LOADER, verbose=False)
    assert (logger.version, logger.name) == (first, "e")
    run = tracksite.get_run(first)
    assert run.info.status == "finished"
    assert {"my_loss", "my_test_loss"} <= set(run.data.metrics)


def test_a_run_is_resumed_by_its_version():
    """A logger with the run_id of an earlier one goes on in its run."""
    first = TracksiteLogger()
    _trainer(first).fit(Line(), LOADER)
    second = TracksiteLogger(run_id=first.version)
    second.log_hyperparams({"a": {"b": 1}})
    second.log_metrics({"late": 2.0}, 9)
    second.save()
    assert tracksite.get_run(first.version).data.metrics["late"] == 2.0
    second.finalize("success")
    run = tracksite.get_run(first.version)
    assert (run.info.status, run.data.params) == ("finished", {"a/b": "1"})


def test_a_fit_that_fails_is_a_failed_run():
    """An exception in a training step ends the run as failed, with what was logged before."""
    logger = TracksiteLogger()
    with pytest.raises(RuntimeError):
        _trainer(logger).fit(Line(fail_at=2), LOADER)
    run = tracksite.get_run(logger.version)
    assert run.info.status == "failed"
    assert len(tracksite.get_metric_history(logger.version, "loss")) == 2


def test_every_checkpoint_is_copied_where_that_is_asked(tmp_path):
    """log_model="all" copies each checkpoint when it is saved, also those deleted later."""
    from lightning.pytorch.callbacks import ModelCheckpoint

    saved = ModelCheckpoint(tmp_path / "kept", every_n_train_steps=2, save_top_k=1, monitor="step")
    saved.mode = "max"
    logger = TracksiteLogger(log_model="all")
    _trainer(logger, callbacks=[saved], enable_checkpointing=True).fit(Line(), LOADER)
    copied = tracksite.list_artifacts(logger.version, "checkpoints")
    assert len(copied) >= len(list((tmp_path / "kept").iterdir())) >= 1
    assert tracksite.get_run(logger.version).data.tags["best_checkpoint"].endswith(".ckpt")


def test_only_rank_zero_logs(monkeypatch):
    """Another rank makes no run, and its calls do nothing."""
    from lightning.pytorch.utilities import rank_zero_only

    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = TracksiteLogger()
    logger.log_hyperparams({"lr": 1})
    logger.log_metrics({"loss": 1.0}, 0)
    logger.experiment.log_metric("loss", 1.0)
    logger.finalize("success")
    gc.collect()
    assert logger.version is None
    tracksite.start_run().end()  # so that there is a store to look at
    assert len(tracksite.search_runs(search_all_experiments=True, output_format="list")) == 1


@pytest.mark.parametrize(
    ("kind", "options", "goal"),
    [
        ("ModelCheckpoint", {"monitor": "loss"}, "minimize my_loss"),
        ("ModelCheckpoint", {"monitor": "step", "mode": "max"}, None),
        ("EarlyStopping", {"monitor": "loss", "mode": "max"}, "maximize my_loss"),
    ],
)
def test_what_is_monitored_is_the_goal(kind, options, goal, tmp_path):
    """The run says what a checkpoint or an early stop monitors, under the name it is logged by."""
    from lightning.pytorch import callbacks

    place = {"dirpath": tmp_path} if kind == "ModelCheckpoint" else {}
    callback = getattr(callbacks, kind)(**options, **place)
    logger = TracksiteLogger(prefix="my_")
    saves = {"enable_checkpointing": kind == "ModelCheckpoint"}
    _trainer(logger, callbacks=[callback], **saves).fit(Line(), LOADER)
    assert tracksite.get_run(logger.version).data.tags.get("tracksite.goal.training") == goal
