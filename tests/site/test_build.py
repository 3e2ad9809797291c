"""What a build promises: only what changed is written, and one fault costs one page."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest

import tracksite
from tests.site import stores
from tracksite import paths, site
from tracksite.config import ArtifactSettings, ExperimentSettings, Settings
from tracksite.errors import BuildError, NotFoundError
from tracksite.model import Page
from tracksite.pages import PAGES
from tracksite.site import building, report
from tracksite.store import doubled


@pytest.fixture
def store(tmp_path):
    """A store with three runs of one experiment."""
    stores.plain(tmp_path / "runs")
    return tmp_path / "runs"


def _build(store, folder, **options):
    return site.build(store, folder, settings=options.pop("settings", Settings()), **options)


def test_a_second_build_reads_no_run_and_writes_nothing(store, tmp_path, monkeypatch):
    """Without a change in the store, a build neither reads a snapshot nor writes a file."""
    first = _build(store, tmp_path / "site")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*")}
    monkeypatch.setattr(building, "fold", lambda _: pytest.fail("the store was read"))
    again = _build(store, tmp_path / "site")
    assert again.written == again.removed == ()
    assert set(again.unchanged) == set(first.written)
    assert again.run_count == 3
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "site").rglob("*")} == times


def test_a_build_from_scratch_elsewhere_gives_the_same_bytes(store, tmp_path):
    """Builds one after the other end in the same bytes as one build in an empty folder."""
    _build(store, tmp_path / "site")
    stores.plain(store, 2)
    _build(store, tmp_path / "site")
    _build(store, tmp_path / "other place")
    assert stores.content(tmp_path / "site") == stores.content(tmp_path / "other place")


def test_a_build_after_a_copy_came_in_is_the_same_as_one_from_scratch(tmp_path):
    """What was deleted, registered and aliased in two copies is on the pages of the old site."""
    first, second = tmp_path / "runs", tmp_path / "copy"
    stores.lively(first)
    stores.plain(first)
    shutil.copytree(first, second)
    tracksite.delete_experiment(tracksite.get_experiment_by_name("plain").experiment_id)
    uri = "models:/numbers/1"
    tracksite.register_model(uri, "numbers", description="of one")
    _build(first, tmp_path / "site")
    stores.plain(second, 1)
    made = tracksite.register_model(uri, "numbers", description="of the other")
    tracksite.set_registered_model_alias("numbers", "challenger", made.version)
    tracksite.create_registered_model("numbers", tags={"seen": "yes"})
    shutil.copytree(second, first, dirs_exist_ok=True)
    _build(first, tmp_path / "site")
    _build(first, tmp_path / "fresh")
    assert stores.content(tmp_path / "site") == stores.content(tmp_path / "fresh")
    assert (tmp_path / "site" / paths.experiment_page("plain")).is_file()
    assert "challenger" in (tmp_path / "site" / paths.model_page("numbers")).read_text()


def test_a_changed_run_rewrites_only_the_pages_that_show_it(store, tmp_path):
    """A tag on one run rewrites its own pages, its experiment's and the home page."""
    _build(store, tmp_path / "site")
    run_id = stores.plain(store, 1)[0]
    written = set(_build(store, tmp_path / "site").written)
    runs = {path for path in written if path.startswith("runs/")}
    assert runs == {paths.run_page(run_id), paths.run_json(run_id)}
    assert {paths.HOME, paths.experiment_page("plain")} <= written
    assert not [path for path in written if path.startswith(("assets/", "models/"))]


def test_what_is_gone_is_removed_and_foreign_files_stay(store, tmp_path):
    """The pages of a deleted run go, with their folders; files that no build wrote stay."""
    _build(store, tmp_path / "site")
    (tmp_path / "site" / "CNAME").write_text("example.org")
    run_id = json.loads(next((tmp_path / "site" / "runs").glob("*/run.json")).read_text())["run_id"]
    tracksite.delete_run(run_id)
    report = _build(store, tmp_path / "site")
    assert set(report.removed) == {paths.run_page(run_id), paths.run_json(run_id)}
    assert not (tmp_path / "site" / "runs" / run_id).exists()
    assert (tmp_path / "site" / "CNAME").exists()
    assert report.run_count == 2


