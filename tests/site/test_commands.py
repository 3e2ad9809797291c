"""The commands that make a run again: each runs in an empty folder, or is not claimed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracksite.pages import shell
from tracksite.query.runs import fold, runs
from tracksite.store.local import open_store

COMMIT = "a" * 40
PROJECT = Path(__file__).parents[2]
TRAINING = """
import sys
import tracksite
with tracksite.start_run():
    tracksite.log_params({"lr": sys.argv[1], "factor": 1})
"""


def run_of(**fields):
    """Return the row of a run of which only these fields are known."""
    names = ("git_commit", "git_remote", "git_dirty", "git_diff", "command", "source")
    return {**dict.fromkeys(names), "environment": [], **fields}


def lines(**fields) -> list[str]:
    """Return the lines that are shown for a run with these fields."""
    return shell.commands(run_of(**fields), "uncommitted.diff").splitlines()


def packages(**versions: str):
    """Return the environment of a run that used these packages."""
    return [{"key": f"package:{name}", "text": text} for name, text in versions.items()]


def git(folder: Path, *words: str) -> None:
    """Run git in a folder, as somebody."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """Return a folder with a wheel of this tracksite, which pip is told to look in."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return folder


def row_of(store: Path):
    """Return the only run of a store, as the page gets it."""
    return runs(fold(open_store(store).snapshot())).row(0, named=True)


def test_the_commands_make_the_run_again_in_an_empty_folder(tmp_path, wheels):
    """Clone, changes, packages and command of a run lead to the same run of the same code."""
    origin, store, again = tmp_path / "origin", tmp_path / "runs", tmp_path / "again"
    (origin / "exp").mkdir(parents=True)
    script = origin / "exp" / "train.py"
    script.write_text(TRAINING)
    address = "https://example.org/me/experiments.git"
    git(tmp_path, "init", "-q", origin)
    git(origin, "remote", "add", "origin", address)
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "first")
    script.write_text(TRAINING.replace('"factor": 1', '"factor": 2'))
    command = [sys.executable, "train.py", "0.5"]
    variables = {**os.environ, "TRACKSITE_STORE": str(store), "TRACKSITE_CAPTURE": "all"}
    subprocess.run(command, cwd=origin / "exp", env=variables, check=True)
    row = row_of(store)
    own = [it for it in row["environment"] if it["key"] in {"python", "package:tracksite"}]
    text = shell.commands({**row, "environment": own}, "uncommitted.diff")

    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "uncommitted.diff").write_text(row["git_diff"])
    elsewhere = {
        **variables,
        "TRACKSITE_STORE": str(again),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
    }
    subprocess.run(["sh", "-e", "-c", text], cwd=empty, env=elsewhere, check=True)

    made = row_of(again)
    for name in ("params", "git_commit", "git_dirty", "git_diff", "source"):
        assert made[name] == row[name]
    assert made["command"].split()[1:] == row["command"].split()[1:]


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/o/r.git", "https://example.org/o/r.git"),
        ("github.com:o/r.git", "https://github.com/o/r.git"),
        ("ssh://gitlab.com/o/r.git", "https://gitlab.com/o/r.git"),
        ("ssh://git.example.org:2222/o/r.git", "ssh://git@git.example.org:2222/o/r.git"),
        ("git.example.org:o/r", "git@git.example.org:o/r"),
        ("/home/me/project", None),
        ("../project", None),
        ("file:///home/me/project", None),
        ("C:\\Users\\me\\project", None),
        ("C:/Users/me/project", None),
        ("http://localhost:3000/o/r", None),
        ("ext::sh -c id", None),
        ("--upload-pack=id", None),
        ("https://example.org/\u2800o/r", None),
        ("git.example.org:o/r\nid", None),
        ("", None),
        (None, None),
    ],
)
def test_only_an_address_that_others_can_reach_is_cloned(remote, address):
    """A folder of one machine is none, and a host is asked in a way that needs no account of it."""
    assert shell.clone_address(remote) == address


def test_a_repository_that_cannot_be_cloned_is_said():
    """Without an address, the commands begin in the reader's own checkout."""
    shown = lines(git_commit=COMMIT, git_remote="/home/me/x", git_dirty=False)
    assert shown == [
        "# Go to your own checkout of the repository: it was a folder of one machine.",
        f"git checkout {COMMIT}",
    ]


@pytest.mark.parametrize(
    ("diff", "said"),
    [
        (None, "the changes were not recorded"),
        ("+a\n[shortened: the first 200 kB of the diff are kept]\n", "only the beginning"),
        ("-password = '***'\n", "masked"),
        ("[left out: .env, which may hold secrets]\n", "left out"),
        ("Binary files a/x.png and b/x.png differ\n", "binary"),
        ("-caf\N{REPLACEMENT CHARACTER}\n+cafe\n", "characters that are not UTF-8 were not kept"),
    ],
)
def test_changes_that_cannot_be_applied_are_not_claimed(diff, said):
    """A diff that `git apply` refuses is no command, and why it is none is said."""
    shown = lines(git_commit=COMMIT, git_dirty=True, git_diff=diff)
    assert said in shown[-1]
    assert shown[-1].startswith("# ")


