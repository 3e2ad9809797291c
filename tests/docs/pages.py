"""The documents: their blocks, and docs/cli.md, which is made from the commands' own help.

`python -m tests.docs.pages > docs/cli.md` writes that page anew (`make site` does).
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from tracksite.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CHANGELOG.md", *sorted(f"docs/{it.name}" for it in ROOT.glob("docs/*.md")))
_BLOCK = re.compile(
    r"^```(?P<language>\w*) ?(?P<file>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_INTRODUCTION = """\
# The command line

This page is what `--help` says. `tracksite completion SHELL` teaches your shell to complete it.
"""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is saved as ("" for none), text and line."""

    language: str
    file: str
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        """The lines after `$` in a console block."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 2
        yield Block(found["language"], found["file"], found["text"], line)


def _commands(group: click.Group) -> Iterator[str]:
    """Yield the names of commands, and of those below them such as `import mlflow`."""
    for name in group.list_commands(click.Context(group)):
        yield name
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from (f"{name} {below}" for below in _commands(command))


def cli_page() -> str:
    """Return docs/cli.md."""
    sections = [_INTRODUCTION]
    for name in ("", *_commands(app)):
        words = [*name.split(), "--help"]
        shown = CliRunner().invoke(app, words, prog_name="tracksite", terminal_width=80)
        text = shown.output.rstrip().replace("\n\n\n", "\n\n")
        sections.append(f"## tracksite {name}".rstrip() + f"\n\n```text\n{text}\n```\n")
    return "\n".join(sections)


if __name__ == "__main__":
    sys.stdout.write(cli_page())
