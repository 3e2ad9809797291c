"""`build.json` of a site: what the last build wrote.

Its fields:
    format      of this file: 2
    version     of tracksite that wrote the site
    state       digest of the store's file names (`Store.state`): same state, same site
    key         digest of version, settings, templates and assets: part of every file's digest
    masked      secrets that are shown as ***: [run id, place, why]
    problems    what the build had to leave out: [path, run_id or null, message]
    files       site path → [digest, bytes]: the digest of key and of all that the file is made
                from (null: the file could not be made, so the next build tries again), and the
                file's size (null: there is no such file)
It holds no time: the same store gives the same manifest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracksite import paths
from tracksite.model import Masked
from tracksite.schema import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST_FORMAT = 2

Entry = tuple[str | None, int | None]


@dataclass(frozen=True)
class Manifest:
    """The content of `build.json`; the module's docstring describes the fields."""

    version: str = ""
    state: str = ""
    key: str = ""
    problems: tuple[Problem, ...] = ()
    masked: tuple[Masked, ...] = ()
    files: Mapping[str, Entry] = field(default_factory=dict)


def read(site: Path) -> Manifest:
    """Return what `build.json` of a site says; an empty manifest where there is none to trust."""
    try:
        told = json.loads((site / paths.MANIFEST).read_text(encoding="utf-8"))
        if told["format"] != MANIFEST_FORMAT:
            return Manifest()
        return Manifest(
            version=str(told["version"]),
            state=str(told["state"]),
            key=str(told["key"]),
            problems=tuple(Problem(*problem) for problem in told["problems"]),
            masked=tuple(Masked(*it) for it in told.get("masked", ())),
            files={
                path: (mark, size)
                for path, (mark, size) in told["files"].items()
                if _is_below(path)
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Manifest()


def _is_below(path: str) -> bool:
    """Whether a path of a manifest stays inside the site: a build deletes what it lists."""
    return not path.startswith("/") and "\\" not in path and ".." not in path.split("/")


def encoded(manifest: Manifest) -> bytes:
    """Return `build.json`; one line for each file, so that versions of a site compare well."""
    told: dict[str, Any] = {"format": MANIFEST_FORMAT, **vars(manifest)}
    told["problems"] = [[it.path, it.run_id, it.message] for it in manifest.problems]
    told["masked"] = [[it.run_id, it.place, it.why] for it in manifest.masked]
    files = json.dumps(manifest.files, sort_keys=True)[1:-1]
    lines = files.replace('], "', '],\n"')  # no path has that: its quotes are escaped
    del told["files"]
    text = json.dumps(told, indent=1)[:-2] + f',\n "files": {{\n{lines}\n }}\n}}\n'
    return text.encode()
