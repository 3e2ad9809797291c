"""Pacing: when a run that goes on is saved, so that its writer goes on in another live log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tracksite.store.syncing import SYNC_S

if TYPE_CHECKING:
    from tracksite.store.segment import Segment

ROTATE_BYTES = 1 << 26  # a live log of 2 million points becomes a part
HIDDEN_S = 120.0  # for which nobody can read what is logged at most: below a sign of life's limit


class Pace:
    """When the logs of one writer are due.

    A log that nobody can read while it is written is due at once, and later less and less often.
    """

    def __init__(self) -> None:
        """Begin with the first log."""
        self._opened, self._hidden_s = time.monotonic(), 0.0

    def begin(self) -> None:
        """Begin with another log."""
        self._opened = time.monotonic()

    def is_due(self, segment: Segment) -> bool:
        """Return whether what was logged is to be saved now."""
        if segment.in_memory:
            return False
        if segment.is_hidden and time.monotonic() - self._opened >= self._hidden_s:
            self._hidden_s = min(max(SYNC_S, 2 * self._hidden_s), HIDDEN_S)
            return True
        return segment.used > ROTATE_BYTES
