"""The commands that make a run again, as far as they can run in another place than it did.

What cannot be given as a command is said in a comment: `#` and one sentence. So the text as a whole
is a script that runs in an empty folder, or says what has to be put there first.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tracksite.masking import MASK
from tracksite.masking.files import LEFT_OUT
from tracksite.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!_-]*(?:\+(?P<local>[A-Za-z0-9._-]+))?")
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?", re.IGNORECASE)
_TORCH_BUILD = re.compile(r"cpu|cu\d{2,4}|rocm[\d.]+|xpu")
_TORCH = ("torch", "torchaudio", "torchvision")
_PUBLIC_HOSTS = ("github.com", "gitlab.com", "codeberg.org", "bitbucket.org")
_SCP = re.compile(r"(?:\w[\w.-]*@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]+):(?P<path>[^/:\s].*)")
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")  # options of Python
_TOOL = re.compile(r"/.*/(?:bin|Scripts)/(?P<name>[^/]+?)(?:\.exe)?")  # an installed program
_LINE_WIDTH = 76
_LOST = "\N{REPLACEMENT CHARACTER}"  # in the place of bytes that are no text


@dataclass(frozen=True)
class Started:
    """How a run was started: where, and with which words.

    Attributes:
        folder: below the top of the repository, "" at its top.
        words: of the command, as they can be typed in another checkout.
    """

    folder: str
    words: tuple[str, ...]


def commands(run: Mapping[str, Any], diff_name: str) -> str:
    """Return the shell commands that make the run again, as far as they are known.

    Args:
        run: the folded row of the run.
        diff_name: file name of the recorded diff of the working tree.
    """
    environment = frozenset((it["key"], it["text"]) for it in run["environment"] or [])
    lines = [*_code(run, diff_name), *_packages(environment), *_start(run)]
    return "\n".join(lines) if any(not line.startswith("#") for line in lines) else ""


def _code(run: Mapping[str, Any], diff_name: str) -> Iterator[str]:
    commit = run["git_commit"]
    if not commit or not _COMMIT.fullmatch(commit):
        return
    address = clone_address(run["git_remote"])
    if address:
        yield f"git clone {shlex.quote(address)} reproduce && cd reproduce"
    else:
        why = "it was a folder of one machine" if run["git_remote"] else "it was not recorded"
        yield f"# Go to your own checkout of the repository: {why}."
    yield f"git checkout {commit}"
    if run["git_dirty"]:
        yield from _changes(run["git_diff"], f"../{diff_name}" if address else diff_name)


def _changes(diff: str | None, path: str) -> Iterator[str]:
    """Yield how the uncommitted changes are made again, or why they cannot be."""
    if diff is None:
        yield "# The code was changed after this commit, and the changes were not recorded."
    elif reason := _unfit(diff):
        yield f"# The code was changed after this commit, and {reason}."
    else:
        yield f"# Download the uncommitted changes from below to {path} first."
        yield f"git apply {path}"


def _unfit(diff: str) -> str | None:
    """Return why a recorded diff cannot be applied; None where it can."""
    if diff.rstrip().endswith("of the diff are kept]"):
        return "only the beginning of the changes was kept"
    if diff.startswith(LEFT_OUT) or f"\n{LEFT_OUT}" in diff:
        return "files that may hold secrets were left out: apply the others by hand"
    if MASK in diff:
        return "secrets in the changes were masked: apply them by hand"
    if _LOST in diff:
        return "characters that are not UTF-8 were not kept: apply the changes by hand"
    if re.search(r"^Binary files .{0,2000} differ$", diff, re.MULTILINE):
        return "changes to binary files were not kept: apply the others by hand"
    return None


@lru_cache(64)  # most runs of an experiment have the same
def _packages(environment: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(_installed(dict(environment)))


def _installed(environment: Mapping[str, str]) -> Iterator[str]:
    pins, indexes = [], set()
    for key, version in sorted(environment.items()):
        name, found = key.removeprefix("package:"), _VERSION.fullmatch(version)
        if name == key or not found or not _PACKAGE.fullmatch(name):
            continue
        local = found["local"]
        if local and name in _TORCH and _TORCH_BUILD.fullmatch(local):
            indexes.add(f"--extra-index-url https://download.pytorch.org/whl/{local}")
        elif local:
            yield f"# {name} {version} was built on that machine: install yours."
            continue
        pins.append(f"{name}=={version}")
    if pins:
        python = _line(environment.get("python", ""))
        note = f"   # it was Python {python}" if python else ""
        yield f"python -m venv .venv && . .venv/bin/activate{note}"
        yield _wrapped("pip install", [*sorted(indexes), *pins])


def _start(run: Mapping[str, Any]) -> Iterator[str]:
    if not run["command"]:
        if run["source"]:
            yield f"# Run {_line(run['source'])}: no command line was recorded."
        return
    started = parsed(run["command"], run["source"], known_code=bool(run["git_commit"]))
    if isinstance(started, str):
        yield f"# {started}"
        return
    if any(MASK in word for word in started.words):
        yield f"# Put your own values in the place of {MASK}."
    if places := [word for word in started.words if _is_absolute(word)]:
        yield f"# On the machine that it ran on: {_line(', '.join(places))}"
    if started.folder:
        yield f"cd {shlex.quote(started.folder)}"
    yield shlex.join(started.words)


def parsed(command: str, source: str | None, *, known_code: bool) -> Started | str:
    """Return how a recorded command line is typed elsewhere, or the sentence why it cannot be.

    Args:
        command: as it was recorded, quoted for a shell.
        source: the entry script, relative to its repository where it is in one.
        known_code: whether the commit of the repository is known.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words or any("\r" in word or visible(word) != word for word in words):
        return f"The command cannot be typed: {_line(command)}"
    if not _PYTHON.fullmatch(words[0]):
        return Started("", tuple(words))
    words[0] = "python"
    at = _script_at(words)
    if at is None:
        return "The code was typed or piped into Python, and is not recorded."
    if words[at - 1] == "-c":
        return Started("", tuple(words))
    if words[at - 1] == "-m":
        return Started(_folder_of(words[at], source) if known_code else "", tuple(words))
    return _from_checkout(words, at, source, known_code=known_code)


