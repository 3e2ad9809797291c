"""What the documents say is so: their commands and code run, their links lead somewhere."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import tracksite
from tests.docs.pages import PAGES, ROOT, blocks, cli_page
from tests.waiting import HANG_S, held_port
from tracksite import config, schema
from tracksite.tracking import target

RUN_BY_TESTS = {"python", "console", "toml", "sql"}
NOT_RUN = {"", "text"}  # drawings and output
ELSEWHERE = {"docs/integrations.md"}  # tests/integrations runs it, where the frameworks are
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A repository with a remote to push to, and this Python's commands on the PATH."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.org")
    here = tmp_path / "project"
    for command in (
        ["git", "init", "-q", "--bare", str(tmp_path / "remote")],
        ["git", "init", "-q", "-b", "main", str(here)],
        ["git", "-C", str(here), "remote", "add", "origin", str(tmp_path / "remote")],
        ["git", "-C", str(here), "config", "push.autoSetupRemote", "true"],
    ):
        subprocess.run(command, check=True)
    monkeypatch.chdir(here)
    yield here
    while tracksite.active_run():
        tracksite.end_run()
    tracksite.set_tracking_uri(None)
    target.set_active_experiment(None)
    tracksite.configure(git_diff=True, user=True)


def _run(command, folder):
    """Do what a reader does who types the command; the few that cannot be done are checked."""
    if command.startswith("pip install"):
        return _check_requirements(command)
    if command.startswith("make "):
        command = f"make -n -C {shlex.quote(str(ROOT))} {command.removeprefix('make ')}"
    if command.startswith("tracksite watch"):
        return _watch(command, folder)
    if command.startswith("mlflow server"):
        return _serve(command, folder)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    return None


def _mlflow_stores(folder):
    """What a user of MLflow 2 has: an mlruns/ folder, and a database with its artifacts."""
    kept = ROOT / "tests/importers/fixtures/2.22"
    for name in ("mlruns", "mlartifacts"):
        shutil.copytree(kept / name, folder / name)
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database:
        database.executescript((kept / "mlflow.sql").read_text(encoding="utf-8"))


def _check_requirements(command):
    """Each extra that `pip install` is given exists, and each library is one that we test with."""
    known = PROJECT["project"]["optional-dependencies"]
    libraries = " ".join([*PROJECT["project"]["dependencies"], *known["demo"]])
    for requirement in shlex.split(command)[2:]:
        if requirement == "--no-deps":
            continue
        name, extras = re.fullmatch(r"([\w-]+)(?:\[([\w,]+)\])?", requirement).groups()
        assert name == PROJECT["project"]["name"] or name in libraries
        assert set((extras or "").split(",")) - {""} <= set(known)


def _watch(command, folder):
    """The watch says where it serves, serves the site there, and ends with Ctrl-C."""
    watch = subprocess.Popen(
        shlex.split(command), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with watch:
        url = watch.stdout.readline().strip()
        try:
            with urllib.request.urlopen(url, timeout=HANG_S) as answer:
                assert b"<html" in answer.read()
        finally:
            watch.send_signal(signal.SIGINT)
            talk = watch.communicate(timeout=HANG_S)[1]
    assert watch.returncode == 0, talk


def _serve(command, folder):
    """MLflow's server comes up, however long it takes, and answers with what is in the store."""
    with held_port() as port, (folder / "server.log").open("w+") as log:
        server = subprocess.Popen(
            [*shlex.split(command), "--port", str(port)],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        asked = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
        try:
            while (told := _answer(f"http://127.0.0.1:{port}{asked}")) is None:
                assert server.poll() is None, Path(log.name).read_text()
                time.sleep(0.2)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(HANG_S)
        assert b'"experiment_id": "0"' in told


def _answer(url):
    """What a server says, or None while nobody listens there yet."""
    try:
        with urllib.request.urlopen(url, timeout=HANG_S) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()
    except OSError:
        return None


def _execute(block, page, names):
    """Run Python as one file of the page; a file is saved, for a command to run it."""
    padding = "\n" * (block.line - 1)
    exec(compile(padding + block.text, ROOT / page, "exec"), names)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page not in ELSEWHERE and any(blocks(page))]
)
def test_every_command_and_block_of_a_page_runs(page, folder):
    """A reader who does all that a page says, from top to bottom, sees no error."""
    names = {"__name__": "__main__"}
    if page == "docs/store.md":
        shutil.copytree(ROOT / "tests/golden/runs", folder / "runs")
    if page == "docs/importing.md":
        _mlflow_stores(folder)
    for block in blocks(page):
        assert block.language in RUN_BY_TESTS | NOT_RUN, f"{page}:{block.line}"
        if block.file:
            (folder / block.file).write_text(block.text)
        if block.file == config.FILE_NAME:
            config.load(folder)
        if block.language == "python" and not block.file:
            _execute(block, page, names)
        for command in block.commands if block.language == "console" else ():
            _run(command, folder)


