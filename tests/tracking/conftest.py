"""Each test starts with no active run, no chosen store and no chosen experiment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tracksite.tracking import capture, fluent, target


@pytest.fixture(autouse=True)
def fresh(isolated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End what a test leaves running, and forget what it chose. Captures are off: they are slow."""
    monkeypatch.setenv(capture.CAPTURE_VARIABLE, "none")
    yield
    while fluent.active_run():
        fluent.end_run()
    target.set_tracking_uri(None)
    target.set_active_experiment(None)
    capture._chosen.clear()
