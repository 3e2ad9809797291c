"""Arguments and options that several commands share."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.shell_completion import CompletionItem

from tracksite.cli.output import say
from tracksite.errors import TracksiteError

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from tracksite.config import Settings
    from tracksite.schema import Snapshot

    Command = TypeVar("Command", bound=Callable[..., object])

DEFAULT_STORE = "runs"
STORE_VARIABLE = "TRACKSITE_STORE"


def store_argument(command: Command) -> Command:
    """Add the argument STORE."""
    return click.argument(
        "store",
        envvar=STORE_VARIABLE,
        default=DEFAULT_STORE,
        type=click.Path(file_okay=False),
    )(command)


def store_option(command: Command) -> Command:
    """Add the option --store, for commands whose arguments are runs."""
    return click.option(
        "-s",
        "--store",
        envvar=STORE_VARIABLE,
        default=DEFAULT_STORE,
        show_default=True,
        show_envvar=True,
        type=click.Path(file_okay=False),
        help="The store's folder.",
    )(command)


def json_option(command: Command) -> Command:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(
        command
    )


def config_option(command: Command) -> Command:
    """Add the option --config."""
    return click.option(
        "--config",
        "settings_file",
        type=click.Path(path_type=Path),
        help="The settings; by default tracksite.toml beside the store, else in this folder.",
    )(command)


def site_options(command: Command) -> Command:
    """Add what `build` and `watch` share: where the site goes and its settings."""
    output = click.option(
        "-o",
        "--output",
        "site",
        type=click.Path(file_okay=False, path_type=Path),
        default="site",
        show_default=True,
        help="The folder of the site.",
    )
    title = click.option("--title", help="The site's title, instead of the one in the settings.")
    return output(config_option(title(command)))


def settings_from(file: Path | None, **given: str | None) -> Callable[[Path], Settings]:
    """Return what gives the settings for a store's folder.

    Args:
        file: where they are; None: where `config.find` finds them.
        given: what counts instead of what is written there, where it is not None.
    """
    from tracksite import config

    said = config.parse({name: it for name, it in given.items() if it is not None}, "the options")

    def load(root: Path) -> Settings:
        found = file or config.find(root)
        settings = config.read(found) if found else config.Settings()
        return dataclasses.replace(
            settings, **{name: getattr(said, name) for name, it in given.items() if it is not None}
        )

    return load


def snapshot_of(store: str, *, quiet: bool = False) -> Snapshot:
    """Return what the store holds now; say, unless `quiet`, that there is more than can be read."""
    from tracksite.store.local import open_store

    snapshot = open_store(store).snapshot()
    if snapshot.problems and not quiet:
        count = len(snapshot.problems)
        say(f"{count} files cannot be read or are missing: `tracksite verify {store}` names them.")
    return snapshot


def runs_of(snapshot: Snapshot, *, deleted: bool = False) -> pl.DataFrame:
    """Return the folded runs of a store, newest first."""
    from tracksite.query import runs

    return runs.runs(runs.fold(snapshot), deleted=deleted)


def complete_run(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Return the runs of the store whose ids begin with what was typed."""
    try:
        runs = runs_of(snapshot_of(ctx.params.get("store") or DEFAULT_STORE, quiet=True))
    except (TracksiteError, OSError):
        return []
    rows = runs.select("run_id", "name").iter_rows()
    return [
        CompletionItem(run_id, help=name) for run_id, name in rows if run_id.startswith(incomplete)
    ]
