"""What open pages are told."""

from __future__ import annotations

import json
import threading

import pytest

from tests.waiting import HANG_S
from tracksite.watch.feed import MOST_PATHS, Feed


def test_a_build_that_changed_nothing_is_no_news():
    """A build without a change keeps the epoch and wakes nobody."""
    feed = Feed()

    feed.built(())

    assert feed.news.serial == 0
    assert feed.wait(0, 0.01) is None


def test_a_change_moves_the_epoch_and_names_its_files():
    """Pages learn which files the newest build wrote."""
    feed = Feed()

    feed.built(("index.html",))
    feed.built(("runs/1/index.html",))

    told = json.loads(feed.news.to_json())
    assert told["epoch"] == 2
    assert told["paths"] == ["runs/1/index.html"]


def test_too_many_files_are_told_as_everything():
    """A build that wrote thousands of files says null: everything may have changed."""
    feed = Feed()

    feed.built(tuple(str(number) for number in range(MOST_PATHS + 1)))

    assert feed.news.paths is None


def test_a_failure_keeps_the_epoch_and_a_later_build_clears_it():
    """A failed build tells its error; the next one that works, even without a change, ends it."""
    feed = Feed()
    feed.built(("index.html",))

    feed.failed("no.")

    assert (feed.news.epoch, feed.news.error) == (1, "no.")
    feed.built(())
    assert (feed.news.epoch, feed.news.error) == (1, None)


def test_waiting_ends_with_news_and_with_the_end():
    """A wait returns as soon as there is newer news, and raises when there will be none."""
    feed, heard = Feed(), []

    def listen():
        heard.append(feed.wait(0, HANG_S))
        try:
            feed.wait(1, HANG_S)
        except EOFError:
            heard.append("end")

    thread = threading.Thread(target=listen)
    thread.start()
    feed.built(("index.html",))
    while not heard:
        thread.join(0.01)
    feed.close()
    thread.join(HANG_S)

    assert [heard[0].epoch, heard[1]] == [1, "end"]
    with pytest.raises(EOFError):
        feed.wait(0, 0)
