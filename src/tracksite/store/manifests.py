"""Manifests: which packs are in force.

`manifest/<making>.json` says which packs it puts in force, which packs stand in others now, and
which earlier manifests it says anew. Its name belongs to its making alone, so copies of a store
that were packed apart keep theirs beside each other: nothing arbitrates, all of them count.

In format 1 one is called `<store_id>.<version>.json`, and of each store_id the newest counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tracksite.budgets import MANIFEST_BYTES
from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMATS, Problem
from tracksite.store import doubled, listing, parts
from tracksite.store.ids import new_run_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MANIFEST_NAME = re.compile(r"[0-9a-f]{32}\.json")
NUMBERED_NAME = re.compile(r"([0-9a-f]{32})\.([0-9]{8})\.json")  # format 1
PACK_NAME = re.compile(r"(?:[0-9a-f]{32}-)?(?P<hash>[0-9a-f]{40})\.(?P<table>runs|points)\.parquet")
_ATTEMPTS = 5


@dataclass(frozen=True, order=True)
class PackFile:
    """One file in `packs/`: its name, and the first and last run that it holds."""

    file: str
    first: str
    last: str

    def may_hold(self, run_id: str) -> bool:
        """Return False where this file certainly holds nothing of a run."""
        return self.first <= run_id <= self.last


@dataclass(frozen=True)
class Manifest:
    """What one manifest says, or all of a store together.

    Attributes:
        runs: files of patches in force, in order of name.
        points: files of points in force, in order of name.
        replaced: names of files that stand in another one now, and are not to be read.
        names: the manifests that say so, or that are said anew here.
        problems: manifests that are damaged, or were and could be mended.
        whole: whether each manifest could be read.
    """

    runs: tuple[PackFile, ...] = ()
    points: tuple[PackFile, ...] = ()
    replaced: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = field(default=(), compare=False)
    whole: bool = True

    @property
    def files(self) -> frozenset[str]:
        """The names of the files in force."""
        return frozenset(one.file for one in (*self.runs, *self.points))

    def covers(self, other: Manifest) -> bool:
        """Return whether this says all that another one says."""
        return other.replaced <= self.replaced and other.files <= self.files | self.replaced


def is_manifest(name: str) -> bool:
    """Return whether a file in `manifest/` is a manifest."""
    return bool(MANIFEST_NAME.fullmatch(name) or NUMBERED_NAME.fullmatch(name))


def in_force(root: Path) -> Manifest:
    """Return what all manifests of a store say together.

    A damaged one is named and left out, unless a later one says what it said.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _together(root, final=attempt == _ATTEMPTS - 1)
        except FileNotFoundError:
            continue  # one was removed, because a newer one says the same: list them again
    raise AssertionError


def _together(root: Path, *, final: bool) -> Manifest:
    found, damaged = [], []
    for name in counting(listing.names_in(root / "manifest", None)):
        try:
            found.append(read(root, name))
        except DamageError as error:
            damaged.append((name, str(error)))
        except FileNotFoundError:
            if not final:
                raise
            damaged.append((name, f"{name} is gone: copy it from where the store came from."))
    together = union(found)
    lost = [
        Problem(f"manifest/{name}", None, message)
        for name, message in damaged
        if name not in together.names
    ]
    together = _with_what_is_here(root, together, found)
    return replace(together, problems=(*together.problems, *lost), whole=not lost)


def _with_what_is_here(root: Path, together: Manifest, found: Iterable[Manifest]) -> Manifest:
    """Return what is in force with packs that were replaced, while what replaced them is not here.

    A copy may bring manifests before packs: until those come, what they stand for is read where it
    was. A part that is in two packs counts once.
    """
    missing = together.files - here(root, together.files)
    if not missing:
        return together
    replaced = frozenset[str]().union(*(one.replaced for one in found if not one.files & missing))
    waiting = here(root, together.replaced - replaced)
    runs = {file for one in found for file in one.runs if file.file in waiting}
    points = {file for one in found for file in one.points if file.file in waiting}
    return replace(
        together,
        runs=tuple(sorted({*together.runs, *runs})),
        points=tuple(sorted({*together.points, *points})),
    )


def here(root: Path, files: Iterable[str]) -> set[str]:
    """Return those of some packs that are in a store.

    One that is not listed is asked for by its name: a mount may list late.
    """
    files = set(files)
    listed = set(listing.names_in(root / "packs", None)) if files else set()
    return {file for file in files if file in listed or (root / "packs" / file).is_file()}


