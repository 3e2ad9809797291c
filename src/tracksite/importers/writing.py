"""Entries into a store: only what it does not have yet, so that an import can be repeated."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.importers.entry import Series, Summary, UnreadableError
from tracksite.importers.known import Known, Present, fingerprint
from tracksite.mlflow_plugin import fields
from tracksite.mlflow_plugin.lifecycle import still_deleted
from tracksite.schema import LIST_KEYS
from tracksite.store import points
from tracksite.store.artifacts import chunks
from tracksite.store.ids import experiment_id
from tracksite.store.shelf import Shelf
from tracksite.tracking import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracksite.importers.entry import Entry, File, Source
    from tracksite.store.local import LocalStore

_PAIRS = ("params", "tags", "aliases", "environment")


def bring_in(
    store: LocalStore,
    present: Present,
    source: Source,
    moved: Callable[[int, int, str], object] | None = None,
) -> Summary:
    """Write all that a source has and the store has not.

    Args:
        store: where to write.
        present: what it holds.
        source: what to read.
        moved: told how many entries of how many are done, and which one is next.

    Returns:
        What was done, and what could not be read.

    Raises:
        StoreError, OSError: the store cannot be written; what was written so far stays, and the
            next import goes on from there.
    """
    done, total = Summary(), source.count()
    seen: set[str] = set()
    hidden: Counter[str] = Counter()
    for number, entry in enumerate(source.entries(done.skipped.append)):
        if moved:
            moved(number, max(total, number + 1), entry.label)
        if entry.entity_id in seen:
            done.skipped.append(f"{entry.label} is there twice: the second one was left out")
            continue
        seen.add(entry.entity_id)
        _bring(store, present, entry, done)
        if _is_hidden(present, entry):
            hidden[str(entry.patch["experiment"])] += 1
    for name, count in hidden.items():
        done.skipped.append(
            f"{count} new runs of experiment {name!r}, which was deleted here: "
            "they are in the store, and deleted with it"
        )
    return done


def _is_hidden(present: Present, entry: Entry) -> bool:
    """Whether a run is new and not deleted, and its experiment was deleted in the store."""
    if entry.kind != "run" or entry.patch.get("deleted") or present.get(entry.entity_id):
        return False
    owner = present.peek(experiment_id(str(entry.patch["experiment"])))
    return owner is not None and owner.deleted and fields.GONE not in owner.tags


def _bring(store: LocalStore, present: Present, entry: Entry, done: Summary) -> None:
    known = present.get(entry.entity_id)
    patch = _news(known, _brought_back(known, entry.patch))
    rows = _copy(store, known, entry, done)
    if rows:
        patch["artifacts"] = [*patch.get("artifacts", ()), *rows]
    series = _new_points(present, known, entry)
    if known is None or patch or series:
        was_removed = present.was_removed(entry.entity_id)
        if was_removed:  # and is wanted again
            store.write_patch(entry.entity_id, entry.kind, {"purged": []})
        writer = store.open_writer(
            entry.entity_id,
            kind=entry.kind,
            resume=known is not None or was_removed,
            strict=True,
            imported=known is None and not was_removed,
        )
        if known is not None:  # what was deleted here stays deleted
            patch = dict(still_deleted(present, known.entity, patch))
        writer.patch(**patch)
        for key, one in series.items():
            writer.series(key, one.values, one.steps, one.times)  # type: ignore[arg-type]
            done.points += len(one)
        writer.close()
    _count(done, entry, known, changed=bool(patch or series))


def _count(done: Summary, entry: Entry, known: Known | None, *, changed: bool) -> None:
    if entry.kind != "run":
        done.others += known is None or changed
    elif known is None:
        done.added += 1
    elif changed:
        done.changed += 1
    else:
        done.unchanged += 1


def _brought_back(known: Known | None, patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a patch that undoes what an earlier import deleted, if it is there again."""
    if known is None or patch.get("deleted") or fields.GONE not in known.entity.tags:
        return patch
    tags = {**patch.get("tags", {}), fields.GONE: None}
    return {**patch, "deleted": False, "tags": tags}


