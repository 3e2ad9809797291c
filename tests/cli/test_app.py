"""The command as a whole: help, exit codes, pipes and interrupts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tracksite.cli import ls
from tracksite.cli.app import app
from tracksite.version import __version__

HEAVY = ("polars", "numpy", "pyarrow", "altair", "jinja2", "rich", "watchdog", "sklearn")
MAIN = "from tracksite.cli import main; main()"


def test_version(tracksite):
    """--version and -V print the name and the version."""
    assert tracksite("--version").stdout == tracksite("-V").stdout == f"tracksite {__version__}\n"


@pytest.mark.parametrize("name", list(app.commands))
def test_help_teaches_by_example(tracksite, name):
    """The help of each command says what it does and shows real calls of itself."""
    shown = tracksite(name, "--help")

    assert shown.exit_code == 0
    assert f"tracksite {name}" in shown.stdout.split("\n", 2)[2]
    assert "..." not in app.commands[name].get_short_help_str(limit=60)


def test_the_help_lists_every_exit_code(tracksite):
    """What the exit codes mean stands in --help."""
    shown = tracksite("--help").stdout

    assert all(f"\n    {code} " in shown for code in ("0", "1", "2", "3", "130"))


def test_help_is_quick():
    """No heavy library is loaded before a command runs."""
    code = "import sys, json, tracksite.cli.app; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code]))

    assert not set(HEAVY) & set(loaded)


def test_a_reader_that_leaves_early_is_no_error(store):
    """When the pipe closes, the command ends quietly, as shells expect (141)."""
    command = [sys.executable, "-c", MAIN, "ls", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_interrupt_is_quiet(tracksite, store, monkeypatch):
    """Ctrl-C ends a command with 130 and no traceback."""

    def interrupt(_store):
        raise KeyboardInterrupt

    monkeypatch.setattr(ls, "snapshot_of", interrupt)
    result = tracksite("ls", store)

    assert (result.exit_code, result.output.strip()) == (130, "")


def test_an_operating_system_error_names_the_file(tracksite, store, monkeypatch):
    """A folder that cannot be read is one sentence with its name and exit code 1."""

    def refuse(_store):
        raise PermissionError(13, "Permission denied", "/somewhere/store.json")

    monkeypatch.setattr(ls, "snapshot_of", refuse)
    result = tracksite("ls", store)

    assert result.exit_code == 1
    assert result.stderr == "Error: /somewhere/store.json: Permission denied.\n"


def test_no_color_is_respected(store):
    """On a terminal, NO_COLOR leaves no colour in a table."""
    pytest.importorskip("pty")
    import os
    import pty

    def on_terminal(**more):
        shown = bytearray()

        def read(descriptor):
            chunk = os.read(descriptor, 4096)
            shown.extend(chunk)
            return chunk

        command = ["/usr/bin/env", *(f"{key}={value}" for key, value in more.items())]
        pty.spawn([*command, sys.executable, "-c", MAIN, "ls", str(store)], read, lambda _: b"")
        return bytes(shown)

    assert b"wider" in on_terminal()
    assert b"\x1b[3" not in on_terminal(NO_COLOR="1")
