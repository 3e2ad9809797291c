"""What a run captures by itself: each switchable, none able to fail a run, no secret kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import tracksite
from tests.waiting import until
from tracksite.errors import ArgumentError
from tracksite.query.runs import one, runs
from tracksite.tracking import capture, command, environment, git, own_secrets, search, system


def captured(run):
    """Every field of a run."""
    return one(runs(search.folded([run.run_id])), run.run_id)


def in_git(folder, *words):
    """Run git in a folder, as a user without settings of their own."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=trunk"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, env={**os.environ, **settings})


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit of train.py, and an origin with credentials."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text("lr = 1\n")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "first"],
        ["remote", "add", "origin", "https://me:hunter2@example.org/team/code.git?x=1"],
    ):
        in_git(folder, *words)
    git.state.cache_clear()
    return folder


def test_a_clean_repository(repository):
    """Commit, branch and remote are found, untracked files are no change, credentials are gone."""
    (repository / "runs").mkdir()
    (repository / "runs/untracked").touch()
    state = git.state(repository)
    assert (len(state.commit), state.branch, state.dirty, state.diff) == (40, "trunk", False, None)
    assert state.remote == "https://example.org/team/code.git"
    assert Path(state.root).resolve() == repository.resolve()


def test_a_changed_repository_has_its_diff(repository):
    """Changed tracked files make the run dirty, and their diff is kept."""
    (repository / "train.py").write_text("lr = 2\n")
    state = git.state(repository)
    assert state.dirty
    assert "-lr = 1\n+lr = 2\n" in state.diff


def test_a_long_diff_is_shortened_and_says_so(repository):
    """At most 200 kB of a diff are kept, in whole lines."""
    (repository / "train.py").write_text("".join(f"line {n}\n" for n in range(50_000)))
    diff = git.state(repository).diff
    assert len(diff.encode()) < git.DIFF_BYTES + 200
    assert diff.splitlines()[-1].startswith("[shortened")


@pytest.mark.parametrize("words", [["checkout", "-q", "--detach"], ["checkout", "-qb", "side"]])
def test_branches(repository, words):
    """A detached HEAD has no branch; another branch has its name."""
    in_git(repository, *words)
    assert git.state(repository).branch == (None if "--detach" in words else "side")


def test_without_git_or_repository_there_is_no_state(tmp_path, monkeypatch):
    """No repository, no commit yet, no git at all, or no time: nothing fails."""
    git.state.cache_clear()
    assert git.state(tmp_path) is None
    (tmp_path / "empty").mkdir()
    in_git(tmp_path / "empty", "init", "-q")
    state = git.state(tmp_path / "empty")
    assert (state.commit, state.branch, state.dirty) == (None, "trunk", False)
    git.state.cache_clear()
    monkeypatch.setattr(git, "LIMIT_S", 0.0)
    assert git.state(tmp_path / "empty") is None
    git.state.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.state(tmp_path / "empty") is None


