"""tracksite.toml."""

from __future__ import annotations

import contextlib
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksite import config
from tracksite.config import ArtifactSettings, ExperimentSettings, Settings
from tracksite.errors import ConfigError
from tracksite.render import TEMPLATES

EVERYTHING = """
title = "Digits"
description = "*What* we try."
base_url = "https://example.org/site"
seed_params = ["seed"]
[artifacts]
max_bytes = 5
[experiments."a.b c"]
metric = "f1"
direction = "maximize"
target = 1
goal = "Read."
description = "**All** of it."
"""


def test_no_file_means_defaults(tmp_path):
    """A folder without tracksite.toml gives every setting its default."""
    assert config.load(tmp_path) == config.load(None) == Settings()


def test_every_key_arrives(tmp_path):
    """Each key of the file is in the settings, with its type."""
    (tmp_path / "tracksite.toml").write_text(EVERYTHING)

    assert config.load(tmp_path) == Settings(
        title="Digits",
        description="*What* we try.",
        base_url="https://example.org/site/",
        seed_params=("seed",),
        artifacts=ArtifactSettings(max_bytes=5),
        experiments={
            "a.b c": ExperimentSettings("f1", "maximize", 1.0, "Read.", "**All** of it."),
        },
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('titel = "x"', "'titel'; did you mean 'title'?"),
        ("zzz = 1", "valid keys are title, description, base_url"),
        (
            "[artifacts]\nmax_byte = 1",
            "artifacts: unknown key 'max_byte'; did you mean 'max_bytes'?",
        ),
        ("[experiments.a]\nmetrics = 'f1'", "experiments.a: unknown key 'metrics'"),
        ("title = 1", "title = 1 is not a text in quotes"),
        ("base_url = 'example.org'", "base_url = 'example.org' is not a URL"),
        ("seed_params = 'seed'", "seed_params = 'seed' is not a list of texts"),
        ("seed_params = [1]", "is not a list of texts"),
        ("artifacts = 1", "artifacts = 1 is not a table"),
        ("[artifacts]\nmax_bytes = -1", "max_bytes = -1 is not a whole number of bytes"),
        ("[artifacts]\nmax_bytes = true", "max_bytes = True is not a whole number"),
        ("experiments = []", "experiments = [] is not a table"),
        ("[experiments]\na = 1", "experiments.a = 1 is not a table"),
        ("[experiments.a]\ndirection = 'max'", '"maximize" or "minimize"'),
        ("[experiments.a]\ntarget = nan", "target = nan is not a finite number"),
        ("title = ", "is not valid TOML"),
        ("title = 'a'\ntitle = 'b'", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    """A wrong name or value is a ConfigError that says the file, the place and the remedy."""
    file = tmp_path / "tracksite.toml"
    file.write_text(text)

    with pytest.raises(ConfigError) as caught:
        config.read(file)

    assert str(caught.value).startswith(str(file))
    assert said in str(caught.value)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_any_document_gives_settings_or_a_config_error(document):
    """Whatever a document holds, reading it never fails in another way."""
    with contextlib.suppress(ConfigError):
        assert isinstance(config.parse(document), Settings)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """A --config that is not there says its path."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        config.read(tmp_path / "nowhere.toml")


def test_the_file_beside_the_store_comes_before_the_current_folder(tmp_path, monkeypatch):
    """The rule of the lookup: beside the store, else here, else none."""
    project, here = tmp_path / "project", tmp_path / "here"
    project.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    assert config.find(project / "runs") is None
    (here / "tracksite.toml").touch()
    assert config.find(project / "runs") == Path.cwd() / "tracksite.toml"
    (project / "tracksite.toml").touch()
    assert config.find(project / "runs") == project / "tracksite.toml"


def test_the_file_that_init_writes_teaches_every_key():
    """The commented template names each key once, and is valid with every comment taken off."""
    text = (TEMPLATES / "init" / "tracksite.toml").read_text()
    lines = [
        line.removeprefix("# ") if " = " in line or "[" in line[:3] else ""
        for line in text.splitlines()
    ]

    settings = config.parse(tomllib.loads("\n".join(lines)))

    assert settings.seed_params == Settings().seed_params
    assert settings.artifacts == Settings().artifacts
    written = {line.split(" = ")[0] for line in lines}
    for part in (ExperimentSettings, ArtifactSettings):
        assert {field.name for field in fields(part)} <= written
    assert {"title", "description", "base_url", "seed_params"} <= written
