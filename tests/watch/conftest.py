"""A served site that tests write by hand, and news that they publish."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import held_port
from tracksite.watch.feed import Feed
from tracksite.watch.server import Server

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:">
<title>{title}</title><link rel="icon" href="data:,">
<script src="/assets/app.js?v={app}"></script><script src="/standing.js"></script>
</head><body>{body}</body></html>
"""
APP = """
window.told = {};
window.tracksite = { data: (name, value) => { window.told[name] = value; } };
window.updates = [];
document.addEventListener("tracksite:update", (event) => {
  window.updates.push(event.detail.paths);
  document.getElementById("drawn").textContent = String(window.told.standing);
});
"""


class Live:
    """A site folder with its server, as a watch has them."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.feed, self.port = folder, Feed(), port
        self.write("assets/app.js", APP)
        self.write("standing.js", "tracksite.data('standing', 1);")
        self.page()
        self.start()

    def write(self, path: str, text: str) -> None:
        """Write one file of the site."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def page(self, body: str = "", *, title: str = "Home", app: int = 1) -> None:
        """Write index.html."""
        self.write("index.html", PAGE.format(body=body, title=title, app=app))

    def start(self) -> None:
        """Serve the folder, each time under the same address."""
        self.server = Server(self.folder, self.feed, self.port)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.url = self.server.url

    def stop(self) -> None:
        """End the server and every connection."""
        self.feed.close()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Serve a hand-written site."""
    with held_port() as port:
        made = Live(tmp_path / "site", port)
        yield made
        made.stop()
