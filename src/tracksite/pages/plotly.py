"""Figures of plotly: interactive pages and their JSON, which a site has no viewer for."""

from __future__ import annotations

import re

NOTE = "an interactive figure of plotly: download it to look at it"

_JSON = re.compile(rb'\s*\{\s*"data"\s*:\s*\[\s*\{')
_NEEDED = (b'"layout"', b'"type"')
_CALL = b"Plotly.newPlot("


def is_figure(content: bytes, suffix: str) -> bool:
    """Whether a file is what plotly's `to_html` or `to_json` write; nothing is decoded."""
    if suffix in {"html", "htm"}:
        return _CALL in content
    return suffix == "json" and bool(_JSON.match(content)) and all(it in content for it in _NEEDED)
