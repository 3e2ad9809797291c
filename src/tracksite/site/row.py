"""One folded row without its secrets."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from tracksite.masking import find, mask_named
from tracksite.masking.spans import cut
from tracksite.model import Masked
from tracksite.schema import PRIVATE_TAGS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

SHARED = ("experiment", "name")  # rows find each other by them, but by the name of a run
NAMES = ("git_branch", "source", "source_path", "user", "host")
TEXTS = ("description", "command", "error", "git_remote", "git_diff")
PAIRS = ("params", "tags", "environment")
SAYING = ("params", "tags")  # whose keys may say that a value is a secret; others name packages
FIELDS = {  # the first part is the key of an item
    "inputs": ("name", "context", "source", "schema"),
    "artifacts": ("path",),
    "outputs": ("path",),
}
HOLDS = "the name holds one"


def distinct(name: str, taken: set[str]) -> str:
    """Return a name that is not yet taken, with a number if need be, and take it."""
    numbered = (f"{name} ({number})" for number in count(2))
    free = name if name not in taken else next(it for it in numbered if it not in taken)
    taken.add(free)
    return free


class Alike:
    """Tells params apart that differ in their secrets alone: two settings are no repeats."""

    def __init__(self) -> None:
        """Begin with none."""
        self._met: dict[tuple[str | None, str, str], dict[str, int]] = {}

    def apart(self, experiment: str | None, key: str, text: str, masked: str) -> str:
        """Return a masked text, from the second on that looks so with its number."""
        met = self._met.setdefault((experiment, key, masked), {})
        number = met.setdefault(text, len(met) + 1)
        return masked if number == 1 else f"{masked} ({number})"


class Row:
    """Masks the fields of one row."""

    def __init__(
        self,
        run_id: str,
        allow: Collection[str],
        known: Collection[str],
        shared: Mapping[str, str],
        *,
        told: list[Masked],
        alike: Alike,
    ) -> None:
        """Take what `told` is to hear of.

        Args:
            run_id: of the row.
            allow: names and texts that are no secrets.
            known: secrets that are masked in all texts of the row.
            shared: what experiments and models are called whose names hold secrets.
            told: gets what is masked.
            alike: keeps the params of an experiment's runs apart.
        """
        self._run_id, self._allow, self._known, self._told = run_id, allow, known, told
        self._shared, self._alike = shared, alike
        self._experiment: str | None = None

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row with *** in place of its secrets."""
        made = dict(row)
        self._experiment = row["experiment"]
        for field in SHARED if row["kind"] != "run" else ("experiment",):
            if row[field] in self._shared:
                made[field] = self._shared[row[field]]
                self._tell(field, HOLDS)
        own = (*TEXTS, "name") if row["kind"] == "run" else TEXTS
        for field in (*NAMES, *own):
            made[field] = self._text(field, row[field], known=field in own)
        for field in PAIRS:
            keys = set[str]()
            made[field] = row[field] and [self._pair(field, pair, keys) for pair in row[field]]
        for field, parts in FIELDS.items():
            keys = set()
            made[field] = row[field] and [
                self._item(field, item, parts, keys) for item in row[field]
            ]
        return made

    def _text(self, place: str, text: str | None, *, known: bool = True) -> str | None:
        """Return a text without secrets."""
        if not text:
            return text
        found = find(text, known=self._known if known else (), allow=self._allow)
        if found:
            self._tell(place, found[0].why)
        return cut(text, found)

    def _key(self, place: str, key: str, taken: set[str]) -> str:
        """Return a key without secrets, that no other has."""
        shown = distinct(cut(key, find(key, allow=self._allow)), taken)
        if shown != key:
            self._tell(f"{place}.{shown}", HOLDS)
        return shown

    def _pair(self, field: str, pair: Mapping[str, Any], taken: set[str]) -> dict[str, Any]:
        key, text = pair["key"], pair["text"]
        if key.startswith(PRIVATE_TAGS):
            return dict(pair)
        shown = self._key(field, key, taken)
        if text is None:
            return {**pair, "key": shown}
        name = key if field in SAYING or key in self._allow else ""
        kept, why = mask_named(name, text, known=self._known, allow=self._allow)
        if kept == text:
            return {**pair, "key": shown}
        self._tell(f"{field}.{shown}", why)
        if field == "params":
            kept = self._alike.apart(self._experiment, key, text, kept)
        return {**pair, "key": shown, "text": kept} | ({"number": None} if "number" in pair else {})

    def _item(
        self, field: str, item: Mapping[str, Any], parts: Sequence[str], taken: set[str]
    ) -> dict[str, Any]:
        """Return an item of a list without secrets; the first of its parts is its key."""
        first, *others = parts
        shown = self._key(field, item[first], taken)
        made = {**item, first: shown}
        for part in others:
            made[part] = self._text(f"{field}.{shown}.{part}", item[part])
        if "file" in item and shown != item[first]:
            made["file"] = item["file"] or item[first]
        return made

    def _tell(self, place: str, why: str) -> None:
        self._told.append(Masked(self._run_id, place, why))
