"""Models: written, described, read back, never unpickled untrusted; and the registry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

import tracksite
import tracksite.sklearn
from tracksite.errors import ArgumentError, DamageError, NotFoundError
from tracksite.tracking import flavors, models
from tracksite.tracking.flavors import FLAVORS

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


class Constant:
    """A model that scikit-learn does not know."""

    def __init__(self, value):
        self.value = value

    def predict(self, rows):
        """The same for every row."""
        return [self.value] * len(rows)


def described(run, path="model"):
    """The model.json of a logged model, and its folder."""
    folder = Path(run.artifact_dir) / path
    return json.loads((folder / "model.json").read_text()), folder


def logged(model, **options):
    """Log a model in a run of its own, as if by another process: nothing of it is trusted."""
    with tracksite.start_run() as run:
        info = tracksite.log_model(model, **options)
    models._written.clear()
    return info, run


def test_a_scikit_learn_model_is_written_by_skops_and_reads_back():
    """The default for scikit-learn runs no code, predicts the same, and says what it is."""
    model = RandomForestClassifier(n_estimators=5, random_state=0).fit(
        pd.DataFrame(X, columns=list("abc")), Y
    )
    info, run = logged(model)
    assert info.model_uri == f"runs:/{run.run_id}/model"
    again = tracksite.load_model(info.model_uri)
    frame = pd.DataFrame(X, columns=list("abc"))
    assert (again.predict_proba(frame) == model.predict_proba(frame)).all()
    description, folder = described(run)
    assert (description["flavor"], description["file"]) == ("skops", "model.skops")
    assert description["class"] == "sklearn.ensemble._forest.RandomForestClassifier"
    assert set(description["signature"]["inputs"]) == {"a", "b", "c"}
    assert {"python", "tracksite", "skops", "scikit-learn"} <= set(description["versions"])
    assert tracksite.load_model(folder, trusted=True).n_estimators == 5


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingRegressor(max_iter=2, loss="poisson"),
        KNeighborsClassifier(metric="manhattan"),
        MLPClassifier((2,), max_iter=2),
        GaussianProcessClassifier(1.0 * RBF()),
        make_pipeline(SelectKBest(k=2), CalibratedClassifierCV(DecisionTreeClassifier())),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore")  # two iterations are too few
def test_what_scikit_learn_is_made_of_needs_no_word_of_trust(model):
    """Trees, losses, kernels and the like are scikit-learn's own, whoever wrote the file."""
    info, _ = logged(model.fit(X, Y), flavor="skops")
    again = tracksite.load_model(info.model_uri)
    assert (again.predict(X) == model.predict(X)).all()


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_flavour_gives_the_model_back(flavor):
    """Each flavour of the table writes a model that it reads back to the same predictions."""
    model = LogisticRegression().fit(X, Y)
    info, _ = logged(model, flavor=flavor, name="models/best")
    assert info.flavor == flavor
    assert info.artifact_path == "models/best"
    again = tracksite.load_model(info.model_uri, trusted=True)
    assert (again.predict(X) == model.predict(X)).all()


@pytest.mark.parametrize("flavor", [name for name in FLAVORS if FLAVORS[name].runs_code])
def test_a_pickle_is_never_read_untrusted(flavor):
    """Flavours that may run code refuse without trusted=True, and say why and what to do."""
    marker = Path("ran")
    info, _ = logged(Bomb(str(marker.absolute())), flavor=flavor)
    for trusted in (False, ["anything"]):
        with pytest.raises(ArgumentError, match=r"any code .*trusted=True"):
            tracksite.load_model(info.model_uri, trusted=trusted)
    assert not marker.exists()
    tracksite.load_model(info.model_uri, trusted=True)
    assert marker.exists()


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path(self.path).touch, ())


def test_types_unknown_to_skops_are_named_and_can_be_trusted():
    """Skops refuses a type of one's own by name, and reads it once that name is trusted."""
    model = make_pipeline(FunctionTransformer(np.cbrt), LogisticRegression()).fit(X, Y)
    model.extra = Constant(1)
    info, _ = logged(model, flavor="skops")
    with pytest.raises(ArgumentError, match=r"Constant.*trusted=\[") as refusal:
        tracksite.load_model(info.model_uri)
    unknown = [name for name in str(refusal.value).split("'") if name.endswith("Constant")]
    assert tracksite.load_model(info.model_uri, trusted=unknown).extra.value == 1
    assert tracksite.load_model(info.model_uri, trusted=True).extra.value == 1


