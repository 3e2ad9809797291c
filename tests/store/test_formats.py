"""Formats: stores of each release are read value for value, and what a newer one writes is refused.

Each file of a store says its format. Where it is a newer one, that file is named with the advice to
upgrade, and everything else goes on; only `store.json` speaks for the whole store.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.store.answers import as_found, assert_read_alike, text_of, without_ties
from tests.store.fixtures.make import NAMES, unpacked
from tests.store.stores import log_run, pack
from tracksite import site
from tracksite.config import Settings
from tracksite.errors import BuildError, StoreError
from tracksite.schema import FORMAT_KEY
from tracksite.store import manifests, merging, packs, parts, recovery, verdicts
from tracksite.store.blocks import BLOCK
from tracksite.store.histories import read_points
from tracksite.store.livelog import SLOT, patch_frame
from tracksite.store.local import LocalStore, open_store
from tracksite.store.replay import read_segment
from tracksite.store.verifying import verify

FIXTURES = Path(__file__).parent / "fixtures"
RELEASES = sorted(path.parent for path in FIXTURES.glob("*/expected.json"))
KEPT = [(release, name) for release in RELEASES for name in NAMES]
DAYS_LATER = 1_800_000_000.0


def expected(release: Path, name: str) -> str:
    """Return what a store of a release holds, as text."""
    told = json.loads((release / "expected.json").read_text())
    return json.dumps(told[name], sort_keys=True, indent=1)


def read(root: Path) -> str:
    """Return what a store holds, as text; both readers have to say it, and that nothing is bad."""
    found = assert_read_alike(root)
    assert not found.damaged
    return text_of(without_ties(found))


def test_there_are_stores_of_each_release():
    """Every folder of fixtures has all its stores, and all are small."""
    assert RELEASES
    assert all((release / f"{name}.zip").is_file() for release, name in KEPT)
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*.*")) < 200_000 * len(RELEASES)


@pytest.mark.parametrize(("release", "name"), KEPT)
def test_a_store_of_a_release_is_read_value_for_value(release, name, tmp_path):
    """Each state and point is as it was; so too when packed, merged into another and recovered."""
    root = unpacked(release / f"{name}.zip", tmp_path / "runs")
    wanted = expected(release, name)
    assert read(root) == wanted
    store = open_store(root)
    assert not verify(store).problems
    target = open_store(tmp_path / "target", create=True)
    merging.merge(store, target)
    for path in (target.root / "live").iterdir():
        path.write_bytes((root / "live" / path.name).read_bytes())
    assert read(unaged(target.root)) == wanted
    recovered = recovery.recover(root, now=DAYS_LATER)
    assert bool(recovered) == (name in {"live", "merged"})
    assert read(root) == wanted
    pack(store, grace_s=0)
    assert not list((root / "log").iterdir())
    assert read(root) == wanted
    assert not verify(store).problems


def unaged(root: Path) -> Path:
    """Let the live logs of a store have no recent sign of life."""
    for path in (root / "live").iterdir():
        os.utime(path, (0, 0))
    return root


@pytest.mark.parametrize("release", RELEASES)
def test_a_store_of_a_release_becomes_one_of_today_by_packing(release, tmp_path, store):
    """Its store.json has the bytes of every other one then; where nothing is packed, it stays."""
    root = unpacked(release / "packed.zip", tmp_path / "old")
    before = (root / "store.json").read_bytes()
    for part in (root / "log").iterdir():
        part.rename(tmp_path / part.name)
    pack(open_store(root))
    assert (root / "store.json").read_bytes() == before
    shutil.copytree(unpacked(release / "packed.zip", tmp_path / "again"), root, dirs_exist_ok=True)
    pack(open_store(root))
    assert (root / "store.json").read_bytes() == (store.root / "store.json").read_bytes()
    assert read(root) == expected(release, "packed")


@pytest.mark.parametrize("release", RELEASES)
def test_a_site_is_built_of_a_store_of_a_release(release, tmp_path):
    """A build of the fullest store shows each run that is not deleted, and names no problem."""
    root = unpacked(release / "merged.zip", tmp_path / "runs")
    report = site.build(root, tmp_path / "site", settings=Settings())
    assert not report.problems
    shown = {path.parent.name for path in (tmp_path / "site").rglob("run.json")}
    states = as_found(root).states
    assert shown == {
        run_id
        for run_id, state in states.items()
        if state["kind"] == "run" and not state["deleted"]
    }


def said_nine(content: bytes) -> bytes:
    """Return a Parquet file that holds the same and says format 9."""
    table, sink = pq.read_table(io.BytesIO(content)), io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, store_schema=False, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({FORMAT_KEY: b"9"})
    return sink.getvalue()


def renamed(path: Path, name: str, content: bytes) -> Path:
    """Put other bytes under another name in the place of a file."""
    path.unlink()
    path.with_name(name).write_bytes(content)
    return path.with_name(name)


def assert_refused(store: LocalStore, path: Path, left: set[str]) -> None:
    """Assert that one file is named with the advice to upgrade, and these runs are there."""
    snapshot = store.snapshot()
    (problem,) = snapshot.problems
    assert problem.path == path.relative_to(store.root).as_posix()
    assert path.name in problem.message
    assert "format 9" in problem.message
    assert "upgrade" in problem.message
    assert {row["run_id"] for row in snapshot.patches.select("run_id").to_dicts()} == left
    assert problem.path in {one.path for one in verify(store).problems}


def _number(path: Path) -> int:
    part = parts.parse_name(path.name)
    assert part is not None
    return part.seq


@pytest.mark.parametrize("table", ["runs", "points"])
def test_a_part_of_a_newer_format_is_refused_alone(store, table):
    """Its run loses what is in it, no other run loses anything."""
    newer, other = log_run(store), log_run(store)
    path = min((store.root / "log").glob(f"{newer}.*.{table}.parquet"), key=_number)
    content = said_nine(path.read_bytes())
    part = parts.parse_name(path.name)
    name = parts.PartName(*part.commit, parts.digest(content), table)
    path = renamed(path, name.file, content)
    assert_refused(store, path, {newer, other})
    found = as_found(store.root)
    assert (found.states[newer]["params"] is None) == (table == "runs")
    assert (newer in found.points) == (table == "runs")
    assert found.states[other]["params"]
    assert found.points[other]
    assert found.states[newer]["status"] == "finished"


def test_a_live_log_of_a_newer_format_is_refused_alone(store):
    """A log that a newer tracksite is writing is named, left alone, and hurts no other run."""
    other = log_run(store)
    writer = store.open_writer("1" * 32)
    (path,) = (store.root / "live").iterdir()
    content = path.read_bytes()
    header = {**read_segment(content).header, "format": 9}
    frame = patch_frame(header)
    assert len(frame) % SLOT == 0
    writer.close()
    path.write_bytes(frame + content[len(frame) :])
    assert_refused(store, path, {other})
    recovery.recover(store.root, now=DAYS_LATER)
    assert path.exists()


@pytest.mark.parametrize("table", ["runs", "points"])
def test_a_pack_of_a_newer_format_is_refused_alone(store, table):
    """The runs in it lose what is in it, and what is loose or in other packs is read."""
    newer = log_run(store)
    pack(store, grace_s=0)
    other = log_run(store)
    manifest = manifests.in_force(store.root)
    (old,) = getattr(manifest, table)
    content = said_nine((store.root / "packs" / old.file).read_bytes())
    file = packs.write_pack(store.root, table, content)
    lists = {"runs": manifest.runs, "points": manifest.points}
    lists[table] = (manifests.PackFile(file, newer, newer),)
    replaced = frozenset({old.file})
    manifests.publish(store.root, manifests.Manifest(**lists, replaced=replaced))
    if table == "runs":
        assert_refused(store, store.root / "packs" / file, {other})
    else:
        problems = []
        found = read_points(store.snapshot(), [newer, other], on_damage=problems.append)
        assert set(found["run_id"]) == {other}
        assert [problem.path for problem in problems] == [f"packs/{file}"]
        assert "format 9" in problems[0].message


def test_blocks_of_a_newer_format_are_named_and_not_needed(store):
    """A pack is checked as a whole where its blocks are of a newer format: nothing is lost."""
    log_run(store)
    pack(store, grace_s=0)
    before = text_of(as_found(store.root))
    for path in (store.root / "packs").glob("*.blocks"):
        line, _, body = path.read_bytes().partition(b"\n")
        assert len(body) > BLOCK
        path.write_bytes(json.dumps({**json.loads(line), "format": 9}).encode() + b"\n" + body)
    assert text_of(assert_read_alike(store.root)) == before
    named = {problem.path: problem.message for problem in verify(store).problems}
    assert len(named) == 2
    assert all(path.endswith(".blocks") for path in named)
    assert all("newer format" in message for message in named.values())


def test_a_manifest_of_a_newer_format_is_refused_alone(store):
    """What it names is left out, and what is loose is read."""
    log_run(store)
    pack(store, grace_s=0)
    other = log_run(store)
    (path,) = (store.root / "manifest").iterdir()
    told = json.loads(path.read_bytes().splitlines()[0])
    del told["digest"]
    path.write_text(json.dumps({**told, "format": 9}))
    snapshot = store.snapshot()
    (problem,) = snapshot.problems
    assert problem.path == f"manifest/{path.name}"
    assert "format 9" in problem.message
    assert "upgrade" in problem.message
    assert set(snapshot.stamps) == {other}


def test_a_store_of_a_newer_format_is_refused_as_a_whole(store):
    """Where store.json says a newer format, nothing is read or written, and the remedy is told."""
    log_run(store)
    (store.root / "store.json").write_text(json.dumps({"format": 9}))
    for create in (False, True):
        with pytest.raises(StoreError, match=r"store\.json says format 9.*upgrade tracksite"):
            open_store(store.root, create=create)


def test_verdicts_of_a_newer_format_are_not_believed(store):
    """They are found anew: a damaged part is named although a newer cache calls it sound."""
    log_run(store)
    store.snapshot()
    cache = verdicts.cache_file(store.root / "log")
    (path,) = (store.root / "log").glob("*.points.parquet")
    path.write_bytes(b"x" * path.stat().st_size)
    told = json.loads(cache.read_text())
    told["sound"] |= verdicts.of([path])
    cache.write_text(json.dumps({**told, "format": 9}))
    (problem,) = store.snapshot().problems
    assert problem.path == f"log/{path.name}"


def test_a_site_manifest_of_a_newer_format_is_not_believed(store, tmp_path):
    """A newer tracksite's site is not written over unasked; with --force all is made anew."""
    log_run(store)
    folder = tmp_path / "site"
    site.build(store.root, folder, settings=Settings())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    newer = before[folder / "build.json"].replace(b'"format": 2', b'"format": 9')
    (folder / "build.json").write_bytes(newer)
    (folder / "index.html").write_text("newer")
    with pytest.raises(BuildError, match="--force"):
        site.build(store.root, folder, settings=Settings())
    assert (folder / "build.json").read_bytes() == newer
    assert (folder / "index.html").read_text() == "newer"
    site.build(store.root, folder, settings=Settings(), force=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
