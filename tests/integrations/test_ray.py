"""Ray Tune: trials that fail or that a scheduler stops; the active run."""

from __future__ import annotations

import pytest

import tracksite

ray = pytest.importorskip("ray")
tune = pytest.importorskip("ray.tune")
TracksiteCallback = pytest.importorskip("tracksite.integrations.ray").TracksiteCallback


@pytest.fixture
def cluster():
    """Ray with one CPU, without its dashboard."""
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False)
    yield
    ray.shutdown()


def test_trials_that_fail_are_failed_runs_in_the_active_run(cluster, tmp_path):
    """A trial's exception is in its run, the others finish, and the run around stays open."""

    def objective(config):
        tune.report({"loss": config["x"], "note": "text", "deep": {"er": 1}})
        if config["x"] == 1:
            raise RuntimeError("no convergence")

    with tracksite.start_run() as run:
        tune.Tuner(
            objective,
            param_space={"x": tune.grid_search([0, 1]), "net": {"depth": 3}},
            run_config=tune.RunConfig(
                storage_path=str(tmp_path), callbacks=[TracksiteCallback()], verbose=0
            ),
        ).fit()
        assert run.info.status == "running"
    trials = {
        it.data.params["x"]: it
        for it in tracksite.search_runs(search_all_experiments=True, output_format="list")
        if it.info.parent_run_id == run.run_id
    }
    assert [trials[x].info.status for x in "01"] == ["finished", "failed"]
    assert "no convergence" in trials["1"].info.error
    assert trials["0"].data.params["net/depth"] == "3"
    assert {"loss", "deep/er", "time_total_s"} <= set(trials["0"].data.metrics)
    assert not {"note", "config/x", "pid"} & set(trials["0"].data.metrics)
