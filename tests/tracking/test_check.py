"""What may be logged, and what is refused at the call."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksite.errors import ArgumentError
from tracksite.tracking import check


class Tensor:
    """What a 0-d or 1-element tensor of torch or jax offers."""

    def __init__(self, *values):
        self.values = values
        self.ndim = 1 if len(values) > 1 else 0

    def item(self):
        """The one value."""
        if len(self.values) > 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.values[0]

    def __float__(self):
        return float(self.item())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        ("0.5", 0.5),
        (np.float32(0.25), 0.25),
        (np.int64(3), 3.0),
        (np.array(2.0), 2.0),
        (np.array([[2.0]]), 2.0),
        (Tensor(0.75), 0.75),
        (Decimal("0.125"), 0.125),
        (-math.inf, -math.inf),
    ],
)
def test_number_takes_what_float_takes(value, expected):
    """Numbers, bools, numeric texts, NumPy scalars and one-element tensors are metric values."""
    assert check.number("k", value) == expected


@pytest.mark.parametrize(
    "value",
    [None, "much", 1j, [1.0], {}, object(), np.array([1.0, 2.0]), Tensor(1.0, 2.0), 10**400],
)
def test_other_values_are_refused_by_name(value):
    """What is no single real number is refused, and the message names the metric and the type."""
    with pytest.raises(ArgumentError, match=rf"metric 'loss' .*{type(value).__name__}"):
        check.number("loss", value)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_64_bit_step_is_kept(step):
    """Each whole number of 64 bits is a step, negative ones too."""
    assert check.step("k", step) == step


@pytest.mark.parametrize(("step", "kept"), [(np.int32(-4), -4), (3.0, 3), (np.float64(2), 2)])
def test_whole_numbers_of_other_types_are_steps(step, kept):
    """NumPy integers and whole floats count as the step that they are."""
    assert (check.step("k", step), type(check.step("k", step))) == (kept, int)


@pytest.mark.parametrize("step", [0.5, math.nan, math.inf, "1", None, [1], 2**63, -(2**63) - 1])
def test_other_steps_are_refused(step):
    """A step that is not whole, no number, or too large for 64 bits is refused."""
    with pytest.raises(ArgumentError, match="metric 'loss' has the step"):
        check.step("loss", step)


@given(st.datetimes(timezones=st.just(UTC)))
def test_timestamps_keep_their_microsecond(moment):
    """A datetime becomes exactly its microseconds since 1970."""
    assert check.EPOCH + timedelta(microseconds=check.timestamp_us(moment)) == moment


def test_timestamps_in_milliseconds_and_other_zones():
    """MLflow's milliseconds and datetimes of any zone mean the same moment."""
    moment = datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=5)))
    assert check.timestamp_us(1_704_146_400_000) == check.timestamp_us(moment)
    assert check.timestamp_us(1.5) == 1500


@pytest.mark.parametrize("value", ["now", math.nan, 10**18, None])
def test_bad_timestamps_are_refused(value):
    """What is no moment in 64-bit microseconds is refused."""
    with pytest.raises(ArgumentError, match="timestamp"):
        check.timestamp_us(value)


@pytest.mark.parametrize("key", ["", "   ", "a\nb", "a\x00", "x" * 251, "\ud800", 7, None, ["a"]])
def test_bad_keys_are_refused(key):
    """A key is a str of one line with 1 to 250 characters that UTF-8 can store."""
    with pytest.raises(ArgumentError, match="metric key"):
        check.key("metric", key)


@pytest.mark.parametrize(
    "key", ["a", "x" * 250, "val/loss", "ünï 🦊", "__proto__", "</script>", ".."]
)
def test_unusual_keys_are_kept(key):
    """Any other text is a key: what shows it has to escape it."""
    assert check.key("metric", key) == key


def test_longer_texts_are_cut_with_a_warning_as_in_mlflow():
    """A param keeps 6000 and a tag 8000 characters; of a longer one it keeps the first."""
    assert check.params({"p": "x" * 6000})["p"] == "x" * 6000
    assert check.tags({"t": "x" * 8000})["t"] == "x" * 8000
    with pytest.warns(RuntimeWarning, match=r"param 'p' .* 6001 .*log_text"):
        assert check.params({"p": "x" * 6001})["p"] == "x" * 6000
    with pytest.warns(RuntimeWarning, match=r"tag 't' .* 8001 "):
        assert check.tags({"t": "x" * 8001})["t"] == "x" * 8000
    with pytest.raises(ArgumentError, match="pass a dict"):
        check.params([("p", 1)])


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a/",
        "C:/x",
        "a\\b",
        "a\x00",
        "x" * 241,
    ],
)
def test_paths_that_leave_the_folder_are_refused(path):
    """An artifact path is plain and relative: nothing that could leave or alias its folder."""
    with pytest.raises(ArgumentError, match="artifact path"):
        check.artifact_path(path)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4).map("/".join))
def test_accepted_paths_stay_inside(path):
    """Whatever path is accepted names a place below the folder that it is joined to."""
    from pathlib import PurePosixPath

    try:
        accepted = PurePosixPath(check.artifact_path(path))
    except ArgumentError:
        return
    assert not accepted.is_absolute()
    assert ".." not in accepted.parts
    assert str(accepted) == path


MICROS = 1_700_000_000_123_456  # microseconds, where milliseconds are asked for: the year 55840


EDGES = (datetime.min, datetime.max)  # noqa: DTZ901 - of the calendar, in local time


@pytest.mark.parametrize("time", [MICROS, -MICROS, 1e300, 10**400, *EDGES, MICROS * 1000])
def test_a_time_that_no_date_can_hold_is_refused(time):
    """Whatever is kept can be read as a date, in every time zone."""
    with pytest.raises(ArgumentError, match="a date can hold"):
        check.timestamp_us(time)


@pytest.mark.parametrize(("time", "unit"), [(MICROS, "microseconds"), (MICROS * 1000, "nano")])
def test_a_time_in_another_unit_is_named(time, unit):
    """The likely mistake is what the message says."""
    with pytest.raises(ArgumentError, match=unit):
        check.timestamp_us(time)


@given(st.datetimes(timezones=st.timezones()))
def test_times_that_are_kept_are_dates_everywhere(time):
    """A date is kept to the microsecond, or refused within a day of the ends of the calendar."""
    try:
        micros = check.timestamp_us(time)
    except ArgumentError:
        assert time.year in {1, 9999}
    else:
        assert check.time_of(time) == time.astimezone(UTC)  # none is twice in a year there
        assert check.EPOCH + timedelta(microseconds=micros) == time
