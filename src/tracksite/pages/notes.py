"""Markdown that people wrote into a store → HTML that cannot do harm."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from tracksite.budgets import NOTES_CHARACTERS
from tracksite.visible import visible

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

_TAGS = {
    *"a p br hr em strong del s code pre blockquote ul ol li".split(),
    *"h3 h4 h5 h6 table thead tbody tr th td".split(),
}

_PLAIN = {"softbreak": "\n", "hardbreak": "\n"}
_HEADING_SHIFT = 2  # the page has h1 and h2 already
_DEEPEST = 6
_CUT = f"Only the first {NOTES_CHARACTERS:,} characters are shown here."


def html(markdown: str | None) -> Markup:
    """Return Markdown (CommonMark, with tables and strikethrough) as sanitised HTML.

    HTML inside the text is shown as text. Images become links, because a page loads nothing from
    elsewhere. Text beyond `budgets.NOTES_CHARACTERS` is left out, which is said.
    """
    import nh3

    if not markdown or not markdown.strip():
        return Markup("")
    rendered = _parser().render(visible(markdown[:NOTES_CHARACTERS]))
    if len(markdown) > NOTES_CHARACTERS:
        rendered += f"<p><em>{_CUT}</em></p>"
    return Markup(  # noqa: S704 - nh3 has just cleaned it
        nh3.clean(
            rendered,
            tags=_TAGS,
            attributes={"a": {"href", "title"}, "th": {"align"}, "td": {"align"}},
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


def first_line(markdown: str | None) -> str:
    """Return the first line of Markdown that has words, as plain text; "" if there is none."""
    tokens = _parser().parse((markdown or "")[:NOTES_CHARACTERS])
    texts = (it.children for it in tokens if it.type == "inline" and it.children)
    told = ("".join(_PLAIN.get(it.type, it.content) for it in children) for children in texts)
    return next((line for text in told for line in text.splitlines() if line.strip()), "").strip()


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image_as_link)
    parser.core.ruler.push("shift_headings", _shift_headings)
    return parser


def _image_as_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    options: OptionsDict,
    env: MutableMapping[str, object],
) -> str:
    token = tokens[at]
    text = renderer.renderInlineAsText(token.children or [], options, env) or "image"
    return f'<a href="{escape(str(token.attrs.get("src", "")))}">{escape(text)}</a>'


def _shift_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(_DEEPEST, int(token.tag[1]) + _HEADING_SHIFT)}"