def test_a_file_lost_from_the_site_is_written_again(store, tmp_path):
    """A page that somebody deleted or cut short comes back with the next build."""
    report = _build(store, tmp_path / "site")
    before = stores.content(tmp_path / "site")
    (tmp_path / "site" / paths.HOME).unlink()
    (tmp_path / "site" / paths.MODELS).write_text("cut")
    assert set(_build(store, tmp_path / "site").written) == {paths.HOME, paths.MODELS}
    assert stores.content(tmp_path / "site") == before
    assert set(report.written) == set(before) - {paths.MANIFEST}


def test_settings_are_part_of_what_a_site_is_made_from(store, tmp_path):
    """Another title rewrites every page that shows it."""
    _build(store, tmp_path / "site")
    report = _build(store, tmp_path / "site", settings=Settings(title="Our lab"))
    assert paths.HOME in report.written
    assert "Our lab" in (tmp_path / "site" / paths.HOME).read_text()


def test_a_folder_of_somebody_else_is_refused(store, tmp_path):
    """A build does not write over an index.html that it did not write, unless it is forced to."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("mine")
    with pytest.raises(BuildError, match=r"index\.html was not written by tracksite"):
        _build(store, tmp_path / "site")
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["index.html"]
    _build(store, tmp_path / "site", force=True)
    assert "mine" not in (tmp_path / "site" / "index.html").read_text()


@pytest.mark.parametrize("place", [".", "site", "artifacts/site"])
def test_a_site_inside_its_store_is_refused(store, place):
    """The site may not be written into the store."""
    with pytest.raises(BuildError, match="inside the store"):
        _build(store, store / place)


def test_a_missing_store_is_named_and_no_site_is_made(tmp_path):
    """Without a store there is an error that names it, and no folder of a site."""
    with pytest.raises(NotFoundError, match="nowhere"):
        _build(tmp_path / "nowhere", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_an_empty_store_gives_a_page_that_says_what_to_do(tmp_path):
    """A store without runs gives a whole site, whose home page shows how to log a run."""
    from tracksite.store.local import open_store

    open_store(tmp_path / "runs", create=True)
    report = _build(tmp_path / "runs", tmp_path / "site")
    assert report.problems == ()
    assert "tracksite.start_run" in (tmp_path / "site" / paths.HOME).read_text()


def test_a_failing_page_costs_that_page_alone(store, tmp_path, monkeypatch):
    """A fault in one page is named, its address says so, and all else is built."""
    before = _build(store, tmp_path / "whole").written

    whole = PAGES["run"]

    def fault():
        raise RuntimeError("boom </script>")

    def faulty(context):
        healthy = paths.run_page(context.runs["run_id"][0])
        for page in whole(context):
            broken = page.template and page.path != healthy
            yield Page(page.path, page.template, page.inputs, fault) if broken else page

    monkeypatch.setitem(PAGES, "run", faulty)
    report = _build(store, tmp_path / "site")
    assert set(report.written) == set(before)
    assert {problem.message for problem in report.problems} == {"RuntimeError: boom </script>"}
    assert len(report.problems) == 2
    text = (tmp_path / "site" / report.problems[0].path).read_text()
    assert "boom &lt;/script&gt;" in text
    monkeypatch.setitem(PAGES, "run", whole)
    healed = _build(store, tmp_path / "site")
    assert healed.problems == ()
    assert set(healed.written) == {problem.path for problem in report.problems}


def test_two_claims_of_one_path_are_an_error(store, tmp_path, monkeypatch):
    """Two pages with one path, or with paths that differ only by case, stop the build."""
    twice = lambda _: iter([Page("INDEX.html", None, "", lambda: b"")])  # noqa: E731
    monkeypatch.setitem(PAGES, "twice", twice)
    with pytest.raises(BuildError, match="Two pages claim"):
        _build(store, tmp_path / "site")


def test_a_build_that_fails_leaves_the_site_as_it_was(store, tmp_path):
    """A build that stops before all pages are made changes no file and leaves none behind."""
    _build(store, tmp_path / "site")
    before = stores.content(tmp_path / "site")
    stores.plain(store, 1)

    def stop(done, total, _path):
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _build(store, tmp_path / "site", progress=stop)
    assert stores.content(tmp_path / "site") == before
    assert not list((tmp_path / "site").glob(".tmp-*"))


def test_what_killed_builds_set_aside_is_removed(store, tmp_path):
    """A folder that a killed build left long ago goes; one that may be in use stays."""
    _build(store, tmp_path / "site")
    old, new = (tmp_path / "site" / f".tmp-{mark * 12}" for mark in "ab")
    for folder in (old, new):
        folder.mkdir()
        (folder / "0").write_text("page")
    os.utime(old, (0, 0))
    stores.plain(store, 1)
    _build(store, tmp_path / "site")
    assert not old.exists()
    assert new.exists()


def test_a_killed_build_leaves_nothing_that_the_next_one_cannot_mend(store, tmp_path, monkeypatch):
    """A build that stops half-way leaves whole files, and the next one ends in the same bytes."""
    _build(store, tmp_path / "whole")

    def stop(done, total, _path):
        if done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _build(store, tmp_path / "site", progress=stop)
    _build(store, tmp_path / "site")
    assert stores.content(tmp_path / "site") == stores.content(tmp_path / "whole")


def test_progress_names_each_file_that_is_made(store, tmp_path):
    """Progress counts up to the number of files, and names each."""
    told = []
    report = _build(store, tmp_path / "site", progress=lambda *it: told.append(it))
    assert [path for _, _, path in told] == list(report.written)
    assert [done for done, _, _ in told] == list(range(len(report.written)))
    assert {total for _, total, _ in told} == {len(report.written)}


def test_a_damaged_part_is_named_and_costs_its_run_alone(store, tmp_path):
    """A flipped byte is named on the home page and the run's page; other runs stay whole."""
    _build(store, tmp_path / "site")
    part = next(iter(sorted((store / "log").glob("*.runs.parquet"))))
    run_id = part.name.split(".")[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.chmod(0o644)
    part.write_bytes(bytes(content))
    report = _build(store, tmp_path / "fresh")
    assert [problem.run_id for problem in report.problems] == [run_id]
    assert run_id[:8] in (tmp_path / "fresh" / paths.HOME).read_text()
    page = (tmp_path / "fresh" / paths.run_page(run_id)).read_text()
    assert "could be read" in page or "damaged" in page
    others = [p for p in (tmp_path / "fresh" / "runs").iterdir() if p.name != run_id]
    assert len(others) == 2
    assert _build(store, tmp_path / "fresh").problems == report.problems


def test_artifacts_are_published_as_logged_and_never_active(tmp_path):
    """Artifacts are copied as they are; what a browser could run ends in .txt."""
    ids = stores.lively(tmp_path / "runs")
    settings = Settings(artifacts=ArtifactSettings(max_bytes=200))
    _build(tmp_path / "runs", tmp_path / "site", settings=settings)
    run = tmp_path / "site" / "runs" / ids["rich"]
    told = json.loads((run / "run.json").read_text())
    urls = {it["path"]: it["url"] for it in told["artifacts"]}
    assert urls["report.html"] == "artifacts/report.html.txt"
    assert (run / "artifacts" / "notes.txt").read_bytes() == b"hello\n"
    assert urls["figure.json"] is None
    assert "larger than the site" in (run / "index.html").read_text()
    published = {path.suffix for path in (run / "artifacts").rglob("*") if path.is_file()}
    assert published <= {".txt", ".png", ".json", ".csv", ".skops", ".pkl"}


def test_an_artifact_that_changed_on_disk_is_not_published_as_genuine(tmp_path):
    """A file that is not what was logged is named in the report and on the page, and left out."""
    ids = stores.lively(tmp_path / "runs")
    (tmp_path / "runs" / "artifacts" / ids["rich"] / "notes.txt").write_text("forged")
    report = _build(tmp_path / "runs", tmp_path / "site")
    assert [it.message for it in report.problems if "notes.txt" in it.message]
    assert not (tmp_path / "site" / "runs" / ids["rich"] / "artifacts" / "notes.txt").exists()
    page = (tmp_path / "site" / paths.run_page(ids["rich"])).read_text()
    assert "is not the file that was logged" in page
    assert "forged" not in page
    assert _build(tmp_path / "runs", tmp_path / "site").problems == report.problems


def test_links_out_of_the_store_are_never_followed(tmp_path):
    """An artifact that became a link to a file elsewhere is not read."""
    ids = stores.lively(tmp_path / "runs")
    secret = tmp_path / "secret.txt"
    secret.write_text("hello\n")
    place = tmp_path / "runs" / "artifacts" / ids["rich"] / "notes.txt"
    place.unlink()
    place.symlink_to(secret)
    report = _build(tmp_path / "runs", tmp_path / "site")
    assert [it.message for it in report.problems if "symbolic link" in it.message]
    assert not list((tmp_path / "site").rglob("notes.txt"))


def test_the_manifest_deletes_nothing_outside_the_site(store, tmp_path):
    """A forged manifest cannot make a build delete a file outside its folder."""
    _build(store, tmp_path / "site")
    victim = tmp_path / "victim.txt"
    victim.write_text("stay")
    manifest = tmp_path / "site" / paths.MANIFEST
    told = json.loads(manifest.read_text())
    told["files"] |= {"../victim.txt": ["x", 4], str(victim): ["x", 4]}
    manifest.write_text(json.dumps(told | {"state": ""}))
    _build(store, tmp_path / "site")
    assert victim.read_text() == "stay"


def test_the_site_holds_no_time_of_its_building(store, tmp_path):
    """No page but those of the runs' own times holds a time; the manifest holds none."""
    _build(store, tmp_path / "site")
    manifest = (tmp_path / "site" / paths.MANIFEST).read_text()
    assert not re.search(r"20\d\d-\d\d-\d\d", manifest)


def test_many_runs_are_prepared_in_one_query_for_each_chunk(store, tmp_path, monkeypatch):
    """The curves of all stale run pages come from one query, not one for each run."""
    from tracksite.pages import series

    asked = []
    real = series.drawn
    monkeypatch.setattr(series, "drawn", lambda *a, **k: asked.append(list(a[1])) or real(*a, **k))
    _build(store, tmp_path / "site")
    assert [len(ids) for ids in asked] == [3]
    stores.plain(store, 1)
    _build(store, tmp_path / "site")
    assert [len(ids) for ids in asked] == [3, 1]


def test_the_goal_of_the_settings_is_on_the_home_page(store, tmp_path):
    """The metric and direction of tracksite.toml decide what the card of an experiment shows."""
    goal = ExperimentSettings(metric="loss", direction="minimize", goal="Find a small loss.")
    _build(store, tmp_path / "site", settings=Settings(experiments={"plain": goal}))
    home = (tmp_path / "site" / paths.HOME).read_text()
    assert "Find a small loss." in home
    assert "less is better" in home


def test_a_newer_store_is_refused_by_name(store, tmp_path):
    """A store of a newer format is refused, and the site that stands there stays."""
    from tracksite.errors import StoreError

    _build(store, tmp_path / "site")
    before = stores.content(tmp_path / "site")
    told, _ = doubled.decode("store.json", (store / "store.json").read_bytes())
    (store / "store.json").write_bytes(doubled.encode(told | {"format": 99}))
    with pytest.raises(StoreError, match="99"):
        _build(store, tmp_path / "site")
    assert stores.content(tmp_path / "site") == before


def test_a_copy_of_the_store_gives_the_same_site(store, tmp_path):
    """Where the store stands does not matter: a copy of it gives the same bytes."""
    _build(store, tmp_path / "site")
    shutil.copytree(store, tmp_path / "elsewhere" / "copy")
    _build(tmp_path / "elsewhere" / "copy", tmp_path / "other")
    assert stores.content(tmp_path / "site") == stores.content(tmp_path / "other")


def test_a_site_that_hosts_may_refuse_is_warned_of(store, tmp_path, monkeypatch):
    """Past the limit the report names the size and what makes it smaller, at each build."""
    assert _build(store, tmp_path / "site").problems == ()
    monkeypatch.setattr(report, "LARGE_SITE", 1000)
    for _ in range(2):
        (problem,) = _build(store, tmp_path / "site").problems
        assert "artifacts.max_bytes" in problem.message
        assert "tracksite gc" in problem.message