def test_pushed_repository_holds_what_the_workflow_needs(folder):
    """After the README's way to GitHub Pages the remote has workflow, settings and runs."""
    for block in blocks("README.md"):
        if block.file:
            (folder / block.file).write_text(block.text)
        if any("init --github-pages" in command for command in block.commands):
            (folder / "runs").mkdir()
            with tracksite.start_run():
                tracksite.log_metric("loss", 1.0)
            for command in block.commands:
                _run(command, folder)
    pushed = subprocess.run(
        ["git", "-C", folder.parent / "remote", "ls-tree", "-r", "--name-only", "main"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {".github/workflows/tracksite.yml", "tracksite.toml", "runs/store.json"} <= set(pushed)
    assert [name for name in pushed if name.endswith(".points.parquet")]


def test_cli_page_is_what_help_says():
    """docs/cli.md is made of the help of each command."""
    shown = (ROOT / "docs/cli.md").read_text()
    assert shown == cli_page(), "refresh it with: make site"


def _anchors(page):
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Each relative link of a document names a file, and a heading of it after a #."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        place = (ROOT / page).parent / file if file else ROOT / page
        assert place.is_file(), f"{page} links to {link}"
        if anchor:
            assert anchor in _anchors(place.relative_to(ROOT)), f"{page} links to {link}"


def _rows(page, heading):
    """The cells of the table under a heading."""
    section = (ROOT / page).read_text().split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("table", ["runs", "points"])
def test_store_page_has_the_columns_of_the_schema(table):
    """docs/store.md lists each column of the format, in order, with its type and its fields."""
    wanted = {"runs": schema.runs_schema, "points": schema.points_schema}[table]()
    rows = _rows("docs/store.md", f"### Columns of `{table}` parts")
    assert [row[0].strip("`") for row in rows] == wanted.names
    for (_, kind, meaning), field in zip(rows, wanted, strict=True):
        if kind == "list":
            item = field.type.value_type
            fields = [it.name for it in item] if item.num_fields else []
            assert [name for name in fields if not re.search(rf"\b{name}\b", meaning)] == []
        else:
            assert kind == str(field.type)


def test_site_page_has_the_keys_of_the_settings():
    """docs/site.md lists each key of tracksite.toml, and its example uses each of them."""
    listed = {row[0].strip("`") for row in _rows("docs/site.md", "## Settings")}
    wanted = {f"artifacts.{name}" for name in config.ArtifactSettings.__dataclass_fields__}
    wanted |= {
        f'experiments."<name>".{name}' for name in config.ExperimentSettings.__dataclass_fields__
    }
    wanted |= set(config.Settings.__dataclass_fields__) - {"artifacts", "experiments"}
    assert listed == wanted
    (example,) = [block.text for block in blocks("docs/site.md") if block.language == "toml"]
    used = tomllib.loads(example)
    assert set(used) == set(config.Settings.__dataclass_fields__)
    assert set(used["experiments"]["digits"]) == set(config.ExperimentSettings.__dataclass_fields__)


def test_tracking_page_names_every_verb_that_logs():
    """docs/tracking.md names each public function that logs something."""
    text = (ROOT / "docs/tracking.md").read_text()
    verbs = [name for name in dir(tracksite) if name.startswith("log_")]
    assert verbs
    assert [name for name in verbs if f"`{name}`" not in text] == []


def test_architecture_page_names_every_layer():
    """docs/architecture.md has a row for each module but those that say what they are."""
    rows = {row[0].strip("`") for row in _rows("docs/architecture.md", "## Layers")}
    package = ROOT / "src/tracksite"
    found = {
        it.stem for it in package.iterdir() if it.suffix == ".py" or (it / "__init__.py").is_file()
    }
    mlflow_names = {"artifacts", "client", "data", "entities", "exceptions", "models", "pyfunc"}
    assert found - mlflow_names - {"__init__", "__main__", "version", "sklearn"} == rows


def test_changelog_has_the_present_version_or_what_is_unreleased():
    """CHANGELOG.md has a section for changes that are not released, or for this version."""
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in {"Unreleased", tracksite.__version__}