def test_packages_are_installed_where_they_are_to_be_had():
    """Tracksite itself is among them, PyTorch's builds have an index, others of a machine none."""
    found = packages(tracksite="0.1.0", torch="2.9.0+cu126", mine="1.0+g12ab", numpy="2.0")
    comment, made, *rest = lines(environment=found)
    assert comment == "# mine 1.0+g12ab was built on that machine: install yours."
    assert made == "python -m venv .venv && . .venv/bin/activate"
    words = " ".join(rest).replace("\\", "").split()
    assert words == [
        *("pip", "install", "--extra-index-url", "https://download.pytorch.org/whl/cu126"),
        *("numpy==2.0", "torch==2.9.0+cu126", "tracksite==0.1.0"),
    ]


@pytest.mark.parametrize(
    ("command", "source", "shown"),
    [
        ("python3.11 train.py --lr 1", "train.py", ["python train.py --lr 1"]),
        ("python -u -W ignore ./train.py", "train.py", ["python -u -W ignore train.py"]),
        ("python train.py", "a b/train.py", ["cd 'a b'", "python train.py"]),
        ("python /home/me/x/exp/train.py 1", "exp/train.py", ["python exp/train.py 1"]),
        ("python ../train.py", "train.py", ["python train.py"]),
        ("python /x/.venv/bin/pytest -q", None, ["pytest -q"]),
        ("python -m exp.train --lr 1", "exp/train.py", ["python -m exp.train --lr 1"]),
        ("python -m train", "exp/train.py", ["cd exp", "python -m train"]),
        ("python -m pkg", "src/pkg/__main__.py", ["cd src", "python -m pkg"]),
        ("python -m cProfile train.py", None, ["python -m cProfile train.py"]),
        ("python -c 'a = 1\nb = 2'", None, ["python -c 'a = 1", "b = 2'"]),
        (
            "python train.py --token ***",
            "train.py",
            ["# Put your own values in the place of ***.", "python train.py --token '***'"],
        ),
        (
            "python train.py --data=/mnt/data",
            "train.py",
            [
                "# On the machine that it ran on: --data=/mnt/data",
                "python train.py --data=/mnt/data",
            ],
        ),
        ("python", None, ["# The code was typed or piped into Python, and is not recorded."]),
        ("python -", None, ["# The code was typed or piped into Python, and is not recorded."]),
        (
            "python train.py 'a\rb'",
            "train.py",
            ["# The command cannot be typed: python train.py 'a b'"],
        ),
        ("python train.py 'x", "train.py", ["# The command cannot be typed: python train.py 'x"]),
        (None, "explore.ipynb", ["# Run explore.ipynb: no command line was recorded."]),
    ],
)
def test_a_command_is_shown_as_it_can_be_typed_in_a_checkout(command, source, shown):
    """Its interpreter, its folder and its paths are those of a checkout, or what stays is said."""
    found = lines(git_commit=COMMIT, git_dirty=False, command=command, source=source)
    assert found[2:] == shown


def test_a_script_of_which_no_commit_is_known_is_not_claimed():
    """In an empty folder there is no such script: how it was started is told as a comment."""
    shown = lines(command="python /tmp/x.py", source="x.py", environment=packages(numpy="2.0"))
    assert shown[-1] == (
        "# Put x.py here: the commit that it is in is not known. It was run as: python /tmp/x.py"
    )


def test_where_nothing_can_be_run_nothing_is_shown():
    """A box with comments alone is no help."""
    assert lines() == []
    assert lines(command="python x.py", source="x.py") == []


def test_hostile_texts_stay_words():
    """A remote is quoted, a commit or package that is none is left out, and no line is added."""
    shown = lines(
        git_commit=COMMIT,
        git_dirty=False,
        git_remote="https://example.org/x; rm -rf ~",
        command="python train.py\nrm -rf ~ $(id) '\u202eevil'",
        source="x\nrm -rf ~",
        environment=packages(**{"numpy": "2.0", "x; rm -rf ~": "1", "y": "1; rm -rf ~"}),
    )
    assert shown == [
        "git clone 'https://example.org/x; rm -rf ~' reproduce && cd reproduce",
        f"git checkout {COMMIT}",
        "python -m venv .venv && . .venv/bin/activate",
        "pip install numpy==2.0",
        "# The command cannot be typed: python train.py rm -rf ~ $(id) '[U+202E]evil'",
    ]
    assert lines(git_commit="$(rm)") == []
