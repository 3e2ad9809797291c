"""The artifacts of a run: which are published, where, and what the run's page shows of them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tracksite import budgets, paths
from tracksite.budgets import OverBudgetError
from tracksite.errors import DamageError, NotFoundError
from tracksite.model import Page
from tracksite.pages import drawings, hiding, images, plotly, specs, tables, texts
from tracksite.pages.script import data_script
from tracksite.store.artifacts import read, size_on_disk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

MOST_LISTED = 500
_MOST = {"images": 48, "figures": 12, "tables": 12, "texts": 12}
_DECODED = tables.SHOWN | {"json"}
_NEED_FILE = frozenset({"images", "figures"})  # are shown as they are, or not at all


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
        secret: why it is taken to hold a secret; "" where it is not.
    """

    path: str
    bytes: int | None
    sha256: str | None
    target: str | None = None
    why: str = ""
    file: str | None = None
    secret: str = ""
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
    """All that a run's page shows of its artifacts: `files` with a `secret` are masked."""

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
    run_id: str,
    artifacts: Sequence[Mapping[str, Any]],
    folder: Path,
    max_bytes: int,
    allow: Collection[str] = (),
) -> Iterator[Page]:
    """Return the files that the site copies from a run, and the scripts of its figures.

    There is no such file where its content holds a secret, but for those that `allow` names.
    """
    for file in listed(run_id, artifacts, max_bytes, allow):
        if file.target is None:
            continue
        inputs = f"{file.sha256} {size_on_disk(str(folder), file.row)}"
        yield Page(file.target, None, inputs, partial(_copied, folder, file, allow))
        if paths.suffix(file.path) == "json" and (file.bytes or 0) <= budgets.SPEC_BYTES:
            script = partial(_spec_script, folder, file, allow)
            yield Page(_script_path(run_id, file), None, inputs, script)


def on_disk(artifacts: Sequence[Mapping[str, Any]], folder: Path) -> list[int | None]:
    """Return how much of each artifact is there, which a page that shows them depends on."""
    place = str(folder)
    return [size_on_disk(place, row) for row in artifacts]


def _copied(folder: Path, file: File, allow: Collection[str]) -> bytes | None:
    content = genuine(folder, file)
    return None if hiding.by_content(file.path, content, allow) else content


def listed(
    run_id: str,
    artifacts: Sequence[Mapping[str, Any]],
    max_bytes: int,
    allow: Collection[str] = (),
) -> tuple[File, ...]:
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
        elif hiding.by_name(file.path, allow):
            file = replace(_left_out(file, hiding.NAMED), secret=hiding.NAMED)
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
    run_id: str,
    artifacts: Sequence[Mapping[str, Any]],
    folder: Path,
    max_bytes: int,
    allow: Collection[str] = (),
) -> Gallery:
    """Return what a run's page shows: every artifact is read once and checked.

    What would cost too much to decode is listed, with a word on why it is not shown.
    """
    files: list[File] = []
    shown: dict[str, list[Shown]] = {"images": [], "figures": [], "tables": [], "texts": []}
    left = budgets.PAGE_BYTES
    for file in listed(run_id, artifacts, max_bytes, allow):
        if file.target is None:
            files.append(file)
            continue
        try:
            content = genuine(folder, file)
        except (NotFoundError, DamageError) as error:
            files.append(_left_out(file, str(error)))
            continue
        if secret := hiding.by_content(file.path, content, allow):
            file = replace(_left_out(file, hiding.FOUND), secret=secret)  # noqa: PLW2901
        if plotly.is_figure(content, paths.suffix(file.path)):
            files.append(replace(file, note=plotly.NOTE))
            continue
        try:
            kind, part = _show(run_id, file, content, left)
        except OverBudgetError as error:
            note = f"too large to be shown here: {error}"
            file = replace(file, note=note)  # noqa: PLW2901 - the same file, with a word
            kind, part = "texts", _text(file, content)
        files.append(file)
        if part is None or len(shown[kind]) >= _MOST[kind] or (file.secret and kind in _NEED_FILE):
            continue
        shown[kind].append(_masked(replace(part, file=file), allow))
        left -= len(content)
    return Gallery(tuple(files), **{kind: tuple(parts) for kind, parts in shown.items()})


def _masked(part: Shown, allow: Collection[str]) -> Shown:
    """Return what is shown of an artifact without the secrets in it."""
    if part.table is not None:
        return replace(part, table=hiding.table(part.table, allow))
    hidden = hiding.excerpt if part.cut and part.file.secret else hiding.text
    return replace(part, text=hidden(part.text, allow)) if part.text else part


def _show(run_id: str, file: File, content: bytes, left: int) -> tuple[str, Shown | None]:
    """Return the kind of place and what stands there; None for what is only listed.

    Raises:
        OverBudgetError: decoding it costs too much, or more than the `left` bytes of a page.
    """
    suffix = paths.suffix(file.path)
    if suffix in images.SHOWN and (part := _image(file, content, suffix)) is not None:
        return "images", part
    if suffix not in _DECODED:
        return "texts", _text(file, content)
    if len(content) > left:
        raise OverBudgetError("the page shows enough already")
    if suffix == "json":
        return _json(run_id, file, content)
    if (table := tables.preview(content, suffix)) is not None:
        return "tables", Shown(file, table=table)
    return "texts", _text(file, content)


def _image(file: File, content: bytes, suffix: str) -> Shown | None:
    size = images.dimensions(content)
    width, height = size or (None, None)
    if suffix != "svg":
        if size:
            images.check(size)
        return Shown(file, source=file.target or "", width=width, height=height) if size else None
    if not drawings.check(content):
        return None
    source = f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    return Shown(file, source=source, width=width, height=height)


def _json(run_id: str, file: File, content: bytes) -> tuple[str, Shown | None]:
    try:
        value = budgets.json_value(content)
    except ValueError:
        return "texts", _text(file, content)
    if _is_spec(value, content):
        name = f"figure-{paths.digest(file.path)}"
        return "figures", Shown(file, spec=name, script=_script_path(run_id, file))
    if (table := tables.from_json(value)) is not None:
        return "tables", Shown(file, table=table)
    return "texts", _text(file, content, texts.pretty(value))


def _text(file: File, content: bytes, excerpt: texts.Excerpt | None = None) -> Shown | None:
    name = file.path.rsplit("/", 1)[-1]
    excerpt = excerpt or texts.excerpt(content, paths.suffix(file.path), named="." in name)
    return Shown(file, text=excerpt.text, cut=excerpt.is_cut) if excerpt else None


def _is_spec(value: object, content: bytes) -> bool:
    return len(content) <= budgets.SPEC_BYTES and specs.vega_spec(value) is not None


def _script_path(run_id: str, file: File) -> str:
    return f"runs/{run_id}/figures/{paths.digest(file.path, 16)}.js"


def _spec_script(folder: Path, file: File, allow: Collection[str]) -> str | None:
    content = _copied(folder, file, allow)
    if content is None:
        return None
    try:
        spec = specs.vega_spec(budgets.json_value(content))
    except (ValueError, OverBudgetError):
        return None
    return None if spec is None else data_script(f"figure-{paths.digest(file.path)}", spec)
