"""The state of a store without its secrets: what pages are made from.

All that a page shows of a store comes from the folded rows, so a secret that is masked here stands
in no page, script or data file. Only artifacts are read later: `pages.hiding` looks at those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite.masking import find, mask_named, names
from tracksite.masking.forms import forms
from tracksite.masking.spans import cut, worth_knowing
from tracksite.model import Masked
from tracksite.schema import PRIVATE_TAGS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_ROWS = 5_000  # looked at together, so that memory does not grow with the store
_NAMES = ("experiment", "name", "git_branch", "source", "source_path", "user", "host")
_TEXTS = ("description", "command", "error", "git_remote", "git_diff")
_PAIRS = ("params", "tags", "environment")
_FIELDS = {"inputs": ("name", "context", "source", "schema"), "artifacts": ("path",)}
_FIELDS["outputs"] = ("path",)

# What every text has that holds a secret, for a first look at many: linear, by Polars itself.
_SUSPECT = (
    r"(?i)pass|pwd|secret|token|cred|key|auth|bearer|basic|cookie|dsn|jwt|connection|\bpat\b|webhook"
    r"|otp|kennwort|contrase|senha|wachtw|senord|has[lł]o|hmac|sig|sas|ticket|code=|motdepasse"
    r"|@|PRIVATE KEY|[A-Z0-9+_-]{20}"
)


def publishable(
    folded: pl.DataFrame, allow: Collection[str] = ()
) -> tuple[pl.DataFrame, tuple[Masked, ...]]:
    """Return the folded rows with *** in place of each secret, and what was masked, sorted.

    Args:
        folded: what `query.lifecycle.settled` returned.
        allow: names and texts that are no secrets: `no_secrets` of the settings.

    Of a run whose secrets stand under a name that says so, they are masked in all of its texts. The
    names of metrics stay as they are: points are found by them.
    """
    looker = _Looker(frozenset(allow))
    parts: list[pl.DataFrame] = []
    masked: list[Masked] = []
    for part in folded.iter_slices(_ROWS):
        touched = looker.touched(part)
        rows = [looker.masked(row, masked) for row in part.filter(touched).iter_rows(named=True)]
        if not rows:
            parts.append(part)
            continue
        changed = pl.DataFrame(rows, schema=part.schema, orient="row")
        places = part.with_row_index("_place").select("_place", touched=touched)
        both = pl.concat(
            [
                part.filter(~touched).with_columns(_place=_places(places, wanted=False)),
                changed.with_columns(_place=_places(places, wanted=True)),
            ]
        )
        parts.append(both.sort("_place").drop("_place"))
    return (pl.concat(parts) if parts else folded), tuple(sorted(set(masked)))


def _places(places: pl.DataFrame, *, wanted: bool) -> pl.Series:
    return places.filter(pl.col("touched") == wanted)["_place"]


class _Looker:
    """Remembers which texts hold secrets: runs share most of theirs."""

    def __init__(self, allow: Collection[str]) -> None:
        self._allow = allow
        self._starts = sorted({form.start for form in forms()})
        self._known: dict[str, bool] = {}

    def touched(self, rows: pl.DataFrame) -> pl.Series:
        """Return for each row whether a secret may stand in it."""
        found: set[int] = set()
        numbered = rows.with_row_index("_place")
        for name in (*_NAMES, *_TEXTS):
            found |= self._places(numbered.select("_place", text=name))
        for name in (*_PAIRS, *_FIELDS):
            flat = numbered.select("_place", name).explode(name).drop_nulls(name).unnest(name)
            for text in ("key", "text") if name in _PAIRS else _FIELDS[name]:
                found |= self._places(flat.select("_place", text=text))
            if name in _PAIRS:
                keys = [key for key in flat["key"].unique() if self._says_secret(key)]
                found |= set(flat.filter(pl.col("key").is_in(keys))["_place"])
        return pl.Series([place in found for place in range(rows.height)], dtype=pl.Boolean)

    def _says_secret(self, key: str) -> bool:
        return key not in self._allow and names.kind(key) not in {"", names.SIGNED}

    def _places(self, texts: pl.DataFrame) -> set[int]:
        """Return the places of the texts that hold a secret."""
        unique = texts["text"].drop_nulls().unique()
        suspect = unique.filter(
            unique.str.contains(_SUSPECT) | unique.str.contains_any(self._starts)
        )
        guilty = [text for text in suspect if self._holds(text)]
        return set(texts.filter(pl.col("text").is_in(guilty))["_place"]) if guilty else set()

    def _holds(self, text: str) -> bool:
        if text not in self._known:
            self._known[text] = bool(find(text, allow=self._allow))
        return self._known[text]

    def masked(self, row: Mapping[str, Any], told: list[Masked]) -> dict[str, Any]:
        """Return one row without its secrets; adds what was masked to `told`, but of no deleted."""
        own: list[Masked] = []
        cleaner = _Row(row["run_id"], self._allow, frozenset(self._own_secrets(row)), own)
        made = cleaner.masked(row)
        if not row["deleted"]:
            told += own
        return made

    def _own_secrets(self, row: Mapping[str, Any]) -> Iterable[str]:
        """Yield the values of a row's secret names that are to be found in its other texts too."""
        for field in _PAIRS:
            for pair in row[field] or ():
                key, text = pair["key"], pair["text"]
                sure = text and self._says_secret(key) and worth_knowing(text)
                if sure and mask_named(key, text, allow=self._allow)[0] != text:
                    yield text


