"""An empty store for each test."""

from __future__ import annotations

import pytest

from tracksite.store.local import LocalStore, open_store


@pytest.fixture
def store(tmp_path) -> LocalStore:
    """Return an empty store."""
    return open_store(tmp_path / "runs", create=True)
