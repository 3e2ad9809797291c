"""SVG drawings: how much a browser would draw, without drawing any of it.

An SVG may refer to its parts from anywhere, and what it refers to may refer again: ten levels of
ten references each are 10¹⁰ shapes in a kilobyte. So the file is read once, as XML without
entities, and its shapes are counted as often as they are referred to.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from xml.parsers import expat

from tracksite.budgets import DRAWING_BYTES, DRAWING_DEPTH, DRAWING_NODES, OverBudgetError
from tracksite.pages import images

_REFERENCE = re.compile(r"url\(\s*[\"']?#([^\"')\s]+)")  # of a fill, mask, marker, filter …
_TOO_MUCH = f"a browser would draw more than {DRAWING_NODES:,} shapes of it"


@dataclass(slots=True)
class _Node:
    """One element: the elements inside it, and the ids that it refers to."""

    children: list[_Node] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    total: int = -1  # elements that are drawn for it; -1 until they are counted


def check(content: bytes) -> bool:
    """Return whether bytes are an SVG that a page may hold; False where they are no XML.

    Raises:
        OverBudgetError: it is too large, too deep, draws too much, or has parts that could not be
            counted: entities of its own, references by style sheet, drawings inside of it.
    """
    if len(content) > DRAWING_BYTES:
        raise OverBudgetError(f"an SVG of more than {DRAWING_BYTES / 1e3:g} kB stands in no page")
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)  # noqa: FBT003 - the library's name for it is positional
    except (expat.ExpatError, ValueError):
        return False
    if _counted(reader.root, reader.by_id) > DRAWING_NODES:
        raise OverBudgetError(_TOO_MUCH)
    return True


class _Reader:
    """Makes nodes of the elements of a document."""

    def __init__(self) -> None:
        self.root = _Node()
        self.by_id: dict[str, _Node] = {}
        self._open = [self.root]
        self._pixels = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity

    def _start(self, _: str, attributes: dict[str, str]) -> None:
        if len(self._open) > DRAWING_DEPTH:
            raise OverBudgetError(f"an SVG with more than {DRAWING_DEPTH} levels is not shown")
        node = _Node()
        for name, value in attributes.items():
            if name == "id":
                self.by_id.setdefault(value, node)
            elif name.endswith("href"):
                self._refer(node, value.strip())
            else:
                node.targets += _REFERENCE.findall(value)
        self._open[-1].children.append(node)
        self._open.append(node)

    def _refer(self, node: _Node, target: str) -> None:
        if target.startswith("#"):
            node.targets.append(target[1:])
        elif target[:5].lower() == "data:":
            self._pixels += _pixels(target)
            images.check((self._pixels, 1))

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if "url(" in text:
            raise OverBudgetError("an SVG whose style sheet refers to its parts is not shown")

    def _entity(self, *_: object) -> None:
        raise OverBudgetError("an SVG with entities of its own is not shown")


def _pixels(url: str) -> int:
    """Return how many pixels an image inside of a drawing has; it may be no drawing itself."""
    kind, _, content = url.partition(",")
    try:
        size = images.dimensions(base64.b64decode(content)) if ";base64" in kind else None
    except ValueError:
        size = None
    if size is None or "svg" in kind.lower():
        raise OverBudgetError("an SVG with something else than a plain image inside is not shown")
    return size[0] * size[1]


def _counted(root: _Node, by_id: dict[str, _Node]) -> int:
    """Return how many elements are drawn for a node; of a circle of references, too many."""
    waiting, being_counted = [root], set[int]()
    while waiting:
        node = waiting[-1]
        parts = [*node.children, *(by_id[it] for it in node.targets if it in by_id)]
        if id(node) in being_counted:
            node.total = min(1 + sum(part.total for part in parts), DRAWING_NODES + 1)
            being_counted.remove(id(node))
            waiting.pop()
        elif node.total >= 0:
            waiting.pop()
        else:
            being_counted.add(id(node))
            if any(id(part) in being_counted for part in parts):
                raise OverBudgetError("an SVG that refers to what it stands in is not shown")
            waiting += [part for part in parts if part.total < 0]
    return root.total
