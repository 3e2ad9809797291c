"""Let a store live on real file systems, and count what it loses there.

`python -m tools.mounts exFAT sshfs` tries these two; without a name all that are to be had here.
It needs root and FUSE. All is unmounted and removed at the end, whatever happens.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tools.mounts.filesystems import FILE_SYSTEMS, FileSystem, NotTriedError, is_mounted
from tools.mounts.trial import COUNTS, Outcome, Trial


def main(wanted: list[str]) -> int:
    """Try each file system, print one table, and return 1 if anything went wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcomes = {one.name: tried(one) for one in FILE_SYSTEMS if not wanted or one.name in wanted}
    print_table({name: it for name, it in outcomes.items() if isinstance(it, Outcome)})
    for name, outcome in outcomes.items():
        if isinstance(outcome, str):
            print(f"{name}: not tried, {outcome}")
            continue
        for fault in dict.fromkeys((*outcome.notes, *outcome.faults)):
            print(f"{name}: {fault}")
    return int(any(isinstance(it, Outcome) and it.faults for it in outcomes.values()))


def tried(one: FileSystem) -> Outcome | str:
    """Return what a file system did, or why it is not tried."""
    print(f"{one.name} …", file=sys.stderr)
    work = Path(tempfile.mkdtemp(prefix="tracksite-mounts-"))
    try:
        with ExitStack() as stack:
            return Trial(one.ready(work, stack), work).run()
    except NotTriedError as error:
        return str(error)
    finally:
        if any(is_mounted(it) for it in work.iterdir()):
            print(f"{work} stays: something is still mounted in it", file=sys.stderr)
        else:
            shutil.rmtree(work)


def print_table(outcomes: dict[str, Outcome]) -> None:
    """Print a row for each file system: its steps, then its counts."""
    steps = list(dict.fromkeys(step for it in outcomes.values() for step in it.steps))
    rows = [["", *steps, *COUNTS]]
    for name, it in outcomes.items():
        cells = [(it.steps[step] or "ok") if step in it.steps else "–" for step in steps]
        rows.append([name, *cells, *(f"{it.counts[what]:,}" for what in COUNTS)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
