"""Chromium for the tests: pages that report every fault, axe, and a static file host.

Nothing here asserts: conftest.py makes fixtures of it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    Response,
    Route,
    expect,
)

from tests.waiting import HANG_MS, until

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# Root needs --no-sandbox; the others keep Chromium from looking for its maker's servers.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOOPBACK = ("127.0.0.1", "localhost")
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
expect.set_options(timeout=HANG_MS)

WATCH_CSP = """
document.addEventListener('securitypolicyviolation', event => trackCspViolation(
  `${event.effectiveDirective} forbids ${event.blockedURI} at ` +
  `${event.sourceFile}:${event.lineNumber} ${event.sample}`));
"""
# Lets the page's tasks run; without JavaScript there are none, and a timer would never fire.
TURN = "() => matchMedia('(scripting: none)').matches || new Promise(done => setTimeout(done))"
# What was changed is laid out, observed, scrolled to and painted after the second of two frames.
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
RUN_AXE = """
options => axe.run({resultTypes: ['violations'], ...options}).then(found => found.violations)
"""
Look = tuple[str, dict[str, int]]  # colour scheme, viewport
# Chromium repeats these on the console; they are reported once, by what they are.
REPEATED = ("Failed to load resource", "Content Security Policy")


@dataclass(frozen=True)
class Problem:
    """One fault of a page.

    `kind` is console, page (an uncaught exception), request, network (something outside was
    asked for) or csp; `text` says what the browser said about it.
    """

    kind: str
    text: str


def launch(playwright: Playwright) -> Browser:
    """Start Debian's Chromium, headless."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=HANG_MS)


def is_local(url: str) -> bool:
    """Whether a page may load `url`: from this machine, or made by the page itself."""
    parts = urlsplit(url)
    return parts.scheme in ("about", "blob", "data", "file") or parts.hostname in LOOPBACK


def watch(context: BrowserContext, problems: list[Problem]) -> None:
    """Cut the context off from the network and append each fault of its pages to `problems`."""

    def add(kind: str, text: str) -> None:
        problems.append(Problem(kind, text))

    def cut(route: Route) -> None:
        if is_local(route.request.url):
            route.continue_()
        else:
            add("network", route.request.url)
            route.abort("blockedbyclient")

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(text in message.text for text in REPEATED):
            add("console", message.text)

    def failed(request: Request) -> None:
        # ERR_ABORTED is the page's own doing: it navigated away, or the link is a download.
        if is_local(request.url) and request.failure != "net::ERR_ABORTED":
            add("request", f"{request.url} {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            add("request", f"{response.url} {response.status}")

    context.set_default_timeout(HANG_MS)
    context.route("**/*", cut)
    context.expose_function("trackCspViolation", lambda text: add("csp", text))
    context.add_init_script(WATCH_CSP)
    context.on("console", console)
    context.on("weberror", lambda error: add("page", str(error.error)))
    context.on("requestfailed", failed)
    context.on("response", answered)


def settle(context: BrowserContext) -> None:
    """Wait until every page has delivered the faults that it knows of."""
    for page in context.pages:
        if not page.is_closed():
            page.evaluate(TURN)


def still(page: Page) -> None:
    """Wait until what was changed just now has its place on the screen."""
    page.evaluate(FRAMES)


def fault(page: Page, problems: list[Problem]) -> Problem:
    """Wait for the next fault of a page, and take it out."""
    until(lambda: problems, lambda: settle(page.context))
    return problems.pop(0)


def look_of(page: Page) -> Look:
    """Return the colour scheme and the size of a page."""
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    return "dark" if dark else "light", page.viewport_size


def run_axe(page: Page, options: dict[str, Any] | None) -> list[str]:
    """Run axe-core, which the page has loaded; one line for each violation."""
    found = page.evaluate(RUN_AXE, options or {})
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: "
        + ", ".join(" ".join(map(str, node["target"])) for node in rule["nodes"])
        for rule in found
    ]


class Quiet(SimpleHTTPRequestHandler):
    """A static file handler that keeps its log to itself."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Say nothing."""


@contextlib.contextmanager
def file_host(root: Path) -> Iterator[str]:
    """Serve `root` on a free loopback port while the context lasts; its URL without a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
