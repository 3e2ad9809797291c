"""import, export: to and from other tools."""

from __future__ import annotations

from pathlib import Path

import click

from tracksite.cli.options import snapshot_of, store_option
from tracksite.cli.output import Progress, progress, say, short
from tracksite.errors import StoreError


@click.group("import")
def imports() -> None:
    """Bring in what another tool has tracked.

    \b
    Examples:
      tracksite import mlflow mlruns
      tracksite import mlflow sqlite:///mlflow.db
    """  # noqa: D301 - \b keeps click from wrapping a block


@imports.command("mlflow")
@click.argument("source")
@store_option
@click.option(
    "--artifacts",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further folder that artifacts may be copied from; can be given several times.",
)
def import_mlflow(*, source: str, store: str, artifacts: tuple[Path, ...]) -> None:
    """Bring in runs, models and the registry of MLflow.

    SOURCE is an mlruns/ folder or the file of an SQLite database, which are read directly, by
    any MLflow from 1 to 3 and without it; or the URL of a server, which needs MLflow's client
    (pip install 'tracksite[mlflow]'). Nothing in SOURCE is changed.

    Run ids stay. A second import adds what is new since the first: runs, points, tags, artifacts.
    What cannot be read is named and left out.

    \b
    Examples:
      tracksite import mlflow mlruns
      tracksite import mlflow sqlite:///mlflow.db --artifacts /data/mlartifacts
      tracksite import mlflow http://localhost:5000 --store all-runs
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.importers.known import Present
    from tracksite.importers.mlflow.source import MLflowSource, open_reader
    from tracksite.importers.writing import bring_in
    from tracksite.store.local import open_store

    reader = open_reader(source, artifacts)
    target = open_store(store, create=True)
    present = Present(target)
    with progress("Importing") as moved:
        done = bring_in(target, present, MLflowSource(reader, present), moved)
    for sentence in done.skipped:
        say(short("", f"Left out: {sentence}"))
    say(
        f"{done.added} runs added, {done.changed} brought up to date, "
        f"{done.unchanged} had nothing new."
    )
    say(
        f"{done.points:,} points, {done.artifacts} artifacts ({done.artifact_bytes / 1e6:,.1f} MB),"
        f" {done.others} experiments and models; {len(done.skipped)} left out."
    )


@click.group("export")
def exports() -> None:
    """Write a store in the form of another tool.

    \b
    Example:
      tracksite export mlflow runs mlruns
    """  # noqa: D301 - \b keeps click from wrapping a block


@exports.command("mlflow")
@click.argument("store", type=click.Path(file_okay=False))
@click.argument("target")
def export_mlflow(*, store: str, target: str) -> None:
    """Write runs, models and the registry so that MLflow reads them.

    TARGET is a new folder, which becomes an mlruns/ folder, or a new SQLite database with the
    artifacts in mlartifacts/ beside it, for which MLflow 3.11 or newer must be installed. Run ids
    stay. STORE is not changed.

    \b
    Examples:
      tracksite export mlflow runs mlruns
      tracksite export mlflow runs sqlite:///mlflow.db
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.importers.mlflow.export import export
    from tracksite.store.local import open_store

    damaged = len(snapshot_of(store).problems)
    with progress("Exporting") as moved:
        done = export(open_store(store), target, _shown(moved))
    for sentence in done.skipped:
        say(short("", sentence))
    say(
        f"{done.added} runs, {done.points:,} points, {done.artifacts} artifacts "
        f"({done.artifact_bytes / 1e6:,.1f} MB), {done.others} experiments and models."
    )
    if damaged:
        raise StoreError(f"what {damaged} files of {store} hold is not in {target}: restore them.")


def _shown(moved: Progress | None) -> Progress | None:
    """Return what moves a bar, and lets no control character of a name reach the terminal."""
    if moved is None:
        return None
    return lambda done, total, what="": moved(done, total, short("", what))
