"""init and completion: files and lines that set tracksite up."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from tracksite.cli.output import say
from tracksite.version import __version__

_WORKFLOW = ".github/workflows/tracksite.yml"
_LINES = {
    "bash": 'eval "$(tracksite completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(tracksite completion zsh)"   # in ~/.zshrc',
    "fish": "tracksite completion fish > ~/.config/fish/completions/tracksite.fish",
}


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--github-pages", is_flag=True, help="Also a workflow that builds and publishes.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init(*, folder: Path, github_pages: bool, force: bool) -> None:
    """Write a commented tracksite.toml into FOLDER.

    FOLDER is the current one by default.

    \b
    Examples:
      tracksite init
      tracksite init --github-pages   also .github/workflows/tracksite.yml
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.render import TEMPLATES

    wanted = {"tracksite.toml": folder / "tracksite.toml"}
    if github_pages:
        wanted["github-pages.yml"] = folder / _WORKFLOW
    taken = [str(path) for path in wanted.values() if path.exists()]
    if taken and not force:
        verb = "is" if len(taken) == 1 else "are"
        raise click.ClickException(
            f"{' and '.join(taken)} {verb} there already; --force writes over."
        )
    for name, path in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATES / "init" / name).read_text(encoding="utf-8")
        path.write_text(text.replace("{version}", __version__), encoding="utf-8")
        click.echo(path)
    _tell_next(github_pages=github_pages)


def _tell_next(*, github_pages: bool) -> None:
    if github_pages:
        say("Next: 1. On GitHub, in Settings > Pages, choose the source “GitHub Actions”.")
        say("      2. git add tracksite.toml .github runs   (do not ignore runs/: it is the data)")
        say("      3. git commit and push: the workflow builds the site and prints its address.")
    else:
        say("Next: 1. Log runs into ./runs: `import tracksite`, then tracksite.start_run().")
        say("      2. tracksite watch   shows them live while they train.")
        say("      3. tracksite build   writes ./site, to be put on any static file host.")


@click.command()
@click.argument("shell", type=click.Choice(list(_LINES)))
def completion(*, shell: str) -> None:
    """Print what SHELL needs to complete commands.

    Options, folders and run ids are completed too.

    \b
    Put one line where your shell reads it:
      bash  eval "$(tracksite completion bash)"   in ~/.bashrc
      zsh   eval "$(tracksite completion zsh)"   in ~/.zshrc
      fish  tracksite completion fish > ~/.config/fish/completions/tracksite.fish
    """  # noqa: D301 - \b keeps click from wrapping a block
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    group = click.get_current_context().find_root().command
    click.echo(kind(group, {}, "tracksite", "_TRACKSITE_COMPLETE").source())
    if sys.stdout.isatty():
        say(f"# To use it: {_LINES[shell]}")
