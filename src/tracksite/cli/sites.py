"""build and demo: from a store to a site."""

from __future__ import annotations

import dataclasses
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracksite.cli.options import json_option, settings_from, site_options, store_argument
from tracksite.cli.output import print_json, progress, say
from tracksite.cli.upkeep import pack_when_due

if TYPE_CHECKING:
    from tracksite.schema import Problem
    from tracksite.site import BuildReport

_MOST_WARNINGS = 20
STRICT = 3  # exit code of `build --strict` after warnings


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.command()
@store_argument
@site_options
@click.option(
    "--base-url",
    help="Where the site is published, instead of what the settings say: for absolute links.",
)
@click.option("--strict", is_flag=True, help=f"Leave with exit code {STRICT} after any warning.")
@click.option(
    "--force", is_flag=True, help="Write all files again, even into a folder with others."
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=_cores,
    show_default="one for each core",
    help="Processes that make the pages of many runs; with 1, this one makes all.",
)
@json_option
def build(
    *,
    store: str,
    site: Path,
    settings_file: Path | None,
    title: str | None,
    base_url: str | None,
    strict: bool,
    force: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Build the site of STORE.

    It is a folder of plain files that opens from any file host, and from a disk.

    Only pages whose runs, settings or templates changed are written again. A store of thousands
    of small files is packed first.

    \b
    Examples:
      tracksite build
      tracksite build ~/experiments/runs -o public --title "Digits"
      TRACKSITE_STORE=runs tracksite build --strict   in CI: damaged runs fail the job
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.site import build as build_site
    from tracksite.site import processes
    from tracksite.store.local import open_store

    began = time.monotonic()
    opened = open_store(store)
    pack_when_due(opened)
    settings = settings_from(settings_file, title=title, base_url=base_url)(opened.root)
    with progress("Building") as tell, processes(jobs) if jobs > 1 else nullcontext() as workers:
        report = build_site(
            opened.root, site, settings=settings, progress=tell, force=force, executor=workers
        )
    if as_json:
        print_json(dataclasses.asdict(report))
    else:
        say(summary(report, time.monotonic() - began))
        click.echo(site / "index.html")
    warn(report)
    tell_masked(report)
    if strict and report.problems:
        click.get_current_context().exit(STRICT)


def summary(report: BuildReport, seconds: float) -> str:
    """Return one line on what a build did."""
    parts = [f"{len(report.written):,} written", f"{len(report.unchanged):,} unchanged"]
    if report.removed:
        parts.append(f"{len(report.removed):,} removed")
    return f"Built in {seconds:.2f} s: {', '.join(parts)}."


def tell_masked(report: BuildReport) -> None:
    """Say which secrets are shown as ***: where they stand, never what they are."""
    if not report.masked:
        return
    say(f"Shown as ***, or left out, for they look like secrets: {len(report.masked)}")
    for it in report.masked[:_MOST_WARNINGS]:
        say(f"  {it.run_id[:8]} {it.place}: {it.why}")
    if len(report.masked) > _MOST_WARNINGS:
        say(f"  and {len(report.masked) - _MOST_WARNINGS} more; --json names all of them.")
    say("Name what is no secret in `no_secrets` of tracksite.toml.")


def warn(report: BuildReport) -> None:
    """Say what had to be left out."""
    for problem in report.problems[:_MOST_WARNINGS]:
        say(f"Warning: {_page_of(problem)}: {problem.message}")
    if len(report.problems) > _MOST_WARNINGS:
        say(f"Warning: {len(report.problems) - _MOST_WARNINGS} more; --json names all of them.")


def _page_of(problem: Problem) -> str:
    """Return the page that a problem costs something; where it is none's, the file of the store."""
    from tracksite import paths

    return problem.path if problem.run_id is None else paths.run_page(problem.run_id)


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
