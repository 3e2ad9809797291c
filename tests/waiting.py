"""How long tests wait: until it is so. One bound ends what hangs; no slow machine meets it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

HANG_S = 300.0
HANG_MS = HANG_S * 1000


def until(
    condition: Callable[[], object], between: Callable[[], object] = lambda: time.sleep(0.02)
) -> None:
    """Wait until something is so; `between` two looks let others go on."""
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        between()


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Hold a loopback port on which a server may listen, and which nobody else is given."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
