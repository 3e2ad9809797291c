"""Run the benchmarks and print one plain table.

python -m benchmarks                      everything, a few minutes
python -m benchmarks --quick              small sizes: does everything still run?
python -m benchmarks build logging        these topics alone
python -m benchmarks --json results.json  the same numbers for a script
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.measure import Result, table
from benchmarks.sizes import FULL, LARGE, QUICK
from tracksite.version import __version__

# A new topic is one module with `measure(folder, size) -> list[Result]`, and one line here.
TOPICS = {
    "import": "benchmarks.importing",
    "logging": "benchmarks.logging",
    "runs": "benchmarks.runs",
    "others": "benchmarks.others",
    "build": "benchmarks.building",
    "scale": "benchmarks.scale",
    "mlflow": "benchmarks.mlflow_clients",
}


def main() -> None:
    """Measure the topics that were asked for."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a smoke test")
    parser.add_argument(
        "--large", action="store_true", help="scale: 100,000 runs loose too, and built; an hour"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    options = parser.parse_args()
    wanted = options.topics or list(TOPICS)
    for topic in wanted:
        if topic not in TOPICS:
            parser.error(f"there is no topic {topic!r}: choose of {', '.join(TOPICS)}")
    size = QUICK if options.quick else LARGE if options.large else FULL
    results: list[Result] = []
    for topic in wanted:
        print(f"{topic} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="tracksite-bench-") as folder:
            results += import_module(TOPICS[topic]).measure(Path(folder), size)
    machine = _machine()
    print(f"tracksite {__version__}, {machine['python']}, {machine['cpus']} CPUs, {size.name} size")
    print(f"{size.runs} runs x {size.metrics} metrics x {size.points} points; medians\n")
    print(table(results))
    if options.json:
        document = {
            "format": 1,
            "tracksite": __version__,
            "machine": machine,
            "size": size.__dict__,
            "results": [result.__dict__ for result in results],
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")


def _machine() -> dict[str, str | int]:
    import os

    return {
        "python": f"Python {platform.python_version()}",
        "system": platform.system(),
        "processor": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
    }


if __name__ == "__main__":
    main()
