"""The life of a run: started, nested, resumed, ended, in threads, forks and dying processes."""

from __future__ import annotations

import copy
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime

import polars as pl
import pytest

import tracksite
from tests.waiting import HANG_S
from tracksite.errors import ArgumentError, NotFoundError, StateError, StoreError


def script(code, **environment):
    """Run a script in a process of its own, in the working folder of the test."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        timeout=HANG_S,
    )


def only_run():
    """The one run of the store, as `get_run` gives it."""
    (run,) = tracksite.search_runs(search_all_experiments=True, output_format="list")
    return run


def test_a_run_keeps_what_was_logged():
    """Params, metrics, tags, name, description, experiment and times come back as logged."""
    before = datetime.now(UTC)
    tracksite.set_experiment("digits")
    with tracksite.start_run(run_name="one", tags={"a": 1}, description="*why*") as run:
        assert tracksite.log_param("lr", 0.1) == 0.1
        tracksite.log_params({"depth": None, "on": True})
        tracksite.log_metrics({"f1": 0.5, "loss": 2}, step=3)
        tracksite.set_tags({"b": "two", "gone": "x"})
        tracksite.delete_tag("gone")
    stored = tracksite.get_run(run.run_id)
    assert stored.data.params == {"lr": "0.1", "depth": "None", "on": "True"}
    assert stored.data.metrics == {"f1": 0.5, "loss": 2.0}
    assert stored.data.tags == {"a": "1", "b": "two"}
    info = stored.info
    assert (info.run_name, info.description, info.experiment) == ("one", "*why*", "digits")
    assert (info.status, info.error) == ("finished", None)
    assert before <= info.started_at <= info.ended_at <= datetime.now(UTC)
    assert info.start_time == round(info.started_at.timestamp() * 1000)
    assert info.experiment_id == tracksite.get_experiment_by_name("digits").experiment_id


def test_what_is_logged_can_be_read_while_the_run_goes_on():
    """A run in progress shows its points and its status to every reader at once."""
    with tracksite.start_run() as run:
        tracksite.log_metric("loss", 1.5, step=2)
        stored = tracksite.get_run(run.run_id)
        assert (stored.info.status, stored.data.metrics) == ("running", {"loss": 1.5})


def test_an_exception_marks_the_run_failed_and_keeps_its_traceback():
    """A run that an exception leaves is failed, and says where; the exception goes on."""
    with pytest.raises(ZeroDivisionError), tracksite.start_run() as run:
        1 / 0  # noqa: B018
    info = tracksite.get_run(run.run_id).info
    assert info.status == "failed"
    assert "ZeroDivisionError: division by zero" in info.error
    assert "test_runs.py" in info.error


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "killed"), (SystemExit(0), "finished"), (SystemExit(2), "failed")],
)
def test_leaving_early_has_its_status(error, status):
    """Ctrl-C kills a run, a plain exit finishes it, an exit with a code fails it."""
    with pytest.raises(type(error)), tracksite.start_run() as run:
        raise error
    assert tracksite.get_run(run.run_id).info.status == status


def test_end_run_takes_mlflows_statuses_and_no_others():
    """Statuses are accepted in any case, kept in lower case; others are refused by name."""
    run = tracksite.start_run()
    with pytest.raises(ArgumentError, match="'DONE'"):
        tracksite.end_run("DONE")
    tracksite.end_run("KILLED")
    assert tracksite.get_run(run.run_id).info.status == "killed"
    tracksite.end_run()  # without an active run: nothing happens


def test_an_ended_run_refuses_what_is_logged():
    """Logging through the handle of an ended run raises, and the message says how to resume."""
    with tracksite.start_run() as run:
        pass
    for log in (
        lambda: run.log_metric("a", 1),
        lambda: run.log_param("a", 1),
        lambda: run.log_series("a", [1.0]),
        run.flush,
    ):
        with pytest.raises(StateError, match=rf"start_run\(run_id='{run.run_id}'\)"):
            log()
    run.end()  # again is no error


def test_a_second_active_run_needs_nested():
    """Starting a run inside another without nested=True raises and leaves the first active."""
    with tracksite.start_run() as run:
        with pytest.raises(StateError, match="nested=True"):
            tracksite.start_run()
        assert tracksite.active_run() is run
    assert tracksite.active_run() is None
    assert tracksite.last_active_run() is run


def test_nested_runs_know_their_parent():
    """A nested run has the outer one as its parent, its experiment, and leaves it active."""
    with tracksite.start_run(experiment="sweep") as parent:
        with tracksite.start_run(nested=True) as child:
            tracksite.log_param("who", "child")
        tracksite.log_param("who", "parent")
    stored = tracksite.get_run(child.run_id)
    assert stored.info.parent_run_id == parent.run_id
    assert (stored.info.experiment, stored.data.params["who"]) == ("sweep", "child")
    assert tracksite.get_parent_run(child.run_id).data.params["who"] == "parent"
    assert tracksite.get_parent_run(parent.run_id) is None
    other = tracksite.start_run(parent_run_id=parent.run_id)
    assert other.info.parent_run_id == parent.run_id


def test_a_parent_that_does_not_exist_is_refused():
    """parent_run_id= of no run raises, and nothing is started."""
    tracksite.set_experiment("e")
    with pytest.raises(NotFoundError):
        tracksite.start_run(parent_run_id="0" * 32)
    assert tracksite.active_run() is None


def test_a_parent_that_ends_ends_what_is_nested_in_it():
    """Runs that are still open inside a run end with it, with the same status."""
    parent = tracksite.start_run()
    child = tracksite.start_run(nested=True)
    parent.end("failed")
    assert tracksite.active_run() is None
    assert tracksite.get_run(child.run_id).info.status == "failed"


def test_a_run_can_be_resumed():
    """start_run(run_id=…) goes on with a run: running again, old values kept, new ones added."""
    run = tracksite.start_run()
    tracksite.log_param("lr", 1)
    tracksite.log_metric("loss", 3.0, step=0)
    run.end("failed", error="ValueError: boom")
    with tracksite.start_run(run_id=run.run_id, run_name="again") as again:
        assert (again.info.status, again.info.error, again.name) == ("running", None, "again")
        assert tracksite.get_run(run.run_id).info.status == "running"
        tracksite.log_metric("loss", 2.0, step=1)
        with pytest.raises(ArgumentError, match="cannot become '2'"):
            tracksite.log_param("lr", 2)
    stored = tracksite.get_run(again.run_id)
    assert (stored.info.status, stored.info.error) == ("finished", None)
    assert tracksite.get_metric_history(run.run_id, "loss")["value"].to_list() == [3.0, 2.0]


def test_resuming_what_cannot_be_resumed_is_refused():
    """A run that is active, deleted, unknown or no id at all is not resumed."""
    with tracksite.start_run() as run, pytest.raises(StateError, match="active already"):
        tracksite.start_run(run_id=run.run_id, nested=True)
    tracksite.delete_run(run.run_id)
    with pytest.raises(StateError, match="restore_run"):
        tracksite.start_run(run_id=run.run_id)
    with pytest.raises(NotFoundError, match="f" * 32):
        tracksite.start_run(run_id="f" * 32)
    tracksite.restore_run(run.run_id)
    with pytest.raises(ArgumentError, match="in experiment 'Default'"):
        tracksite.start_run(run_id=run.run_id, experiment="other")
    with pytest.raises(ArgumentError):
        tracksite.start_run(run_id="nope")


def test_a_verb_without_a_run_starts_one():
    """As in MLflow, logging without an active run starts a run that stays active."""
    tracksite.log_metric("a", 1.0)
    run = tracksite.active_run()
    tracksite.log_param("b", 2)
    assert tracksite.active_run() is run
    assert tracksite.get_run(run.run_id).data.params == {"b": "2"}


def test_a_run_without_a_name_gets_a_readable_one():
    """A made-up name has the form word-word-number, and no seeded generator is touched."""
    import random

    random.seed(1)
    expected = random.random()
    random.seed(1)
    with tracksite.start_run() as run:
        assert random.random() == expected
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", run.name)
    assert tracksite.get_run(run.run_id).info.run_name == run.name


def test_a_param_logged_again_must_be_the_same():
    """The same value again is no error, another value is, and then none of the call is logged."""
    with tracksite.start_run() as run:
        tracksite.log_param("lr", 1)
        tracksite.log_param("lr", "1")
        with pytest.raises(ArgumentError, match=r"'lr'.*'1'.*'2'"):
            tracksite.log_params({"new": 1, "lr": 2})
    assert tracksite.get_run(run.run_id).data.params == {"lr": "1"}


def test_bad_arguments_leave_nothing_behind():
    """A refused call logs nothing of what it was given, and the run goes on."""
    with tracksite.start_run() as run:
        for call in (
            lambda: tracksite.log_metrics({"good": 1, "bad": "x"}),
            lambda: tracksite.log_metric("good", 1, step=0.5),
            lambda: tracksite.log_metric("good", 1, step=2**63),
            lambda: tracksite.log_metric(["good"], 1),
            lambda: tracksite.log_params({"good": 1, "": 2}),
            lambda: tracksite.set_tags({"good": 1, "": "x"}),
            lambda: tracksite.log_series("good", [[1, 2]]),
            lambda: tracksite.log_series("good", [1, 2], steps=[1]),
            lambda: tracksite.log_series("good", [1, 2], steps=[0.5, 1]),
            lambda: tracksite.log_series("good", ["a", "b"]),
        ):
            with pytest.raises(ArgumentError):
                call()
        tracksite.log_metric("good", 2)
    data = tracksite.get_run(run.run_id).data
    assert (data.params, data.metrics, data.tags) == ({}, {"good": 2.0}, {})


def test_a_series_is_the_same_as_its_points():
    """log_series keeps values, steps and timestamps of lists, arrays and Polars Series."""
    moment = datetime(2024, 5, 6, tzinfo=UTC)
    with tracksite.start_run() as run:
        run.log_series("plain", [3, 1.5, float("nan")])
        run.log_series("polars", pl.Series([1, 2]), steps=pl.Series([10, 5]))
        run.log_series("timed", [1.0], timestamps=[moment])
        run.log_series("empty", [])
    plain = tracksite.get_metric_history(run.run_id, "plain")
    assert plain["step"].to_list() == [0, 1, 2]
    assert plain["value"].to_list()[:2] == [3.0, 1.5]
    assert plain["value"].is_nan().to_list() == [False, False, True]
    polars = tracksite.get_metric_history(run.run_id, "polars")
    assert polars.select("step", "value").rows() == [(5, 2.0), (10, 1.0)]
    assert tracksite.get_metric_history(run.run_id, "timed")["timestamp"].to_list() == [moment]
    assert tracksite.get_metric_history(run.run_id, "empty").height == 0


def test_threads_have_runs_of_their_own_and_share_handles():
    """A new thread has no active run; a handle may be used from many threads at once."""
    seen, errors = [], []

    def work(run, number):
        try:
            seen.append(tracksite.active_run())
            for step in range(200):
                run.log_metric(f"thread {number}", step, step=step)
            with tracksite.start_run(run_name=f"own {number}"):
                tracksite.log_param("number", number)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    with tracksite.start_run() as run:
        threads = [threading.Thread(target=work, args=(run, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tracksite.active_run() is run
    assert (errors, seen) == ([], [None] * 4)
    for number in range(4):
        history = tracksite.get_metric_history(run.run_id, f"thread {number}")
        assert history["value"].to_list() == list(range(200))
    found = tracksite.search_runs(order_by=["params.number"], filter_string="name LIKE 'own%'")
    assert found["params.number"].to_list() == list("0123")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are POSIX")
def test_a_forked_child_logs_but_does_not_end_the_run():
    """Parent and child of a fork log to one run; only the process that started it ends it."""
    done = script("""
        import os, sys, tracksite
        with tracksite.start_run() as run:
            tracksite.log_metric("parent", 1, step=0)
            child = os.fork()
            if child == 0:
                tracksite.log_metric("child", 2, step=0)
                sys.exit(3)  # leaves the block, and runs atexit
            _, code = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(code) == 3, code
            assert tracksite.get_run(run.run_id).info.status == "running"
            tracksite.log_metric("parent", 3, step=1)
    """)
    assert (done.returncode, done.stderr) == (0, "")
    run = only_run()
    assert run.info.status == "finished"
    assert run.data.metrics == {"parent": 3.0, "child": 2.0}


ASYNC_EXIT = """
import asyncio, sys
async def leave(): sys.exit(5)
asyncio.run(leave())
"""
KEPT_EXIT = """
import sys
kept = []
def leave():
    try: sys.exit(6)
    except SystemExit as error: kept.append(error)"""


@pytest.mark.parametrize(
    ("ending", "status", "error"),
    [
        ("", "finished", None),
        ("raise ValueError('boom')", "failed", "ValueError: boom"),
        ("raise KeyboardInterrupt", "killed", None),
        ("import sys; sys.exit(0)", "finished", None),
        ("import sys; sys.exit()", "finished", None),
        ("import sys; sys.exit(3)", "failed", "SystemExit: 3"),
        ("import sys; sys.exit('no data')", "failed", "SystemExit: no data"),
        ("import sys\ntry: sys.exit(3)\nexcept SystemExit: pass", "finished", None),
        ("import argparse; argparse.ArgumentParser().error('x')", "failed", "SystemExit: 2"),
        ("exit(3)", "failed", "SystemExit: 3"),
        ("quit()", "finished", None),
        (ASYNC_EXIT, "failed", "SystemExit: 5"),
        (f"{KEPT_EXIT}; raise\nleave()", "failed", "SystemExit: 6"),
        (f"{KEPT_EXIT}\nleave()", "finished", None),
    ],
)
def test_the_end_of_the_process_ends_its_runs(ending, status, error):
    """A run without `with` ends when its process does: failed when an exception ended that."""
    script(f"import tracksite\ntracksite.start_run()\ntracksite.log_metric('a', 1)\n{ending}")
    run = only_run()
    assert (run.info.status, run.data.metrics) == (status, {"a": 1.0})
    assert error in run.info.error if error else run.info.error is None


def test_an_exit_is_for_others_what_it_was():
    """A thread that exits ends without a word, and what is raised reads and travels as before."""
    done = script("""
        import pickle, sys, threading, tracksite
        tracksite.start_run()
        thread = threading.Thread(target=lambda: sys.exit(4))
        thread.start()
        thread.join()
        try:
            sys.exit(2)
        except SystemExit as error:
            assert repr(error) == "SystemExit(2)", repr(error)
            assert type(pickle.loads(pickle.dumps(error))) is SystemExit
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert only_run().info.status == "finished"


