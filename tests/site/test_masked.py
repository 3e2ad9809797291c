"""A site shows no secret of its store, and its build says where they stand."""

from __future__ import annotations

import json

import polars as pl
import pytest
from click.testing import CliRunner

import tracksite
from tests.masking.conftest import fresh, own_store  # noqa: F401 (autouse fixtures)
from tracksite import config
from tracksite.cli.app import app
from tracksite.query.runs import fold
from tracksite.site import build
from tracksite.site.masked import publishable
from tracksite.store.local import open_store

TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture
def run():
    """A run with a secret in a param, in a note that repeats it, and in an artifact."""
    with tracksite.start_run(run_name="a", experiment="e") as begun:
        begun.log_params({"password": "hunter2222", "lr": 0.1, "token_count": 3})
        begun.set_description("use hunter2222, or ask me")
        begun.log_text(f"key {TOKEN}\n", "notes.md")
        begun.log_text("plain\n", "plain.md")
        begun.log_metric("loss", 1.0)
    return begun


def _text(site):
    """All that the files of a site say; tables as their rows."""
    files = [path for path in site.rglob("*") if path.is_file()]
    return "\n".join(
        str(pl.read_parquet(path).to_dicts())
        if path.suffix == ".parquet"
        else path.read_bytes().decode(errors="replace")
        for path in files
    )


def test_pages_and_data_show_stars(run, tmp_path):
    """Param, note and artifact are masked wherever they are shown; the rest stays."""
    build("runs", tmp_path / "site")
    told = json.loads((tmp_path / f"site/runs/{run.run_id}/run.json").read_text())
    params = {it["key"]: it["text"] for it in told["params"]}
    assert params == {"lr": "0.1", "password": "***", "token_count": "3"}
    assert told["description"] == "use ***, or ask me"
    urls = {it["path"]: it["url"] for it in told["artifacts"]}
    assert urls == {"notes.md": None, "plain.md": "artifacts/plain.md"}
    text = _text(tmp_path / "site")
    assert "hunter2222" not in text
    assert TOKEN not in text
    assert "key ***" in text
    assert "not published: it may hold a secret" in text


def test_the_store_keeps_what_was_logged(run, tmp_path):
    """What a user logged stays in the store as it was given."""
    build("runs", tmp_path / "site")
    assert tracksite.get_run(run.run_id).data.params["password"] == "hunter2222"


def test_the_build_says_where_and_why_and_never_what(run, tmp_path):
    """Each masked place is named once, also by a later build that had nothing to do."""
    first = build("runs", tmp_path / "site")
    assert {(it.run_id, it.place) for it in first.masked} == {
        (run.run_id, "description"),
        (run.run_id, "file notes.md"),
        (run.run_id, "params.password"),
    }
    assert "hunter2222" not in str(first.masked)
    assert build("runs", tmp_path / "site").masked == first.masked
    with tracksite.start_run(experiment="e") as other:
        other.set_tag("secret", "x")
    later = build("runs", tmp_path / "site")
    assert set(first.masked) < set(later.masked)
    assert {it.place for it in set(later.masked) - set(first.masked)} == {"tags.secret"}


def test_the_mask_is_the_same_each_time(run, tmp_path):
    """Two builds from scratch give the same bytes."""
    build("runs", tmp_path / "one")
    build("runs", tmp_path / "two")
    assert _text(tmp_path / "one") == _text(tmp_path / "two")


def test_what_the_settings_allow_is_shown(run, tmp_path):
    """A name, a text or a path in `no_secrets` is no secret, and nothing is told of it."""
    allow = ["password", "notes.md", "hunter2222"]
    settings = config.parse({"no_secrets": allow})
    report = build("runs", tmp_path / "site", settings=settings)
    assert report.masked == ()
    assert TOKEN in (tmp_path / f"site/runs/{run.run_id}/artifacts/notes.md").read_text()
    assert "hunter2222" in _text(tmp_path / "site")


