"""Transformers: trainings that go on from a checkpoint, later evaluations, other processes."""

from __future__ import annotations

import gc

import pytest

import tracksite

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")
TracksiteCallback = pytest.importorskip("tracksite.integrations.huggingface").TracksiteCallback


class Net(torch.nn.Module):
    """The smallest model that the Trainer takes; fails at a step of choice."""

    def __init__(self, fail_at=-1):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.left = fail_at

    def forward(self, x, labels):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("no memory")
        return {"loss": (self.layer(x) - labels).square().mean(), "logits": self.layer(x)}


DATA = [{"x": torch.tensor([float(n)]), "labels": torch.tensor([2.0 * n])} for n in range(4)]


def _trainer(callback, model=None, **options):
    args = {"per_device_train_batch_size": 2, "logging_steps": 1, "report_to": "none"}
    args |= {"use_cpu": True, "disable_tqdm": True, "num_train_epochs": 1, "save_strategy": "epoch"}
    return transformers.Trainer(
        model or Net(),
        transformers.TrainingArguments("out", **{**args, **options}),
        train_dataset=DATA,
        eval_dataset=DATA,
        callbacks=[callback],
    )


def _only():
    (run,) = tracksite.search_runs(search_all_experiments=True, output_format="list")
    return run


def _steps(key):
    return tracksite.get_metric_history(_only().info.run_id, key)["step"].to_list()


def test_a_training_goes_on_in_its_run_where_that_is_asked():
    """From a checkpoint, with the callback's state restored, the same run has the further steps."""
    _trainer(TracksiteCallback(run_name="r")).train()
    again = _trainer(
        TracksiteCallback(), num_train_epochs=2, restore_callback_states_from_checkpoint=True
    )
    with pytest.warns(RuntimeWarning, match="and 1 more such params"):
        again.train(resume_from_checkpoint=True)
    assert _steps("loss") == [1, 2, 3, 4]
    assert (_only().info.run_name, _only().info.status) == ("r", "finished")


def test_without_being_asked_a_new_run_is_started():
    """A training from a checkpoint whose callbacks are not restored is a run of its own."""
    _trainer(TracksiteCallback()).train()
    _trainer(TracksiteCallback(), num_train_epochs=2).train(resume_from_checkpoint=True)
    runs = tracksite.search_runs(search_all_experiments=True, output_format="list")
    assert len(runs) == 2


def test_an_evaluation_after_the_training_goes_to_its_run():
    """What `evaluate` finds later is in the run of the training, which is finished again."""
    trainer = _trainer(TracksiteCallback())
    trainer.train()
    trainer.evaluate()
    assert (_only().info.status, _steps("eval_loss")) == ("finished", [2])


def test_only_the_world_s_first_process_logs(monkeypatch):
    """Another process of a distributed training makes no run."""
    monkeypatch.setattr(transformers.Trainer, "is_world_process_zero", lambda self: False)
    callback = TracksiteCallback(log_model=True)
    _trainer(callback, save_strategy="no").train()
    assert callback.run_id is None


def test_a_training_that_fails_is_a_failed_run():
    """An exception in a training leaves a failed run once trainer and callback are gone."""
    trainer = _trainer(TracksiteCallback(), Net(fail_at=2))
    with pytest.raises(RuntimeError):
        trainer.train()
    del trainer
    gc.collect()
    assert (_only().info.status, _steps("loss")) == ("failed", [1])


def test_the_active_run_is_used():
    """Inside a run the training logs to it and leaves it open."""
    with tracksite.start_run() as run:
        _trainer(TracksiteCallback(), save_strategy="no").train()
        assert run.info.status == "running"
    assert _only().info.run_id == run.run_id


@pytest.mark.parametrize(
    ("options", "goal"),
    [
        ({}, None),
        ({"metric_for_best_model": "loss"}, "minimize eval_loss"),
        ({"metric_for_best_model": "eval_f1"}, "maximize eval_f1"),
        (
            {"metric_for_best_model": "quality", "greater_is_better": False},
            "minimize eval_quality",
        ),
    ],
)
def test_the_metric_for_the_best_model_is_the_goal(options, goal):
    """The run says by what the Trainer chooses the best model, and which way is better."""
    _trainer(TracksiteCallback(), save_strategy="no", **options).train()
    assert _only().data.tags.get("tracksite.goal.training") == goal
