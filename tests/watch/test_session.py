"""A whole watch: a store that changes, the site that follows, and the page that shows it."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect
from watchdog.events import FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent

from tests.browser import still
from tests.waiting import HANG_S, until
from tracksite import config, paths
from tracksite.errors import BuildError, NotFoundError
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore, open_store
from tracksite.watch import session
from tracksite.watch.session import Tell, _tells, watch


class Watched:
    """A store that is being watched, and what the watch told."""

    def __init__(self, folder: Path) -> None:
        self.store: LocalStore = open_store(folder / "runs", create=True)
        self.site = folder / "site"
        self.toml = folder / "tracksite.toml"
        self.url = ""
        self.reports, self.failures = [], []
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        def settings(root: Path) -> config.Settings:
            return config.load(root.parent)

        tell = Tell(
            lambda url: setattr(self, "url", url),
            lambda report, _seconds: self.reports.append(report),
            self.failures.append,
        )
        watch(str(self.store.root), self.site, settings=settings, stop=self.stop, tell=tell)

    def start(self) -> Watched:
        """Begin the watch, and wait for its first build."""
        self._thread.start()
        until(lambda: self.reports or self.failures)
        return self

    def end(self) -> None:
        """End the watch and wait until it has."""
        self.stop.set()
        (self.store.root / "log" / "end").touch()  # it looks up at once
        (self.store.root / "log" / "end").unlink()
        self._thread.join(HANG_S)
        assert not self._thread.is_alive()

    def run(self, name: str, **fields: object):
        """Begin a run with one point, and return its id and writer."""
        run_id = new_run_id()
        writer = self.store.open_writer(run_id)
        started = datetime(2026, 1, 1, tzinfo=UTC)
        writer.patch(experiment="e", name=name, status="running", started_at=started, **fields)
        writer.point("loss", 0.5, 0, 1_767_225_600_000_000)
        return run_id, writer

    def settings(self, text: str) -> None:
        """Write tracksite.toml, of which nobody sees a half."""
        draft = self.toml.with_name("draft")
        draft.write_text(text)
        draft.replace(self.toml)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Prepare a watch that ends with the test; the test starts it."""
    made = Watched(tmp_path)
    yield made
    made.end()


def test_a_run_comes_grows_ends_and_goes(watched):
    """A new run gets its page, grows while it logs, ends, and loses the page when deleted."""
    watched.start()
    run_id, writer = watched.run("first")
    page = watched.site / paths.run_page(run_id)
    until(page.exists)
    assert "running" in page.read_text()

    writer.point("loss", 0.123456, 1, 1_767_225_601_000_000)
    until(lambda: "0.12346" in page.read_text())

    writer.patch(status="finished", ended_at=datetime(2026, 1, 2, tzinfo=UTC))
    writer.close()
    until(lambda: "finished" in page.read_text())

    watched.store.write_patch(run_id, "run", {"deleted": True})
    until(lambda: not page.exists())


def test_only_what_changed_is_built(watched):
    """A point of one run rewrites no page of another run."""
    watched.run("quiet")[1].close()
    run_id, writer = watched.run("loud")
    watched.start()
    before = len(watched.reports)

    writer.point("loss", 0.25, 1, 1_767_225_601_000_000)
    until(lambda: paths.run_page(run_id) in _written(watched, before))

    written = _written(watched, before)
    assert {path for path in written if path.startswith("runs/")} == {
        paths.run_page(run_id),
        paths.run_json(run_id),
    }
    writer.close()


def _written(watched: Watched, since: int) -> set[str]:
    """Return what all builds but the first ones wrote."""
    return {path for report in watched.reports[since:] for path in report.written}


def test_settings_are_read_again(watched):
    """A change of tracksite.toml is a change of the site; a mistake in it keeps the old one."""
    watched.start()
    home = watched.site / "index.html"

    watched.settings("title = 'One'")
    until(lambda: "One" in home.read_text())
    watched.settings("titel = 'Two'")
    until(lambda: watched.failures)
    assert "did you mean 'title'" in watched.failures[-1]
    assert "One" in home.read_text()
    watched.settings("title = 'Three'")
    until(lambda: "Three" in home.read_text())