class _Row:
    """Masks the fields of one row."""

    def __init__(
        self, run_id: str, allow: Collection[str], known: Collection[str], told: list[Masked]
    ) -> None:
        self._run_id, self._allow, self._known, self._told = run_id, allow, known, told

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row with *** in place of its secrets."""
        made = dict(row)
        for field in (*_NAMES, *_TEXTS):
            made[field] = self._text(field, row[field], known=field in _TEXTS)
        for field in _PAIRS:
            made[field] = row[field] and [self._pair(field, pair) for pair in row[field]]
        for field, parts in _FIELDS.items():
            made[field] = row[field] and [self._item(field, item, parts) for item in row[field]]
        return made

    def _text(self, place: str, text: str | None, *, known: bool = True) -> str | None:
        """Return a text without secrets; names that others share get the same for all."""
        if not text:
            return text
        found = find(text, known=self._known if known else (), allow=self._allow)
        if found:
            self._tell(place, found[0].why)
        return cut(text, found)

    def _pair(self, field: str, pair: Mapping[str, Any]) -> dict[str, Any]:
        key, text = pair["key"], pair["text"]
        if key.startswith(PRIVATE_TAGS):
            return dict(pair)
        shown = cut(key, find(key, allow=self._allow))
        if shown != key:
            self._tell(f"{field}.{shown}", "the name holds one")
        if text is None:
            return {**pair, "key": shown}
        kept, why = mask_named(key, text, known=self._known, allow=self._allow)
        if kept == text:
            return {**pair, "key": shown}
        self._tell(f"{field}.{shown}", why)
        return {**pair, "key": shown, "text": kept} | ({"number": None} if "number" in pair else {})

    def _item(self, field: str, item: Mapping[str, Any], parts: Iterable[str]) -> dict[str, Any]:
        named = cut(label, find(label)) if (label := item.get("name") or item.get("path")) else ""
        made = dict(item)
        for part in parts:
            is_path = part == "path"
            made[part] = self._text(f"{field}.{named}.{part}", item[part], known=not is_path)
        if "file" in item and made["path"] != item["path"]:
            made["file"] = item["file"] or item["path"]
        return made

    def _tell(self, place: str, why: str) -> None:
        self._told.append(Masked(self._run_id, place, why))
