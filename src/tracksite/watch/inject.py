"""What is added to a page while it is served; the file on disk stays the plain build."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tracksite.visible import visible

if TYPE_CHECKING:
    from tracksite.watch.feed import News

_POLICY = re.compile(
    r"""(<meta\s+http-equiv=["']Content-Security-Policy["']\s+content=")([^"]*)(")""", re.IGNORECASE
)
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)


def inject(page: str, news: News) -> str:
    """Return the HTML `page` with watch's script, and leave to connect to this server.

    A text without a `<head>` comes back as it is.
    """
    head, mark, rest = _split_head(page)
    if not mark:
        return page
    head = _POLICY.sub(lambda found: found[1] + _connect(found[2]) + found[3], head, count=1)
    return f"{head}{_tags(news)}{mark}{rest}"


def notice(title: str, text: str, news: News) -> str:
    """Return a page of watch itself, for a path where the site has none (yet)."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "script-src 'self'; style-src 'self'; connect-src 'self'\">"
        f"<title>{html.escape(title)}</title>{_tags(news)}</head>"
        f'<body class="watch-notice"><main><h1>{html.escape(title)}</h1>'
        f'<p>{html.escape(visible(text))}</p><p><a href="/">Home</a></p></main></body></html>\n'
    )


def _split_head(page: str) -> tuple[str, str, str]:
    found = _HEAD_END.search(page)
    return (page[: found.start()], found[0], page[found.end() :]) if found else (page, "", "")


def _connect(policy: str) -> str:
    return policy if "connect-src" in policy else f"{policy.rstrip('; ')}; connect-src 'self'"


def _tags(news: News) -> str:
    return (
        '<link rel="stylesheet" href="/-/watch.css">'
        '<script src="/-/idiomorph.min.js" defer></script>'
        f'<script src="/-/watch.js" defer data-session="{news.session}"'
        f' data-epoch="{news.epoch}"></script>'
    )
