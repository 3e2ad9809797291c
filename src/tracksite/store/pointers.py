"""Pointers of Git LFS: a clone without their content has a few lines in the place of each file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tracksite.schema import Problem

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: "version" comes first, in these words.
_BEGINNING = b"version https://git-lfs.github.com/spec/"


def told(root: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Return problems; a file that is only a pointer is called so, with the remedy.

    Args:
        root: the store's folder.
        problems: what was found wrong in it.
    """
    return [
        replace(one, message=_sentence(one)) if _is_pointer(root / one.path) else one
        for one in problems
    ]


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except (OSError, ValueError):
        return False


def _sentence(problem: Problem) -> str:
    name = problem.path.rpartition("/")[2]
    return (
        f"{name} is a pointer of Git LFS and its content is not here: run `git lfs pull`, or let "
        f"the workflow check out with `lfs: true`."
    )
