"""When a build is due."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tracksite.watch.settle import MOST_REST_S, Settle

times = st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=30).map(sorted)


def after(changes: list[float], **options: float) -> Settle:
    """Return a Settle after changes at these times."""
    settle = Settle(**options)
    for at in changes:
        settle = settle.changed(at)
    return settle


def test_nothing_waits_before_a_change():
    """Without a change no build is ever due."""
    assert Settle().due_at() is None


@given(times)
def test_a_build_waits_for_quiet_but_not_forever(changes):
    """A build comes a quiet while after the last change, or a longest while after the first."""
    due_at = after(changes, quiet_s=0.1, longest_s=0.5).due_at()

    assert due_at == min(changes[-1] + 0.1, changes[0] + 0.5)


@given(times, st.floats(0, 10))
def test_a_build_leaves_the_machine_as_long_as_it_took(changes, took):
    """After a build the next one waits as long as that one took, up to the longest rest."""
    ended = 5.0 + took
    settle = Settle().built(5.0, ended)

    assert settle.due_at() is None
    assert settle.changed(5.0).due_at() >= ended + min(took, MOST_REST_S) - 1e-9


def test_changes_that_never_stop_still_build_in_time():
    """A log that grows every 50 ms is built again within the longest while, again and again."""
    settle, builds, now = Settle(quiet_s=0.1, longest_s=0.4), [], 0.0
    while now < 5:
        settle = settle.changed(now)
        if settle.due_at() <= now:
            builds.append(now)
            settle = settle.built(now, now + 0.05)
        now += 0.05

    assert max(later - earlier for earlier, later in pairwise(builds)) <= 0.5
