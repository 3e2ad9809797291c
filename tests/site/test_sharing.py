"""Pages made by workers: the same bytes, and no harm when a worker dies."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from tests.site import stores
from tracksite import site
from tracksite.config import Settings
from tracksite.errors import BuildError
from tracksite.site import sharing
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store


@pytest.fixture
def store(tmp_path, monkeypatch):
    """One of everything, made by workers however few runs there are, two runs to a task."""
    stores.lively(tmp_path / "runs")
    stores.plain(tmp_path / "runs", 4)
    monkeypatch.setattr(sharing, "FEWEST_RUNS", 1)
    monkeypatch.setattr(sharing, "TASK_RUNS", 2)
    return tmp_path / "runs"


class _Counting(ThreadPoolExecutor):
    """Threads that note what they were handed, and how much of it was out at one time."""

    def __init__(self):
        super().__init__(1)
        self.tasks, self.most, self.out = [], 0, set()

    def submit(self, call, task):
        future = super().submit(call, task)
        self.tasks.append(task)
        self.out = {it for it in self.out if not it.done()} | {future}
        self.most = max(self.most, len(self.out))
        return future


def test_workers_make_the_same_bytes(store, tmp_path):
    """Threads and processes of other interpreters make, byte for byte, what one process makes."""
    alone = site.build(store, tmp_path / "alone", settings=Settings())
    with _Counting() as threads, site.processes(2) as processes:
        for name, executor in (("threads", threads), ("processes", processes)):
            told: list[tuple[int, int, str]] = []
            report = site.build(
                store,
                tmp_path / name,
                settings=Settings(),
                executor=executor,
                progress=lambda *it, told=told: told.append(it),
            )
            assert stores.content(tmp_path / name) == stores.content(tmp_path / "alone")
            assert report.written == alone.written
            assert report.problems == alone.problems
            assert {path for _, _, path in told} >= set(alone.written)
            assert [done for done, _, _ in told] == list(range(len(told)))
    made = [path for task in threads.tasks for path in task.pages]
    assert sorted(made) == sorted(
        path for path in alone.written if path.endswith("/run.json") or _is_run_page(path)
    )


def _is_run_page(path):
    return path.startswith("runs/") and path.endswith("/index.html")


def test_processes_are_made_for_their_first_task(store, tmp_path, monkeypatch):
    """A build that has nothing to share out starts no processes."""
    monkeypatch.setattr(sharing, "_pool", lambda _: pytest.fail("processes were started"))
    monkeypatch.setattr(sharing, "FEWEST_RUNS", 200)
    with site.processes(2) as executor:
        site.build(store, tmp_path / "site", settings=Settings(), executor=executor)


def test_few_pages_are_made_without_workers(store, tmp_path, monkeypatch):
    """Where workers would cost more than they save, none is asked."""
    monkeypatch.setattr(sharing, "FEWEST_RUNS", 1000)
    with _Counting() as executor:
        site.build(store, tmp_path / "site", settings=Settings(), executor=executor)
    assert executor.tasks == []


def test_a_bounded_number_of_tasks_is_handed_out(store, tmp_path, monkeypatch):
    """However many pages there are, only so many tasks and results are in memory at a time."""
    monkeypatch.setattr(sharing, "TASK_RUNS", 1)
    monkeypatch.setattr(sharing, "MOST_TASKS", 2)
    with _Counting() as executor:
        site.build(store, tmp_path / "site", settings=Settings(), executor=executor)
    assert len(executor.tasks) > 4
    assert executor.most <= 2


def test_a_task_holds_its_runs_and_not_the_store(store, tmp_path):
    """A task carries the rows of its runs, their parents and children, and no patches."""
    with _Counting() as executor:
        site.build(store, tmp_path / "site", settings=Settings(), executor=executor)
    for task in executor.tasks:
        assert task.context.snapshot.patches.is_empty()
        assert task.context.runs.height <= 2 + 2


def _die(_call, _task):
    os._exit(9)


class _Mortal(ProcessPoolExecutor):
    """Processes that die of their second task, as by the out-of-memory killer."""

    count = 0

    def submit(self, call, task):
        self.count += 1
        return super().submit(*((_die, call) if self.count == 2 else (call,)), task)


def test_a_worker_that_dies_stops_the_build_and_leaves_the_site(store, tmp_path):
    """One clear error, no hang, every old file as it was, and the next build mends all."""
    site.build(store, tmp_path / "site", settings=Settings())
    before = stores.content(tmp_path / "site")
    stores.plain(store, 3)
    other = Settings(title="Other")
    with (
        _Mortal(1, mp_context=multiprocessing.get_context("spawn")) as executor,
        pytest.raises(BuildError, match=r"worker .*failed .*--jobs 1"),
    ):
        site.build(store, tmp_path / "site", settings=other, executor=executor)
    assert stores.content(tmp_path / "site") == before
    site.build(store, tmp_path / "site", settings=other)
    site.build(store, tmp_path / "fresh", settings=other)
    assert stores.content(tmp_path / "site") == stores.content(tmp_path / "fresh")


def test_what_waits_is_taken_back_when_a_build_fails(store, tmp_path):
    """After a failure the executor, which is not the build's own, has none of its tasks left."""

    class Stuck(ThreadPoolExecutor):
        futures = ()

        def submit(self, *_):
            future = Future()
            if not self.futures:
                future.set_exception(OSError("no such store here"))
            self.futures = (*self.futures, future)
            return future

    with Stuck() as executor, pytest.raises(BuildError, match="no such store here"):
        site.build(store, tmp_path / "site", settings=Settings(), executor=executor)
    assert len(executor.futures) > 2
    assert all(it.cancelled() for it in executor.futures[1:])


def test_versions_keep_their_numbers_at_a_worker(store, tmp_path):
    """Where two versions claim one number, a worker that sees one of them tells the other apart."""
    opened = open_store(store)
    ids = sorted(opened.snapshot().stamps)
    for source in ids[:2] + ids[-2:]:
        fields = {"name": "twice", "version": 1, "source_run_id": source}
        opened.write_patch(new_run_id(), "model_version", fields)
    site.build(store, tmp_path / "alone", settings=Settings())
    with ThreadPoolExecutor(1) as executor:
        site.build(store, tmp_path / "shared", settings=Settings(), executor=executor)
    assert stores.content(tmp_path / "shared") == stores.content(tmp_path / "alone")
