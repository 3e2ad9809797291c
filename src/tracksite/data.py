"""`tracksite.data`: the names of `mlflow.data`: data sets with a name and a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.tracking.datasets import NamedDataset

if TYPE_CHECKING:
    from tracksite.tracking.kinds import Dataset

__all__ = ["from_numpy", "from_pandas", "from_polars"]


def from_pandas(
    df: Dataset, source: str | None = None, targets: str | None = None, name: str | None = None
) -> NamedDataset:
    """Return what `log_input` takes.

    Args:
        df: a table.
        source: where it comes from, such as a URL.
        targets: the column that is to be predicted.
        name: of the data set.

    Raises:
        ArgumentError: no table, or one without the column `targets`.
    """
    return NamedDataset(df, name=name, source=source, targets=targets)


from_polars = from_pandas


def from_numpy(
    features: Dataset, source: str | None = None, targets: Dataset = None, name: str | None = None
) -> NamedDataset:
    """Return what `log_input` takes.

    Args:
        features: an array, or a dict of arrays.
        source: where it comes from, such as a URL.
        targets: what is to be predicted: it is part of the digest.
        name: of the data set.
    """
    return NamedDataset(features, name=name, source=source, values=targets)
