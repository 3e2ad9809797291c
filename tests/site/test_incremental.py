"""The law of incremental builds: whatever changed, they end in the bytes of one from scratch."""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.site import stores
from tracksite import paths, site
from tracksite.config import Settings
from tracksite.store import packing
from tracksite.store.ids import experiment_id, new_run_id
from tracksite.store.local import LocalStore, open_store

BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
LAW = settings(max_examples=5)


class _Story:
    """A store and what happened to it; `draw` chooses which of its runs a change is about."""

    def __init__(self, root: Path, open_writers: contextlib.ExitStack) -> None:
        self.store: LocalStore = open_store(root, create=True)
        self.runs: list[str] = []
        self.draw = random.Random(0)
        self.writers = open_writers

    def any_run(self) -> str:
        """Return one of the runs; the first change of every story makes one."""
        if not self.runs:
            _run(self)
        return self.draw.choice(self.runs)

    def patch(self, **fields: object) -> None:
        """Change any run."""
        self.store.write_patch(self.any_run(), "run", fields)


def _run(story: _Story, parent: str | None = None) -> None:
    with contextlib.closing(story.store.open_writer(run_id := new_run_id())) as writer:
        at = len(story.runs)
        writer.patch(
            experiment="ab"[at % 2],
            name=f"run {at}",
            status="finished",
            started_at=BEGIN + timedelta(hours=at),
            ended_at=BEGIN + timedelta(hours=at, minutes=at),
            params={"lr": str(0.1 * (at % 3)), "seed": str(at)},
            **({"parent_run_id": parent} if parent else {}),
        )
        for step in range(3):
            writer.point("loss", 1 / (1 + at + step), step, step)
    story.runs.append(run_id)


def _child(story: _Story) -> None:
    _run(story, parent=story.any_run())


def _points(story: _Story) -> None:
    writer = story.store.open_writer(story.any_run(), resume=True)
    with contextlib.closing(writer):
        writer.point(story.draw.choice(["loss", "f1"]), story.draw.random(), 9, 9)


def _running(story: _Story) -> None:
    writer = story.store.open_writer(run_id := new_run_id())
    story.writers.callback(writer.close)
    writer.patch(experiment="a", status="running", started_at=BEGIN)
    writer.point("loss", story.draw.random(), 0, 0)
    story.runs.append(run_id)


def _artifact(story: _Story) -> None:
    content = story.draw.randbytes(4).hex().encode()
    run_id = story.any_run()
    place = story.store.artifact_dir(run_id) / "notes.txt"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    told = [{"path": place.name, "bytes": len(content), "sha256": digest}]
    story.store.write_patch(run_id, "run", {"artifacts": told})


def _files(story: _Story, ending: str) -> list[Path]:
    return sorted((story.store.root / "artifacts").glob(f"*/*{ending}"))


def _lost(story: _Story) -> None:
    """An artifact goes, and something else happens, which has the next build look."""
    story.patch(tags={"note": "lost"})
    for place in _files(story, ".txt")[:1]:
        place.rename(place.with_suffix(".away"))


def _found(story: _Story) -> None:
    """One that had gone comes, or comes back."""
    for place in _files(story, ".away")[:1]:
        place.rename(place.with_suffix(".txt"))


def _version(story: _Story) -> None:
    """Two stores that were merged may have given out the same number."""
    fields = {"name": "m", "version": story.draw.choice([1, 2]), "source_run_id": story.any_run()}
    story.store.write_patch(new_run_id(), "model_version", fields)


def _described(story: _Story) -> None:
    name = story.draw.choice("abc")
    fields = {"name": name, "description": f"Aim {story.draw.random()}"}
    story.store.write_patch(experiment_id(name), "experiment", fields)


def _pack(story: _Story) -> None:
    packing.pack(story.store.root, grace_s=0)


