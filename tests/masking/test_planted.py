"""Two hundred secrets planted in a store: what is captured keeps none, and no site shows one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import polars as pl
import pytest

import tracksite
from tests.masking.planted import forms
from tracksite.masking import mask_text
from tracksite.query.runs import fold, runs
from tracksite.site import build
from tracksite.store.local import open_store

_TRAINING = """
import sys, tracksite
def train():
    password = "{inline}"
    raise RuntimeError({message!r})
with tracksite.start_run(run_name="captured"):
    train()
"""


@pytest.mark.parametrize("seed", range(3))
def test_every_planted_form_is_found(seed):
    """No secret of the list stays in its text, and masking again changes nothing."""
    for form in forms(seed):
        masked = mask_text(form.text)
        assert form.secret not in masked, form.label
        assert mask_text(masked) == masked, form.label


def _git(folder, *words):
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, env={**os.environ, **quiet})


def _captured(folder, planted):
    """Run a script whose every captured part holds secrets; return them by place."""
    code = folder / "code"
    code.mkdir()
    parts = {
        "diff": planted[0:40],
        "staged": planted[40:60],
        ".env": planted[60:70],
        ".env.local": planted[70:80],
        "traceback": planted[80:100],
        "argv": planted[100:130],
    }
    for name in ("notes.txt", "staged.txt", ".env", "old.pem"):
        (code / name).write_text("first\n")
    text = _TRAINING.format(
        inline="correcthorse", message="\n".join(it.text for it in parts["traceback"])
    )
    (code / "train.py").write_text(text)
    for words in (
        ["init", "-q"],
        ["add", "-f", "."],
        ["commit", "-qm", "first"],
        ["remote", "add", "origin", "https://me:remotehunter2@example.org/a.git"],
    ):
        _git(code, *words)
    lines = {name: "\n".join(it.text for it in found) + "\n" for name, found in parts.items()}
    (code / "notes.txt").write_text(lines["diff"])
    (code / "staged.txt").write_text(lines["staged"])
    (code / ".env").write_text(lines[".env"])
    (code / ".env.local").write_text(lines[".env.local"])
    _git(code, "mv", "old.pem", "harmless.txt")
    (code / "harmless.txt").write_text("pemsecret1\n")
    _git(code, "add", "-f", "staged.txt", ".env.local")
    words = [word for it in parts["argv"] for word in (it.text, *_split(it.text))]
    words += ["-p", "lettersonly", "--credentials", "me", "pair7word", "--conf", '{"pwd": "json8"}']
    known = {"DEPLOY_TOKEN": "envhunter77", "TRACKSITE_CAPTURE": "all,-system_metrics"}
    words += "-psticky99 -p 8080".split()
    command = [sys.executable, str(code / "train.py"), *words, "said", "envhunter77"]
    done = subprocess.run(command, env={**os.environ, **known}, capture_output=True, check=False)
    assert b"RuntimeError" in done.stderr
    own = "correcthorse remotehunter2 pemsecret1 lettersonly pair7word json8 envhunter77 sticky99"
    return [it.secret for found in parts.values() for it in found] + own.split()


def _split(text):
    """The words that a shell makes of a line, or the line itself where it makes none."""
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def _logged(planted):
    """Log secrets in every place that a user writes to; return them."""
    named = [f"letters{word}" for word in "abcdefghij"]
    with tracksite.start_run(run_name=planted[0].text, experiment="planted") as run:
        for at, form in enumerate(planted[1:15]):
            run.log_param(f"note_{at}", form.text)
        for at, form in enumerate(planted[15:30]):
            run.set_tag(f"about.{at}", form.text)
        for name, secret in zip(
            "password api_key token secret aws.secretAccessKey auth db-password credentials"
            " hub_token passphrase".split(),
            named,
            strict=True,
        ):
            run.log_param(name, secret)
        run.set_description("\n\n".join(it.text for it in planted[30:40]))
        for at, form in enumerate(planted[40:50]):
            run.log_input({"a": [1]}, name=f"d{at}", source=form.text)
        run.log_text("\n".join(it.text for it in planted[50:58]), "notes.md")
        run.log_dict({"password": "dictswordfish"}, "config.json")
        run.log_text("api_key,loss\ntablehunter22,1\n", "table.csv")
        run.log_text("DB_PASSWORD=dotenvword\n", ".env")
        run.log_metric("loss", 1.0)
    tracksite.set_experiment("planted", description="\n\n".join(it.text for it in planted[58:63]))
    own = ["dictswordfish", "tablehunter22", "dotenvword"]
    return [it.secret for it in planted[:63]] + named + own


def _in_store(folder):
    """All that the runs of a store say, as one text."""
    return str(runs(fold(open_store(folder).snapshot())).to_dicts())


def _in_site(folder):
    """All that the files of a site say; tables as their rows."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "\n".join(
        str(pl.read_parquet(path).to_dicts())
        if path.suffix == ".parquet"
        else path.read_bytes().decode(errors="replace")
        for path in files
    )


def _standing(secrets, text):
    """The secrets that stand in a text, in their lines if they have some."""
    return [secret for secret in secrets if any(line in text for line in secret.splitlines())]


def test_none_of_two_hundred_planted_secrets_is_captured_or_published(tmp_path):
    """Captured ones are in neither store nor site; logged ones stay as given, and off the site."""
    captured = _captured(tmp_path, forms(11))
    assert _standing(captured, _in_store(tmp_path / "runs")) == []
    logged = _logged(forms(12))
    assert len(captured) + len(logged) >= 200
    report = build(tmp_path / "runs", tmp_path / "site")
    assert _standing(logged, _in_store(tmp_path / "runs"))[0] == logged[0]
    assert _standing([*captured, *logged], _in_site(tmp_path / "site")) == []
    assert _standing(logged, str(report.masked)) == []
    places = {it.place for it in report.masked}
    assert {"params.password", "description", "name", "file notes.md", "file .env"} <= places
