"""pack, verify, merge, gc: the upkeep of a store."""

from __future__ import annotations

import re
import shlex
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from tracksite.cli.options import (
    config_option,
    json_option,
    settings_from,
    snapshot_of,
    store_argument,
)
from tracksite.cli.output import print_json, print_table, progress, say
from tracksite.errors import ArgumentError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from tracksite.store.local import LocalStore

_UNITS = {"h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}
_REASONS = {  # for which `analysis.retention` keeps runs that nobody asked to keep
    "model": "a version of a registered model came from them, or has its files there",
    "parent": "a run that stays is nested in them",
}
_COLUMNS = ("run", "name", "experiment", "status", "last written", "deleted")


class Age(click.ParamType[timedelta]):
    """A length of time such as 12h, 90d, 6w or 1y."""

    name = "age"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the length of time that a text says."""
        found = re.fullmatch(r"(\d{1,6})([hdwy])", str(value))
        if found is None:
            self.fail(f"{value!r} is no age: write for example 12h, 90d, 6w or 1y.", param, ctx)
        return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


grace_option = click.option(
    "--grace",
    type=Age(),
    default="1d",
    show_default=True,
    help="How long files stay after they were replaced; 0h where nothing else uses the store.",
)


@click.command()
@store_argument
@grace_option
def pack(*, store: str, grace: timedelta) -> None:
    """Merge the small files of ended runs into few.

    What readers see does not change, but a large store is read many times faster. Safe at any
    time, beside training, builds and other packers. Also saves what dead processes had logged.

    \b
    Examples:
      tracksite pack
      tracksite pack runs --grace 0h     when nothing else uses the store, on no mount
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.store import packing, recovery
    from tracksite.store.local import open_store

    target = open_store(store)
    _warn_of_mounts(grace)
    now = datetime.now(UTC).timestamp()
    grace_s = grace.total_seconds()
    recovered = recovery.recover(
        target.root,
        now=now,
        grace_s=min(grace_s, recovery.SEALED_S),
        packed=lambda: _packed_hashes(target),
    )
    done = packing.pack(target.root, grace_s=grace_s)
    if recovered:
        say(f"Saved what {len(recovered)} runs left in live logs: their processes have ended.")
    say(f"Packed {done.packed} files, removed {done.removed}; the packs are {done.files} files.")


def _warn_of_mounts(grace: timedelta) -> None:
    if not grace:
        say("Without a grace, whoever reads this store over a mount that lists late misses files.")


def _packed_hashes(store: LocalStore) -> set[str]:
    """Return the hashes of the parts that are in the packs in force."""
    from tracksite.store import manifests, packs

    return packs.packed_hashes(store.root, manifests.in_force(store.root).runs)


def pack_when_due(store: LocalStore) -> None:
    """Pack a store whose loose parts have become many, if it can be written."""
    from tracksite.store import packing

    if not packing.is_due(store.root):
        return
    try:
        done = packing.pack(store.root)
    except (OSError, StoreError) as error:
        say(f"The store has many small files, but could not be packed ({error}).")
    else:
        if done.packed:
            say(f"Packed {done.packed} small files of ended runs, as `tracksite pack` does.")


@click.command()
@store_argument
@click.option("--expect", metavar="DIGEST", help="Fail unless the store's digest is this one.")
@json_option
def verify(*, store: str, expect: str | None, as_json: bool) -> None:
    """Check every file of a store against its hash.

    Prints one digest of what the store holds: the root of a Merkle tree over all runs. Keep it
    elsewhere, and --expect tells later whether anything was changed, added or removed.

    \b
    Examples:
      tracksite verify
      tracksite verify runs --expect 0c1f…
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.store import verifying
    from tracksite.store.local import open_store

    found = verifying.verify(open_store(store))
    if as_json:
        problems = [
            {"path": p.path, "run_id": p.run_id, "message": p.message} for p in found.problems
        ]
        print_json({"digest": found.digest, "files": found.files, "problems": problems})
    else:
        click.echo(found.digest)
    for problem in found.problems:
        say(f"{problem.path}: {problem.message}")
    if found.problems:
        bad = len({problem.path for problem in found.problems})
        raise StoreError(f"{bad} of {found.files} files are damaged or missing.")
    if expect is not None and expect != found.digest:
        raise StoreError(f"the digest is {found.digest}, not {expect}: the store was changed.")
    say(f"{found.files} files are sound.")


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(file_okay=False))
@click.argument("target", type=click.Path(file_okay=False))
def merge(*, sources: tuple[str, ...], target: str) -> None:
    """Copy what the SOURCES hold into the store TARGET.

    TARGET is made if there is none. The result is the union: in any order, and again, it is the
    same. Plain copying of the files does as well; this names damaged files and leaves them out.
    Runs that TARGET has removed for good stay away.

    \b
    Examples:
      tracksite merge node1/runs node2/runs all-runs
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.store import merging
    from tracksite.store.local import open_store

    opened = [open_store(source) for source in sources]
    into = open_store(target, create=True)
    damaged = 0
    for source in opened:
        with progress(f"Merging {source.root.name}"):
            done = merging.merge(source, into)
        say(f"{source.root}: {done.copied} files copied, {done.present} were there.")
        for run_id in done.purged:
            say(f"Run {run_id} stays away: it was removed from {into.root} for good.")
        for problem in done.problems:
            say(f"{problem.path}: {problem.message}")
        damaged += len(done.problems)
    if damaged:
        raise StoreError(f"{damaged} files were left out: mend what is said above and merge again.")


@click.command()
@store_argument
@click.option("--older-than", type=Age(), required=True, help="Last written so long ago.")
@click.option("--keep-best", type=click.IntRange(0), default=0, help="So many per experiment.")
@click.option("--keep-tagged", multiple=True, metavar="KEY[=VALUE]", help="Runs with this tag.")
@click.option("--experiment", help="Look at the runs of this experiment alone.")
@config_option
@grace_option
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def gc(
    *,
    store: str,
    older_than: timedelta,
    keep_best: int,
    keep_tagged: tuple[str, ...],
    experiment: str | None,
    settings_file: Path | None,
    grace: timedelta,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove old runs for good, with their artifacts.

    Runs in progress, runs that a registered model came from and the parents of runs that stay are
    never removed. --keep-best keeps so many runs as the site ranks them, and so many of the setting
    that it calls the best; where fewer have finished, the best of the others fill up.

    Each removal is noted in the store's audit folder, and holds for every copy of the store that
    this one meets. Packs that hold other runs too are written anew, and the old ones go with the
    next pack after the grace. Files that were logged again go, too, after the grace.

    \b
    Examples:
      tracksite gc --older-than 90d --keep-best 10 --keep-tagged keep --dry-run
      tracksite gc runs --older-than 1y --experiment sandbox --yes
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.analysis import retention
    from tracksite.query.runs import fold
    from tracksite.store import manifests, purging, recovery
    from tracksite.store.local import open_store

    now = datetime.now(UTC)
    target = open_store(store)
    if not dry_run:
        recovery.recover(target.root, now=now.timestamp(), packed=lambda: _packed_hashes(target))
    settings = settings_from(settings_file)(target.root)
    judged = retention.judged(
        fold(snapshot_of(store)),
        now - older_than,
        keep_best=keep_best,
        keep_tagged=keep_tagged,
        experiment=experiment,
        settings_of=settings.experiments.get,
        seed_params=settings.seed_params,
    )
    found = retention.expired(judged)
    _say_what_stays(judged)
    logged = found["run_id"].is_in(sorted(purging.with_log(target, found["run_id"])))
    for run_id in found.filter(logged)["run_id"] if not dry_run else ():
        say(f"Run {run_id} stays: it has a live log, which `tracksite verify` may say more about.")
    found = found if dry_run else found.filter(~logged)
    ids = found["run_id"].to_list()
    planned = purging.plan(target, ids)
    if as_json:
        print_json({"runs": found.to_dicts(), "bytes": planned.bytes, "dry_run": dry_run})
    else:
        print_table(_COLUMNS, list(found.iter_rows()))
    size = f"{planned.bytes / 1e6:,.1f} MB of parts and artifacts"
    if manifests.in_force(target.root).runs:
        size += " and their share of the packs"
    if dry_run or not ids:
        say(f"{len(ids)} runs would go, with {size}.")
    if dry_run:
        return
    if ids and not yes and not _confirmed(f"Remove {len(ids)} runs and {size} for good?"):
        raise ArgumentError("nothing was removed: pass --yes to remove without being asked.")
    if ids:
        _warn_of_mounts(grace)
    _remove(target, ids, _rule(older_than, keep_best, keep_tagged, experiment), now, grace)


def _say_what_stays(judged: pl.DataFrame) -> None:
    for reason, why in _REASONS.items():
        if count := judged.filter(judged["stays"] == reason).height:
            say(f"{count} old runs stay: {why}.")


def _remove(
    store: LocalStore, run_ids: list[str], why: str, now: datetime, grace: timedelta
) -> None:
    """Remove runs, what came back of those removed before, and artifacts that were replaced."""
    from tracksite.store import purging, replaced, system

    who, grace_s = system.user_name() or "somebody", grace.total_seconds()
    done = purging.purge(store, run_ids, at=now, by=who, why=why, grace_s=grace_s)
    for run_id in sorted(set(run_ids) - set(done.run_ids)):
        say(f"Run {run_id} stays: it was used while it was removed.")
    size = done.bytes + replaced.clear(store, grace_s=grace_s)
    if run_ids or size:
        say(f"Removed {len(done.run_ids)} runs, {size / 1e6:,.1f} MB.")


def _rule(
    older_than: timedelta, keep_best: int, keep_tagged: tuple[str, ...], experiment: str | None
) -> str:
    """Return what was asked for, as the audit keeps it."""
    words = [f"gc --older-than {older_than.total_seconds() / 86400:g}d"]
    words += [f"--keep-best {keep_best}"] if keep_best else []
    words += [f"--keep-tagged {shlex.quote(tag)}" for tag in keep_tagged]
    words += [f"--experiment {shlex.quote(experiment)}"] if experiment else []
    return " ".join(words)


def _confirmed(question: str) -> bool:
    return sys.stdin.isatty() and click.confirm(question, err=True)
