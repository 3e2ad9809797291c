"""Each test has a store of its own, and forgets what was chosen."""

from __future__ import annotations

import pytest

import tracksite
from tests.tracking.conftest import fresh  # noqa: F401 (an autouse fixture)


@pytest.fixture(autouse=True)
def own_store(fresh, tmp_path):  # noqa: F811 (the fixture)
    """Log below the test's folder, whatever other tests chose."""
    tracksite.set_tracking_uri(tmp_path / "runs")