@pytest.mark.parametrize(
    ("remote", "bare"),
    [
        ("https://user:pw@example.org/a.git", "https://example.org/a.git"),
        ("https://token@example.org:8443/a.git#x", "https://example.org:8443/a.git"),
        ("ssh://git@example.org/a.git", "ssh://example.org/a.git"),
        ("git@example.org:team/a.git", "example.org:team/a.git"),
        ("https://user:pw@[bad/a.git", "[bad/a.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
    ],
)
def test_remotes_lose_their_credentials(remote, bare):
    """Whatever the form of a remote, no user and no password stays."""
    assert git.bare_url(remote) == bare


SECRET = "aB3xK9mQ2vL7pR5tY8wZ"


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        (["--password", "x"], ["--password", "***"]),
        (["--token=x"], ["--token=***"]),
        (["api_key=x"], ["api_key=***"]),
        (["--db-password=x", "--lr=0.1"], ["--db-password=***", "--lr=0.1"]),
        (["--api-key", SECRET, "go"], ["--api-key", "***", "go"]),
        (["trainer.wandb.apiKey=x"], ["trainer.wandb.apiKey=***"]),
        (["--AWS_SECRET_ACCESS_KEY=x"], ["--AWS_SECRET_ACCESS_KEY=***"]),
        (["--license-key", SECRET], ["--license-key", "***"]),
        (["--auth-token", "-starts-with-dash"], ["--auth-token", "***"]),
        (["postgres://me:pw@host/db"], ["postgres://***@host/db"]),
        (["--url=https://me:pw@host/x"], ["--url=https://***@host/x"]),
        (["ghp_" + "a1B2" * 9], ["***"]),
        (["--note", f"key is hf_{SECRET}{SECRET}"], ["--note", "key is ***"]),
        (["--secrets", "x"], ["--secrets", "***"]),
    ],
)
def test_secrets_on_the_command_line_are_masked(words, masked):
    """Options, assignments, URLs and tokens that hold secrets lose them; names and order stay."""
    assert command.mask(words) == masked


@pytest.mark.parametrize(
    "words",
    [
        ["python", "train.py", "--lr", "0.1", "--epochs=3", "-v", "model=resnet50"],
        ["--max-tokens", "512", "--num_tokens=3", "--tokenizer", "bert", "--author", "me"],
        ["--key", "value", "--sort-key=loss", "--passes", "3", "--authors=a,b"],
        ["--password"],
        ["--use-token", "--verbose"],
        ["https://example.org/a@b", "user@example.org"],
    ],
)
def test_other_words_stay(words):
    """What only looks a little like a secret is kept, so that the command can be repeated."""
    kept = command.mask(words)
    assert kept == words


def test_a_script_has_its_command_and_source(tmp_path):
    """The entry script is kept relative to its repository, with its arguments, secrets masked."""
    (tmp_path / "code/jobs").mkdir(parents=True)
    in_git(tmp_path / "code", "init", "-q")
    script = tmp_path / "code/jobs/train.py"
    script.write_text("import tracksite\nwith tracksite.start_run(): pass\n")
    words = [sys.executable, str(script), "--lr", "0.1", "--password", "hunter2", "two words"]
    settings = {**os.environ, "TRACKSITE_CAPTURE": "all,-system_metrics"}
    subprocess.run(words, check=True, env=settings)
    (run,) = tracksite.search_runs(search_all_experiments=True, output_format="list")
    row = captured(run.info)
    assert row["source"] == "jobs/train.py"
    assert row["command"].endswith("train.py --lr 0.1 --password *** 'two words'")
    assert "hunter2" not in str(row)
    assert row["user"]
    assert row["host"]


def test_a_tool_of_python_that_runs_a_script_is_not_taken_for_the_script(tmp_path):
    """Under a profiler the commit is that of the working folder, not of Python's own sources."""
    in_git(tmp_path, "init", "-q")
    script = tmp_path / "train.py"
    script.write_text("import tracksite\nwith tracksite.start_run(): pass\n")
    in_git(tmp_path, "add", ".")
    in_git(tmp_path, "commit", "-qm", "x")
    words = [sys.executable, "-m", "cProfile", "-o", "profile", script.name]
    settings = {**os.environ, "TRACKSITE_CAPTURE": "all,-system_metrics"}
    subprocess.run(words, check=True, env=settings, cwd=tmp_path, capture_output=True)
    (run,) = tracksite.search_runs(search_all_experiments=True, output_format="list")
    assert captured(run.info)["source"] is None
    assert captured(run.info)["git_commit"] == git.state(tmp_path).commit


def test_the_environment_names_what_is_imported():
    """Python, system and the versions of imported packages are there, others are not."""
    machine, packages = environment.machine(), environment.packages()
    assert machine["python"] == ".".join(map(str, sys.version_info[:3]))
    assert int(machine["cpu_count"]) >= 1
    assert int(machine["memory_bytes"]) > 2**20
    assert packages["package:polars"] == pl.__version__
    assert packages["package:tracksite"] == tracksite.__version__
    assert "package:pip" not in packages
    assert "package:os" not in packages