def test_names_in_paths_are_masked_alike_for_all_runs(tmp_path):
    """Runs of an experiment whose name holds a token stay together, under the masked name."""
    for _ in range(2):
        with tracksite.start_run(experiment=f"try {TOKEN}") as begun:
            begun.log_text("x", f"{TOKEN}.md")
    report = build("runs", tmp_path / "site")
    assert not report.problems
    (page,) = (tmp_path / "site/experiments").glob("*/experiment.json")
    assert "try ***" in page.read_text()
    paths = "\n".join(str(path) for path in (tmp_path / "site").rglob("*"))
    assert TOKEN not in paths + _text(tmp_path / "site")
    told = json.loads((tmp_path / f"site/runs/{begun.run_id}/run.json").read_text())
    (artifact,) = told["artifacts"]
    published = tmp_path / "site/runs" / begun.run_id / artifact["url"]
    assert (artifact["path"], published.read_text()) == ("***", "x")


def test_names_that_differ_in_their_secrets_alone_stay_apart(tmp_path):
    """No two experiments, models, params, artifacts or data sets become one by the mask."""
    other = TOKEN[:-1] + "9"
    for token in (TOKEN, other):
        with tracksite.start_run(experiment=token, run_name=token) as begun:
            begun.log_params({TOKEN: 1, other: 2})
            begun.set_tags({TOKEN: "a", other: "b"})
            for name in (TOKEN, other):
                begun.log_text(name[-1], f"files/{name}")
                begun.log_input({"a": [1]}, name=name, source="x")
            begun.log_metric("loss", 1.0)
        tracksite.register_model(f"runs:/{begun.run_id}/files", token)
    report = build("runs", tmp_path / "site")
    assert report.problems == ()
    assert len(list((tmp_path / "site/experiments").iterdir())) == 2
    told = json.loads((tmp_path / f"site/runs/{begun.run_id}/run.json").read_text())
    assert [it["key"] for it in told["params"]] == ["***", "*** (2)"]
    assert [it["path"] for it in told["artifacts"]] == ["files/***", "files/*** (2)"]
    assert TOKEN not in _text(tmp_path / "site")
    assert other not in _text(tmp_path / "site")


def test_an_experiment_keeps_its_settings_under_a_masked_name(tmp_path):
    """What `tracksite.toml` says of an experiment counts though its name is masked."""
    name = f"try {TOKEN}"
    for value in (1.0, 2.0):
        with tracksite.start_run(experiment=name, run_name=f"scored {value}") as begun:
            begun.log_metrics({"accuracy": value, "zz": value})
    settings = config.parse(
        {"experiments": {name: {"metric": "zz", "direction": "minimize", "goal": "our aim"}}}
    )
    build("runs", tmp_path / "site", settings=settings)
    (folder,) = (tmp_path / "site/experiments").iterdir()
    told = json.loads((folder / "experiment.json").read_text())
    goal = told["goal"]
    assert (goal["metric"], goal["direction"], goal["inferred"]) == ("zz", "minimize", False)
    assert "our aim" in (folder / "index.html").read_text()


def test_settings_that_differ_in_their_secrets_alone_stay_apart(tmp_path):
    """The mask of a param makes no repeats of runs of two settings: the site agrees with `ls`."""
    urls = [f"https://me:{word}@h/a.csv" for word in ("hunter2222", "trustno111", "hunter2222")]
    for url in urls:
        with tracksite.start_run(experiment="e") as begun:
            begun.log_params({"data": url, "lr": 0.1})
            begun.log_metric("loss", 1.0)
    build("runs", tmp_path / "site")
    shown = pl.read_parquet(tmp_path / "site/data/runs.parquet").sort("run_id")
    masked = "https://***@h/a.csv"
    assert shown["params.data"].to_list() == [masked, f"{masked} (2)", masked]


