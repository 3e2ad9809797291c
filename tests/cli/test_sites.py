"""Build, watch and demo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import RUNS

MAIN = [sys.executable, "-c", "from tracksite.cli import main; main()"]


def test_build_says_where_the_site_is(tracksite, store, tmp_path):
    """Build writes a page for each run, prints the path on stdout and one line on stderr."""
    result = tracksite("build", store, "-o", tmp_path / "out")

    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'out' / 'index.html'}\n"
    assert len(result.stderr.splitlines()) == 1
    for run_id in RUNS.values():
        assert (tmp_path / "out" / "runs" / run_id / "index.html").is_file()


def test_build_takes_the_defaults(tracksite, store, tmp_path):
    """Without arguments it builds ./runs into ./site; a second time it writes nothing."""
    tracksite("build")
    second = json.loads(tracksite("build", "--json").stdout)

    assert (tmp_path / "site" / "index.html").is_file()
    assert second["written"] == second["removed"] == []
    assert "index.html" in second["unchanged"]


def test_the_title_comes_from_the_option_or_the_settings(tracksite, store, tmp_path):
    """--title wins over tracksite.toml beside the store, and --config over both places."""
    home = tmp_path / "site" / "index.html"
    (tmp_path / "tracksite.toml").write_text("title = 'From beside'")
    (tmp_path / "other.toml").write_text("title = 'From the option'")

    tracksite("build")
    assert "From beside" in home.read_text()
    tracksite("build", "--config", "other.toml")
    assert "From the option" in home.read_text()
    tracksite("build", "--title", "Said <here>")
    assert "Said &lt;here&gt;" in home.read_text()


def test_the_address_can_be_told_to_a_build(tracksite, store, tmp_path):
    """--base-url counts instead of what the settings say, and one that is none is refused."""
    (tmp_path / "tracksite.toml").write_text('base_url = "https://example.org/old/"\n')
    words = ("build", store, "-o", tmp_path / "site", "--base-url")
    assert tracksite(*words, "https://example.org/new").exit_code == 0
    assert 'base href="https://example.org/new/"' in (tmp_path / "site" / "404.html").read_text()
    refused = tracksite(*words, "example.org")
    assert refused.exit_code == 1
    assert "the options: base_url = 'example.org' is not a URL" in refused.stderr


def test_build_fails_in_one_sentence(tracksite, store, tmp_path):
    """No store, bad settings and a folder with other files are errors with exit code 1."""
    (tmp_path / "bad.toml").write_text("titel = 1")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "index.html").write_text("mine")
    for arguments, said in [
        (["nowhere"], "no store"),
        (["--config", "bad.toml"], "did you mean 'title'"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["-o", "taken"], "--force"),
        (["-o", store / "site"], "inside the store"),
    ]:
        result = tracksite("build", *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr
    assert (tmp_path / "taken" / "index.html").read_text() == "mine"
    assert tracksite("build", "-o", "taken", "--force").exit_code == 0


def test_strict_turns_warnings_into_exit_code_3(tracksite, store):
    """A damaged part is a warning on stderr; with --strict the site is built and 3 returned."""
    part = next((store / "log").glob(f"{RUNS['wider']}*.runs.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 0xFF
    part.write_bytes(content)

    usual, strict = tracksite("build"), tracksite("build", "--strict")

    assert (usual.exit_code, strict.exit_code) == (0, 3)
    assert "Warning: " in usual.stderr
    assert part.name in usual.stderr
    assert Path("site/index.html").is_file()
    assert tracksite("build", "--strict", store, "-o", "again").exit_code == 3


def test_strict_without_a_warning_is_0(tracksite, store):
    """--strict changes nothing for a sound store."""
    assert tracksite("build", "--strict").exit_code == 0


def test_watch_serves_until_it_is_interrupted(store):
    """Watch prints its address, serves the site, and ends with 0 on Ctrl-C."""
    with subprocess.Popen(
        [*MAIN, "watch", str(store)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip()
            while "written" not in (line := process.stderr.readline()):
                assert line
            with urllib.request.urlopen(f"{url}runs/{RUNS['wider']}/") as answer:
                assert b"wider" in answer.read()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "Stopped.\n"
    assert process.returncode == 0


def test_watch_without_a_store_is_an_error(tracksite):
    """There is nothing to watch where there is no store, and a bad port is a usage error."""
    assert "no store" in tracksite("watch").stderr
    assert tracksite("watch").exit_code == 1
    assert tracksite("watch", "--port", "0").exit_code == 2


def test_demo_trains_and_says_where_everything_is(tracksite, tmp_path, monkeypatch):
    """Demo hands its folder to tracksite.demo and prints the site's path on stdout."""

    @dataclass(frozen=True)
    class Result:
        store: Path
        site: Path

    asked = []

    def run(folder, progress):
        asked.append((folder, progress))
        return Result(folder / "runs", folder / "site")

    monkeypatch.setattr("tracksite.demo.run", run)
    result = tracksite("demo", tmp_path / "d")

    assert asked == [(tmp_path / "d", None)]
    assert result.stdout == f"{tmp_path / 'd' / 'site' / 'index.html'}\n"
    assert f"tracksite watch {tmp_path / 'd' / 'runs'}" in result.stderr


def test_progress_is_shown_on_a_terminal(store, tmp_path):
    """On a terminal a bar moves while pages are built; in a pipe there is one line."""
    pty = pytest.importorskip("pty")
    shown = bytearray()

    def read(descriptor):
        chunk = os.read(descriptor, 4096)
        shown.extend(chunk)
        return chunk

    pty.spawn([*MAIN, "build", str(store)], read, lambda _: b"")
    assert b"Building" in shown
    assert b"written" in shown


def test_a_store_beside_the_one_that_is_not_there_is_named(tracksite, store):
    """A script that logs to another folder than the default is met by its name."""
    said = tracksite("build", store.parent / "runs-not-there").stderr
    assert f"name {store.name}, beside it" in said
