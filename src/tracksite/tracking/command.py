"""The command line and the entry script of this process, with secrets masked."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections import Counter
from pathlib import Path

MASK = "***"

_SENSITIVE = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credential|api[-_]?key|apikey|auth|bearer|"
    r"access[-_]?key|private[-_]?key|signing[-_]?key|encryption[-_]?key|session[-_]?key|cookie|dsn|"
    r"connection[-_]?string)s?"
)
# The secret word ends the name or is followed by another word of it: not "author", "tokenizer".
_NAMED = re.compile(rf"(?i)(?:^|[-_.]|[a-z](?=[A-Z])){_SENSITIVE}(?:[-_.]\w+)*$")
_COUNTS = re.compile(r"(?i)(?:max|min|num|n|new|total|count|per|pad|eos|bos|unk|mask)[-_.]")
_KEYISH = re.compile(r"(?i)(?:^|[-_.])key$")
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@'\"]+@")
# Tokens that can be told by their form, wherever they stand.
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}"
    r"|sk-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_SECRET_BITS = 3.0  # entropy a character from which a long word after a key is taken for a secret
_SECRET_LENGTH = 16


def line() -> str | None:
    """Return the command line that started this process, quoted for a shell, or None."""
    if "ipykernel" in sys.modules:  # it would name the kernel, not the notebook
        return None
    words = list(sys.orig_argv)
    if words:
        words[0] = Path(words[0]).name
    return " ".join(map(_quoted, mask(words))) or None


def _quoted(word: str) -> str:
    """Return a word as a shell takes it; a mask alone is no reason for quotes."""
    bare = word.replace(MASK, "")
    return word if MASK in word and shlex.quote(bare) in {bare, "''"} else shlex.quote(word)


def source(root: str | None) -> str | None:
    """Return the user's entry script: relative to `root` where it is inside it, else its name."""
    script = _script()
    if script is None:
        return None
    if root is not None and script.is_relative_to(Path(root).resolve()):
        return script.relative_to(Path(root).resolve()).as_posix()
    return script.name


def folder() -> Path:
    """Return the folder of the user's entry script, or the working folder without one."""
    script = _script()
    return Path.cwd() if script is None else script.parent


def _script() -> Path | None:
    """Return the user's own file that was started: a script or a notebook, no installed tool."""
    main = sys.modules.get("__main__")
    kept_in = "__vsc_ipynb_file__" if "ipykernel" in sys.modules else "__file__"
    script = Path(getattr(main, kept_in, None) or "")
    if not script.is_file():
        return None
    script = script.resolve()
    installed = "site-packages" in script.parts or script.parent == Path(sys.executable).parent
    return None if installed else script


def mask(words: list[str]) -> list[str]:
    """Return the words of a command line with secrets replaced by ***.

    Masked are: the value of an option or assignment whose name says secret (`--password x`,
    `--token=x`, `api_key=x`), passwords in URLs, tokens of known forms, and long random-looking
    values of names that end in "key".
    """
    masked: list[str] = []
    name = ""  # of the option before, which waits for its value
    for word in words:
        if name and not word.startswith("--") and _is_secret(name, word):
            masked.append(MASK)
            name = ""
            continue
        option, equals, value = word.partition("=")
        if equals and _is_secret(option.lstrip("-+"), value):
            masked.append(f"{option}={MASK}")
        else:
            masked.append(mask_text(word))
        name = word.lstrip("-") if word.startswith("-") and not equals else ""
    return masked


def _is_secret(name: str, value: str) -> bool:
    if not value:
        return False
    if _NAMED.search(name) and not _COUNTS.search(name):
        return True
    return bool(_KEYISH.search(name)) and _looks_random(value)


def _looks_random(text: str) -> bool:
    """Whether a text is long and has many bits a character (Shannon entropy)."""
    if len(text) < _SECRET_LENGTH or " " in text:
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) >= _SECRET_BITS


def mask_text(text: str) -> str:
    """Return a text with passwords in URLs, private keys and tokens of known forms masked."""
    text = _USER_INFO.sub(rf"\g<scheme>{MASK}@", text)
    return _TOKEN.sub(MASK, _PRIVATE_KEY.sub(MASK, text))
