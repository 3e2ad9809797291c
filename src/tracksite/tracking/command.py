"""The command line and the entry script of this process, with secrets masked."""

from __future__ import annotations

import shlex
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.masking import MASK
from tracksite.masking.words import mask_words
from tracksite.tracking import own_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    return None if _is_installed(script) else script


def _is_installed(script: Path) -> bool:
    """Tell whether a script is a tool, such as `torchrun` or `cProfile`, that runs the user's."""
    if {"site-packages", "dist-packages"} & set(script.parts):
        return True
    programs = (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")))
    library = Path(sysconfig.get_path("stdlib")).resolve()
    return script.parent in programs or script.is_relative_to(library)


def mask(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with secrets replaced by ***."""
    return mask_words(words, own_secrets.of_environment())
