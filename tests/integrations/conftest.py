"""Each test starts afresh; frameworks may warn on their own account, our warnings are errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tracking.conftest import fresh  # noqa: F401 (an autouse fixture)

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Let the frameworks' own warnings pass."""
    for item in items:
        if item.path.is_relative_to(HERE) and not item.path.name.startswith("test_sklearn"):
            item.add_marker(pytest.mark.filterwarnings("default"), append=False)
            item.add_marker(pytest.mark.filterwarnings("error:tracksite"), append=True)
