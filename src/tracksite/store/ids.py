"""Identities: of runs (sortable by time), writers, and entities known by their name."""

from __future__ import annotations

import hashlib
import os
import re
import time

from tracksite.errors import ArgumentError

RUN_ID = re.compile(r"[0-9a-f]{32}")
_VERSION_7, _VARIANT = 0x7 << 76, 0b10 << 62


def new_run_id() -> str:
    """Return 32 hex digits of a UUIDv7 (RFC 9562, section 5.7): ids sort by their millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    tail = (random >> 68 << 64) | (random & ((1 << 62) - 1))
    return f"{milliseconds << 80 | _VERSION_7 | _VARIANT | tail:032x}"


def new_writer() -> str:
    """Return 12 random hex digits: one writer is one open log of one process."""
    return os.urandom(6).hex()


def import_writer(entity_id: str) -> str:
    """Return the 12 hex digits of the writer that brings an entity in from another tool.

    Two stores that import the same thing write the same segment of it, which counts once when they
    meet.
    """
    return _named("import", entity_id)[:12]


def experiment_id(name: str) -> str:
    """Return the 32 hex digits that every store gives to the experiment of this name."""
    return _named("experiment", name)


def model_id(name: str) -> str:
    """Return the 32 hex digits that every store gives to the registered model of this name."""
    return _named("model", name)


def check_run_id(run_id: str) -> str:
    """Return `run_id` if it is 32 lower-case hex digits; raise ArgumentError otherwise."""
    if not RUN_ID.fullmatch(str(run_id)):
        message = f"{run_id!r} is not a run id: pass the 32 hex digits that `tracksite ls` shows"
        raise ArgumentError(message)
    return run_id


def _named(kind: str, name: str) -> str:
    return hashlib.blake2b(
        f"{kind}:{name}".encode(errors="surrogatepass"), digest_size=16
    ).hexdigest()
