"""The artifacts of a run: which are published, where, and what the run's page shows of them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tracksite import paths
from tracksite.errors import DamageError, NotFoundError
from tracksite.model import Page
from tracksite.pages import images, plotly, tables
from tracksite.pages.script import data_script
from tracksite.store.artifacts import read, size_on_disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_TEXTS = frozenset(
    "txt log md rst csv tsv yaml yml toml ini cfg conf py r jl sh sql tex diff patch json jsonl"
    " html htm svg xml js css".split()
)
_TEXT_CHARACTERS = 4000
_INLINE_SVG_BYTES = 200_000
_SPEC_BYTES = 2_000_000
MOST_LISTED, MOST_IMAGES, MOST_TABLES, MOST_TEXTS, MOST_SPECS = 500, 48, 12, 12, 12


@dataclass(frozen=True)
class File:
    """One artifact as its run's page shows it.

    Attributes:
        path: as logged.
        bytes, sha256: as recorded when it was logged.
        target: site path, or None when it is not published.
        why: in that case, why not.
        note: why nothing of it is shown in place, where something else would be.
        file: where it lies below its run's folder, if not at `path`.
    """

    path: str
    bytes: int | None
    sha256: str | None
    target: str | None = None
    why: str = ""
    file: str | None = None
    note: str = ""

    @property
    def row(self) -> dict[str, Any]:
        """What the run says of it."""
        return {name: getattr(self, name) for name in ("path", "bytes", "sha256", "file")}


@dataclass(frozen=True)
class Shown:
    """Something of an artifact that stands on the page: an image, table, text or figure.

    Attributes:
        file: what it is from.
        source: URL-like source of an image: a site path, or a data URI.
        width, height: of an image, in pixels, or None.
        table: of a table.
        text: of a text, perhaps shortened.
        cut: whether the text was shortened.
        spec: name of the data script of a Vega-Lite figure.
        script: its site path.
    """

    file: File
    source: str = ""
    width: int | None = None
    height: int | None = None
    table: tables.Preview | None = None
    text: str = ""
    cut: bool = False
    spec: str = ""
    script: str = ""


@dataclass(frozen=True)
class Gallery:
    """All that a run's page shows of its artifacts."""

    files: tuple[File, ...]
    images: tuple[Shown, ...]
    figures: tuple[Shown, ...]
    tables: tuple[Shown, ...]
    texts: tuple[Shown, ...]

    @property
    def bytes(self) -> int:
        """The recorded size of all files."""
        return sum(file.bytes or 0 for file in self.files)


def pages(
    run_id: str, artifacts: Sequence[Mapping[str, Any]], folder: Path, max_bytes: int
) -> Iterator[Page]:
    """Return the files that the site copies from a run, and the scripts of its figures."""
    for file in listed(run_id, artifacts, max_bytes):
        if file.target is None:
            continue
        inputs = f"{file.sha256} {size_on_disk(str(folder), file.row)}"
        yield Page(file.target, None, inputs, partial(genuine, folder, file))
        if paths.suffix(file.path) == "json" and (file.bytes or 0) <= _SPEC_BYTES:
            script = partial(_spec_script, folder, file)
            yield Page(_script_path(run_id, file), None, inputs, script)


def on_disk(artifacts: Sequence[Mapping[str, Any]], folder: Path) -> list[int | None]:
    """Return how much of each artifact is there, which a page that shows them depends on."""
    place = str(folder)
    return [size_on_disk(place, row) for row in artifacts]


def listed(run_id: str, artifacts: Sequence[Mapping[str, Any]], max_bytes: int) -> tuple[File, ...]:
    """Return every artifact, in order of path, with its place on the site by what was recorded."""
    targets = paths.published(run_id, [it["path"] for it in artifacts])
    found = []
    for it in sorted(artifacts, key=lambda it: it["path"]):
        target = targets[it["path"]]
        file = File(it["path"], it["bytes"], it["sha256"], target, file=it.get("file"))
        if file.sha256 is None or file.bytes is None:
            file = _left_out(file, "no digest was recorded")
        elif file.bytes > max_bytes:
            file = _left_out(file, "larger than the site's limit")
        found.append(file)
    return tuple(found)


def _left_out(file: File, why: str) -> File:
    return replace(file, target=None, why=why)


