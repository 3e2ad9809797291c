"""What was brought in is shown as what it is: of its own time, its own things first."""

from __future__ import annotations

import re

import pytest

from tests.importers.conftest import RUN
from tracksite.query import registry, runs
from tracksite.site import build
from tracksite.store.local import open_store

LONG_AGO, YEAR = 1_620_000_000_000, "2021"


def _folder(parent, **texts):
    parent.mkdir(parents=True)
    lines = "".join(f"{key}: {text}\n" for key, text in texts.items())
    (parent / "meta.yaml").write_text(lines)


@pytest.fixture
def pages(mlruns, bring, tmp_path):
    """Build the site of a run, a model and a prompt of 2021; return a reader of its pages."""
    mlruns.run(
        RUN,
        f"start_time: {LONG_AGO}\nend_time: {LONG_AGO + 1000}\n",
        tags={"team": "x", "mlflow.source.type": "LOCAL", "mlflow.log-model.history": "[]"},
    )
    for name, tags in (("grapes", {}), ("ask", {"mlflow.prompt.is_prompt": "true"})):
        model = mlruns.root / "models" / name
        times = {"creation_timestamp": LONG_AGO, "last_updated_timestamp": LONG_AGO}
        _folder(model, name=name, **times)
        _folder(model / "version-1", name=name, version=1, **times, source="''")
        for place, more in (
            (model, {}),
            (model / "version-1", {"mlflow.prompt.text": "Say {{x}}"}),
        ):
            for key, text in ({**tags, **more} if tags else {}).items():
                (place / "tags").mkdir(exist_ok=True)
                (place / "tags" / key).write_text(text)
    assert bring(mlruns.root).skipped == []
    build("store", tmp_path / "site")

    def read(path):
        (found,) = (tmp_path / "site").glob(path)
        return found.read_text()

    return read


def _times(text):
    return re.findall(r'<time datetime="(\d{4})', text)


def test_times_are_those_of_the_runs(pages):
    """Nothing that was brought in is shown as of the day of the import."""
    for path in ("index.html", "models/index.html", "models/grapes*/index.html"):
        assert set(_times(pages(path))) == {YEAR}
    folded = runs.fold(open_store("store").snapshot())
    for frame in (registry.models(folded), registry.model_versions(folded)):
        assert {one.year for one in frame["first_at"]} == {2021}


def test_tags_that_mlflow_sets_by_itself_are_folded(pages):
    """The head of a page has what somebody chose to say; the rest is one click away."""
    head, _, folded = pages(f"runs/{RUN}/index.html").partition("Tags of MLflow")
    assert "team" in head
    assert "mlflow.source.type" not in head
    assert "mlflow.log-model.history" in folded


def test_a_prompt_is_shown_as_a_prompt(pages):
    """Its text is there, and how MLflow loads it; there is no model to load."""
    page = pages("models/ask*/index.html")
    assert "Say {{x}}" in page
    assert "load_prompt" in page
    assert "load_model" not in page
    assert "load_model" in pages("models/grapes*/index.html")
