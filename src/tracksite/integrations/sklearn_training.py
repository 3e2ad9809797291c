"""One training with scikit-learn that is being logged."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracksite.tracking.fluent import ActiveRun


@dataclass(frozen=True)
class Autolog:
    """What autologging logs; see `tracksite.sklearn.autolog`."""

    log_input_examples: bool = False
    log_model_signatures: bool = True
    log_models: bool = True
    log_datasets: bool = True
    silent: bool = False
    max_tuning_runs: int | None = 5
    flavor: str | None = None
    registered_model_name: str | None = None
    pos_label: float | str | None = None
    extra_tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """What a training was given: rows, targets (None where there are none) and weights of rows."""

    rows: Any
    targets: Any = None
    weights: Any = None


class Missing:
    """Collects what could not be logged, for one warning."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.parts: list[str] = []

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Note that something is missing where logging it fails, whatever the reason."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - nothing of ours may stop a training
            reason = str(error).partition("\n")[0] or type(error).__name__
            self.parts.append(f"{what} ({reason})")


@dataclass(frozen=True)
class Training:
    """A training that is being logged.

    Attributes:
        run: what it is logged to.
        estimator: what is trained.
        settings: what is wanted.
        missing: takes what could not be logged.
    """

    run: ActiveRun
    estimator: Any
    settings: Autolog
    missing: Missing


def dense(values: Any) -> Any:
    """Return a sparse matrix as an array, and anything else as it is."""
    return values.toarray() if hasattr(values, "toarray") else values