def test_an_artifact_that_comes_late_is_built(watched):
    """A file that its run's patch came before is shown when it is there, without another patch."""
    run_id, writer = watched.run("late")
    content = {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
    writer.patch(artifacts=[{"path": "notes.txt", **content}])
    writer.close()
    watched.start()
    assert watched.reports[-1].problems
    place = watched.store.artifact_dir(run_id) / "notes.txt"
    place.parent.mkdir()
    place.write_bytes(b"abc")
    published = watched.site / "runs" / run_id / "artifacts" / "notes.txt"
    until(published.is_file)
    until(lambda: not watched.reports[-1].problems)


def test_the_site_on_disk_is_the_plain_build(watched, tmp_path):
    """What a watch leaves is byte for byte what a build gives: nothing of watch is in it."""
    watched.run("first")[1].close()
    watched.start()
    watched.end()

    from tracksite.site import build

    build(watched.store.root, tmp_path / "plain", settings=config.Settings())
    files = {path.relative_to(watched.site) for path in watched.site.rglob("*") if path.is_file()}
    for file in files:
        assert (watched.site / file).read_bytes() == (tmp_path / "plain" / file).read_bytes()
    assert not [file for file in files if "watch" in file.name or "idiomorph" in file.name]


def test_a_store_that_vanishes_and_comes_back(watched):
    """Without its store the watch says so and goes on; when it is back, so is the site."""
    watched.run("first")[1].close()
    watched.start()

    moved = watched.store.root.with_name("moved")
    watched.store.root.rename(moved)
    until(lambda: watched.failures)
    run_id, writer = open_store(moved).root and Watched.run(_of(moved), "second")
    writer.close()
    moved.rename(watched.store.root)
    until((watched.site / paths.run_page(run_id)).exists)


def _of(root: Path) -> Watched:
    """Return something with the store at `root`, to log into."""
    other = object.__new__(Watched)
    other.store = open_store(root)
    return other


def test_a_build_that_failed_is_tried_again_and_told_to_have_worked(watched, monkeypatch):
    """What was wrong outside of the store is mended: terminal and pages hear of it."""
    monkeypatch.setattr(session, "RETRY_S", 0.05)
    watched.run("first")[1].close()
    watched.start()
    real = session.site.build
    broken = True

    def build(*args, **options):
        if broken:
            raise BuildError("The disk is full.")
        return real(*args, **options)

    monkeypatch.setattr(session.site, "build", build)
    watched.run("second")[1].close()
    until(lambda: watched.failures)
    builds = len(watched.reports)
    page = urlopen(f"{watched.url}index.html").read()
    broken = False
    until(lambda: len(watched.reports) > builds)
    assert watched.failures == ["The disk is full."]
    assert urlopen(f"{watched.url}index.html").read() != page


def test_there_must_be_a_store(tmp_path):
    """Watching a folder that is no store is an error, and makes nothing."""
    with pytest.raises(NotFoundError):
        watch(str(tmp_path / "nowhere"), tmp_path / "site", settings=lambda _: config.Settings())
    assert not (tmp_path / "nowhere").exists()


def test_an_open_run_page_follows_its_training(watched, page):
    """The page of a run that logs shows each new value in place, with its scroll kept."""
    run_id, writer = watched.run("live", params={f"p{n}": str(n) for n in range(60)})
    watched.start()
    page.goto(watched.url + paths.run_page(run_id).removesuffix("index.html"))
    page.evaluate("() => { window.mark = 'same page'; }")
    seen = page.get_by_text("p30", exact=True).first
    seen.scroll_into_view_if_needed()
    still(page)
    place = seen.bounding_box()
    page.wait_for_function("() => navigator.locks.query().then(state => state.held.length > 0)")
    took = []

    for step in range(1, 6):
        value = 0.1 + step / 1000
        began = time.monotonic()
        writer.point("loss", value, step, 1_767_225_600_000_000 + step)
        expect(page.locator("body")).to_contain_text(f"{value:.3f}")
        took.append(time.monotonic() - began)

    shown = " ".join(f"{seconds:.2f}" for seconds in took)
    print(f"a logged point shows after {shown} s")  # noqa: T201 - what is measured here
    still(page)
    assert page.evaluate("window.mark") == "same page"
    assert page.evaluate("scrollY") > 0
    assert seen.bounding_box() == pytest.approx(place, abs=1)
    writer.close()


def test_twelve_tabs_follow_one_run(watched, page):
    """All of twelve open tabs show a value that is logged."""
    run_id, writer = watched.run("live")
    watched.start()
    tabs = [page, *(page.context.new_page() for _ in range(11))]
    for tab in tabs:
        tab.goto(watched.url + paths.run_page(run_id).removesuffix("index.html"))

    began = time.monotonic()
    writer.point("loss", 0.777, 1, 1_767_225_601_000_000)
    for tab in tabs:
        expect(tab.locator("body")).to_contain_text("0.777")

    took = time.monotonic() - began
    print(f"twelve tabs show a logged point after {took:.2f} s")  # noqa: T201 - as above
    writer.close()


def test_an_open_leaderboard_takes_in_runs_and_keeps_its_filter(watched, page):
    """The leaderboard shows new values and new runs while its filter, scroll and hash stay."""
    _, writer = watched.run("first", params={"lr": "0.1"})
    watched.run("other", params={"lr": "0.001"})[1].close()
    watched.start()
    page.goto(watched.url + paths.experiment_page("e").removesuffix("index.html"))
    expect(page.locator("[data-board=count]")).to_have_text("2 of 2 runs")
    page.get_by_role("searchbox").fill("lr > 0.05")
    table = page.locator("table.board-table")
    expect(table.locator("tbody tr")).to_have_count(1)
    page.set_viewport_size({"width": 900, "height": 400})
    still(page)
    table.evaluate("node => { window.mark = 1; scrollBy(0, node.getBoundingClientRect().top - 9) }")
    still(page)
    place = table.bounding_box()["y"]

    writer.point("loss", 0.61234, 1, 1_767_225_601_000_000)
    expect(table).to_contain_text("0.61234")
    _, second = watched.run("second", params={"lr": "0.2"})
    expect(table).to_contain_text("second")

    expect(table).not_to_contain_text("other")
    assert page.get_by_role("searchbox").input_value() == "lr > 0.05"
    expect(page).to_have_url(re.compile("filter="))
    still(page)
    assert page.evaluate("[window.mark, scrollY > 0]") == [1, True]
    assert table.bounding_box()["y"] == pytest.approx(place, abs=2)
    writer.close()
    second.close()


def test_files_of_a_moment_wake_no_watch():
    """A build asks the file system for its time by a file of a moment, and must not wake itself."""
    for kind in (FileCreatedEvent, FileModifiedEvent, FileDeletedEvent):
        assert not _tells(kind("runs/live/tmp-0a1b"))
        assert _tells(kind("runs/live/a.wal"))
    assert _tells(FileMovedEvent("runs/log/tmp-0a1b", "runs/log/a.runs.parquet"))
