"""Whatever a verb is called with, it does it or says in a sentence why not: nothing else comes out.

A library's own error in the midst of a training is nobody's to mend, and so is half a batch.
"""

from __future__ import annotations

import datetime as dt
import inspect
import os
import random
import warnings
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import polars as pl
import pyarrow as pa
import pytest

import tracksite
from tracksite.errors import TracksiteError
from tracksite.tracking import verbs
from tracksite.tracking.active import ActiveRun

ROUNDS = int(os.environ.get("TRACKSITE_ODD_CALLS", "60"))  # calls of each verb


class Hostile:
    """Raises whatever it is asked for."""

    def __str__(self):
        raise OSError("no text")

    __repr__ = __float__ = __index__ = __len__ = __iter__ = __str__


class Tensor:
    """A tensor on a device that has gone."""

    ndim = 1
    shape = (1,)

    def item(self):
        """Fail, as a device does."""
        raise RuntimeError("device lost")

    __array__ = __float__ = item


def odd() -> list[object]:
    """Return odd arguments of every kind; files that they name are in the working folder."""
    return [
        *(None, True, 0, -1, 3.7, 2**63, -(2**64), 10**5000, 1e300, float("nan"), 1j),
        *("", " ", "x", "\0", "a\nb", "\udc00", "é" * 300, "x" * 9000, "../x", "C:/x", "a.png"),
        *("a.json", "a.csv", "a.yaml", "a.parquet", "a.jpg", "a.html", "file.txt", "folder"),
        *(b"bytes", bytearray(b"x"), Path("file.txt"), Path("folder"), Path("p.csv")),
        *(Decimal("1.5"), Fraction(1, 3), dt.datetime(2020, 1, 1), dt.date(2020, 1, 1)),  # noqa: DTZ001
        *(dt.datetime.max, dt.timedelta(1), np.datetime64("nat"), pd.NaT, pd.NA),  # noqa: DTZ901
        *([], (), {}, set(), [1, "a", None], [[1], [2, 3]], [2**70], range(3), iter([1.0])),
        *({"a": 1.0}, {1: 2}, {"": 1}, {"a": Hostile()}, {"a": [1, [2]]}, {"a": [1], "b": [1, 2]}),
        *({"a": {1, 2}}, {"a": float("inf")}, {"a": 2**70}, {"a": [2**70]}, {("a",): 1}),
        *(np.zeros((2, 2)), np.zeros((0, 3)), np.array(["a"]), np.array([1, None]), np.array(5)),
        *(np.full((2, 2), np.nan), np.zeros((2, 2, 7)), np.arange(6, dtype=np.uint64) + 2**63),
        *(np.zeros(3, "M8[us]"), np.zeros(2, [("a", "i4")]), np.zeros(2, complex)),
        *(pl.DataFrame({"a": [1]}), pl.Series([1.5]), pl.LazyFrame({"a": [1]}).select("gone")),
        *(pl.DataFrame({"a": [object()]}, schema={"a": pl.Object}), pl.DataFrame()),
        *(
            pd.DataFrame({"a": [1, "b"]}),
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            pd.Series([1]),
        ),
        *(pa.table({"a": [1]}), pa.table({"a": pa.array([[1]])}), pa.array([1])),
        *(PIL.Image.new("CMYK", (2, 2)), PIL.Image.new("F", (2, 2)), PIL.Image.new("RGB", (0, 0))),
        *(Hostile(), Tensor(), object(), object, len, lambda: 1, NotImplemented, ...),
    ]


METHODS = sorted(name for name in verbs.__all__ if hasattr(ActiveRun, name) and name != "flush")


@pytest.fixture
def files(tmp_path) -> Iterator[None]:
    """Put files into the working folder, and let no warning be an error."""
    (tmp_path / "folder").mkdir()
    for name in ("file.txt", "p.csv", "folder/a.txt"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("verb", METHODS)
def test_no_other_error_comes_out_of_a_verb(verb, files):
    """Each argument may be odd: the call is done, or refused by an error of ours."""
    draw, told = random.Random(verb), list[str]()
    with tracksite.start_run() as run:
        method = getattr(run, verb)
        named = [
            it for it in inspect.signature(method).parameters.values() if it.name != "synchronous"
        ]
        for _ in range(ROUNDS):
            given = {
                one.name: draw.choice(odd())
                for one in named
                if one.default is inspect.Parameter.empty or draw.random() < 0.5
            }
            try:
                method(**given)
            except TracksiteError as error:
                told.append(str(error))
            except Exception as error:
                raise AssertionError(f"{verb}({given.keys()}): {error!r}") from error
    assert max(map(len, told), default=0) < 2000
    tracksite.get_run(run.run_id)
    assert tracksite.search_runs().height == 1
