"""The clock that edits are ordered by: a hybrid logical clock (Kulkarni et al., OPODIS 2014).

A number is the milliseconds since 1970 times 2**16, plus a counter. It is above every number that
its writer knew of and above those that its process gave before, so what follows from something is
ordered after it whatever the clocks say; what does not is ordered by the clocks. Numbers of format
1 counted from 0 for each run, and are below 2**40.
"""

from __future__ import annotations

import time

COUNTER_BITS = 16
MOST = 10**18 - 1  # the greatest number that a file's name can hold: of the year 2453
FIRST = 1 << 40  # below are the numbers of format 1, which counted
_FAR = 86_400_000 << COUNTER_BITS  # a day

_given = [0]  # the last number that this process gave


def tick(after: int = 0) -> int:
    """Return a number for what is said now, by somebody who knows of numbers up to `after`.

    Any thread, and a signal handler, may ask. A number of a file that is more than a day ahead
    raises the numbers of its own run alone: it comes from a clock that is wrong.
    """
    now = time.time_ns() // 1_000_000 << COUNTER_BITS
    last = _given[0]  # no signal is handled, and no thread has its turn, from here to the end
    number = now if now > last else last + 1
    _given[0] = number
    if after < number:
        return number
    if after - now < _FAR:
        _given[0] = after + 1
    return after + 1 if after < MOST else MOST


def last() -> int:
    """Return the last number that this process gave, 0 if there is none."""
    return _given[0]


def wall_ms(number: int) -> int:
    """Return the milliseconds since 1970 that a number says: of format 1 about none."""
    return number >> COUNTER_BITS


def ahead_ns(number: int) -> int:
    """Return by how many nanoseconds a number is ahead of our clock; 0 when it is not."""
    return max(0, wall_ms(number) * 1_000_000 - time.time_ns())
