"""The group of commands, how errors are shown, and the exit codes."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from tracksite.cli import imports, ls, models, setup, show, sites, upkeep, watch
from tracksite.errors import TracksiteError
from tracksite.version import __version__
from tracksite.visible import visible

INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 + the signal's number, as shells count


class App(click.Group):
    """Shows errors in one sentence, and lists commands in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the base's argument
        """Return the names in the order of their registration."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - the base's signature
        """Run the command; turn what it raises into a message and an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except TracksiteError as error:
            raise click.ClickException(visible(str(error))) from error
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(BROKEN_PIPE) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{place}{error.strerror or error}.") from error
        return result


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def app() -> None:
    """Track machine-learning runs in plain files and publish them as a static site.

    \b
    Start here:
      tracksite demo                 train a small sweep and build its site
      tracksite watch                build ./runs into ./site and keep it live in the browser
      tracksite build runs -o site   build once, for any static file host
      tracksite init --github-pages  publish from a GitHub repository

    STORE is the folder that training code logs into: by default TRACKSITE_STORE, else ./runs.
    Data goes to stdout, everything else to stderr. Tables are for terminals: in a pipe they are
    tab-separated, and --json is there for scripts. NO_COLOR is respected.

    \b
    Exit codes:
      0    done
      1    it failed; one sentence on stderr says why
      2    the command line was not understood
      3    build --strict: the site was built, with warnings
      130  stopped with Ctrl-C
    """  # noqa: D301 - \b keeps click from wrapping a block


for command in (
    *(sites.build, watch.watch, sites.demo, setup.init),
    *(ls.ls, show.show, show.diff, models.models),
    *(imports.imports, imports.exports),
    *(upkeep.pack, upkeep.verify, upkeep.merge, upkeep.gc),
    setup.completion,
):
    app.add_command(command)
