"""Taking a snapshot: live logs, loose parts and packs become the frames of one moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracksite.errors import DamageError
from tracksite.schema import Problem, Snapshot, runs_schema
from tracksite.store import (
    clearing,
    decoding,
    listing,
    logs,
    manifests,
    oddities,
    packs,
    parts,
    pointers,
    reading,
    stamping,
    tombstones,
    verdicts,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from tracksite.store.manifests import Manifest, PackFile

_ATTEMPTS = 5


def take(root: Path, run_ids: Collection[str] | None) -> Snapshot:
    """Return what a store holds now, of all entities or of these.

    Live logs are listed before parts, and parts before the manifests, because that is the way
    their content goes: what is gone from one place is in the next. A file that disappears
    between its listing and its reading was packed meanwhile, so everything is listed again; where
    a listing is late, as on some network mounts, the file is named in the end and the rest is read.
    """
    wanted = None if run_ids is None else frozenset(run_ids)
    for attempt in range(_ATTEMPTS):
        try:
            return _take(root, wanted, final=attempt == _ATTEMPTS - 1)
        except FileNotFoundError:
            continue
    raise AssertionError


def _take(root: Path, wanted: frozenset[str] | None, *, final: bool) -> Snapshot:
    import polars as pl

    problems: list[Problem] = []
    listed = logs.list_segments(root / "live", wanted, problems)
    loose = listing.list_parts(root / "log", wanted)
    manifest = manifests.in_force(root)
    problems += manifest.problems
    packed = _packed_rows(root, manifest, wanted, problems, final=final)
    lost = _lost_packs(root, manifest, problems)
    names = _not_packed(loose, packed, _not_held(root, manifest, lost, loose))
    points = [part for part in names if part.table == "points"]
    with ThreadPoolExecutor() as pool, verdicts.on(root / "log", names) as known:
        patches = decoding.read_patches(
            root / "log", names, pool, problems, known, recall=wanted is None, final=final
        )
        saved = versions.paired(root / "log", pl.concat([patches, packed]), points)
        if wanted is not None and tombstones.has_any(saved):
            return _only(_take(root, None, final=final), wanted)
        segments = logs.unsaved(listed, _hashes(saved, listed), problems, final=final)
        live, damaged = _live(segments, saved, problems)
        rows = _with_live(saved, live)
        counted = versions.longest(rows)
        points = _of(points, rows, counted, names)
        point_files = decoding.check_points(
            root / "log", points, pool, problems, known, final=final
        )
    for run_id, files in _packed_points(root, manifest, packed).items():
        point_files[run_id] = (*point_files.get(run_id, ()), *files)
    alive = [run.run_id for run in live if run.alive]  # somebody may have saved it by mistake
    live = _counting(live, counted)
    alive += sorted(reading.going_on(listed, _commits(saved, listed)))
    shown = {"live/{}.{}.{}.wal".format(*run.commit) for run in live}
    problems += [problem for problem in damaged if problem.path in shown]
    verdict = tombstones.judged(counted)
    problems += [*verdict.problems, *_waiting(verdict.rows)]
    fitted, odd = oddities.fitted(verdict.rows)
    problems += odd
    stamps = stamping.stamps(names, packed, segments, alive, lost)
    return Snapshot(
        root=str(root),
        patches=fitted.select(runs_schema().names),
        point_files=_without(point_files, verdict.purged),
        superseded=_superseded(rows, counted),
        points_parts=counted.select("run_id", "points_part"),
        live_points=reading.live_points(run for run in live if run.run_id not in verdict.purged),
        stamps=_without(stamps, verdict.purged),
        alive=frozenset(alive) - verdict.purged.keys(),
        problems=tuple(pointers.told(root, sorted(set(problems), key=lambda it: it.path))),
        purged=verdict.purged,
    )


def _without(found: Mapping[str, Any], run_ids: Collection[str]) -> dict[str, Any]:
    return {run_id: value for run_id, value in found.items() if run_id not in run_ids}


def _only(whole: Snapshot, wanted: frozenset[str]) -> Snapshot:
    """Return what a snapshot of all entities says of some."""
    import polars as pl

    def mine(found: Mapping[str, Any]) -> dict[str, Any]:
        return {run_id: value for run_id, value in found.items() if run_id in wanted}

    owned = pl.col("run_id").is_in(sorted(wanted))
    return replace(
        whole,
        patches=whole.patches.filter(owned),
        point_files=mine(whole.point_files),
        live_points=whole.live_points.filter(owned),
        stamps=mine(whole.stamps),
        alive=whole.alive & wanted,
        problems=tuple(it for it in whole.problems if it.run_id is None or it.run_id in wanted),
        purged=mine(whole.purged),
    )


def _waiting(counted: pl.DataFrame) -> list[Problem]:
    """Name the patches whose points are not here: their part has not been copied yet."""
    alone = counted.filter(versions.waits_for_points())
    return [
        Problem(
            f"log/{run_id}.{writer}.{seq}",
            run_id,
            f"the points of segment {writer}.{seq} of run {run_id} are not in this store yet: copy "
            "its points part from where the store came from.",
        )
        for run_id, writer, seq in alone.select(versions.COMMIT).iter_rows()
    ]


def _lost_packs(root: Path, manifest: Manifest, problems: list[Problem]) -> list[PackFile]:
    """Return the packs of points that are not here, and name them."""
    there = manifests.here(root, (one.file for one in manifest.points))
    lost = [one for one in manifest.points if one.file not in there]
    problems += [Problem(f"packs/{one.file}", None, packs.not_here(one.file)) for one in lost]
    return lost


def _live(
    segments: Sequence[logs.SegmentName], saved: pl.DataFrame, problems: list[Problem]
) -> tuple[list[reading.LiveRun], list[Problem]]:
    """Return the live logs, and what is damaged in those that were saved: they may not count."""
    committed = _commits(saved, segments)
    damaged: list[Problem] = []
    live = reading.read_live((it for it in segments if it.commit not in committed), problems)
    live += reading.read_live((it for it in segments if it.commit in committed), damaged)
    return live, damaged


def _with_live(saved: pl.DataFrame, live: Sequence[reading.LiveRun]) -> pl.DataFrame:
    """Return patches and one more row, without the hash of a part, for each live log."""
    import polars as pl

    if not live:
        return saved
    rows = pl.concat([pl.DataFrame(pl.from_arrow(run.row)) for run in live])
    return pl.concat([saved, decoding.with_parts(rows, [None] * len(live))])


def _counting(live: Sequence[reading.LiveRun], counted: pl.DataFrame) -> list[reading.LiveRun]:
    """Return the live logs that no part stands for: it is as long as they are, or longer."""
    import polars as pl

    found = _commits(counted.filter(pl.col("part").is_null()), live)
    return [run for run in live if run.commit in found]


def _of(
    points: list[parts.PartName],
    rows: pl.DataFrame,
    counted: pl.DataFrame,
    names: Iterable[parts.PartName],
) -> list[parts.PartName]:
    """Return the points parts of the rows that count, and of rows that are damaged."""
    hashes, readable = _hashes(counted, points), _commits(rows, points)
    committed = {part.commit for part in names if part.table == "runs"} - readable
    return [part for part in points if part.hash in hashes or part.commit in committed]


def _superseded(rows: pl.DataFrame, counted: pl.DataFrame) -> frozenset[str]:
    """Return the points parts of rows that do not count."""
    if rows.height == counted.height:
        return frozenset()
    return frozenset(rows["points_part"].drop_nulls()) - set(counted["points_part"].drop_nulls())


def _packed_rows(
    root: Path,
    manifest: Manifest,
    wanted: frozenset[str] | None,
    problems: list[Problem],
    *,
    final: bool,
) -> pl.DataFrame:
    """Return the rows of the packs, each version of a commit once."""
    import polars as pl

    frames = [decoding.empty_packed()]
    for one in manifest.runs:
        if wanted is not None and not any(map(one.may_hold, wanted)):
            continue
        try:
            rows = packs.read_packed(root, one.file, on_mended=_namer(one.file, problems))
        except DamageError as error:
            problems.append(Problem(f"packs/{one.file}", None, str(error)))
            continue
        except FileNotFoundError:
            if not final:
                raise
            problems.append(Problem(f"packs/{one.file}", None, packs.not_here(one.file)))
            continue
        if wanted is not None:
            rows = rows.filter(pl.col("run_id").is_in(sorted(wanted)))
        frames.append(rows)
    return versions.distinct(pl.concat(frames))


def _namer(file: str, problems: list[Problem]) -> Callable[[int], None]:
    def name(blocks: int) -> None:
        message = f"{file} is damaged in {blocks} places and was mended as it was read: pack again"
        problems.append(Problem(f"packs/{file}", None, message))

    return name


def _not_held(
    root: Path, manifest: Manifest, lost: Sequence[PackFile], loose: Sequence[parts.PartName]
) -> set[str]:
    """Return the loose points that may stand in a pack that is not here, and in no other one."""
    alone = [
        part
        for part in loose
        if part.table == "points" and any(one.may_hold(part.run_id) for one in lost)
    ]
    beside = [one for one in manifest.points if any(one.may_hold(it.run_id) for it in alone)]
    held = set[str]().union(*(clearing.points_held(root, one) for one in beside))
    return {part.hash for part in alone} - held


def _not_packed(
    loose: Sequence[parts.PartName], packed: pl.DataFrame, not_held: set[str]
) -> list[parts.PartName]:
    taken = _hashes(packed, loose) - not_held
    return [part for part in loose if part.hash not in taken]


def _hashes(rows: pl.DataFrame, beside: Iterable[parts.PartName | logs.SegmentName]) -> set[str]:
    """Return the hashes of the parts that rows stand for, of the runs of some parts or logs."""
    mine = _beside(rows, beside)
    return {*mine["part"].drop_nulls(), *mine["points_part"].drop_nulls()}


def _commits(
    rows: pl.DataFrame, beside: Iterable[parts.PartName | reading.LiveRun | logs.SegmentName]
) -> set[versions.Commit]:
    """Return the commits of rows, of the runs of some parts or live logs."""
    return set(_beside(rows, beside).select(versions.COMMIT).iter_rows())


def _beside(
    rows: pl.DataFrame, some: Iterable[parts.PartName | reading.LiveRun | logs.SegmentName]
) -> pl.DataFrame:
    import polars as pl

    return rows.filter(pl.col("run_id").is_in(sorted({one.run_id for one in some})))


def _packed_points(
    root: Path, manifest: Manifest, packed: pl.DataFrame
) -> dict[str, tuple[str, ...]]:
    """Return run_id → packs that may hold its points."""
    import polars as pl

    with_points = packed.filter(pl.col("points_part").is_not_null())["run_id"].unique().sort()
    files: dict[str, tuple[str, ...]] = {}
    for one in manifest.points:
        path = (str(root / "packs" / one.file),)
        for run_id in with_points.filter(with_points.is_between(one.first, one.last)):
            files[run_id] = files.get(run_id, ()) + path
    return files