def _folder_of(module: str, source: str | None) -> str:
    """Return the folder of the repository in which Python finds a module by its name."""
    path = f"/{module.replace('.', '/')}"
    found = f"/{source or ''}"
    ends = (end for end in (f"{path}.py", f"{path}/__main__.py") if found.endswith(end))
    return next((found.removesuffix(end)[1:] for end in ends), "")


def _script_at(words: Sequence[str]) -> int | None:
    """Return where the script, module or code stands in a command line of Python."""
    at = 1
    while at < len(words):
        word = words[at]
        if word in {"-c", "-m"}:
            return at + 1 if at + 1 < len(words) else None
        if word == "-" or not word.startswith("-"):
            return None if word == "-" else at
        at += 2 if word in _WITH_VALUE else 1
    return None


def _from_checkout(
    words: list[str], at: int, source: str | None, *, known_code: bool
) -> Started | str:
    """Return a command whose script is found in a checkout of its repository."""
    script = words[at].replace("\\", "/").removeprefix("./")
    before, after = words[:at], words[at + 1 :]
    if source is None:
        tool = _TOOL.fullmatch(script)
        return Started("", (tool["name"], *after) if tool else tuple(words))
    if not known_code:
        told = _line(shlex.join(words))
        where = f"Put {_line(source)} here: the commit that it is in is not known."
        return f"{where} It was run as: {told}"
    if source.endswith(f"/{script}"):
        return Started(source.removesuffix(f"/{script}"), (*before, script, *after))
    return Started("", (*before, source, *after))


def _is_absolute(word: str) -> bool:
    value = word.rpartition("=")[2]
    return bool(re.match(r"/\w|~|[A-Za-z]:[\\/]", value))


def clone_address(remote: str | None) -> str | None:
    """Return what `git clone` takes on another machine; None where only one machine has it.

    Recorded remotes are without user names: a public host is asked by HTTPS, which needs none, and
    another one by SSH as `git`, which is what all common servers call their user.
    """
    text = (remote or "").strip()
    parts = urlsplit(text)
    if parts.scheme in {"https", "http", "git", "ssh"} and parts.hostname:
        if parts.hostname in {"localhost", "127.0.0.1", "::1"} or _line(text) != text:
            return None
        if parts.scheme != "ssh":
            return text
        public, host, path = parts.hostname in _PUBLIC_HOSTS, parts.netloc, parts.path
        return f"https://{parts.hostname}{path}" if public else f"ssh://git@{host}{path}"
    found = _SCP.fullmatch(text) if "://" not in text else None
    if not found or "\\" in text or _line(text) != text:
        return None
    if found["host"] in _PUBLIC_HOSTS:
        return f"https://{found['host']}/{found['path']}"
    return f"git@{found['host']}:{found['path']}"


def _wrapped(command: str, words: Sequence[str]) -> str:
    """Return a command with many arguments in lines that fit a page."""
    text = textwrap.fill(
        " ".join(words), _LINE_WIDTH, break_long_words=False, break_on_hyphens=False
    )
    return f"{command} " + text.replace("\n", " \\\n    ")


def _line(text: str) -> str:
    """Return a text in one line, with what could hide or break a command made visible."""
    return visible(" ".join(text.split()))
