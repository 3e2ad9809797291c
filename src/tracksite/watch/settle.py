"""When a build is due after changes: a pure value, times in seconds of any steady clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

QUIET_S = 0.08
LONGEST_S = 0.4
MOST_REST_S = 5.0


@dataclass(frozen=True)
class Settle:
    """Changes that wait for a build.

    A build is due when nothing changed for `quiet_s`, or `longest_s` after the first change when
    changes never stop, but not before `rest_until`: whoever watches a training that logs all the
    time leaves it the machine for as long as the last build took, MOST_REST_S at most.
    """

    quiet_s: float = QUIET_S
    longest_s: float = LONGEST_S
    first_at: float | None = None
    last_at: float | None = None
    rest_until: float = float("-inf")

    def changed(self, now: float) -> Settle:
        """Return this value after one more change at `now`."""
        first_at = now if self.first_at is None else self.first_at
        return replace(self, first_at=first_at, last_at=now)

    def due_at(self) -> float | None:
        """Return when a build is due; None while nothing waits for one."""
        if self.first_at is None or self.last_at is None:
            return None
        settled = min(self.last_at + self.quiet_s, self.first_at + self.longest_s)
        return max(settled, self.rest_until)

    def built(self, began: float, ended: float) -> Settle:
        """Return this value after a build: nothing waits, and the next one is as long off."""
        rest = min(ended - began, MOST_REST_S)
        return replace(self, first_at=None, last_at=None, rest_until=ended + rest)