CHANGES: dict[str, Callable[[_Story], None]] = {
    "run": _run,
    "child": _child,
    "running": _running,
    "points": _points,
    "name": lambda story: story.patch(name=f"name {story.draw.random()}"),
    "tag": lambda story: story.patch(tags={"note": f"{story.draw.random()}"}),
    "delete": lambda story: story.patch(deleted=True),
    "restore": lambda story: story.patch(deleted=False),
    "artifact": _artifact,
    "lost": _lost,
    "found": _found,
    "version": _version,
    "described": _described,
    "pack": _pack,
}


@LAW
@given(st.lists(st.sampled_from(sorted(CHANGES)), min_size=2, max_size=4), st.integers(0, 99))
@example(["run", *(name for name in CHANGES if name != "run")], 1)
def test_an_incremental_build_ends_in_the_bytes_of_one_from_scratch(changes, seed):
    """After every change the site that was built upon is, byte for byte, a new one."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as open_writers:
        folder = Path(name)
        story = _Story(folder / "runs", open_writers)
        story.draw.seed(seed)
        for at, change in enumerate(changes):
            CHANGES[change](story)
            site.build(story.store.root, folder / "site", settings=Settings())
            site.build(story.store.root, folder / f"{at}", settings=Settings())
            built, fresh = stores.content(folder / "site"), stores.content(folder / f"{at}")
            assert built.keys() == fresh.keys(), change
            assert [it for it in fresh if built[it] != fresh[it]] == [], change


def test_an_artifact_that_comes_late_is_shown_by_the_next_build(tmp_path):
    """A build over half a copy names what is missing; when it comes, nothing tells it was late."""
    root, run_id = tmp_path / "runs", stores.lively(tmp_path / "runs")["rich"]
    folder = root / "artifacts" / run_id
    folder.rename(tmp_path / "late")
    report = site.build(root, tmp_path / "site", settings=Settings())
    page = tmp_path / "site" / paths.run_page(run_id)
    assert any("notes.txt' is not in this store yet" in it.message for it in report.problems)
    assert "is not in this store yet: copy artifacts" in page.read_text()
    for name in ("image.png", "notes.txt", "figure.json", ""):  # bit by bit, then all
        folder.mkdir(exist_ok=True)
        shutil.copytree(tmp_path / "late", folder, dirs_exist_ok=True, ignore=_all_but(name))
        site.build(root, tmp_path / "site", settings=Settings())
        shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
        site.build(root, tmp_path / "fresh", settings=Settings())
        assert stores.content(tmp_path / "site") == stores.content(tmp_path / "fresh")
    assert "is not in this store yet: copy artifacts/" + run_id not in page.read_text()


def test_a_damaged_artifact_that_is_restored_is_shown_by_the_next_build(tmp_path):
    """The site forgets damage that was mended, although no name in the store tells of it."""
    root, run_id = tmp_path / "runs", stores.lively(tmp_path / "runs")["rich"]
    notes = root / "artifacts" / run_id / "notes.txt"
    sound = notes.read_bytes()
    notes.write_bytes(bytes(len(sound)))
    assert site.build(root, tmp_path / "site", settings=Settings()).problems
    notes.write_bytes(sound)
    site.build(root, tmp_path / "site", settings=Settings())
    site.build(root, tmp_path / "fresh", settings=Settings())
    assert stores.content(tmp_path / "site") == stores.content(tmp_path / "fresh")


def _all_but(name: str) -> Callable[[str, list[str]], set[str]]:
    return lambda _folder, names: set(names) - {name} if name else set()


def test_a_build_with_nothing_missing_has_nothing_to_look_at(tmp_path, monkeypatch):
    """As long as every file is there, a build of the same store ends before it plans."""
    stores.plain(tmp_path / "runs", 2)
    site.build(tmp_path / "runs", tmp_path / "site", settings=Settings())
    monkeypatch.setattr(LocalStore, "snapshot", lambda *_: 1 / 0)
    report = site.build(tmp_path / "runs", tmp_path / "site", settings=Settings())
    assert report.written == ()
