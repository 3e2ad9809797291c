"""Faults: what the store promises when processes die, disks fill up and bytes go bad.

The short form runs with every other test; FAULTS=long (`make faults`) tries more of everything
and says at its end how much was tried and what went wrong: nothing may.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.tally import WRONG, Tally
from tracksite.store.local import LocalStore, open_store

LONG = os.environ.get("FAULTS") == "long"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count what is tried and what goes wrong; fail the test at its end where something did."""
    tally = Tally()
    yield tally
    request.node.user_properties.append(("faults", dict(tally.counts)))
    assert not tally.notes, "\n".join(tally.notes[:20])


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Return an empty store."""
    return open_store(tmp_path / "runs", create=True)


@pytest.fixture
def strace() -> None:
    """Skip where a test needs to stand between a process and the kernel, and cannot."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: on Debian, `tools/apt-install strace`")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount real file systems of some size: `small_disk("2m")` returns the folder of one."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here ({done.stderr.strip()}): run as root")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was tried, and what went wrong."""
    total = Counter(dict.fromkeys(WRONG, 0))
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                total.update(dict(report.user_properties).get("faults", {}))
    terminalreporter.section("faults")
    for name, count in sorted(total.items(), key=lambda item: item[0] in WRONG):
        terminalreporter.line(f"{count:>12,}  {name}{' (must be 0)' * (name in WRONG)}")
