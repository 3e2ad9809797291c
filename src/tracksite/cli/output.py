"""Tables, JSON and progress: data to stdout, talk to stderr."""

from __future__ import annotations

import json
import math
import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from tracksite.visible import escaped, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


_GAP = 3  # characters between columns
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def say(message: str) -> None:
    """Print one line for people."""
    click.echo(visible(message), err=True)


def print_json(value: object) -> None:
    """Print `value` as JSON: times in ISO 8601, NaN and ±inf as "NaN", "Infinity", "-Infinity"."""
    text = json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False)
    click.echo(escaped(text))  # what could steer a terminal, or hide, is written as \u…


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a frame holds
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Path():
            return str(value)
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, dim: Sequence[int] = ()
) -> None:
    """Print rows: as a table on a terminal, tab-separated with every digit elsewhere.

    Args:
        columns: the headers.
        rows: a value for each column: text, number, time or None.
        dim: the numbers of rows that matter less.
    """
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            click.echo("\t".join(map(_exact, row)))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        right = all(row[number] is None or _is_number(row[number]) for row in rows)
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for number, row in enumerate(rows):
        cells = [Text(short(name, value)) for name, value in zip(columns, row, strict=True)]
        table.add_row(*cells, style="dim" if number in dim else None)
    Console().print(table)


def fitting(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """Return how many of the columns fit into the terminal side by side; one at least."""
    import shutil

    room = shutil.get_terminal_size().columns
    for number, name in enumerate(columns):
        cells = [len(short(name, row[number])) for row in rows]
        room -= max([len(name), *cells]) + _GAP
        if room < 0:
            return max(1, number)
    return len(columns)


def heading(text: str) -> None:
    """Print a title over what follows, on a terminal only."""
    if sys.stdout.isatty():
        click.secho(text, bold=True)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _exact(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return str(_plain(value))
    text = str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def short(column: str, value: object) -> str:
    """Return a value as people read it; a control character must not reach the terminal."""
    from tracksite.charts.numbers import duration, moment, number

    if isinstance(value, datetime):
        return moment(value)
    if column.endswith("_s") and isinstance(value, int | float):
        return duration(value)
    if isinstance(value, float):
        return number(value)
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else "\ufffd" for char in visible(text))


class Progress(Protocol):
    """Moves a progress bar."""

    def __call__(self, done: int, total: int, what: str = "") -> None:
        """Show that `done` of `total` are done, and what is next."""


@contextmanager
def progress(text: str) -> Iterator[Progress | None]:
    """Show a bar on a terminal while the context lasts.

    Yields what moves the bar; None where nobody would see it.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(text, total=None)

        def move(done: int, total: int, what: str = "") -> None:
            bar.update(task, completed=done, total=total, description=f"{text} {what[-40:]:40}")

        yield move


@contextmanager
def status() -> Iterator[Callable[[str], None] | None]:
    """Keep one line at the bottom of a terminal while the context lasts.

    Yields what changes its text; None where there is no terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as line:
        yield lambda text: line.update(Text(text))


def record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a wide frame with its `params.*`, `metrics.*` and `tags.*` as objects."""
    nested: dict[str, Any] = {}
    families: dict[str, dict[str, Any]] = {"params": {}, "metrics": {}, "tags": {}}
    for column, value in row.items():
        family, dot, key = column.partition(".")
        if dot and family in families:
            if value is not None:
                families[family][key] = value
        else:
            nested[column] = value
    return {**nested, **families}
