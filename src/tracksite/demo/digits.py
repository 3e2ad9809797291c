"""The data: 1,797 images of handwritten digits that ship with scikit-learn.

Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
1998.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import tracksite

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = "sklearn.datasets.load_digits"
LABELS = tuple(range(10))
SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits:
    """Half of the images to learn from and half to validate on, with the same share of digits.

    Attributes:
        train_x: (898, 64) float64, pixels in 0..1, row by row.
        train_y: (898,) int64, the digit.
        valid_x: (899, 64) float64.
        valid_y: (899,) int64.
    """

    train_x: NDArray[np.float64]
    train_y: NDArray[np.int64]
    valid_x: NDArray[np.float64]
    valid_y: NDArray[np.int64]


def load() -> Digits:
    """Return the split, which is the same each time."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, digits = load_digits(return_X_y=True)
    train_x, valid_x, train_y, valid_y = train_test_split(
        pixels / 16, digits, test_size=0.5, random_state=SPLIT_SEED, stratify=digits
    )
    return Digits(train_x, train_y, valid_x, valid_y)


def log_inputs(digits: Digits) -> None:
    """Note in the active run which data it reads."""
    for part, pixels, labels in (
        ("training", digits.train_x, digits.train_y),
        ("validation", digits.valid_x, digits.valid_y),
    ):
        table = np.column_stack([pixels, labels])
        tracksite.log_input(table, context=part, name=f"digits/{part}", source=SOURCE)


def scores(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy, and precision, recall and F1 averaged over the ten digits."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, average="macro", zero_division=0.0
    )
    accuracy = float(accuracy_score(truth, predicted))
    return {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1}