def test_what_this_process_logged_needs_no_trust():
    """A model reads back where it was logged; once its file is another one, it does not."""
    forest = RandomForestClassifier(n_estimators=2).fit(X, Y)
    with tracksite.start_run() as run:
        safe = tracksite.log_model(forest, "safe")
        pickled = tracksite.log_model([1, 2], "pickled", flavor="cloudpickle")
    assert tracksite.load_model(safe.model_uri).n_estimators == 2
    assert tracksite.load_model(pickled.model_uri) == [1, 2]
    models._written.clear()
    with pytest.raises(ArgumentError, match="trusted=True"):
        tracksite.load_model(f"runs:/{run.run_id}/pickled")


def test_any_object_is_written_by_cloudpickle():
    """What is no scikit-learn model is written by cloudpickle, lambdas included."""
    info, _ = logged(lambda rows: len(rows) * 2)
    assert info.flavor == "cloudpickle"
    assert tracksite.load_model(info.model_uri, trusted=True)([1, 2]) == 4


def test_a_model_that_skops_cannot_write_falls_back_with_a_warning():
    """Training is never lost: the next flavour is taken and the warning says why."""
    model = make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression()).fit(X, Y)
    with pytest.warns(RuntimeWarning, match="written by cloudpickle, because skops cannot"):
        info, _ = logged(model)
    assert (tracksite.load_model(info.model_uri, trusted=True).predict(X)).shape == (40,)


def test_a_missing_library_falls_back_or_is_named(monkeypatch):
    """Without skops a scikit-learn model becomes joblib's; asked for by name it is an error."""
    monkeypatch.setattr(flavors, "missing", lambda name: ["skops"] if name == "skops" else [])
    with pytest.warns(RuntimeWarning, match="joblib, because skops needs skops: pip install"):
        info, _ = logged(LogisticRegression().fit(X, Y))
    assert info.flavor == "joblib"
    with tracksite.start_run(), pytest.raises(ArgumentError, match=r"pip install"):
        tracksite.log_model(LogisticRegression(), flavor="skops")


def test_an_object_that_nothing_can_write_is_refused():
    """A lock cannot be written: the error names each flavour that was tried; nothing is listed."""
    import threading

    with tracksite.start_run() as run, pytest.raises(ArgumentError, match="cloudpickle cannot"):
        tracksite.log_model(threading.Lock())
    with tracksite.start_run(), pytest.raises(ArgumentError, match=r"'onnx' is not known"):
        tracksite.log_model(1, flavor="onnx")
    assert tracksite.list_artifacts(run.run_id) == []