def genuine(folder: Path, file: File) -> bytes:
    """Return an artifact's bytes, sure to be those that were logged.

    Raises:
        NotFoundError: the file is not in the store, or not yet.
        DamageError: it is not a plain file inside the run's folder, or differs from what was
            logged.
    """
    try:
        return read(folder, file.row)
    except (NotFoundError, DamageError) as error:
        raise type(error)(f"The {error} It is not published.") from error


def gallery(
    run_id: str, artifacts: Sequence[Mapping[str, Any]], folder: Path, max_bytes: int
) -> Gallery:
    """Return what a run's page shows: every artifact is read once and checked."""
    files: list[File] = []
    shown: dict[str, list[Shown]] = {"images": [], "figures": [], "tables": [], "texts": []}
    room = {
        "images": MOST_IMAGES,
        "figures": MOST_SPECS,
        "tables": MOST_TABLES,
        "texts": MOST_TEXTS,
    }
    for file in listed(run_id, artifacts, max_bytes):
        if file.target is None:
            files.append(file)
            continue
        try:
            content = genuine(folder, file)
        except (NotFoundError, DamageError) as error:
            files.append(_left_out(file, str(error)))
            continue
        if plotly.is_figure(content, paths.suffix(file.path)):
            files.append(replace(file, note=plotly.NOTE))
            continue
        files.append(file)
        kind, part = _show(run_id, file, content)
        if part is not None and len(shown[kind]) < room[kind]:
            shown[kind].append(part)
    return Gallery(tuple(files), **{kind: tuple(parts) for kind, parts in shown.items()})


def _show(run_id: str, file: File, content: bytes) -> tuple[str, Shown | None]:
    """Return the kind of place and what stands there; None for what is only listed."""
    suffix = paths.suffix(file.path)
    if suffix in images.SHOWN and (part := _image(file, content, suffix)) is not None:
        return "images", part
    if suffix == "json" and vega_spec(content) is not None:
        name = f"figure-{paths.digest(file.path)}"
        return "figures", Shown(file, spec=name, script=_script_path(run_id, file))
    if suffix in tables.SHOWN and (table := tables.preview(content, suffix)) is not None:
        return "tables", Shown(file, table=table)
    return "texts", _text(file, content, suffix)


def _image(file: File, content: bytes, suffix: str) -> Shown | None:
    size = images.dimensions(content)
    width, height = size or (None, None)
    if suffix != "svg":
        return Shown(file, source=file.target or "", width=width, height=height) if size else None
    if len(content) > _INLINE_SVG_BYTES:
        return None
    source = f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    return Shown(file, source=source, width=width, height=height)


def _text(file: File, content: bytes, suffix: str) -> Shown | None:
    name = file.path.rsplit("/", 1)[-1]
    if (suffix not in _TEXTS and "." in name) or b"\x00" in content[:4096] or not content:
        return None
    text = content[: _TEXT_CHARACTERS * 4].decode("utf-8", "replace")
    if suffix == "json":
        text = _pretty(content) or text
    return Shown(file, text=text[:_TEXT_CHARACTERS], cut=len(text) > _TEXT_CHARACTERS)


def _pretty(content: bytes) -> str | None:
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def vega_spec(content: bytes) -> dict[str, Any] | None:
    """Return a Vega-Lite specification that needs nothing from elsewhere; None for other JSON."""
    try:
        spec = json.loads(content)
        schema = str(spec["$schema"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not schema.startswith("https://vega.github.io/schema/vega-lite/") or _loads(spec):
        return None
    return {key: value for key, value in spec.items() if key != "usermeta"}


def _loads(value: object) -> bool:
    """Whether any part of a specification names a URL: a page loads nothing from elsewhere."""
    if isinstance(value, dict):
        return "url" in value or any(_loads(item) for item in value.values())
    return isinstance(value, list) and any(_loads(item) for item in value)


def _script_path(run_id: str, file: File) -> str:
    return f"runs/{run_id}/figures/{paths.digest(file.path, 16)}.js"


def _spec_script(folder: Path, file: File) -> str | None:
    spec = vega_spec(genuine(folder, file))
    if spec is None:
        return None
    return data_script(f"figure-{paths.digest(file.path)}", spec)
