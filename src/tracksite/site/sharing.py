"""Making pages with the workers of an executor.

A task holds all that the pages of some runs are made from, and a worker gives back their bytes:
the parent alone writes. Nothing else is shared, so a worker may run on another machine that sees
the store at the same path. Pages that show all runs are made by the parent meanwhile.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from tracksite.errors import BuildError
from tracksite.pages import PAGES
from tracksite.pages.portion import Portions
from tracksite.site.making import Made, make

if TYPE_CHECKING:
    import multiprocessing.process
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future, ProcessPoolExecutor

    from tracksite.pages.context import Context
    from tracksite.site.plan import Plan

T = TypeVar("T")

FEWEST_RUNS = 200  # below it, making them costs less than starting workers
TASK_RUNS = 50
MOST_TASKS = 32  # handed out at a time, so that memory holds no more results than that


@dataclass(frozen=True)
class Task:
    """Pages to make: their paths and what they show as `inputs`; all of runs in `context`."""

    context: Context
    pages: Mapping[str, str]


def processes(jobs: int) -> Executor:
    """Return an executor with at most `jobs` processes; they start when there is work for them."""
    return _Processes(jobs)


class _Processes(Executor):
    """A ProcessPoolExecutor that is made for its first task: most builds have none."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        if self._pool is None:
            self._pool = _pool(self._jobs)
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the base's
        if self._pool is not None:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)


def _pool(jobs: int) -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),  # a fork would inherit held locks
        initializer=_serve,
    )


def _serve() -> None:
    """Let the parent alone answer Ctrl-C, and end with it, however it ends."""
    import multiprocessing

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def make_all(
    plan: Plan,
    context: Context,
    executor: Executor | None,
    begin: Callable[[str], None] = lambda _path: None,
) -> Iterator[tuple[str, Made]]:
    """Yield every stale path and what was made for it.

    Args:
        plan: what to make.
        context: what it is made from.
        executor: makes the pages of runs, where there are enough to pay for its workers.
        begin: told of each path before it is made here, or when a worker has made it.

    Raises:
        BuildError: a worker died.
    """
    here, shared = plan.stale, dict[str, dict[str, str]]()
    if executor is not None:
        shared = _by_run(plan)
    if executor is None or len(shared) < FEWEST_RUNS:
        context.expect(here)
        for path in here:
            begin(path)
            yield path, make(plan.pages[path], context.settings)
        return
    here = [path for path in here if plan.pages[path].run_id is None]
    hand_out = _HandOut(executor, _tasks(context, shared))
    try:
        for path in here:
            hand_out.fill()
            begin(path)
            yield path, make(plan.pages[path], context.settings)
        for path, made in hand_out.results():
            begin(path)
            yield path, made
    finally:
        hand_out.cancel()


def _by_run(plan: Plan) -> dict[str, dict[str, str]]:
    """Return run id → path → inputs of the stale pages that may be made elsewhere, in order."""
    found: dict[str, dict[str, str]] = {}
    for path in plan.stale:
        page = plan.pages[path]
        if page.run_id is not None:
            found.setdefault(page.run_id, {})[path] = page.inputs
    return found


def _tasks(context: Context, shared: Mapping[str, Mapping[str, str]]) -> Iterator[Task]:
    portions, runs = Portions(context), iter(shared)
    while run_ids := list(islice(runs, TASK_RUNS)):
        pages = {path: it for run_id in run_ids for path, it in shared[run_id].items()}
        yield Task(portions.of(run_ids), pages)


def carry_out(task: Task) -> list[tuple[str, Made]]:
    """Make the pages of a task: what a worker does."""
    context = task.context
    context.expect(task.pages)
    return [
        (page.path, make(replace(page, inputs=task.pages[page.path]), context.settings))
        for page in PAGES["run"](context)
        if page.path in task.pages
    ]


class _HandOut:
    """The tasks that are at the workers: a few at a time."""

    def __init__(self, executor: Executor, tasks: Iterator[Task]) -> None:
        self._executor, self._tasks = executor, tasks
        self._out: deque[Future[list[tuple[str, Made]]]] = deque()

    def fill(self) -> None:
        """Hand out more tasks, unless there are enough at the workers or waiting to be taken."""
        for task in islice(self._tasks, MOST_TASKS - len(self._out)):
            try:
                self._out.append(self._executor.submit(carry_out, task))
            except Exception as error:
                raise _failed(error) from error

    def results(self) -> Iterator[tuple[str, Made]]:
        """Yield what the workers make, in the order of the tasks."""
        self.fill()
        while self._out:
            try:
                made = self._out.popleft().result()
            except Exception as error:
                raise _failed(error) from error
            self.fill()
            yield from made

    def cancel(self) -> None:
        """Take back what no worker has begun."""
        for future in self._out:
            future.cancel()


def _failed(error: Exception) -> BuildError:
    return BuildError(
        f"A worker that made pages failed ({type(error).__name__}: {error}), and the site stays as "
        "it was: build again, or with --jobs 1 in one process."
    )
