"""The pictures: matplotlib figures, made without pyplot, so that no global state is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_INK, _PAPER = "#1b1b1b", "#ffffff"


def importance(weights: NDArray[np.float64]) -> Figure:
    """Return a map of the importance of each pixel, from an array of shape (64,) that sums to 1."""
    top = int(np.argmax(weights))
    share = f"row {top // 8}, column {top % 8}: {weights[top]:.1%}"
    figure, axes = _square(f"Decrease in impurity, by pixel\nmost at {share}")
    axes.imshow(weights.reshape(8, 8), cmap="viridis")
    axes.set_xlabel("column of pixels")
    axes.set_ylabel("row of pixels")
    return figure


def confusion(counts: NDArray[np.int64], labels: Sequence[int]) -> Figure:
    """Return the confusion matrix: true digits down, predicted ones across, counts in the cells."""
    figure, axes = _square("Confusion matrix, validation")
    axes.imshow(np.log1p(counts), cmap="Blues")
    axes.set_xlabel("predicted digit")
    axes.set_ylabel("true digit")
    axes.set_xticks(range(len(labels)), map(str, labels))
    axes.set_yticks(range(len(labels)), map(str, labels))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = _PAPER if row == column else _INK
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)
    return figure


def heatmap(
    means: NDArray[np.float64],
    rows: Sequence[object],
    columns: Sequence[object],
    names: Sequence[str],
) -> Figure:
    """Return a map of the mean F1 of pairs of settings; `names` are those of rows and columns."""
    figure, axes = _square("Mean F1 on validation")
    axes.imshow(means, cmap="viridis")
    axes.set_ylabel(names[0])
    axes.set_xlabel(names[1])
    axes.set_yticks(range(len(rows)), map(str, rows))
    axes.set_xticks(range(len(columns)), map(str, columns))
    middle = (np.min(means) + np.max(means)) / 2
    for (row, column), mean in np.ndenumerate(means):
        color = _INK if mean > middle else _PAPER
        axes.text(column, row, f"{mean:.3f}", ha="center", va="center", color=color)
    return figure


def contact_sheet(images: NDArray[np.float64], columns: int = 10) -> NDArray[np.uint8]:
    """Return images of shape (n, 64) side by side as one grey picture, eight times as large."""
    rows = max(1, -(-len(images) // columns))
    sheet = np.ones((rows * columns, 10, 10))
    sheet[: len(images), 1:9, 1:9] = 1 - images.reshape(-1, 8, 8)
    picture = sheet.reshape(rows, columns, 10, 10).swapaxes(1, 2).reshape(rows * 10, columns * 10)
    return np.kron(np.round(255 * picture), np.ones((5, 5))).astype(np.uint8)


def _square(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(3.8, 3.8), dpi=100)
    axes = figure.subplots()
    axes.set_title(title, fontsize=10)
    figure.subplots_adjust(left=0.14, right=0.96, bottom=0.13, top=0.87)
    return figure, axes
