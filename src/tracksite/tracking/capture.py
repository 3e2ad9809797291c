"""What a run captures by itself, and the switches for it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.store.system import host_name, user_name
from tracksite.tracking import command, environment, git, system
from tracksite.tracking.own_secrets import masked

if TYPE_CHECKING:
    from tracksite.tracking.active import ActiveRun

CAPTURE_VARIABLE = "TRACKSITE_CAPTURE"


@dataclass(frozen=True)
class Capture:
    """What is captured.

    Attributes:
        git: commit, branch, whether tracked files were changed, and the remote's URL without
            credentials.
        git_diff: the changes of tracked files as a diff, shortened, secrets masked, without files
            that hold keys or passwords by their names, such as `.env`.
        environment: Python, operating system, CPU, memory, GPUs, and the versions of the
            packages that are imported.
        command: command line and entry script, secrets masked.
        user: names of the user and of the host.
        system_metrics: CPU, memory, disk, network and GPU as points, while the run goes on
            (`pip install 'tracksite[system]'`).
        system_metrics_interval_s: seconds between two of these points.
    """

    git: bool = True
    git_diff: bool = True
    environment: bool = True
    command: bool = True
    user: bool = True
    system_metrics: bool = False
    system_metrics_interval_s: float = 10.0


SWITCHES = tuple(field.name for field in fields_of(Capture) if field.type == "bool")
_chosen: dict[str, Any] = {}


def configure(
    *,
    git: bool | None = None,
    git_diff: bool | None = None,
    environment: bool | None = None,
    command: bool | None = None,
    user: bool | None = None,
    system_metrics: bool | None = None,
    system_metrics_interval_s: float | None = None,
) -> Capture:
    """Choose what the runs that start from now on in this process capture by themselves.

    Everything but system metrics is on at first. The environment variable TRACKSITE_CAPTURE
    does the same from outside, for what is not configured here: a comma-separated list of the
    names below, each turned on, or off with a "-" before it; `all` and `none` stand for all of
    them. Examples: `TRACKSITE_CAPTURE=-git_diff,system_metrics`, `TRACKSITE_CAPTURE=none,git`.

    Args:
        git: commit, branch, whether tracked files were changed, the remote without credentials.
        git_diff: the changes of tracked files as a diff, secrets masked.
        environment: Python, system, CPU, memory, GPUs and versions of imported packages.
        command: command line and entry script, secrets masked.
        user: names of the user and of the host.
        system_metrics: CPU, memory, disk, network and GPU as points while the run goes on.
        system_metrics_interval_s: seconds between two of these points.

    Returns:
        What is captured now.

    Raises:
        ArgumentError: an interval that is not positive; system metrics without psutil.
    """
    interval = system_metrics_interval_s
    if interval is not None and not interval > 0:
        raise ArgumentError(
            f"system_metrics_interval_s={interval!r} is not positive: pass seconds."
        )
    if system_metrics:
        system.require()
    given = locals()
    names = [field.name for field in fields_of(Capture)]
    _chosen.update({name: given[name] for name in names if given[name] is not None})
    return settings()


def settings(*, system_metrics: bool | None = None) -> Capture:
    """Return what is captured: as configured, else as TRACKSITE_CAPTURE says, else the default.

    Raises:
        ArgumentError: a name in TRACKSITE_CAPTURE that is none of the switches.
    """
    chosen = replace(_from_environment(os.environ.get(CAPTURE_VARIABLE, "")), **_chosen)
    return chosen if system_metrics is None else replace(chosen, system_metrics=system_metrics)


def _from_environment(text: str) -> Capture:
    switches: dict[str, bool] = {}
    for word in filter(None, (word.strip().lower() for word in text.split(","))):
        if word in {"all", "none"}:
            switches = dict.fromkeys(SWITCHES, word == "all")
            continue
        name = word.removeprefix("-")
        if name not in SWITCHES:
            near = get_close_matches(name, SWITCHES, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(SWITCHES)}."
            raise ArgumentError(f"{CAPTURE_VARIABLE} holds {word!r}, which is no switch: {hint}")
        switches[name] = not word.startswith("-")
    return Capture(**switches)


def fields(chosen: Capture) -> dict[str, Any]:
    """Return the fields of a patch that say where a run starts; nothing here fails a run."""
    found: dict[str, Any] = {}
    folder = command.folder()
    state = git.state(folder) if chosen.git or chosen.git_diff or chosen.command else None
    if state and chosen.git:
        found |= {
            "git_commit": state.commit,
            "git_branch": state.branch and masked(state.branch),
            "git_dirty": state.dirty,
            "git_remote": state.remote and masked(state.remote),
        }
    if state and state.diff and chosen.git_diff:
        found["git_diff"] = masked(state.diff)
    if chosen.command:
        found |= {
            "command": command.line(),
            "source": command.source(state.root if state else None),
        }
    if chosen.user:
        found |= {"user": user_name(), "host": host_name()}
    if chosen.environment:
        found["environment"] = {**environment.machine(), **environment.packages()}
    return {name: value for name, value in found.items() if value not in (None, "")}


def while_running(run: ActiveRun, chosen: Capture) -> None:
    """Start what is captured during a run, and what is captured at its end."""
    if chosen.environment:
        known = environment.packages()
        run.on_stop.append(lambda: _new_packages(run, known))
    if chosen.system_metrics:
        system.start(run, chosen.system_metrics_interval_s)


def _new_packages(run: ActiveRun, known: dict[str, str]) -> None:
    """Add the packages that were imported while the run went on."""
    new = {name: text for name, text in environment.packages().items() if name not in known}
    if new:
        run.add_environment(new)
