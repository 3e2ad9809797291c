"""What the open pages have to know, handed to every connection that waits for it."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass, field, replace

MOST_PATHS = 1000  # beyond it a page takes everything as changed


@dataclass(frozen=True)
class News:
    """The latest word on the site.

    Attributes:
        serial: counts every piece of news.
        session: random for each watch: pages opened under another one take everything as changed.
        epoch: counts the builds that changed the site.
        paths: what the build of this epoch wrote or removed; None when it is not known.
        error: why the newest build failed, in one sentence; None when it did not.
    """

    serial: int = 0
    session: str = field(default_factory=lambda: secrets.token_hex(8))
    epoch: int = 0
    paths: tuple[str, ...] | None = None
    error: str | None = None

    def to_json(self) -> str:
        """Return what is sent to pages: one line."""
        paths = None if self.paths is None else list(self.paths)
        return json.dumps(
            {"session": self.session, "epoch": self.epoch, "paths": paths, "error": self.error}
        )


class Feed:
    """The latest News, and a way to wait for newer."""

    def __init__(self) -> None:
        self._news = News()
        self._closed = False
        self._condition = threading.Condition()

    @property
    def news(self) -> News:
        """The latest news."""
        return self._news

    def built(self, paths: tuple[str, ...] | None) -> None:
        """Tell that a build worked; `paths` are the site-relative files that it changed."""
        if paths is not None and len(paths) > MOST_PATHS:
            paths = None
        if paths == ():
            self._publish(replace(self._news, error=None))
        else:
            self._publish(replace(self._news, epoch=self._news.epoch + 1, paths=paths, error=None))

    def failed(self, error: str) -> None:
        """Tell that a build failed and the site is as it was."""
        self._publish(replace(self._news, error=error))

    def wait(self, serial: int, timeout_s: float) -> News | None:
        """Return the latest news once it is newer than `serial`; None at the timeout.

        Raises:
            EOFError: there will be no more news.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._news.serial > serial, timeout_s)
            if self._closed:
                raise EOFError
            return self._news if self._news.serial > serial else None

    def close(self) -> None:
        """End every wait, now and later."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _publish(self, news: News) -> None:
        with self._condition:
            if news != self._news:
                self._news = replace(news, serial=self._news.serial + 1)
                self._condition.notify_all()
