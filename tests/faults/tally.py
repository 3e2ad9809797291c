"""What a test tried, and what went wrong."""

from __future__ import annotations

from collections import Counter

LOST, DOUBLED, FALSE = "acknowledged points lost", "points doubled", "wrong numbers"
HURT, HANG = "runs hurt", "hangs"
WRONG = (LOST, DOUBLED, FALSE, HURT, HANG)


class Tally:
    """Counts of one test; each note on what went wrong fails it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []

    def tried(self, what: str, count: int = 1) -> None:
        """Count what was tried."""
        self.counts[what] += count

    def wrong(self, what: str, count: int, where: object) -> None:
        """Note that something went wrong so often."""
        if count:
            self.counts[what] += count
            self.notes.append(f"{where}: {count} {what}")

    def points(self, found: Counter, acknowledged: Counter, logged: Counter, where: object) -> None:
        """Compare the points that a reader sees with those that were logged.

        Args:
            found: what a reader sees.
            acknowledged: what has to be there.
            logged: what may be there: a point may be safe before its call has returned.
            where: for the note.
        """
        known = Counter({point: n for point, n in found.items() if point in logged})
        self.wrong(LOST, (acknowledged - found).total(), where)
        self.wrong(DOUBLED, (known - logged).total(), where)
        self.wrong(FALSE, (found - known).total(), where)