def test_packages_imported_during_a_run_are_added_at_its_end(monkeypatch):
    """What a run imports only after it has started is in its environment too."""
    versions = {"package:a": "1"}
    monkeypatch.setattr(environment, "packages", lambda: dict(versions))
    tracksite.configure(environment=True)
    with tracksite.start_run() as run:
        assert "package:b" not in search.pairs(captured(run)["environment"])
        versions["package:b"] = "2"
    kept = search.pairs(captured(run)["environment"])
    assert (kept["package:a"], kept["package:b"]) == ("1", "2")


def test_everything_can_be_switched_off():
    """With TRACKSITE_CAPTURE=none a run knows nothing but what it was told."""
    with tracksite.start_run() as run:
        pass
    row = captured(run)
    for name in ("user", "host", "source", "command", "git_commit", "git_diff", "environment"):
        assert not row[name], name


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", {}),
        ("-git_diff, System_Metrics", {"git_diff": False, "system_metrics": True}),
        ("none,git", {**dict.fromkeys(capture.SWITCHES, False), "git": True}),
        ("all", dict.fromkeys(capture.SWITCHES, True)),
    ],
)
def test_the_variable_switches_captures(monkeypatch, text, changed):
    """TRACKSITE_CAPTURE turns names on, and off with a dash; configure() has the last word."""
    monkeypatch.setenv("TRACKSITE_CAPTURE", text)
    assert capture.settings() == capture.Capture(**changed)
    assert tracksite.configure(user=False).user is False
    assert capture.settings(system_metrics=True).system_metrics


def test_wrong_switches_are_refused(monkeypatch):
    """An unknown name or an interval of zero raises, and names the nearest switch."""
    monkeypatch.setenv("TRACKSITE_CAPTURE", "enviroment")
    with pytest.raises(ArgumentError, match="did you mean 'environment'"):
        tracksite.start_run()
    with pytest.raises(ArgumentError, match="not positive"):
        tracksite.configure(system_metrics_interval_s=0)


def test_system_metrics_are_points(monkeypatch):
    """Asked for, CPU, memory, disk and network are logged until the run ends, at least once."""
    tracksite.configure(system_metrics_interval_s=0.02)
    with tracksite.start_run(log_system_metrics=True) as run:
        until(lambda: len(tracksite.get_run(run.run_id).data.metrics) >= 6)
    with tracksite.start_run(log_system_metrics=True) as short:
        pass
    memory = tracksite.get_metric_history(run.run_id, "system/system_memory_usage_percentage")
    assert memory.height >= 2
    assert memory["step"].to_list() == list(range(memory.height))
    assert memory["value"].is_between(0, 100).all()
    assert "system/cpu_utilization_percentage" in tracksite.get_run(short.run_id).data.metrics


def test_system_metrics_without_psutil_say_what_to_install(monkeypatch):
    """configure() raises, a run that asks for them warns and goes on."""
    monkeypatch.setattr(system.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ArgumentError, match=r"pip install 'tracksite\[system\]'"):
        tracksite.configure(system_metrics=True)
    with (
        pytest.warns(RuntimeWarning, match=r"pip install 'tracksite\[system\]'"),
        tracksite.start_run(log_system_metrics=True) as run,
    ):
        tracksite.log_metric("a", 1)
    assert tracksite.get_run(run.run_id).data.metrics == {"a": 1.0}


