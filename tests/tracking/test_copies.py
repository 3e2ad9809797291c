"""Copies of a store that go their own ways: what becomes of models, aliases and experiments."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

import tracksite
from tracksite.errors import NotFoundError, StateError

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own: stages are deprecated


def use(store: str) -> None:
    """Log to a store, and ask it, from now on."""
    tracksite.set_tracking_uri(store)


def logged(name: str, experiment: str = "e") -> str:
    """Log a run; its id."""
    with tracksite.start_run(run_name=name, experiment=experiment) as run:
        tracksite.log_text(name, "m/x.txt")
    return run.run_id


def registered(note: str) -> int:
    """Register what a new run made; the number of the version."""
    return tracksite.register_model(f"runs:/{logged(note)}/m", "M", description=note).version


def meet(source: str, target: str) -> None:
    """Copy all files of one store into another."""
    shutil.copytree(source, target, dirs_exist_ok=True)


def named(**options) -> list[str]:
    """Names of the runs that a search shows."""
    found = tracksite.search_runs(search_all_experiments=True, **options)
    return sorted(found["name"].to_list()) if found.height else []


def client(store: str) -> MlflowClient:
    """MLflow's client of a store."""
    uri = f"tracksite:{Path(store).absolute()}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_numbers_move_once_and_aliases_stay():
    """Of two versions 2 the elder keeps the number; the alias of the other follows it to 3."""
    use("a")
    registered("base")
    meet("a", "b")
    registered("of a")
    use("b")
    tracksite.set_registered_model_alias("M", "champion", registered("of b"))
    meet("b", "a")
    use("a")
    for _ in range(2):
        shown = {one.description: one.version for one in tracksite.search_model_versions("M")}
        assert shown.items() >= {"base": 1, "of a": 2, "of b": 3}.items()
        assert tracksite.get_registered_model("M").aliases == {"champion": 3}
        theirs = client("a")
        assert theirs.get_model_version_by_alias("M", "champion").description == "of b"
        assert theirs.get_registered_model("M").aliases == {"champion": 3}
        assert theirs.get_model_version("M", "3").aliases == ["champion"]
        registered("later")


def test_an_alias_of_a_deleted_version_points_nowhere():
    """It is an error for who asks for it, and for nobody else."""
    use("a")
    tracksite.set_registered_model_alias("M", "champion", registered("one"))
    registered("two")
    tracksite.delete_model_version("M", 1)
    assert tracksite.get_registered_model("M").aliases == {}
    with pytest.raises(NotFoundError, match="no alias 'champion'"):
        tracksite.get_model_version_by_alias("M", "champion")
    assert client("a").get_registered_model("M").aliases == {}


@pytest.mark.parametrize("by", ["tracksite", "mlflow"])
def test_a_run_in_an_experiment_that_another_copy_deleted_is_on_its_page(by):
    """The experiment is there again with that run; what was deleted with it can be restored."""
    use("a")
    logged("old")
    meet("a", "b")
    identity = tracksite.get_experiment_by_name("e").experiment_id
    tracksite.delete_experiment(identity) if by == "tracksite" else client("a").delete_experiment(
        identity
    )
    assert (named(), named(run_view_type="deleted")) == ([], ["old"])
    assert tracksite.get_experiment_by_name("e") is None
    with pytest.raises(StateError, match="is deleted"):
        tracksite.set_experiment("e")
    use("b")
    run_id = logged("new")
    meet("b", "a")
    use("a")
    assert (named(), named(run_view_type="deleted")) == (["new"], ["old"])
    assert tracksite.get_experiment_by_name("e").name == "e"
    theirs = client("a")
    assert theirs.get_experiment(identity).lifecycle_stage == "active"
    assert [run.info.run_id for run in theirs.search_runs([identity])] == [run_id]
    restore = tracksite if by == "tracksite" else theirs
    restore.restore_experiment(identity)
    assert (named(), named(run_view_type="deleted")) == (["new", "old"], [])


def test_a_version_of_a_model_that_another_copy_deleted_is_there_with_it():
    """Registered, staged or aliased in the other copy: the model is shown with what was used."""
    use("a")
    registered("old")
    meet("a", "b")
    client("a").delete_registered_model("M")
    assert tracksite.search_registered_models() == []
    use("b")
    number = registered("new")
    meet("b", "a")
    use("a")
    assert [one.description for one in tracksite.search_model_versions("M")] == ["new"]
    found = client("a").get_registered_model("M")
    assert [one.description for one in found.latest_versions] == ["new"]
    assert tracksite.get_model_version("M", number).description == "new"


def test_what_is_logged_under_a_name_that_another_copy_changed_is_found_under_the_new_one():
    """A run and a version go with their experiment and model, which MLflow's client renamed."""
    use("a")
    registered("old")
    meet("a", "b")
    theirs = client("a")
    theirs.rename_experiment(tracksite.get_experiment_by_name("e").experiment_id, "f")
    theirs.rename_registered_model("M", "N")
    use("b")
    registered("new")
    meet("b", "a")
    use("a")
    assert [one.name for one in tracksite.search_experiments()] == ["f"]
    assert sorted(tracksite.search_runs(experiment_names=["f"])["name"]) == ["new", "old"]
    assert [one.name for one in tracksite.search_registered_models()] == ["N"]
    notes = {one.description for one in tracksite.search_model_versions("N")}
    assert notes == {"old", "new"}
    theirs = client("a")
    assert {one.description for one in theirs.search_model_versions("name = 'N'")} == notes
    ids = [one.experiment_id for one in theirs.search_experiments()]
    assert {run.info.run_name for run in theirs.search_runs(ids)} == {"old", "new"}
