"""What `import tracksite` adds to the start of a training script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import Result, python, result, side_by_side

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.sizes import Size

CODES = {
    "python -c pass": "pass",
    "python -c 'import tracksite'": "import tracksite",
    "… and its logging verbs": "import tracksite; tracksite.log_metric",
    "python -c 'import polars'": "import polars",
}


def measure(folder: Path, size: Size) -> list[Result]:
    """Time whole interpreters, in turns."""
    actions = [lambda code=code: python(code, cwd=folder) for code in CODES.values()]
    times = side_by_side(actions, size.repeats * 3)
    notes = ["", "", "", "for comparison: tracksite loads it only to read"]
    return [
        result("import", name, [1000 * value for value in values], "ms", note)
        for name, values, note in zip(CODES, times, notes, strict=True)
    ]
