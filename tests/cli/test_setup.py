"""Init and completion."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.cli.conftest import RUNS
from tracksite import config
from tracksite.version import __version__

WORKFLOW = ".github/workflows/tracksite.yml"


def test_init_writes_settings_that_are_valid(tracksite, tmp_path):
    """Init writes a tracksite.toml that reads as settings, says where, and what to do next."""
    result = tracksite("init", tmp_path / "new")

    assert config.load(tmp_path / "new").title == "Experiments"
    assert result.stdout == f"{tmp_path / 'new' / 'tracksite.toml'}\n"
    assert len(result.stderr.splitlines()) == 3


def test_init_never_writes_over_a_file_unasked(tracksite, tmp_path):
    """A file that is there stays, unless --force."""
    mine = tmp_path / "tracksite.toml"
    mine.write_text("title = 'Mine'\n")

    refused = tracksite("init", tmp_path)

    assert refused.exit_code == 1
    assert str(mine) in refused.stderr
    assert "--force" in refused.stderr
    assert mine.read_text() == "title = 'Mine'\n"
    assert tracksite("init", tmp_path, "--force").exit_code == 0
    assert "Mine" not in mine.read_text()


def test_the_workflow_publishes_with_the_official_actions_and_few_rights(tracksite, tmp_path):
    """The workflow builds, uploads and deploys by GitHub's own actions; only deploy may publish."""
    tracksite("init", tmp_path, "--github-pages")
    text = (tmp_path / WORKFLOW).read_text()
    build, deploy = text.split("  deploy:\n")

    used = re.findall(r"uses: ([\w/-]+)@v\d+\n", text)
    assert used == [
        "actions/checkout",
        "actions/setup-python",
        "actions/configure-pages",
        "actions/upload-pages-artifact",
        "actions/deploy-pages",
    ]
    assert "permissions:\n  contents: read\n" in build
    assert "write" not in build
    assert "pages: write" in deploy
    assert "id-token: write" in deploy
    assert "concurrency:" in build
    assert f'pip install "tracksite=={__version__}"' in build
    assert "lfs: true" in build
    assert 'tracksite build runs -o site --base-url "$BASE_URL"' in build
    assert "BASE_URL: ${{ steps.pages.outputs.base_url }}" in build
    assert "{requirement}" not in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_that_shell(tracksite, shell):
    """Completion prints a script that names the command, and --help says where to put it."""
    script = tracksite("completion", shell).stdout

    assert f"_TRACKSITE_COMPLETE={shell}_complete" in script
    assert f"tracksite completion {shell}" in tracksite("completion", "--help").stdout


def test_the_bash_script_is_valid(tracksite):
    """Bash can read its completion script."""
    bash = shutil.which("bash") or pytest.skip("no bash")
    script = tracksite("completion", "bash").stdout

    subprocess.run([bash, "-n"], input=script, text=True, check=True)


def complete(*words):
    """Return what bash would offer for the last of these words."""
    variables = {
        "_TRACKSITE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-c", "from tracksite.cli import main; main()"]
    shown = subprocess.check_output(command, env=os.environ | variables, text=True)
    return [line.partition(",")[2] for line in shown.splitlines() if line]


def test_commands_and_runs_are_completed(store):
    """Commands complete by name, and a run by the start of its id in the default store."""
    assert complete("tracksite", "sh") == ["show"]
    assert complete("tracksite", "show", "0190c2f5") == [RUNS["diverged"]]


def test_completing_runs_without_a_store_offers_nothing():
    """Where there is no store, completion offers no run and prints no error."""
    assert complete("tracksite", "show", "01") == []


def test_settings_that_are_there_are_kept_beside_a_new_workflow(tracksite, tmp_path):
    """With --github-pages a tracksite.toml stays as it is, also with --force."""
    mine = tmp_path / "tracksite.toml"
    mine.write_text("title = 'Mine'\n")
    for words in ((), ("--force",)):
        assert tracksite("init", tmp_path, "--github-pages", *words).exit_code == 0
        assert mine.read_text() == "title = 'Mine'\n"
    assert (tmp_path / WORKFLOW).exists()


@pytest.mark.parametrize("before", [None, "*.pyc", "*.pyc\n", "site/\n", "/site\n"])
def test_git_ignores_what_a_build_writes(tracksite, tmp_path, before):
    """The site is in .gitignore once, and what was in it is still there."""
    path = tmp_path / ".gitignore"
    if before is not None:
        path.write_text(before)
    for _ in range(2):
        tracksite("init", tmp_path, "--github-pages", "--force")
    lines = path.read_text().splitlines()
    assert [line for line in lines if "site" in line] in (["/site/"], ["site/"], ["/site"])
    assert lines[: len((before or "").splitlines())] == (before or "").splitlines()


def test_the_workflow_installs_what_it_is_told_to(tracksite, tmp_path):
    """A requirement is taken as given."""
    wanted = "tracksite @ git+https://example.org/fork"
    tracksite("init", tmp_path, "--github-pages", "--install", wanted)
    assert f'pip install "{wanted}"\n' in (tmp_path / WORKFLOW).read_text()


@pytest.mark.parametrize("wanted", ['t"; echo', "t$HOME", "t`id`", "t\n- run: x", "t # x", "t: x"])
def test_a_requirement_that_would_break_the_workflow_is_refused(tracksite, tmp_path, wanted):
    """What ends the quotes of the command, or the line of YAML, is written nowhere."""
    result = tracksite("init", tmp_path, "--github-pages", "--install", wanted)
    assert result.exit_code == 2
    assert "cannot" in result.stderr
    assert not (tmp_path / WORKFLOW).exists()


class _Installed:
    """A distribution that remembers where it came from (PEP 610)."""

    def __init__(self, origin):
        self.origin = origin

    def read_text(self, _name):
        """Return what pip wrote down."""
        return self.origin


@pytest.mark.parametrize(
    ("origin", "requirement", "said"),
    [
        (None, f"tracksite=={__version__}", False),
        (
            '{"url": "https://example.org/t", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "tracksite @ git+https://example.org/t@abc",
            False,
        ),
        ('{"url": "file:///home/me/t", "dir_info": {}}', f"tracksite=={__version__}", True),
        ("no JSON", f"tracksite=={__version__}", False),
    ],
)
def test_the_workflow_installs_what_is_installed_here(
    tracksite, tmp_path, monkeypatch, origin, requirement, said
):
    """It is the commit that pip got it from, else the version, and an unsure one is said."""
    monkeypatch.setattr("importlib.metadata.distribution", lambda _name: _Installed(origin))
    result = tracksite("init", tmp_path, "--github-pages")
    assert f'pip install "{requirement}"\n' in (tmp_path / WORKFLOW).read_text()
    assert ("--install" in result.stderr) is said
