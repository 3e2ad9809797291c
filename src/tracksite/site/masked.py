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
from tracksite.site.row import FIELDS, NAMES, PAIRS, SAYING, SHARED, TEXTS, Alike, Row, distinct

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tracksite.model import Masked

_ROWS = 5_000  # looked at together, so that memory does not grow with the store

# What every text has that holds a secret, for a first look at many: linear, by Polars itself.
_SUSPECT = (
    r"(?i)pass|pwd|secret|token|cred|key|auth|bearer|basic|cookie|dsn|jwt|connection|\bpat\b|webhook"
    r"|otp|kennwort|contrase|senha|wachtw|senord|has[lł]o|hmac|sig|sas|ticket|code=|motdepasse"
    r"|@|PRIVATE KEY|[A-Z0-9+_-]{20}"
)


def publishable(
    folded: pl.DataFrame, allow: Collection[str] = ()
) -> tuple[pl.DataFrame, tuple[Masked, ...], Mapping[str, str]]:
    """Return the folded rows with *** in place of each secret, what was masked, and new names.

    What was masked is sorted; the names are those of experiments and models that hold secrets, and
    what they are called on the site.

    Args:
        folded: what `query.lifecycle.settled` returned.
        allow: names and texts that are no secrets: `no_secrets` of the settings.

    Of a run whose secrets stand under a name that says so, they are masked in all of its texts. The
    names of metrics stay as they are: points are found by them.
    """
    looker = _Looker(folded, frozenset(allow))
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
    return (pl.concat(parts) if parts else folded), tuple(sorted(set(masked))), looker.shared


def _places(places: pl.DataFrame, *, wanted: bool) -> pl.Series:
    return places.filter(pl.col("touched") == wanted)["_place"]


class _Looker:
    """Remembers which texts hold secrets: runs share most of theirs."""

    def __init__(self, folded: pl.DataFrame, allow: Collection[str]) -> None:
        self._allow = allow
        self._starts = sorted({form.start for form in forms()})
        self._known: dict[str, bool] = {}
        self._alike = Alike()
        self.shared = self._shared_names(folded)

    def _shared_names(self, folded: pl.DataFrame) -> dict[str, str]:
        """Return the names of experiments and models that hold secrets -> what they are called.

        Rows find each other by them, so no two may become the same.
        """
        named = folded.filter(pl.col("kind") != "run")["name"]
        every = sorted(pl.concat([named, folded["experiment"]]).drop_nulls().unique())
        guilty = self._suspects(pl.Series(every, dtype=pl.String))
        taken = set(every).difference(guilty)
        return {name: distinct(cut(name, find(name, allow=self._allow)), taken) for name in guilty}

    def touched(self, rows: pl.DataFrame) -> pl.Series:
        """Return for each row whether a secret may stand in it."""
        found: set[int] = set()
        numbered = rows.with_row_index("_place")
        for name in (*SHARED, *NAMES, *TEXTS):
            found |= self._places(numbered.select("_place", text=name))
        for name in (*PAIRS, *FIELDS):
            flat = numbered.select("_place", name).explode(name).drop_nulls(name).unnest(name)
            for text in ("key", "text") if name in PAIRS else FIELDS[name]:
                found |= self._places(flat.select("_place", text=text))
            if name in SAYING:
                keys = [key for key in flat["key"].unique() if self._says_secret(key)]
                found |= set(flat.filter(pl.col("key").is_in(keys))["_place"])
        return pl.Series([place in found for place in range(rows.height)], dtype=pl.Boolean)

    def _says_secret(self, key: str) -> bool:
        return key not in self._allow and names.kind(key) not in {"", names.SIGNED}

    def _places(self, texts: pl.DataFrame) -> set[int]:
        """Return the places of the texts that hold a secret."""
        guilty = self._suspects(texts["text"].drop_nulls().unique())
        return set(texts.filter(pl.col("text").is_in(guilty))["_place"]) if guilty else set()

    def _suspects(self, texts: pl.Series) -> list[str]:
        """Return those of some texts that hold a secret."""
        suspect = texts.str.contains(_SUSPECT) | texts.str.contains_any(self._starts)
        return [text for text in texts.filter(suspect) if self._holds(text)]

    def _holds(self, text: str) -> bool:
        if text not in self._known:
            self._known[text] = bool(find(text, allow=self._allow))
        return self._known[text]

    def masked(self, row: Mapping[str, Any], told: list[Masked]) -> dict[str, Any]:
        """Return one row without its secrets; adds what was masked to `told`, but of no deleted."""
        own: list[Masked] = []
        known = frozenset(self._own_secrets(row))
        looker = Row(row["run_id"], self._allow, known, self.shared, told=own, alike=self._alike)
        made = looker.masked(row)
        if not row["deleted"]:
            told += own
        return made

    def _own_secrets(self, row: Mapping[str, Any]) -> Iterable[str]:
        """Yield the values of a row's secret names that are to be found in its other texts too."""
        for field in SAYING:
            for pair in row[field] or ():
                key, text = pair["key"], pair["text"]
                sure = text and self._says_secret(key) and worth_knowing(text)
                if sure and mask_named(key, text, allow=self._allow)[0] != text:
                    yield text