def test_a_changed_model_is_not_read():
    """A model whose file is not what was logged raises, from a run's URI and from its folder."""
    info, run = logged(LogisticRegression().fit(X, Y))
    _, folder = described(run)
    (folder / "model.skops").write_bytes(b"other")
    for uri in (info.model_uri, folder):
        with pytest.raises(DamageError, match=r"model\.skops'? is not the file"):
            tracksite.load_model(uri)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "does not describe"),
        ("[]", "does not describe"),
        ('{"format": 2}', "format 2"),
        ('{"format": 1, "flavor": "skops", "file": "../model.pkl"}', "not a path inside"),
    ],
)
def test_a_bad_description_is_an_error_of_its_own(tmp_path, text, why):
    """A model.json that is broken, newer or leads out of its folder is named, not followed."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m/model.json").write_text(text)
    with pytest.raises(DamageError, match=why):
        tracksite.load_model(tmp_path / "m")


def test_signatures():
    """The signature is the schema of the example, or what is given."""
    model = LogisticRegression().fit(X, Y)
    _, run = logged(model, input_example=pd.DataFrame({"a": [1], "b": [0.5]}))
    assert described(run)[0]["signature"] == {"inputs": {"a": "int64", "b": "double"}}
    _, run = logged(model, signature={"inputs": {"x": "float"}})
    assert described(run)[0]["signature"] == {"inputs": {"x": "float"}}


def test_versions_count_up_and_know_their_run():
    """Each registration is the next version of that name, from the run that logged it."""
    model = LogisticRegression().fit(X, Y)
    with tracksite.start_run() as first:
        info = tracksite.sklearn.log_model(model, "model", registered_model_name="clf")
    assert info.registered_model_version == 1
    second, run = logged(model, registered_model_name="clf")
    assert second.registered_model_version == 2
    logged(model, registered_model_name="other")
    third = tracksite.register_model(
        first_uri := info.model_uri, "clf", tags={"a": 1}, description="d"
    )
    assert (third.version, third.run_id, third.source) == (3, first.run_id, "model")
    assert (third.tags, third.description, third.current_stage) == ({"a": "1"}, "d", "None")
    assert [one.version for one in tracksite.search_model_versions("clf")] == [3, 2, 1]
    assert [one.name for one in tracksite.search_registered_models()] == ["clf", "other"]
    assert tracksite.get_model_version("clf", "2").run_id == run.run_id
    tracksite.delete_model_version("clf", 3)
    assert tracksite.register_model(first_uri, "clf").version == 4


def test_stages_and_aliases_lead_to_versions():
    """models:/ URIs find a version by number, stage, alias and as the latest."""
    uris = [
        logged(LogisticRegression(C=c).fit(X, Y), registered_model_name="m")[0] for c in (1, 2, 3)
    ]
    assert len({info.model_uri for info in uris}) == 3
    tracksite.transition_model_version_stage("m", 1, "production")
    tracksite.transition_model_version_stage("m", 2, "Production", archive_existing_versions=True)
    tracksite.set_registered_model_alias("m", "champion", 1)
    found = {
        which: tracksite.load_model(f"models:/m{which}").C
        for which in ("/1", "/Production", "@champion", "/latest")
    }
    assert found == {"/1": 1, "/Production": 2, "@champion": 1, "/latest": 3}
    assert tracksite.get_model_version("m", 1).current_stage == "Archived"
    assert tracksite.get_model_version("m", 1).aliases == ("champion",)
    tracksite.set_registered_model_alias("m", "champion", 3)
    assert tracksite.get_model_version_by_alias("m", "champion").version == 3
    assert tracksite.get_registered_model("m").aliases == {"champion": 3}
    latest = {one.current_stage: one.version for one in tracksite.get_latest_versions("m")}
    assert latest == {"None": 3, "Production": 2, "Archived": 1}
    tracksite.delete_registered_model_alias("m", "champion")
    with pytest.raises(NotFoundError, match="no alias 'champion'"):
        tracksite.load_model("models:/m@champion")
    tracksite.update_model_version("m", 3, "best")
    tracksite.set_model_version_tag("m", 3, "checked", "yes")
    third = tracksite.get_model_version("m", 3)
    assert (third.description, third.tags) == ("best", {"checked": "yes"})


@pytest.mark.parametrize(
    ("uri", "error", "why"),
    [
        ("models:/none/1", NotFoundError, "registered are m"),
        ("models:/m/9", NotFoundError, r"its versions are 1 \(None\)"),
        ("models:/m/Production", NotFoundError, "no version in stage 'Production'"),
        ("models:/m/Best", ArgumentError, "'Best' is not one of None, Staging"),
        ("models:/m@gone", NotFoundError, "no alias 'gone'"),
        ("models:/m", ArgumentError, "not understood"),
        ("runs:/xyz/model", ArgumentError, "xyz"),
        ("runs:/{run_id}/other", NotFoundError, "no artifact 'other'"),
        ("runs:/{run_id}/../../x", ArgumentError, "plain relative path"),
        ("./nowhere", NotFoundError, "no folder"),
    ],
)
def test_uris_that_lead_nowhere_say_what_there_is(uri, error, why):
    """A URI of nothing raises, and the message names what can be had instead."""
    _, run = logged(LogisticRegression().fit(X, Y), registered_model_name="m")
    with pytest.raises(error, match=why):
        tracksite.load_model(uri.format(run_id=run.run_id))


def test_what_cannot_be_registered_is_refused():
    """No model in the run, a name that breaks URIs, a bad alias or stage: each raises."""
    info, run = logged(LogisticRegression().fit(X, Y))
    with pytest.raises(NotFoundError, match="has no model 'other'"):
        tracksite.register_model(f"runs:/{run.run_id}/other", "m")
    for name in ("a/b", "a@b", "a:b", ""):
        with pytest.raises(ArgumentError):
            tracksite.register_model(info.model_uri, name)
    tracksite.register_model(info.model_uri, "m")
    for alias in ("1", "latest", "a/b"):
        with pytest.raises(ArgumentError, match="alias"):
            tracksite.set_registered_model_alias("m", alias, 1)
    with pytest.raises(ArgumentError, match="stage 'Best'"):
        tracksite.transition_model_version_stage("m", 1, "Best")
    with pytest.raises(NotFoundError):
        tracksite.get_registered_model("none")


def test_models_can_be_made_and_hidden():
    """create_registered_model needs no version; a deleted model is gone from every list."""
    made = tracksite.create_registered_model("m", tags={"a": 1}, description="d")
    assert (made.description, made.tags, made.latest_versions) == ("d", {"a": "1"}, ())
    tracksite.delete_registered_model("m")
    assert tracksite.search_registered_models() == []
