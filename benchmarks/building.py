"""Building a site: from scratch, with nothing new, and after one run has changed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from benchmarks import stores
from benchmarks.measure import Result, python, result, seconds
from tracksite.config import Settings
from tracksite.site import build

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.sizes import Size

BUILD = """
from pathlib import Path
from tracksite.config import Settings
from tracksite.site import build
build(Path("runs"), Path("memory"), settings=Settings())
"""


def measure(folder: Path, size: Size) -> list[Result]:
    """Build the same store again and again; peak memory is that of a process of its own."""
    repeats = max(2, size.repeats // 2)
    made = seconds(lambda: stores.make(folder / "runs", size))
    full = [_full(folder) for _ in range(repeats)]
    pages = sum(path.name == "index.html" for path in (folder / "site").rglob("*"))
    same = [_timed(folder) for _ in range(repeats)]
    changed = [_one_changed(folder) for _ in range(repeats)]
    child = [python(BUILD, cwd=folder) for _ in range(2)]
    return [
        result("build", "store of that size written", [made], "s", "log_series, each run fsynced"),
        result("build", "full build", [time for time, _ in full], "s", f"{full[0][1]:,} files"),
        result(
            "build",
            "pages per second",
            [pages / time for time, _ in full],
            "1/s",
            f"{pages:,} pages",
        ),
        result(
            "build",
            "build with nothing new",
            [time for time, _ in same],
            "s",
            f"{same[0][1]} files",
        ),
        result(
            "build",
            "build after one run changed",
            [time for time, _ in changed],
            "s",
            f"{changed[0][1]} files",
        ),
        result(
            "build",
            "peak memory of a full build",
            [memory for _, memory in child],
            "MB",
            "own process",
        ),
    ]


def _full(folder: Path) -> tuple[float, int]:
    shutil.rmtree(folder / "site", ignore_errors=True)
    return _timed(folder)


def _one_changed(folder: Path) -> tuple[float, int]:
    store = stores.open_store(folder / "runs")
    run_id = max(store.snapshot().stamps)
    store.write_patch(run_id, "run", {"tags": {"note": "changed"}})
    return _timed(folder)


def _timed(folder: Path) -> tuple[float, int]:
    """Return the seconds of a build and how many files it wrote."""
    written: list[int] = []

    def once() -> None:
        report = build(folder / "runs", folder / "site", settings=Settings())
        written.append(len(report.written))

    return seconds(once), written[0]
