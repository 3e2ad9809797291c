"""What integrations share: which run is logged to, what is kept of odd values, what is loaded."""

from __future__ import annotations

import ast
import gc
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import tracksite
from tracksite import integrations
from tracksite.errors import ArgumentError, StoreError
from tracksite.integrations import INTEGRATIONS, runs

FOLDER = Path(integrations.__file__).parent
LIBRARIES = {"huggingface": "transformers"}


class Owner:
    """Stands for a callback."""


def test_the_active_run_is_used_and_not_ended():
    """Inside a run an integration logs to it and leaves its end to whoever started it."""
    with tracksite.start_run() as run:
        begun = runs.session(Owner())
        assert begun.run is run
        begun.end()
        assert run.info.status == "running"


def test_without_an_active_run_one_is_started_that_is_active_nowhere():
    """An integration's own run never becomes the active run, so that no other code logs to it."""
    owner = Owner()
    begun = runs.session(owner, run_name="own", experiment="e")
    assert tracksite.active_run() is None
    begun.end()
    info = tracksite.get_run(begun.run.run_id).info
    assert (info.run_name, info.experiment, info.status) == ("own", "e", "finished")


def test_a_run_can_be_resumed():
    """With run_id an integration goes on with that run, whatever it was to be named."""
    with tracksite.start_run(run_name="first") as first:
        pass
    owner = Owner()
    begun = runs.session(owner, run_id=first.run_id, run_name="other")
    begun.run.log_metric("loss", 1.0)
    begun.end()
    again = tracksite.get_run(first.run_id)
    assert (again.info.run_name, again.data.metrics) == ("first", {"loss": 1.0})


def test_a_run_whose_callback_is_gone_without_an_end_has_failed():
    """A training that an exception ended, so that nobody told the callback, shows as failed."""
    owner = Owner()
    run = runs.session(owner).run
    del owner
    gc.collect()
    info = tracksite.get_run(run.run_id).info
    assert (info.status, info.error) == ("failed", runs.UNFINISHED)


def test_settings_that_cannot_be_kept_are_warnings():
    """Params that changed, or have no name, cost one warning; all the others are kept."""
    with tracksite.start_run() as run:
        runs.log_settings(run, {"lr": 0.1})
        with pytest.warns(RuntimeWarning, match="and 1 more such") as noted:
            runs.log_settings(run, {"lr": 0.2, "": "x", "a": {"b": 1, "c": {}}})
    assert len(noted) == 1
    assert tracksite.get_run(run.run_id).data.params == {"lr": "0.1", "a/b": "1", "a/c": "{}"}


def test_secrets_among_settings_are_masked():
    """What a framework was given is kept but for passwords and tokens, nested ones too."""
    with tracksite.start_run() as run:
        settings = {"lr": 0.1, "hub_token": "x", "db": {"password": 1234, "max_tokens": 5}}
        runs.log_settings(run, settings)
    params = tracksite.get_run(run.run_id).data.params
    assert params == {
        "lr": "0.1",
        "hub_token": "***",
        "db/password": "***",
        "db/max_tokens": "5",
    }


def test_what_is_no_number_is_no_metric():
    """Of what a framework reports, single numbers are kept and nothing else, without a word."""
    with tracksite.start_run() as run:
        values = {"loss": 1, "note": "2.5", "none": None, "list": [1, 2], "nan": float("nan")}
        runs.log_numbers(run, values, 3, "train/")
    assert set(tracksite.get_run(run.run_id).data.metrics) == {"train/loss", "train/nan"}


def test_a_disk_that_refuses_is_a_warning_unless_the_run_is_strict(monkeypatch):
    """The end of a run and save() warn of what was not saved; a strict run raises it."""

    def refuse(*_, **__):
        raise StoreError("no room")

    for strict in (False, True):
        run = tracksite.start_run(strict=strict)
        begun = runs.Session(run, owned=True)
        with monkeypatch.context() as patch:
            patch.setattr(run, "flush", refuse)
            with (
                pytest.raises(StoreError) if strict else pytest.warns(RuntimeWarning, match="room")
            ):
                begun.save()
        begun.end()


def test_a_model_that_cannot_be_written_is_a_warning():
    """What no flavour can write costs the model, not the training."""
    with (
        tracksite.start_run() as run,
        pytest.warns(RuntimeWarning, match="model of type generator was not logged"),
    ):
        runs.log_model(run, (one for one in ()))


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_a_missing_framework_is_named_with_its_remedy(name, monkeypatch):
    """Importing an integration without its framework says what to install, in one sentence."""
    library = LIBRARIES.get(name, name)
    for loaded in [it for it in sys.modules if it.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"tracksite.integrations.{name}", raising=False)
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module(f"tracksite.integrations.{name}")
    assert str(caught.value) == (
        f"tracksite.integrations.{name} needs {library}, which is not installed: "
        f"pip install {INTEGRATIONS[name]}."
    )


def test_every_module_is_listed():
    """INTEGRATIONS names each integration of our own, and nothing else."""
    found = {it.stem for it in FOLDER.glob("*.py") if "with needs(" in it.read_text()}
    assert found == set(INTEGRATIONS)


@pytest.mark.parametrize("name", [*INTEGRATIONS, "runs"])
def test_only_public_names_are_used(name):
    """An integration uses nothing of tracksite that users could not use themselves.

    But for the words of the format, and the way to the store that a callback was given.
    """
    inner = {"tracksite.schema", "tracksite.tracking.target"}
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    checked_only = {
        id(inner) for node in ast.walk(tree) if isinstance(node, ast.If) for inner in ast.walk(node)
    }
    used = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and id(node) not in checked_only
        if node.module.startswith("tracksite") and "integrations" not in node.module
        if node.module not in inner
        for alias in node.names
    }
    assert used <= set(dir(tracksite))


def test_the_package_loads_no_framework():
    """Importing tracksite.integrations loads none of the frameworks."""
    names = [LIBRARIES.get(name, name) for name in INTEGRATIONS]
    code = f"import sys, tracksite.integrations; print([n for n in {names} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_bad_name_raises_at_once():
    """A bad argument is no matter of the training: it raises where the run would start."""
    with pytest.raises(ArgumentError):
        runs.session(Owner(), run_name="")


def test_numbers_of_32_bits_are_shown_as_they_were_set():
    """0.300000012 is the 0.3 that the user wrote; whole numbers, words and versions stay."""
    given = ["0.300000012", 0.10000000149011612, "100000000", True, "inf", "reg:error", "1.2.3"]
    assert [runs.short(one) for one in given] == ["0.3", "0.1", *given[2:]]
