"""The HTTP server of `tracksite watch`: for this machine alone, and it only reads.

It listens on 127.0.0.1, and answers only requests whose one Host is a name of the loopback:
a page of another site that points its own name at 127.0.0.1 (DNS rebinding) gets nothing.
Of the folder it serves what a build writes: nothing that is hidden. Connections are bounded.
Cross-Origin-Resource-Policy keeps other sites from loading the data scripts.

    /-/events     server-sent events: one `News` at once, then each newer one
    /-/watch.js   and the other files of watch itself
    everything else is the site, as built; HTML gets `inject`
"""

from __future__ import annotations

import contextlib
import mimetypes
import re
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from tracksite import paths
from tracksite.errors import StateError, TracksiteError
from tracksite.render import asset_bytes
from tracksite.watch.inject import inject, notice

if TYPE_CHECKING:
    from pathlib import Path

    from tracksite.watch.feed import Feed

HOST = "127.0.0.1"
FIRST_PORT, PORTS = 8777, 20
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_PING_S = 15.0
MOST_CONNECTIONS = 200  # at once: a browser opens six, and each tab that leads one more
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_OWN = {
    "watch.js": "js/watch.js",
    "watch.css": "css/watch.css",
    "idiomorph.min.js": "vendor/idiomorph.min.js",
}
_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "md": "text/plain",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "webp": "image/webp",
}
_AS_TEXT = ("text/", "application/json", "image/svg+xml")


class Server(ThreadingHTTPServer):
    """Serves the folder `site` and the news of `feed` on a loopback port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, site: Path, feed: Feed, port: int) -> None:
        self.site, self.feed = site, feed
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((HOST, port), _Handler)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where the site's home page is."""
        return f"http://{HOST}:{self.port}/"

    def server_bind(self) -> None:
        """Bind without asking a name server who we are, as HTTPServer would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.port

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Answer a connection in a thread of its own; one too many is told so, and closed."""
        if self._room.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # the system gives no more threads
                self._room.release()
                raise
            return
        with contextlib.suppress(OSError):
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Answer a connection, and make room for another one when it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Say nothing of connections that a browser dropped."""


def open_server(site: Path, feed: Feed, port: int | None = None) -> Server:
    """Return a server on `port`; on the first free one of 8777 to 8796 when None.

    Raises:
        StateError: the port is taken, or none of them is free.
    """
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    for number in wanted:
        with contextlib.suppress(OSError):
            return Server(site, feed, number)
    raise StateError(f"Port {wanted[-1]} is taken; choose another one with --port.")


def is_loopback_host(header: str | None) -> bool:
    """Whether a Host header names this machine's loopback; any port, for tunnels change it."""
    return _LOOPBACK.fullmatch(header or "") is not None


def content_type(name: str) -> str:
    """Return the Content-Type for a file name; text is UTF-8."""
    kind = _TYPES.get(paths.suffix(name)) or mimetypes.guess_type(name)[0]
    kind = kind or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith(_AS_TEXT) else kind


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tracksite", ""
    timeout = 60
    server: Server

    def do_GET(self) -> None:
        """Answer GET and HEAD."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            self._answer()

    do_HEAD = do_GET  # noqa: N815 - the names are the base's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the terminal tells of builds."""

    def _answer(self) -> None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1:
            refusal = b"A request has one Host (RFC 9112, 3.2).\n"
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", refusal)
            return
        if not is_loopback_host(hosts[0]):
            refusal = b"tracksite watch answers only as localhost or 127.0.0.1.\n"
            self._send(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", refusal)
            return
        path = unquote(urlsplit(self.path).path, errors="replace")
        if path == "/-/events":
            self._events()
        elif path.startswith("/-/"):
            self._own(path.removeprefix("/-/"))
        else:
            self._file(path.lstrip("/"))

    def _own(self, name: str) -> None:
        if name in _OWN:
            self._send(HTTPStatus.OK, content_type(name), asset_bytes(_OWN[name]))
        else:
            self._missing(name)

    def _file(self, name: str) -> None:
        if _is_hidden(name):
            self._missing(name)
            return
        site = self.server.site
        index = f"{name.removesuffix('/')}/index.html".removeprefix("/")
        try:
            file = paths.inside(site, index if name.endswith("/") or not name else name)
            content, state = file.read_bytes(), file.stat()
        except (TracksiteError, OSError, ValueError):
            if not name.endswith("/") and self._is_page(index):
                self._redirect(f"/{quote(name)}/")
            else:
                self._missing(name)
            return
        self._send_file(file.name, name, content, f"{state.st_mtime_ns:x}-{state.st_size:x}")

    def _is_page(self, name: str) -> bool:
        with contextlib.suppress(TracksiteError, OSError, ValueError):
            return paths.inside(self.server.site, name).is_file()
        return False

    def _send_file(self, file: str, name: str, content: bytes, version: str) -> None:
        headers = {}
        if _is_logged(name):
            headers["Content-Security-Policy"] = "sandbox"  # a stranger's file, not our page
        elif file.endswith(".html"):
            news = self.server.feed.news
            content = inject(content.decode("utf-8", "replace"), news).encode()
            version += f"-{news.session}-{news.epoch}"
        headers["ETag"] = f'"{version}"'
        if self.headers.get("If-None-Match") == headers["ETag"]:
            self._send(HTTPStatus.NOT_MODIFIED, content_type(file), b"", headers)
        else:
            self._send(HTTPStatus.OK, content_type(file), content, headers)

    def _redirect(self, target: str) -> None:
        self._send(HTTPStatus.FOUND, "text/plain", b"", {"Location": target})

    def _missing(self, name: str) -> None:
        news = self.server.feed.news
        waiting = not name and news.error is None
        title = "The site is being built" if waiting else "There is no such page"
        text = news.error or (
            "It shows here as soon as it is there."
            if waiting
            else "The run may have been deleted, or the page was never built."
        )
        content = notice(title, text, news).encode()
        self._send(HTTPStatus.NOT_FOUND, content_type("index.html"), content)

    def _send(
        self, status: HTTPStatus, kind: str, content: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self._begin(status, kind, {"Content-Length": str(len(content)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _begin(self, status: HTTPStatus, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        common = {
            "Content-Type": kind,
            "Cache-Control": "no-cache",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        for key, value in {**common, **headers}.items():
            self.send_header(key, value)
        self.end_headers()

    def _events(self) -> None:
        self.close_connection = True
        self._begin(HTTPStatus.OK, "text/event-stream", {"Connection": "close"})
        if self.command == "HEAD":
            return
        self.wfile.write(b"retry: 1000\n")
        serial = -1
        with contextlib.suppress(EOFError):
            while True:
                news = self.server.feed.wait(serial, _PING_S)
                serial = news.serial if news else serial
                self.wfile.write(f"data: {news.to_json()}\n\n".encode() if news else b":\n\n")


def _is_hidden(name: str) -> bool:
    """Whether a file, or a folder above it, is hidden: a build writes none that is served."""
    return any(part.startswith(".") for part in name.split("/"))


def _is_logged(name: str) -> bool:
    """Whether a site path is a file that a run logged."""
    parts = name.split("/")
    return parts[0] == "runs" and len(parts) > 3 and parts[2] in {"artifacts", "renamed"}  # noqa: PLR2004