def test_a_process_that_is_killed_loses_nothing_and_shows_as_interrupted():
    """All that was logged before SIGKILL is there, and the run is interrupted, not running."""
    done = script("""
        import os, signal, tracksite
        tracksite.start_run()
        for step in range(1000):
            tracksite.log_metric("loss", step, step=step)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert done.returncode == -9
    run = only_run()
    assert (run.info.status, run.data.metrics) == ("interrupted", {"loss": 999.0})
    assert tracksite.get_metric_history(run.info.run_id, "loss").height == 1000


def test_where_runs_go(tmp_path, monkeypatch):
    """set_tracking_uri wins over TRACKSITE_STORE, which wins over ./runs; a chdir moves nothing."""
    assert (tracksite.get_tracking_uri(), tracksite.is_tracking_uri_set()) == ("./runs", False)
    monkeypatch.setenv("TRACKSITE_STORE", str(tmp_path / "from variable"))
    monkeypatch.setenv("TRACKSITE_EXPERIMENT", "named outside")
    with tracksite.start_run() as run:
        assert run.info.experiment == "named outside"
    assert (tmp_path / "from variable" / "store.json").is_file()
    tracksite.set_tracking_uri("file:./chosen")
    assert tracksite.get_tracking_uri() == "file:./chosen"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with tracksite.start_run():
        pass
    assert (tmp_path / "chosen" / "store.json").is_file()
    tracksite.set_tracking_uri(tmp_path / "as a path")
    with tracksite.start_run():
        pass
    assert (tmp_path / "as a path" / "store.json").is_file()


def test_processes_that_are_started_log_where_this_one_does(tmp_path):
    """Store and experiment are chosen for them too, until this process takes its choice back."""
    tracksite.set_tracking_uri("chosen")
    tracksite.set_experiment("theirs")
    done = script("import os, tracksite; os.chdir('/'); tracksite.start_run(run_name='child')")
    assert done.returncode == 0, done.stderr
    run = only_run()
    assert (run.info.run_name, run.info.experiment) == ("child", "theirs")
    tracksite.set_tracking_uri(None)
    assert "TRACKSITE_STORE" not in os.environ


def test_what_the_environment_said_is_said_again(monkeypatch):
    """Who takes a choice back finds what was there before; what came later is left alone."""
    monkeypatch.setenv("TRACKSITE_STORE", "outside")
    tracksite.set_tracking_uri("one")
    tracksite.set_tracking_uri("two")
    tracksite.set_tracking_uri(None)
    assert os.environ["TRACKSITE_STORE"] == "outside"
    tracksite.set_tracking_uri("three")
    os.environ["TRACKSITE_STORE"] = "later"
    tracksite.set_tracking_uri(None)
    assert os.environ["TRACKSITE_STORE"] == "later"


@pytest.fixture
def deleted():
    """Return an experiment that was active, and is deleted."""
    experiment = tracksite.set_experiment("gone")
    with tracksite.start_run():
        pass
    tracksite.delete_experiment(experiment.experiment_id)
    return experiment


def test_no_run_starts_in_a_deleted_experiment(deleted):
    """Neither the active one, one that is named, by its id, nor one of the environment."""
    for where in ({}, {"experiment": "gone"}, {"experiment_id": deleted.experiment_id}):
        with pytest.raises(StateError, match="is deleted"):
            tracksite.start_run(**where)
    with pytest.raises(StateError, match="is deleted"):
        tracksite.MlflowClient().create_run(deleted.experiment_id)
    with pytest.raises(StateError, match="is deleted"):
        tracksite.log_metric("loss", 1.0)
    assert "StateError" in script("import tracksite; tracksite.start_run()").stderr
    with tracksite.start_run(experiment="another") as run:
        assert run.info.experiment == "another"


def test_a_restored_experiment_takes_runs_again(deleted):
    """What was refused is possible as soon as the experiment is back."""
    tracksite.restore_experiment(deleted.experiment_id)
    with tracksite.start_run() as run:
        assert run.info.experiment == "gone"


def test_a_run_that_goes_on_may_have_runs_inside_it(deleted):
    """Nobody ends a training by deleting its experiment."""
    tracksite.restore_experiment(deleted.experiment_id)
    with tracksite.start_run() as run:
        tracksite.delete_experiment(deleted.experiment_id)
        with tracksite.start_run(nested=True) as child:
            assert child.info.parent_run_id == run.run_id


@pytest.mark.parametrize("uri", ["https://example.org/x", "sqlite:///x.db", "", "  "])
def test_a_store_that_cannot_be_is_refused_at_once(uri):
    """set_tracking_uri raises for what this version cannot open, and the choice stays."""
    with pytest.raises((ArgumentError, StoreError)):
        tracksite.set_tracking_uri(uri)
    assert tracksite.get_tracking_uri() == "./runs"


def test_experiments_are_created_found_and_described():
    """Experiments have ids that follow from their names, descriptions and tags."""
    made = tracksite.set_experiment("one", description="first", tags={"team": "a"})
    tracksite.set_experiment_tag("state", "new")
    other = tracksite.create_experiment("two")
    found = tracksite.get_experiment(made.experiment_id)
    assert (found.name, found.description) == ("one", "first")
    assert found.tags == {"team": "a", "state": "new"}
    assert [one.name for one in tracksite.search_experiments()] == ["one", "two"]
    assert tracksite.set_experiment(experiment_id=other).name == "two"
    assert tracksite.get_experiment_by_name("three") is None
    with pytest.raises(StateError, match="'two' exists"):
        tracksite.create_experiment("two")
    with pytest.raises(NotFoundError):
        tracksite.set_experiment(experiment_id="f" * 32)
    for bad in ({}, {"experiment_name": "a", "experiment_id": "b"}, {"experiment_name": "a\nb"}):
        with pytest.raises(ArgumentError):
            tracksite.set_experiment(**bad)


def test_delete_hides_a_run_and_restore_brings_it_back():
    """A deleted run is out of searches but can be seen and restored; an active one is kept."""
    with tracksite.start_run() as run, pytest.raises(StateError, match="is active"):
        tracksite.delete_run(run.run_id)
    tracksite.delete_run(run.run_id)
    assert tracksite.search_runs().height == 0
    assert tracksite.search_runs(run_view_type="deleted")["run_id"].to_list() == [run.run_id]
    assert tracksite.get_run(run.run_id).info.lifecycle_stage == "deleted"
    tracksite.restore_run(run.run_id)
    assert tracksite.search_runs()["run_id"].to_list() == [run.run_id]
    with pytest.raises(NotFoundError):
        tracksite.delete_run("f" * 32)


def test_the_public_names_are_all_there():
    """dir() lists what can be used, each is there and documented, others raise AttributeError."""
    for name in dir(tracksite):
        value = getattr(tracksite, name)
        assert name == "__version__" or value.__doc__, name
    assert {"start_run", "log_metric", "load_model", "StoreError", "sklearn"} <= set(dir(tracksite))
    with pytest.raises(AttributeError, match="log_metrc"):
        tracksite.log_metrc  # noqa: B018


def test_fluent_verbs_have_the_signature_of_the_handles_methods():
    """help(tracksite.log_artifact) shows the arguments, those of every verb, and the text."""
    import inspect

    signature = inspect.signature(tracksite.log_artifact)
    assert list(signature.parameters) == ["local_path", "artifact_path", "run_id", "synchronous"]
    assert "Copy a file" in tracksite.log_artifact.__doc__


def work(run, number):
    """Log from a worker, with the handle that was sent to it."""
    run.log_metric("worked", number, step=number)
    return os.getpid()


@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_a_handle_can_be_sent_to_workers(how, tmp_path):
    """Workers log to the run of the process that started it, which alone ends it."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context(how)
    with tracksite.start_run() as run:
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            others = set(pool.map(work, [run] * 6, range(6)))
        assert os.getpid() not in others
        assert tracksite.get_run(run.run_id).info.status == "running"
    history = tracksite.get_metric_history(run.run_id, "worked")
    assert history["value"].to_list() == list(range(6))
    assert tracksite.get_run(run.run_id).info.status == "finished"


def test_a_handle_is_copied_as_itself():
    """A copy in the same process is the handle; of a run that has ended, one that can log."""
    with tracksite.start_run() as run:
        assert copy.deepcopy({"run": run})["run"] is run
    again = pickle.loads(pickle.dumps(run))
    again.set_tag("later", "yes")
    again.release()
    assert tracksite.get_run(run.run_id).data.tags == {"later": "yes"}
    assert tracksite.get_run(run.run_id).info.status == "finished"
