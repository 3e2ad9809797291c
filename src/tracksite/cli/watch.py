"""watch: the site, live in the browser."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from tracksite.cli.options import settings_from, site_options, store_argument
from tracksite.cli.output import say, status
from tracksite.cli.sites import summary, tell_masked, warn

if TYPE_CHECKING:
    from pathlib import Path

    from tracksite.model import Masked
    from tracksite.schema import Problem
    from tracksite.site import BuildReport


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

    It is served on this machine alone. Open pages update in place while runs log. Ctrl-C ends
    it; the site stays as built.

    \b
    Examples:
      tracksite watch
      tracksite watch ~/experiments/runs --port 9000 --open
      ssh -L 8777:127.0.0.1:8777 gpu-box   then watch there, and open the same address here
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.watch.session import Tell
    from tracksite.watch.session import watch as keep_up

    try:
        with _Talk(show=show) as talk:
            keep_up(
                store,
                site,
                settings=settings_from(settings_file, title=title),
                settings_file=settings_file,
                port=port,
                tell=Tell(talk.started, talk.built, talk.failed),
            )
    except KeyboardInterrupt:  # the way to end it, so no failure
        say("Stopped.")


class _Talk(ExitStack):
    """Tells a terminal of every build on one line, and a log file only of what is new."""

    def __init__(self, *, show: bool) -> None:
        super().__init__()
        self._show = show
        self._update = self.enter_context(status())
        self._run_count: int | None = None
        self._problems: tuple[Problem, ...] = ()
        self._masked: tuple[Masked, ...] = ()

    def started(self, url: str) -> None:
        """Say where the site is."""
        click.echo(url)
        say("Building; Ctrl-C ends the watch.")
        if self._show:
            click.launch(url)

    def built(self, report: BuildReport, seconds: float) -> None:
        """Say what a build did."""
        line = _line(summary(report, seconds))
        if self._update:
            self._update(line)
        elif report.run_count != self._run_count:
            say(line)
        if report.problems != self._problems:
            warn(report)
        if report.masked != self._masked:
            tell_masked(report)
        self._masked = report.masked
        self._run_count, self._problems = report.run_count, report.problems

    def failed(self, reason: str) -> None:
        """Say why a build failed."""
        self._run_count = None  # the next one that works is news
        say(_line(f"The build failed: {reason}"))


def _line(text: str) -> str:
    return f"{time.strftime('%H:%M:%S')} {text}"
