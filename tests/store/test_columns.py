"""Arrow arrays from plain values, as Arrow itself would make them."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksite.store.columns import column

SCALARS = {
    pa.string(): st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.timestamp("us", tz="UTC"): st.integers(-(2**50), 2**50),
}
STRUCT = pa.struct([("a", pa.string()), ("b", pa.float64()), ("c", pa.bool_())])
ROWS = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | SCALARS[kind]
        for name, kind in (("a", pa.string()), ("b", pa.float64()), ("c", pa.bool_()))
    },
)
KINDS = {**SCALARS, STRUCT: ROWS, pa.list_(STRUCT): st.lists(ROWS, max_size=4)}


@given(
    st.sampled_from(list(KINDS)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(st.none() | KINDS[kind], max_size=20))
    )
)
def test_columns_are_what_arrow_makes(case):
    """Any values of any type of the format, with nulls, give the array that pa.array gives."""
    kind, values = case
    made = column(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


@pytest.mark.parametrize(
    ("kind", "value"),
    [(pa.string(), 5), (pa.int64(), "5"), (pa.int64(), 0.5), (pa.int64(), 2**63), (STRUCT, "x")],
)
def test_a_value_of_another_type_is_refused(kind, value):
    """What is not of the type is an error and never becomes something else."""
    with pytest.raises((TypeError, AttributeError, OverflowError)):
        column([value], kind)


def test_a_run_does_not_import_pandas():
    """A training that does not use pandas never waits for its import."""
    pytest.importorskip("pandas")
    script = """
import sys, tracksite
with tracksite.start_run():
    tracksite.log_param("lr", 1)
    tracksite.log_metric("loss", 1.0, 0)
    tracksite.log_series("acc", [1.0, 2.0])
    tracksite.flush()
assert "pandas" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