def test_a_run_that_comes_before_others_changes_their_numbers_on_all_pages(run, tmp_path):
    """A build after a merge shows masked params as one from scratch does."""
    build("runs", tmp_path / "site")
    writer = open_store("runs").open_writer("0190c2f4000070008000000000000001")
    writer.patch(experiment="e", status="finished", params={"password": "older-than-9"})
    writer.close()
    build("runs", tmp_path / "site")
    build("runs", tmp_path / "fresh")
    for name in ("index.html", "run.json"):
        path = f"runs/{run.run_id}/{name}"
        page = (tmp_path / "site" / path).read_text()
        assert "*** (2)" in page
        assert page == (tmp_path / "fresh" / path).read_text()


def test_a_run_is_not_named_after_its_secret(tmp_path):
    """What a param gives away is masked in the run's name too, on every page that names it."""
    with tracksite.start_run(run_name="try hunter2222", experiment="e") as begun:
        begun.log_param("password", "hunter2222")
    build("runs", tmp_path / "site")
    assert "hunter2222" not in _text(tmp_path / "site")
    told = json.loads((tmp_path / f"site/runs/{begun.run_id}/run.json").read_text())
    assert told["name"] == "try ***"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_files_in_other_encodings_are_looked_at(tmp_path, encoding):
    """A log that is no UTF-8 is not published with its secret, while its page shows stars."""
    (tmp_path / "train.log").write_bytes(f"größe 3\npassword=hunter2222 {TOKEN}\n".encode(encoding))
    with tracksite.start_run(experiment="e") as begun:
        begun.log_artifact(str(tmp_path / "train.log"))
    build("runs", tmp_path / "site")
    assert not (tmp_path / f"site/runs/{begun.run_id}/artifacts/train.log").exists()
    assert "hunter2222" not in _text(tmp_path / "site")


def test_an_excerpt_ends_before_half_a_secret(tmp_path):
    """Where a page shows the beginning of a text, it shows no beginning of a token."""
    with tracksite.start_run(experiment="e") as begun:
        begun.log_text("z " * 1993 + TOKEN + " more\n", "notes.txt")
    build("runs", tmp_path / "site")
    assert TOKEN[:8] not in _text(tmp_path / "site")
    assert "z z z" in _text(tmp_path / "site")


def test_versions_of_packages_stay(run):
    """Packages such as google-auth and PyJWT keep their versions, but not what is in an address."""
    environment = {
        "package:google-auth": "2.40.1",
        "package:PyJWT": "2.1.0rc1",
        "package:azure-keyvault-secrets": "4.7.0",
        "package:ours": f"1.0 @ git+https://{TOKEN}@git.example.org/ours.git",
    }
    row = {
        "run_id": "0" * 32, "kind": "run", "deleted": False,
        "environment": [{"key": key, "text": text} for key, text in environment.items()],
    }  # fmt: skip
    folded = fold(open_store("runs").snapshot()).clear()
    full = {name: row.get(name) for name in folded.columns}
    shown, told, _ = publishable(pl.DataFrame([full], schema=folded.schema))
    left = {it["key"]: it["text"] for it in shown["environment"][0]}
    assert left == environment | {"package:ours": "1.0 @ git+https://***@git.example.org/ours.git"}
    assert [it.place for it in told] == ["environment.package:ours"]


def test_the_command_line_names_the_places(run, tmp_path):
    """`tracksite build` prints run, place and reason; `--json` has them too, the secret neither."""
    done = CliRunner().invoke(app, ["build", "runs", "-o", str(tmp_path / "site")])
    assert done.exit_code == 0
    assert f"{run.run_id[:8]} params.password: the name says so" in done.output
    assert "no_secrets" in done.output
    told = CliRunner().invoke(app, ["build", "runs", "-o", str(tmp_path / "two"), "--json"])
    assert "params.password" in told.output
    assert "hunter2222" not in done.output + told.output
