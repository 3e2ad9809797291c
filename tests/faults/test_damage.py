"""One byte flipped anywhere, and a live log cut anywhere (promises 4, 5 and 6)."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import bodies
from tests.faults.children import Child
from tests.faults.conftest import LONG
from tests.faults.looks import Look, look, steps
from tests.faults.tally import DOUBLED, FALSE, HURT, LOST, Tally
from tests.store.stores import log_run, pack
from tracksite.site import build
from tracksite.store import logs, reading
from tracksite.store.local import open_store
from tracksite.store.verifying import verify

FLIPS = 300 if LONG else 28
OWNED = ("log", "live", "artifacts")  # folders of files that belong to one run each


@pytest.fixture
def whole(tmp_path: Path, tally: Tally) -> Path:
    """Return a store with everything in it: packs, parts, artifacts and logs of the dead."""
    store = open_store(tmp_path / "whole", create=True)
    for count in (1, 2, 3):
        log_run(store, points=30, parts_count=count)
    pack(store, grace_s=0)
    for count in (1, 2):
        log_run(store, points=30, parts_count=count)
    for _ in range(2):
        child = Child(tally, bodies.train, store.root, "", 0.0, bodies.NEVER, bodies.NEVER)
        child.wait_for(40)
        child.kill()
    return store.root


def flipped(root: Path, rng: random.Random) -> tuple[Path, int]:
    """Flip one bit of one file: each kind of file as often, each byte of it as likely."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            kinds.setdefault(path.parent.name + "".join(path.suffixes[-2:]), []).append(path)
    path = rng.choice(kinds[rng.choice(sorted(kinds))])
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content.rstrip(b"\0")))
    content[at] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return path, at


def judge(tally: Tally, seen: Look, truth: Look, owner: str | None, where: str) -> None:
    """Hold that nothing wrong is served, that its owner alone is hurt, and that it is named."""
    for run_id in truth.states.keys() | seen.states.keys():
        found = seen.points.get(run_id, Counter())
        known = truth.points.get(run_id, Counter())
        false = sum(point not in known for point in found)
        tally.wrong(FALSE, false, where)
        tally.wrong(DOUBLED, (found - known).total() - false, where)
        if run_id != owner and seen.run(run_id) != truth.run(run_id):
            tally.wrong(HURT, 1, f"{where}: {run_id}")
        elif seen.run(run_id) != truth.run(run_id) and not seen.problems:
            tally.wrong(LOST, 1, f"{where}: unnamed")


def test_one_flipped_bit_anywhere_is_named_and_hurts_no_other_run(whole, tmp_path, tally):
    """Whatever file it is in, no wrong number is served, no other run is hurt, builds go on."""
    truth = look(whole)
    rng = random.Random(3)
    for number in range(FLIPS):
        root = shutil.copytree(whole, tmp_path / str(number))
        path, at = flipped(root, rng)
        where = f"{path.relative_to(root)} at {at}"
        owner = path.name[:32] if path.parent.name in OWNED else None
        judge(tally, look(root), truth, owner, where)
        tally.tried("bits flipped")
        if number % 25 == 0:
            build(root, tmp_path / f"site-{number}")
            verify(open_store(root))
        shutil.rmtree(root)


def test_a_live_log_cut_anywhere_gives_every_whole_point(tmp_path, tally):
    """However short it is cut, each point before the cut is read, and none that is not whole."""
    store = open_store(tmp_path / "runs", create=True)
    writer = store.open_writer("0" * 32)
    for step in range(40):
        bodies.point(writer, step)
    (log,) = (store.root / "live").iterdir()
    content = log.read_bytes().rstrip(b"\0")
    first = len(content) // 32 - 39
    writer.close()
    for cut in range(len(content) + 1):
        log.write_bytes(content[:cut])
        live = reading.read_live(logs.list_segments(log.parent, None), [])
        found = Counter(
            ("loss", int(step), repr(float(value)))
            for run in live
            for step, value in zip(run.segment.points.steps, run.segment.points.values, strict=True)
        )
        due = max(0, cut // 32 - first + (cut == len(content)))
        tally.points(found, steps(min(due, 40)), steps(40), f"cut at {cut}")
        assert found == steps(found.total())
        tally.tried("live logs cut")
