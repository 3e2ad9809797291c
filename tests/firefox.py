"""Firefox for the tests, over WebDriver BiDi: Playwright drives only a Firefox of its own making.

`open_firefox(folder)` starts Debian's, headless, with a profile in `folder`, and gives a `Firefox`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import HANG_MS, until

FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
KEYS = {"Shift": "\ue008", "Enter": "\ue007", "Space": " ", "Tab": "\ue004"}
QUIET = {  # asks nobody for anything, and takes the theme from `dark`
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disabled": True,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}
WATCH = """() => addEventListener('securitypolicyviolation', event => console.error(
  `${event.effectiveDirective} forbids ${event.blockedURI}`))"""


class Socket:
    """The client's end of a WebSocket (RFC 6455) that carries one JSON text per message."""

    def __init__(self, port: int, path: str) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), HANG_MS / 1000)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        head += f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        self._wire.sendall(f"{head}\r\n".encode())
        self._file = self._wire.makefile("rb")
        while self._file.readline().strip():
            pass

    def send(self, message: dict[str, Any]) -> None:
        """Send a message in one frame, masked as clients have to."""
        body, mask = json.dumps(message).encode(), os.urandom(4)
        size = len(body)
        if size < 126:
            head = struct.pack("!BB", 0x81, 0x80 | size)
        elif size < 2**16:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
        self._wire.sendall(head + mask + masked)

    def receive(self) -> dict[str, Any]:
        """Return the next message, of however many frames."""
        text, last = b"", False
        while not last:
            kind, size = self._file.read(2)
            if size > 125:
                size = int.from_bytes(self._file.read(2 if size == 126 else 8), "big")
            part = self._file.read(size)
            if kind & 15 < 3:  # not a ping
                text, last = text + part, bool(kind & 128)
        message: dict[str, Any] = json.loads(text)
        return message

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._wire.close()


class Firefox:
    """One window of a Firefox; `faults` says what went wrong in its pages."""

    def __init__(self, wire: Socket) -> None:
        self._wire, self._count = wire, 0
        self.faults: list[str] = []
        self._ask("session.new", capabilities={})
        # In the first tab the address bar has the focus, and keys do nothing to a page.
        self._tab = self._ask("browsingContext.create", type="tab")["context"]
        self._ask("browsingContext.activate", context=self._tab)
        self._ask("session.subscribe", events=["log.entryAdded", "network.fetchError"])
        self._ask("script.addPreloadScript", functionDeclaration=WATCH)

    def _ask(self, method: str, **params: Any) -> Any:
        self._count += 1
        self._wire.send({"id": self._count, "method": method, "params": params})
        while (answer := self._wire.receive()).get("id") != self._count:
            self._note(answer)
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        if event.get("method") == "network.fetchError":
            text = f"{told['request']['url']} {told['errorText']}"
            if "ABORTED" not in text:
                self.faults.append(text)
        elif told.get("level") == "error":
            self.faults.append(str(told.get("text")))

    def goto(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self._ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def go(self, places: int) -> None:
        """Go back (-1) or forward (1) in the history."""
        self._ask("browsingContext.traverseHistory", context=self._tab, delta=places)

    def resize(self, width: int, height: int) -> None:
        """Give the page so many CSS pixels."""
        size = {"width": width, "height": height}
        self._ask("browsingContext.setViewport", context=self._tab, viewport=size)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or of the promise that it gives."""
        told = self._ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._tab},
            awaitPromise=True,
            userActivation=True,
        )
        if told["type"] == "exception":
            raise RuntimeError(told["exceptionDetails"]["text"])
        return json.loads(told["result"].get("value", "null"))

    def wait(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        until(lambda: self.evaluate(f"Boolean({expression})"))

    def press(self, keys: str) -> None:
        """Press keys at the same time: "Shift+Enter"."""
        names = [KEYS.get(name, name) for name in keys.split("+")]
        actions = [{"type": "keyDown", "value": name} for name in names]
        actions += [{"type": "keyUp", "value": name} for name in reversed(names)]
        self._perform({"type": "key", "id": "keys", "actions": actions})

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse at the first point, move it to the others and let it go."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y)} for x, y in points]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        self._perform(
            {"type": "pointer", "id": "mouse", "actions": [moves[0], down, *moves[1:], up]}
        )

    def _perform(self, source: dict[str, Any]) -> None:
        self._ask("input.performActions", context=self._tab, actions=[source])

    def screenshot(self) -> bytes:
        """Return the whole page as PNG."""
        told = self._ask("browsingContext.captureScreenshot", context=self._tab, origin="document")
        return base64.b64decode(told["data"])

    def pdf(self) -> bytes:
        """Return the page as it is printed to A4."""
        page = {"width": 21.0, "height": 29.7}
        told = self._ask("browsingContext.print", context=self._tab, page=page, background=False)
        return base64.b64decode(told["data"])


@contextlib.contextmanager
def open_firefox(folder: Path, *, dark: bool = False) -> Iterator[Firefox]:
    """Start Firefox with a fresh profile in `folder`; it ends with the context.

    The test is skipped where there is no Firefox.
    """
    if not Path(FIREFOX).exists():
        pytest.skip(f"there is no Firefox at {FIREFOX}: apt install firefox-esr")
    folder.mkdir(exist_ok=True)
    prefs = QUIET | {"layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in prefs.items()
    ]
    (folder / "user.js").write_text("\n".join(lines))
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(folder)]
    process = subprocess.Popen(
        [*command, "--remote-debugging-port", "0", "about:blank"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"HOME": str(folder), "MOZ_REMOTE_ALLOW_SYSTEM_ACCESS": "1"},
    )
    try:
        wire = Socket(_port(process), "/session")
        with contextlib.closing(wire):
            yield Firefox(wire)
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def _port(process: subprocess.Popen[str]) -> int:
    """Return the port that Firefox says it listens at."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"BiDi listening on ws://[^:]+:(\d+)", line):
            return int(found[1])
    raise RuntimeError("Firefox ended before it listened.")
