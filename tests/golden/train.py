"""The runs of the kept store: a small form of the demo, and two runs that are hard to show."""

from __future__ import annotations

import math

import tracksite
from tracksite.demo import forest, network

GRID = {"n_estimators": (4, 10), "max_depth": (4, 8), "min_samples_split": (2, 16)}
HOSTILE = '</script><b>"bold"</b> & ../../etc/passwd %2e 🙂 __proto__'


def main() -> None:
    """Train everything into the store that TRACKSITE_STORE names."""
    _awkward()
    forest.sweep(GRID, seeds=(0, 1), worthy=0.9, tick=_nothing)
    network.sweep((0.01, 0.1, 1.0), ("relu", "identity"), seeds=(0, 1), epochs=24, tick=_nothing)
    forest.promote()


def _awkward() -> None:
    tracksite.set_experiment("awkward names", description="Texts that a page must not believe.")
    with tracksite.start_run(run_name=HOSTILE, description=f"# {HOSTILE}\n\n[link](javascript:0)"):
        tracksite.log_params({HOSTILE: HOSTILE, "__proto__": "polluted", "empty": ""})
        tracksite.set_tag("<img src=x onerror=alert(1)>", HOSTILE)
        for step, value in enumerate([1.0, math.nan, math.inf, 0.5, -math.inf]):
            tracksite.log_metric(HOSTILE, value, step=step)
        tracksite.log_text(HOSTILE, "notes/<b> & 🙂.html")
    with tracksite.start_run(run_name="nothing but NaN"):
        tracksite.log_metric(HOSTILE, math.nan)


def _nothing() -> None:
    """Count nothing: there is no progress to show."""


if __name__ == "__main__":
    main()
