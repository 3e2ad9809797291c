"""The hybrid logical clock that orders patches.

A number is milliseconds since 1970, shifted by 16 bits, plus a counter (Kulkarni, Demirbas,
Madappa, Avva and Leone, Logical Physical Clocks, OPODIS 2014, section 3): close to the time, and
above every number that its writer has seen, so no clock that is behind undoes what came before.
"""

from __future__ import annotations

import threading
import time

MOST = 1 << 59  # far in the future: a greater one comes from a clock that nobody should follow
_lock = threading.RLock()  # re-entrant, because a signal handler may log
_last = 0


def tick(after: int = 0) -> int:
    """Return a number above every one that this process gave, and above `after`."""
    global _last  # noqa: PLW0603 - the process has one clock
    with _lock:
        _last = max(time.time_ns() // 1_000_000 << 16, _last + 1, after + 1 if after < MOST else 0)
        return _last