def test_a_diff_loses_known_secrets(repository, monkeypatch):
    """A token or a private key in a changed file is masked before the diff is kept."""
    token = "ghp_" + "a1B2" * 9
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"
    (repository / "train.py").write_text(f"token = '{token}'\nkey = '''{key}'''\nlr = 3\n")
    monkeypatch.setattr(command, "folder", lambda: repository)
    tracksite.configure(git=True, git_diff=True)
    with tracksite.start_run() as run:
        pass
    row = captured(run)
    assert token not in row["git_diff"]
    assert "abc" not in row["git_diff"]
    assert "+lr = 3" in row["git_diff"]
    assert (row["git_dirty"], row["git_branch"]) == (True, "trunk")


@pytest.mark.parametrize(
    "name",
    [".env", ".env.local", "a b/.ENV", "käy.pem", "tab\there/id_rsa", ":(top)x.key", "-r.p12"],
)
@pytest.mark.parametrize("staged", [False, True])
def test_files_with_keys_are_in_a_diff_by_name_alone(repository, name, staged):
    """Whatever such a file is called and however it is tracked, its content is never asked for."""
    file = repository / name
    file.parent.mkdir(exist_ok=True)
    if not staged:
        file.write_text("old content\n")
        in_git(repository, "add", "-f", "--", f"./{name}")
        in_git(repository, "commit", "-qm", "second")
    file.write_text("new content\n")
    (repository / "train.py").write_text("lr = 2\n")
    if staged:
        in_git(repository, "add", "-f", "--", f"./{name}")
    diff = git.state(repository).diff
    assert f"[left out: {name}, which may hold secrets]\n" in diff
    assert "content" not in diff
    assert "+lr = 2" in diff


def test_a_file_with_keys_that_was_renamed_stays_out_of_the_diff(repository):
    """A file that was a key file, or becomes one, is left out under both of its names."""
    (repository / "old.pem").write_text("old content\n")
    in_git(repository, "add", "-f", "old.pem")
    in_git(repository, "commit", "-qm", "second")
    in_git(repository, "mv", "old.pem", "new.txt")
    diff = git.state(repository).diff
    assert diff == "[left out: new.txt from old.pem, which may hold secrets]\n"


def test_a_traceback_loses_its_secrets():
    """Message and source lines of an exception are masked before they are kept."""
    with pytest.raises(ValueError, match="xk1"), tracksite.start_run() as run:
        raise ValueError("bad password: xk1")  # password = "xk1"
    error = tracksite.get_run(run.run_id).info.error
    assert "xk1" not in error
    assert "ValueError: bad password: ***" in error
    assert run.info.error == error


def test_secrets_of_the_process_are_masked_wherever_they_stand(monkeypatch):
    """The value of a secret variable goes from a traceback that does not say what it is."""
    monkeypatch.setenv("DEPLOY_TOKEN", "plain7word")
    with pytest.raises(ValueError, match="plain7word"), tracksite.start_run() as run:
        raise ValueError("cannot go on with plain7word")
    assert "cannot go on with ***" in tracksite.get_run(run.run_id).info.error


def test_where_the_shell_stands_is_no_secret(monkeypatch):
    """`PWD` is a folder: paths below it stay in diffs, tracebacks and command lines."""
    monkeypatch.setenv("PWD", "/home/me/project7x")
    monkeypatch.setenv("OLDPWD", "/home/me/other7x")
    text = 'open("/home/me/project7x/data.csv"), open("/home/me/other7x/data.csv")'
    assert own_secrets.masked(text) == text
    assert command.mask(["train.py", "/home/me/project7x/data.csv"])[1] == (
        "/home/me/project7x/data.csv"
    )


def test_what_cannot_be_masked_is_not_kept(monkeypatch):
    """Trouble with masking costs the text, never the training and never a secret."""
    monkeypatch.setattr(own_secrets, "mask_text", lambda *_: 1 / 0)
    with pytest.raises(ValueError, match="secret"), tracksite.start_run() as run:
        raise ValueError("secret")
    kept = tracksite.get_run(run.run_id).info
    assert (kept.status, kept.error) == ("failed", "[left out: its secrets could not be masked]")
