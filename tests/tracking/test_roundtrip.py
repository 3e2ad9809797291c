"""What is logged is what is read back, whatever it is."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tracksite
from tracksite.errors import ArgumentError

text = st.text(st.characters(exclude_categories=("Cs",)))
key = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=60)
key = key.filter(lambda name: not name.isspace())
unusual = st.sampled_from(
    ["</script>", "__proto__", "../x", "a/b", "🦊", "ü", "u\u0308", "a" * 250]
)
value = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
step = st.integers(-(2**63), 2**63 - 1)


UNHARMED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def bits(number):
    """The bits of a float, one pattern for every NaN: NaN equals itself, 0.0 is not -0.0."""
    return struct.pack("<d", math.nan if math.isnan(number) else number)


@settings(max_examples=30, suppress_health_check=UNHARMED)
@given(
    params=st.dictionaries(key | unusual, text, max_size=5),
    tags=st.dictionaries(key | unusual, text, max_size=5),
    metrics=st.dictionaries(key | unusual, value, max_size=5),
)
def test_params_tags_and_metrics_come_back(params, tags, metrics):
    """Any texts and floats, NaN and infinities too, are read as they were logged."""
    with tracksite.start_run() as run:
        tracksite.log_params(params)
        tracksite.set_tags(tags)
        tracksite.log_metrics(metrics)
        live = tracksite.get_run(run.run_id).data
    stored = tracksite.get_run(run.run_id).data
    for data in (live, stored):
        assert (data.params, data.tags) == (params, tags)
        assert {name: bits(number) for name, number in data.metrics.items()} == {
            name: bits(number) for name, number in metrics.items()
        }


@settings(max_examples=30, suppress_health_check=UNHARMED)
@given(points=st.lists(st.tuples(step, value), min_size=1, max_size=40), whole=st.booleans())
def test_every_point_comes_back_in_order_of_step(points, whole):
    """A history has each point of any step and value, by step and then in order of logging."""
    with tracksite.start_run() as run:
        if whole:
            tracksite.log_series("m", [value for _, value in points], [step for step, _ in points])
        else:
            for at, number in points:
                tracksite.log_metric("m", number, step=at, timestamp=0)
    history = tracksite.get_metric_history(run.run_id, "m")
    expected = sorted(points, key=lambda point: point[0])
    assert history["step"].to_list() == [at for at, _ in expected]
    assert list(map(bits, history["value"])) == [bits(number) for _, number in expected]


@given(st.text(st.characters(categories=("Cs",)), min_size=1, max_size=3))
def test_text_that_utf8_cannot_store_is_refused(broken):
    """Half surrogate pairs are refused at the call, in keys, params and tags."""
    from tracksite.tracking import check

    for call in (
        lambda: check.key("metric", broken),
        lambda: check.params({"p": broken}),
        lambda: check.tags({"t": broken}),
    ):
        with pytest.raises(ArgumentError, match="surrogate"):
            call()
