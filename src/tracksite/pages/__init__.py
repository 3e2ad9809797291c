"""The pages of the site: for each kind a function Context → the Pages of that kind.

A new kind of page is one module with such a function, and one line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.pages import data, experiment, home, models, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracksite.model import Page
    from tracksite.pages.context import Context

PAGES: dict[str, Callable[[Context], Iterator[Page]]] = {
    "home": home.pages,
    "experiment": experiment.pages,
    "data": data.pages,
    "run": run.pages,
    "models": models.pages,
}
