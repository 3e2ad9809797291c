"""What every importer makes of what it finds: entities in the words of the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from tracksite.errors import TracksiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray


class UnreadableError(TracksiteError):
    """One thing of a source cannot be read; the others can."""


@dataclass(frozen=True)
class Series:
    """The points of one metric in order of logging, as equally long columns.

    Attributes:
        steps: int64.
        times: microseconds since 1970 in UTC (int64).
        values: float64, NaN and infinities included.
    """

    steps: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.values)


@dataclass(frozen=True)
class File:
    """An artifact where it is now.

    Attributes:
        path: among the artifacts of its run, with forward slashes; not checked yet.
        size: in bytes; None where nobody knows before it is read.
        changed_ns: when it was last changed, nanoseconds since 1970; None where nobody knows.
        open: opens it for reading; raises OSError or UnreadableError.
    """

    path: str
    size: int | None
    changed_ns: int | None
    open: Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class Entry:
    """A run or another entity as it shall stand in the store.

    Attributes:
        entity_id: 32 hex digits.
        kind: run, experiment, model, model_version or logged_model.
        label: how people know it, for messages.
        patch: its fields, in the form that `RunWriter.patch` takes.
        series: metric → points.
        files: its artifacts.
    """

    entity_id: str
    kind: str
    label: str
    patch: Mapping[str, Any]
    series: Mapping[str, Series] = field(default_factory=dict)
    files: tuple[File, ...] = ()


@dataclass
class Summary:
    """What an import did.

    Attributes:
        added: runs that are new in the store.
        changed: runs that the store had, and that got something more.
        unchanged: runs of which the store had everything.
        others: experiments, models and versions that are new or got something more.
        points, artifacts, artifact_bytes: how many were added.
        skipped: one sentence for each thing that was left out.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    others: int = 0
    points: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    skipped: list[str] = field(default_factory=list)


class Source(Protocol):
    """What an importer reads from."""

    def count(self) -> int:
        """Return how many entries there are, or will be about."""

    def entries(self, skip: Callable[[str], None]) -> Iterator[Entry]:
        """Yield the entries; `skip` is told, in one sentence, what cannot be read."""
