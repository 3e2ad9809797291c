"""Every path of the site and every safe path of an artifact: pure functions.

A site path is relative to the site's folder, with forward slashes, and in plain text: `relative`
percent-encodes it for a link. Slugs keep file systems, hosts and URLs out of trouble: lower-case
ASCII, never a leading underscore, and a digest of the name, so that two names never share one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from tracksite.errors import ArgumentError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOME = "index.html"
NOT_FOUND = "404.html"
MODELS = "models/index.html"
MANIFEST = "build.json"
NO_JEKYLL = ".nojekyll"

# A browser that opens one of these may run what is inside it, in the origin of the site.
ACTIVE = frozenset(
    "htm html xhtml xht shtml mhtml mht svg svgz xml xsl xslt rdf rss atom js mjs cjs jsx ts tsx"
    " wasm css swf pdf hta htc vbs php php5 phtml cgi asp aspx jsp manifest webmanifest appcache"
    " map".split()
)
# What Windows takes for a device, whatever follows the first dot.
RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE
)
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+=@,()-]*[A-Za-z0-9_+=@,()-])?")
_RUN_FILE = re.compile(r"runs/([0-9a-f]{32})/")
_RUN_PAGE = re.compile(r"runs/([0-9a-f]{32})/index\.html")
_LONGEST_SEGMENT, _LONGEST_PATH = 100, 180


def digest(text: str, length: int = 8) -> str:
    """Return the first `length` hex digits of the blake2b digest of `text`."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()[:length]


def slug(text: str, length: int = 48) -> str:
    """Return `text` as lower-case ASCII words joined by hyphens; "x" when nothing is left."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    return "-".join(words)[:length].strip("-") or "x"


def experiment_slug(name: str) -> str:
    """Return the folder of an experiment below `experiments/`: its words and its id's start."""
    return f"{slug(name)}-{digest(f'experiment:{name}')}"


def experiment_page(name: str) -> str:
    """Return the path of an experiment's page."""
    return f"experiments/{experiment_slug(name)}/index.html"


def standing_script(name: str) -> str:
    """Return the path of the script that says how the runs of an experiment stand."""
    return f"experiments/{experiment_slug(name)}/standing.js"


def run_page(run_id: str) -> str:
    """Return the path of a run's page."""
    return f"runs/{run_id}/index.html"


def run_json(run_id: str) -> str:
    """Return the path of the machine-readable twin of a run's page."""
    return f"runs/{run_id}/run.json"


def run_id_of(path: str) -> str | None:
    """Return whose run's page a site path is; None for every other path."""
    found = _RUN_PAGE.fullmatch(path)
    return found and found[1]


def owner_of(path: str) -> str | None:
    """Return whose run's files a site path is among; None for every other path."""
    found = _RUN_FILE.match(path)
    return found and found[1]


def model_page(name: str) -> str:
    """Return the path of a registered model's page."""
    return f"models/{slug(name)}-{digest(f'model:{name}')}/index.html"


def relative(source: str, target: str) -> str:
    """Return the URL that leads from the page `source` to the site path `target`.

    A fragment (`#…`) of `target` is kept as it is; everything else is percent-encoded. Both are
    site paths: of files, without dots.
    """
    path, mark, fragment = target.partition("#")
    if not path:
        return mark + fragment
    here, there = source.split("/")[:-1], path.split("/")
    shared = 0  # posixpath.relpath asks for the working folder each time
    for one, other in zip(here, there[:-1], strict=False):
        if one != other:
            break
        shared += 1
    steps = [".."] * (len(here) - shared) + there[shared:]
    return quote("/".join(steps), safe="/@+=,()") + mark + fragment


def inside(folder: Path, name: str) -> Path:
    """Return the file `name` below `folder`, sure to be a real file inside it.

    Raises:
        ArgumentError: the name is absolute, climbs out, or passes through a symbolic link, or
            something else than a regular file has it.
        NotFoundError: nothing has that name.
    """
    path = PurePosixPath(name)
    parts = path.parts
    if not parts or path.is_absolute() or ".." in parts or "\x00" in name or "\\" in name:
        raise ArgumentError(f"{name!r} is not a path inside the run's artifacts: log it again.")
    place = folder
    for part in parts:
        place /= part
        if place.is_symlink():
            raise ArgumentError(f"{name!r} passes through a symbolic link: log the file itself.")
    if not place.exists():
        raise NotFoundError(f"{name!r} is not among the run's artifacts: copy it there.")
    if not place.is_file():
        raise ArgumentError(f"{name!r} is no regular file: log the file itself.")
    return place


def suffix(name: str) -> str:
    """Return the last extension of a file name in lower case, without its dot."""
    return PurePosixPath(name).suffix[1:].lower()


def published(run_id: str, names: Iterable[str]) -> Mapping[str, str]:
    """Return where each artifact of a run is published: name as logged → site path.

    Names that every file system and host keeps as they are stay; others (hidden, reserved, very
    long, with unusual characters, or different from another one only by case) move to a folder
    `renamed/<digest>/`. Content that a browser could run gets `.txt` appended.
    """
    taken: dict[str, str] = {}
    return {name: _publish(run_id, name, taken) for name in sorted(names)}


def _publish(run_id: str, name: str, taken: dict[str, str]) -> str:
    shown = f"{name}.txt" if suffix(name) in ACTIVE or _double_active(name) else name
    if _plain(shown) and _claim(shown, taken):
        return f"runs/{run_id}/artifacts/{shown}"
    last = re.sub(r"[^A-Za-z0-9._-]+", "-", shown.rsplit("/", 1)[-1]).strip("-._")[-60:]
    return f"runs/{run_id}/renamed/{digest(name, 16)}/{last.lstrip('-._') or 'file'}"


def _double_active(name: str) -> bool:
    """Whether a host that reads several extensions could take the file for active content."""
    inner = PurePosixPath(name).suffixes[:-1]
    return (
        bool(inner)
        and any(part[1:].lower() in ACTIVE for part in inner)
        and (suffix(name) not in {"txt", "gz", "zip"})
    )


def _plain(name: str) -> bool:
    return len(name) <= _LONGEST_PATH and all(
        len(part) <= _LONGEST_SEGMENT
        and _PLAIN_SEGMENT.fullmatch(part) is not None
        and RESERVED.match(part) is None
        for part in name.split("/")
    )


def _claim(name: str, taken: dict[str, str]) -> bool:
    """Whether neither the file nor one of its folders differs from a taken one only by case."""
    parts = name.split("/")
    marks = {"/".join(parts[: n + 1]) + "/" * (n + 1 < len(parts)) for n in range(len(parts))}
    wanted = {mark.casefold().rstrip("/"): mark for mark in marks}
    if any(taken.get(key, mark) != mark for key, mark in wanted.items()):
        return False
    taken.update(wanted)
    return True
