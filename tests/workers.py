"""Which tests one process runs where several share the work (`pytest -n 2`)."""

from __future__ import annotations

from typing import Any

import pytest

# They share what is dear to make: a benchmark, a demo, a site, a wheel, a database of MLflow.
TOGETHER = (
    "tests/demo/",
    "tests/experiment/",
    "tests/golden/",
    "tests/mlflow_plugin/",
    "tests/site/test_pages.py",
    "tests/test_benchmarks.py",
    "tests/test_package.py",
)


def unit(nodeid: str) -> str:
    """Return what a test belongs to: the tests of one unit run in one process, one by one."""
    return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand the units out: those of most tests first, then the next to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    return Units(config, log)
