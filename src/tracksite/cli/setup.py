"""init and completion: files and lines that set tracksite up."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from tracksite.cli.output import say
from tracksite.version import __version__

_WORKFLOW = ".github/workflows/tracksite.yml"
_UNQUOTABLE = re.compile(r'["$`\\\x00-\x1f\x7f]| #|: |:$')  # between quotes, in a line of YAML
_LINES = {
    "bash": 'eval "$(tracksite completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(tracksite completion zsh)"   # in ~/.zshrc',
    "fish": "tracksite completion fish > ~/.config/fish/completions/tracksite.fish",
}


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--github-pages", is_flag=True, help="Also a workflow that builds and publishes.")
@click.option(
    "--install",
    "requirement",
    metavar="REQUIREMENT",
    help="What the workflow gives to `pip install`; by default what is installed here.",
)
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init(*, folder: Path, github_pages: bool, requirement: str | None, force: bool) -> None:
    """Write a commented tracksite.toml into FOLDER.

    FOLDER is the current one by default. With --github-pages, settings that are there are kept.

    \b
    Examples:
      tracksite init
      tracksite init --github-pages   also .github/workflows/tracksite.yml
      tracksite init --github-pages --install "tracksite @ git+https://github.com/you/fork"
    """  # noqa: D301 - \b keeps click from wrapping a block
    if requirement and (bad := _UNQUOTABLE.search(requirement)):
        raise click.UsageError(
            f"--install {requirement!r} holds {bad[0]!r}, which the workflow's command cannot: "
            "give a name, a version or an address."
        )
    settings, workflow = folder / "tracksite.toml", folder / _WORKFLOW
    taken = workflow if github_pages else settings
    if taken.exists() and not force:
        raise click.ClickException(f"{taken} is there already; --force writes over.")
    if not github_pages or not settings.exists():
        _write(settings, "tracksite.toml")
    if github_pages:
        _write(workflow, "github-pages.yml", requirement or installed())
        _ignore(folder, "/site/")
    _tell_next(github_pages=github_pages)


def _write(path: Path, template: str, requirement: str = "") -> None:
    from tracksite.render import TEMPLATES

    text = (TEMPLATES / "init" / template).read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("{requirement}", requirement), encoding="utf-8")
    click.echo(path)


def _ignore(folder: Path, line: str) -> None:
    """Let git ignore what a build writes, unless it does."""
    path = folder / ".gitignore"
    said = path.read_text(encoding="utf-8") if path.exists() else ""
    if not {line, line.strip("/"), line.lstrip("/"), line.rstrip("/")} & set(said.split()):
        separator = "" if said.endswith("\n") or not said else "\n"
        path.write_text(f"{said}{separator}{line}\n", encoding="utf-8")
        click.echo(path)


def installed() -> str:
    """Return the requirement that installs this tracksite elsewhere.

    It is the repository and commit that it was installed from, where pip wrote that down (PEP
    610); else its version at the package index, which need not have it yet: then this is said.
    """
    import importlib.metadata

    try:
        text = importlib.metadata.distribution("tracksite").read_text("direct_url.json")
        origin = json.loads(text or "{}")
        source = origin.get("vcs_info")
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        origin, source = {}, None
    if source:
        return f"tracksite @ {source['vcs']}+{origin['url']}@{source['commit_id']}"
    if origin:
        say(
            f"This tracksite comes from {origin.get('url')}: if version {__version__} is not at "
            f"the package index, say with --install where the workflow gets it."
        )
    return f"tracksite=={__version__}"


def _tell_next(*, github_pages: bool) -> None:
    if github_pages:
        say("Next: 1. On GitHub, in Settings > Pages, choose the source “GitHub Actions”.")
        say("      2. git add tracksite.toml .github .gitignore runs   (runs/ is the data)")
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