def union(found: Iterable[Manifest]) -> Manifest:
    """Return what several manifests say together."""
    found = list(found)
    replaced = frozenset[str]().union(*(one.replaced for one in found))
    return Manifest(
        tuple(sorted({file for one in found for file in one.runs if file.file not in replaced})),
        tuple(sorted({file for one in found for file in one.points if file.file not in replaced})),
        replaced,
        frozenset[str]().union(*(one.names for one in found)),
        tuple(problem for one in found for problem in one.problems),
    )


def counting(names: Iterable[str]) -> list[str]:
    """Return the manifests that count: of those of format 1 the newest of each store_id."""
    newest: dict[str, int] = {}
    counting = []
    for name in names:
        if MANIFEST_NAME.fullmatch(name):
            counting.append(name)
        elif found := NUMBERED_NAME.fullmatch(name):
            newest[found[1]] = max(int(found[2]), newest.get(found[1], 0))
    return sorted(counting) + [f"{one}.{number:08}.json" for one, number in sorted(newest.items())]


def read(root: Path, name: str) -> Manifest:
    """Return what one manifest says.

    Raises:
        DamageError: it cannot be read.
        FileNotFoundError: it is gone.
    """
    path = root / "manifest" / name
    try:
        if path.stat().st_size > MANIFEST_BYTES:
            raise DamageError(f"{path} is larger than any manifest: restore it from a copy.")
        content, mended = doubled.decode(str(path), path.read_bytes())
        if content["format"] not in FORMATS:
            raise DamageError(
                f"{path} has format {content['format']}, this tracksite reads {FORMAT}: upgrade it."
            )
        found = _said(path, content)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamageError(f"{path} cannot be read ({error}): check the disk.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{path} is damaged ({error}): restore it from a copy.") from error
    if not mended:
        return found
    message = f"{name} is damaged in one place and was mended as it was read: pack again"
    return replace(found, problems=(Problem(f"manifest/{name}", None, message),))


def _said(path: Path, content: dict[str, Any]) -> Manifest:
    runs, points = (
        tuple(_pack_file(path, table, item) for item in content[table])
        for table in ("runs", "points")
    )
    replaced = frozenset(map(str, content["replaced"]))
    if content["format"] == 1:  # the pack that a purge wrote may have had the name of an old one
        replaced -= {one.file for one in (*runs, *points)}
    subsumed = map(str, content.get("subsumes", ()))
    names = frozenset(name for name in subsumed if MANIFEST_NAME.fullmatch(name))
    return Manifest(runs, points, replaced, names | {path.name})


def _pack_file(path: Path, table: str, item: dict[str, str]) -> PackFile:
    found = PackFile(str(item["file"]), str(item["first"]), str(item["last"]))
    kind = PACK_NAME.fullmatch(found.file)
    if kind is None or kind["table"] != table:
        raise DamageError(f"{path} names {found.file!r}, which is no pack of {table}: restore it.")
    return found


def publish(root: Path, manifest: Manifest, name: str = "") -> str:
    """Put a manifest in force beside those there are; return its file name.

    Args:
        root: the store's folder.
        manifest: what it says.
        name: what it is called; a name of its own when "".

    Raises:
        OSError: the disk refuses.
    """
    folder = root / "manifest"
    parts.make_folder(folder)
    name = name or f"{new_run_id()}.json"
    parts.write_durably(folder / name, _encoded(manifest))
    return name


def say_anew(root: Path, manifest: Manifest) -> bool:
    """Say in today's format what one of format 1 does; return whether nobody had done so.

    It is named by what it says, so that whoever does so again says nothing new.
    """
    content = _encoded(replace(manifest, names=frozenset()))
    name = f"{parts.digest(content)[:32]}.json"
    if (root / "manifest" / name).exists():
        return False
    publish(root, replace(manifest, names=frozenset()), name)
    return True


def _encoded(manifest: Manifest) -> bytes:
    lists = {
        table: [{"file": one.file, "first": one.first, "last": one.last} for one in files]
        for table, files in (("runs", manifest.runs), ("points", manifest.points))
    }
    return doubled.encode(
        {
            "format": FORMAT,
            **lists,
            "replaced": sorted(manifest.replaced),
            "subsumes": sorted(filter(MANIFEST_NAME.fullmatch, manifest.names)),
        }
    )