def _news(known: Known | None, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a patch that the store does not say already."""
    news: dict[str, Any] = {}
    for name, value in patch.items():
        have = getattr(known.entity, name, None) if known and name in LIST_KEYS else None
        if name in _PAIRS:
            texts = {key: text for key, text in value.items() if (have or {}).get(key) != text}
            if texts:
                news[name] = texts
        elif name in LIST_KEYS:
            key = LIST_KEYS[name]
            rows = [row for row in value if (have or {}).get(row[key]) != row]
            if rows:
                news[name] = rows
        elif value is not None and not _says(known, name, value):
            news[name] = value
    return news


def _says(known: Known | None, name: str, value: object) -> bool:
    """Whether an entity has a field already; a run that nobody logs to shows as interrupted."""
    have = known.entity.fields.get(name) if known else None
    return have == value or (name, value, have) == ("status", "running", "interrupted")


def _copy(
    store: LocalStore, known: Known | None, entry: Entry, done: Summary
) -> list[dict[str, Any]]:
    """Copy the artifacts that are new or were changed; return their rows."""
    rows = []
    shelf = Shelf(store.artifact_dir(entry.entity_id), began=known is None)
    for file in entry.files:
        if known and _is_there(known, file):
            continue
        try:
            row = shelf.put(check.artifact_path(file.path), _pieces(file))
        except (ArgumentError, UnreadableError) as error:
            done.skipped.append(f"an artifact of {entry.label} was left out: {error}")
            continue
        done.artifacts += 1
        done.artifact_bytes += row["bytes"]
        rows.append(row)
    return rows


def _pieces(file: File) -> Iterator[bytes]:
    """Yield the content of a file; only what the source refuses becomes an UnreadableError."""
    try:
        with file.open() as content:
            yield from chunks(content)
    except OSError as error:
        raise UnreadableError(f"{file.path!r} cannot be read ({error.strerror})") from error


def _is_there(known: Known, file: File) -> bool:
    """Whether an artifact has the size that the store notes, and was not changed since then."""
    row = known.entity.artifacts.get(file.path)
    if row is None or (file.size is not None and row["bytes"] != file.size):
        return False
    return file.changed_ns is None or file.changed_ns < known.entity.last_us * 1000


def _new_points(present: Present, known: Known | None, entry: Entry) -> dict[str, Series]:
    """Return the points that the store does not have."""
    if known is None:
        return dict(entry.series)
    changed = {
        key: one for key, one in entry.series.items() if known.series.get(key) != _print(key, one)
    }
    before = [key for key in changed if key in known.series]
    if not before:
        return changed
    have = present.points(entry.entity_id, before).partition_by("key", as_dict=True)
    for key in before:
        frame = have.get((key,))
        if frame is not None:
            old = Series(
                frame["step"].to_numpy(),
                frame["timestamp"].dt.epoch("us").to_numpy(),
                frame["value"].to_numpy(),
            )
            changed[key] = without(changed[key], old)
    return {key: one for key, one in changed.items() if len(one)}


def _print(key: str, series: Series) -> Any:  # noqa: ANN401 - compared with another alone
    import numpy as np

    keys = np.zeros(len(series), dtype=np.int64)
    columns = points.Points((key,), keys, series.steps, series.times, series.values)
    return fingerprint(points.summarise(points.to_sorted(columns))[key])


def without(series: Series, old: Series) -> Series:
    """Return the points of a series that another one has not, each as often as it has more."""
    import numpy as np

    both = [np.concatenate(pair) for pair in zip(_columns(old), _columns(series), strict=True)]
    order = np.lexsort(both[::-1])  # stable: of equal points the old ones come first
    rows = np.stack(both)[:, order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (rows[:, 1:] != rows[:, :-1]).any(axis=0)
    start = np.flatnonzero(first)[np.cumsum(first) - 1]  # where the group of each begins
    is_old = order < len(old)
    olds = np.concatenate([[0], np.cumsum(is_old)])
    group_end = np.append(np.flatnonzero(first)[1:], len(order))[np.cumsum(first) - 1]
    old_count = olds[group_end] - olds[start]
    place = np.arange(len(order)) - start - old_count  # among the new ones of the group
    kept = np.sort(order[~is_old & (place >= old_count)] - len(old))
    return Series(series.steps[kept], series.times[kept], series.values[kept])


def _columns(series: Series) -> tuple[Any, ...]:
    """Return whole numbers that are equal where the points are: NaN equals NaN."""
    import numpy as np

    values = np.where(np.isnan(series.values), np.nan, series.values)
    return series.steps, series.times // 1000, values.view(np.int64)
