"""What user code passes in: values of libraries that need not be installed, so of any type."""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any  # what `str()` or `float()` is taken of
Document: TypeAlias = Any  # dicts, lists and plain values
Table: TypeAlias = Any  # a Polars or pandas DataFrame, an Arrow table, a dict of columns
Dataset: TypeAlias = Any  # a Table, an array, a path
Figure: TypeAlias = Any  # of matplotlib, plotly or Altair
Image: TypeAlias = Any  # of Pillow, or an array
Model: TypeAlias = Any  # any object that a flavour can write
