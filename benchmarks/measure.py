"""Timing, peak memory and the table."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes:
        topic: of the module that measured it.
        name: what was measured.
        median: in `unit`.
        low: the smallest of the repeats.
        high: the largest of them.
        unit: s, ms, µs, ns, MB, 1/s, files, bytes or points.
        note: what else must be known to read it.
        ahead: how many times better ours is than this, where it is somebody else's.
    """

    topic: str
    name: str
    median: float
    low: float
    high: float
    unit: str
    note: str = ""
    ahead: str = ""


def ahead(ours: Sequence[float], theirs: Sequence[float], *, more_is_better: bool = False) -> str:
    """Return how far ours is ahead: the median ratio of values that were measured in turns.

    `×5` is five times better; `×0.5, behind` half as good.
    """
    pairs = zip(ours, theirs, strict=True) if more_is_better else zip(theirs, ours, strict=True)
    ratio = statistics.median(above / max(below, 1e-12) for above, below in pairs)
    return f"×{_short(ratio)}" + (", behind" if ratio < 1 else "")


def result(topic: str, name: str, values: Sequence[float], unit: str, note: str = "") -> Result:
    """Return the line that sums up repeated measurements."""
    return Result(topic, name, statistics.median(values), min(values), max(values), unit, note)


def seconds(action: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def side_by_side(actions: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Return the seconds of each action; they take turns, so that a slow spell hits all alike."""
    rounds = [[seconds(action) for action in actions] for _ in range(repeats)]
    return [list(column) for column in zip(*rounds, strict=True)]


def python(code: str, *, cwd: Path | None = None) -> tuple[float, float]:
    """Run code in a Python of its own; return its seconds and its peak memory in MB.

    Raises:
        RuntimeError: it failed; the message is what it wrote.
    """
    return child([sys.executable, "-c", code], cwd=cwd)[1:]


def child(
    words: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> tuple[str, float, float]:
    """Run a command; return what it wrote, its seconds and its peak memory in MB.

    Raises:
        RuntimeError: it failed; the message is what it wrote as errors.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            words, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        with process:
            written = process.stdout.read() if process.stdout else ""
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        taken = time.perf_counter() - start
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(errors.read())
    scale = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB here
    return written, taken, usage.ru_maxrss * scale / 1e6


def table(results: Sequence[Result]) -> str:
    """Return the results as plain text in columns."""
    rows = [("topic", "what", "median", "min … max", "", "ours ahead by", "note")]
    rows += [
        (
            it.topic,
            it.name,
            _short(it.median),
            f"{_short(it.low)} … {_short(it.high)}",
            it.unit,
            it.ahead,
            it.note,
        )
        for it in results
    ]
    if not any(it.ahead for it in results):
        rows = [row[:5] + row[6:] for row in rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    right = {2, 3}
    lines = [
        "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
