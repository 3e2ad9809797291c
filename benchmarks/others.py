"""Ours beside other trackers, plain JSON lines and a `write(2)` per point, in turns.

Each tool is measured in processes of its own. Those that are not installed are left out, by name;
`make bench-others` installs them all, and ours beside them, into `.venv-others`.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Result, ahead, result
from benchmarks.tools import OURS, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.sizes import Size
    from benchmarks.tools import Tool

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-others/bin/python"
SLOW_S = 60.0  # where all short runs would take longer, a tenth of them is made
PER_SECOND = 1000
LIMIT_S = 180.0
_SYNC = re.compile(r"\b(fsync|fdatasync|msync|sync_file_range|syncfs|sync)\(")
QUIET = {  # settings of the tools: no server, no talk
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Measure:
    """One thing that every tool is measured for.

    Attributes:
        name: in the table.
        unit: of the values.
        read: takes it out of what the trial `speed` answers.
        note: what else there is to say of an answer.
        more_is_better: as for points per second.
    """

    name: str
    unit: str
    read: Callable[[Any], float]
    note: Callable[[Any], str] = lambda _: ""
    more_is_better: bool = False


MEASURES = (
    *(
        Measure(
            f"points/s, {metrics}, {how}",
            "1/s",
            lambda it, loop=loop, part=part: it[loop][part],
            more_is_better=True,
        )
        for metrics, loop in (("1 a call", "one"), ("10 a call", "ten"))
        for how, part in (("calls alone", "calls"), ("run ended", "saved"))
    ),
    *(
        Measure(
            f"{share} of a call",
            "µs",
            lambda it, share=share: it["call"][share] / 1000,
            lambda it: (
                f"of {it['call']['count']:,} calls; the clock is {it['call']['timer']:.0f} ns"
            ),
        )
        for share in ("p50", "p99", "p99.9", "max")
    ),
    Measure(
        "on disk per point",
        "bytes",
        lambda it: it["bytes"]["each"],
        lambda it: f"10 a call, {it['bytes']['points']:,} points",
    ),
)


def measure(folder: Path, size: Size) -> list[Result]:
    """Measure the tools in turns, round after round; ratios are medians of those of a round."""
    python, tools = _tools(size)
    lab = _Lab(python, folder)
    settings = {"seconds": size.loop_s, "repeats": size.repeats, "byte_calls": size.byte_calls}
    rounds = [
        {tool.name: lab.trial(tool, "speed", **settings) for tool in tools}
        for _ in range(size.rounds)
    ]
    return [
        *(row for one in MEASURES for row in _compared(one, tools, rounds)),
        *_until_safe(lab, tools, rounds),
        *_short_runs(lab, tools, size),
        *(_lost(lab, tool, size) for tool in tools),
    ]


def _tools(size: Size) -> tuple[str, list[Tool]]:
    """Return the Python to measure with, and the tools that it has."""
    python = str(PYTHON) if size.others and PYTHON.exists() else sys.executable
    packages = sorted({tool.package for tool in TOOLS if tool.package})
    code = "import sys, importlib.util as u; print([p for p in sys.argv[1:] if u.find_spec(p)])"
    asked = [python, "-c", code, *packages]
    present = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    missing = [name for name in packages if f"'{name}'" not in present]
    if not size.others:
        missing = packages
    elif missing:
        print(f"not installed: {', '.join(missing)}; make bench-others has them", file=sys.stderr)
    return python, [tool for tool in TOOLS if tool.package not in missing]


@dataclass(frozen=True)
class _Lab:
    """Where trials are made: a Python and a folder; each trial has a folder of its own."""

    python: str
    folder: Path

    def trial(
        self, tool: Tool, name: str, *, before: Sequence[str] = (), **settings: Any
    ) -> dict[str, Any]:
        """Return the answer of one trial, and remove what it left.

        Raises:
            RuntimeError: it failed or took too long; the message is what it wrote.
        """
        place = self.place()
        with self.start(tool, name, place, before=before, **settings) as child:
            written = _output(child, tool, name)
        if child.returncode:
            raise RuntimeError(f"{tool.name}, {name}:\n{written}")
        answer: dict[str, Any] = json.loads((place / f"{name}.json").read_text())
        if before:
            answer["trace"] = (place / "trace").read_text(errors="replace")
        shutil.rmtree(place, ignore_errors=True)
        return answer

    def place(self) -> Path:
        """Return a new folder."""
        place = self.folder / os.urandom(4).hex()
        (place / "data").mkdir(parents=True)
        return place

    def start(
        self, tool: Tool, name: str, place: Path, *, before: Sequence[str] = (), **settings: Any
    ) -> subprocess.Popen[str]:
        """Start a trial in a process group of its own."""
        print(f"  {tool.name}: {name}", file=sys.stderr, flush=True)
        words = [self.python, "-m", "benchmarks.trials", tool.name, name, str(place)]
        places = {"HOME": str(place), "TRACKIO_DIR": str(place / "data"), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [*before, *words, json.dumps(settings)],
            cwd=place,
            env={**os.environ, **QUIET, **places},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def _output(child: subprocess.Popen[str], tool: Tool, name: str) -> str:
    try:
        return child.communicate(timeout=LIMIT_S)[1]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        raise RuntimeError(f"{tool.name}, {name}: not done in {LIMIT_S:.0f} s") from None


def _compared(one: Measure, tools: Sequence[Tool], rounds: Sequence[Any]) -> list[Result]:
    rows = []
    for tool in tools:
        values = [one.read(answers[tool.name]) for answers in rounds]
        ours = [one.read(answers[OURS.name]) for answers in rounds]
        note = one.note(rounds[-1][tool.name])
        row = result("others", f"{one.name}: {tool.name}", values, one.unit, note)
        lead = "" if tool is OURS else ahead(ours, values, more_is_better=one.more_is_better)
        rows.append(replace(row, ahead=lead))
    return rows


def _until_safe(lab: _Lab, tools: Sequence[Tool], rounds: Sequence[Any]) -> list[Result]:
    """Return how long a point takes to be safe from power loss, where it ever is."""
    rows = []
    for tool in tools:
        values = [statistics.median(answers[tool.name]["safe"]) for answers in rounds]
        ours = [statistics.median(answers[OURS.name]["safe"]) for answers in rounds]
        syncs = _syncs(lab, tool)
        lead = "only ours is safe" if syncs == 0 else ahead(ours, values)
        said = "not traced: no strace" if syncs is None else f"{syncs} syncs"
        note = f"{tool.safe_by}, {said if syncs != 0 else 'never syncs: not safe at all'}"
        row = result("others", f"until durable: {tool.name}", _ms(values), "ms", note)
        rows.append(replace(row, ahead="" if tool is OURS else lead))
    return rows


def _ms(values: Sequence[float]) -> list[float]:
    return [1000 * value for value in values]


def _syncs(lab: _Lab, tool: Tool) -> int | None:
    """Return how often the tool asked the kernel to sync while it made a point safe."""
    if shutil.which("strace") is None:
        return None
    calls = "fsync,fdatasync,msync,sync_file_range,syncfs,sync,access,faccessat,faccessat2"
    before = ["strace", "-f", "-qq", "-o", "trace", "-e", f"trace={calls}"]
    trace = lab.trial(tool, "traced", before=before)["trace"]
    between = trace.partition("/benchmark-begin")[2].partition("/benchmark-end")[0]
    return len(_SYNC.findall(between))


def _short_runs(lab: _Lab, tools: Sequence[Tool], size: Size) -> list[Result]:
    rows: list[Result] = []
    ours: list[float] = []
    for tool in tools:
        answer = lab.trial(tool, "short", runs=size.many_short, slow_s=SLOW_S)
        seconds = [1000 * answer["each"]]
        ours = ours or seconds
        note = f"3 params, 4 metrics each; {answer['runs']:,} made"
        row = result("others", f"1,000 short runs: {tool.name}", seconds, "s", note)
        rows.append(replace(row, ahead="" if tool is OURS else ahead(ours, seconds)))
    return rows


def _lost(lab: _Lab, tool: Tool, size: Size) -> Result:
    """Kill processes that log at a steady pace; return how many acknowledged points are gone."""
    kills = [_kill(lab, tool, size.loop_s) for _ in range(size.kills)]
    lost = [max(0, acknowledged - found) for acknowledged, found in kills]
    note = f"of {sum(said for said, _ in kills):,} acknowledged, {PER_SECOND:,}/s at most"
    return result("others", f"lost by SIGKILL: {tool.name}", lost, "points", note)


def _kill(lab: _Lab, tool: Tool, seconds: float) -> tuple[int, int]:
    """Return how many points were acknowledged before the kill, and are found after it."""
    place = lab.place()
    with lab.start(tool, "paced", place, per_second=PER_SECOND, most_s=60.0) as child:
        while not _acknowledged(place) and child.poll() is None:
            time.sleep(0.01)
        time.sleep(seconds * random.uniform(2.0, 3.0))
        child.kill()
    acknowledged = _acknowledged(place)
    time.sleep(seconds)  # helpers of the tool may still write what they were given
    with lab.start(tool, "count", place) as reader:
        written = _output(reader, tool, "count")
    if reader.returncode or not acknowledged:
        raise RuntimeError(f"{tool.name}, killed:\n{written}")
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    found = json.loads((place / "count.json").read_text())["points"]
    shutil.rmtree(place, ignore_errors=True)
    return acknowledged, found


def _acknowledged(place: Path) -> int:
    try:
        return int.from_bytes((place / "acknowledged").read_bytes(), "little")
    except FileNotFoundError:
        return 0
