"""Sites of small stores, made through the public API and shared by the tests of this folder."""

from __future__ import annotations

import contextlib
import itertools
import math

import pytest

import tracksite
from tracksite import site
from tracksite.paths import experiment_page

GRID, CURVES, EMPTY, CONSTANT = "Forest grid", "Learning curves", "Nothing yet", "One setting"
HOSTILE = '</script><script>alert(1)</script> __proto__ 🚀 "'


def log_grid():
    """27 settings × 3 seeds whose f1 depends on depth most; one failed run, one that is NaN."""
    tracksite.set_experiment(GRID)
    for place, (trees, depth, split, seed) in enumerate(
        itertools.product((50, 100, 200), (5, 10, "None"), (2, 5, 10), range(3))
    ):
        noise = 0.004 * math.sin(7 * place)
        f1 = 0.85 + 0.02 * math.log10(trees / 50) + (0 if depth == 5 else 0.05) + noise
        with tracksite.start_run(run_name=f"rf-{trees}-{depth}-{split}-{seed}"):
            tracksite.log_params(
                {"trees": trees, "depth": depth, "split": split, "seed": seed, "criterion": "gini"}
            )
            tracksite.log_metrics({"f1": f1, "accuracy": f1 + 0.01})
    with contextlib.suppress(MemoryError), tracksite.start_run(run_name="broken"):
        tracksite.log_params({"trees": 400, "depth": 5})
        tracksite.log_metric("f1", math.nan)
        raise MemoryError


def log_curves():
    """Four runs with a loss over 200 steps; the worst diverges to NaN for a while."""
    tracksite.set_experiment(CURVES)
    for lr in (0.001, 0.01, 0.1, 1.0):
        with tracksite.start_run(run_name=f"lr-{lr}"):
            tracksite.log_params({"lr": lr, "optimizer": "adam" if lr < 0.1 else "sgd"})
            steps = range(200)
            loss = [math.exp(-step * lr / 10) + 0.1 for step in steps]
            if lr == 1.0:
                loss[50:80] = [math.nan] * 30
            tracksite.log_series("val_loss", loss, steps)
            tracksite.log_series("train_loss", [value * 0.9 for value in loss], steps)


def log_the_rest():
    """Nothing, one run, and names that would break out of HTML and JavaScript."""
    tracksite.set_experiment(EMPTY)
    tracksite.set_experiment(CONSTANT)
    with tracksite.start_run(run_name="only"):
        tracksite.log_param("lr", 0.1)
        tracksite.log_metric("score", 0.5)
    tracksite.set_experiment(HOSTILE)
    for place in range(3):
        with tracksite.start_run(run_name=f"{HOSTILE}{place}"):
            tracksite.log_params(
                {"__proto__": f"{HOSTILE}{place}", "a b": "=cmd()", "line": "a\u2028b"}
            )
            tracksite.log_metrics({"constructor": place, "__proto__": math.inf})


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A store with five experiments, made once."""
    root = tmp_path_factory.mktemp("experiment") / "runs"
    tracksite.set_tracking_uri(root)
    log_grid()
    log_curves()
    log_the_rest()
    return root


@pytest.fixture(scope="session")
def built(store, tmp_path_factory):
    """The site of `store`."""
    folder = tmp_path_factory.mktemp("built") / "site"
    report = site.build(store, folder)
    assert not report.problems
    return folder


@pytest.fixture
def visit(page, built):
    """`visit(experiment, fragment="", page=…)`: open an experiment's page from file://."""

    def go(name, fragment="", page=page):
        page.goto((built / experiment_page(name)).as_uri() + fragment)
        if name != EMPTY and page.evaluate("'tracksite' in window"):
            shown = "() => document.querySelector('[data-board=count]').textContent"
            page.wait_for_function(shown)
        return page

    return go
