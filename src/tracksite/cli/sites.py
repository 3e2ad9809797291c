"""build, watch and demo: from a store to a site."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracksite.cli.options import json_option, site_options, store_argument
from tracksite.cli.output import print_json, progress, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracksite.config import Settings
    from tracksite.site import BuildReport

STRICT = 3  # exit code of `build --strict` after warnings


@click.command()
@store_argument
@site_options
@click.option("--strict", is_flag=True, help=f"Leave with exit code {STRICT} after any warning.")
@click.option(
    "--force", is_flag=True, help="Write all files again, even into a folder with others."
)
@json_option
def build(
    *,
    store: str,
    site: Path,
    settings_file: Path | None,
    title: str | None,
    strict: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Build the site of STORE.

    It is a folder of plain files that opens from any file host, and from a disk.

    Only pages whose runs, settings or templates changed are written again.

    \b
    Examples:
      tracksite build
      tracksite build ~/experiments/runs -o public --title "Digits"
      TRACKSITE_STORE=runs tracksite build --strict   in CI: damaged runs fail the job
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.site import build as build_site
    from tracksite.store.local import open_store

    began = time.monotonic()
    root = open_store(store).root
    with progress("Building") as tell:
        settings = _settings(settings_file, title)(root)
        report = build_site(root, site, settings=settings, progress=tell, force=force)
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        say(_summary(report, time.monotonic() - began))
        click.echo(site / "index.html")
    _warn(report)
    if strict and report.problems:
        click.get_current_context().exit(STRICT)


def _settings(file: Path | None, title: str | None) -> Callable[[Path], Settings]:
    """Return what gives the settings for a store's folder."""
    from tracksite import config

    def load(root: Path) -> Settings:
        found = file or config.find(root)
        settings = config.read(found) if found else config.Settings()
        return dataclasses.replace(settings, title=title) if title is not None else settings

    return load


def _summary(report: BuildReport, seconds: float) -> str:
    """Return one line on what a build did."""
    parts = [f"{len(report.written):,} written", f"{len(report.unchanged):,} unchanged"]
    if report.removed:
        parts.append(f"{len(report.removed):,} removed")
    return f"Built in {seconds:.2f} s: {', '.join(parts)}."


def _warn(report: BuildReport) -> None:
    for problem in report.problems:
        say(f"Warning: {problem.message}")


@click.command()
@store_argument
@site_options
@click.option("--port", type=click.IntRange(1, 65535), help="By default the first free from 8777.")
@click.option("--open/--no-open", "show", default=False, help="Open the site in a browser.")
def watch(
    *,
    store: str,
    site: Path,
    settings_file: Path | None,
    title: str | None,
    port: int | None,
    show: bool,
) -> None:
    """Build the site of STORE and keep it live in the browser.

    It is served on this machine alone. Open pages update in place while runs log. Ctrl-C
    ends it; the site stays as built.

    \b
    Examples:
      tracksite watch
      tracksite watch ~/experiments/runs --port 9000 --open
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.watch.session import Tell
    from tracksite.watch.session import watch as keep_up

    def started(url: str) -> None:
        click.echo(url)
        say("Building; Ctrl-C ends the watch.")
        if show:
            click.launch(url)

    def built(report: BuildReport, seconds: float) -> None:
        say(f"{time.strftime('%H:%M:%S')} {_summary(report, seconds)}")
        _warn(report)

    def failed(reason: str) -> None:
        say(f"{time.strftime('%H:%M:%S')} The build failed: {reason}")

    try:
        keep_up(
            store,
            site,
            settings=_settings(settings_file, title),
            settings_file=settings_file,
            port=port,
            tell=Tell(started, built, failed),
        )
    except KeyboardInterrupt:  # the way to end it, so no failure
        say("Stopped.")


@click.command()
@click.argument("folder", default="demo", type=click.Path(file_okay=False, path_type=Path))
def demo(*, folder: Path) -> None:
    """Train a real sweep into FOLDER and build its site.

    \b
    Examples:
      tracksite demo
      tracksite demo /tmp/tracksite-demo
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.demo import run

    with progress("Training and building") as tell:
        result = run(folder, tell)
    say(f"The runs are in {result.store}. Look at them with `tracksite ls {result.store}`.")
    say(f"The site is a folder of files; keep it live with `tracksite watch {result.store}`.")
    click.echo(result.site / "index.html")
