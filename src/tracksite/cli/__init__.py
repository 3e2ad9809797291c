"""The command line: the only module that prints and that knows exit codes.

app.py         the group of commands, errors and exit codes
options.py     arguments that several commands share
output.py      tables, JSON and progress
sites.py       build, demo
watch.py       watch
ls.py          ls
show.py        show, diff
models.py      models
setup.py       init, completion

Heavy libraries are imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations


def main() -> None:
    """Run the command in `sys.argv` and leave with its exit code."""
    from tracksite.cli.app import app

    app(prog_name="tracksite")
