"""What is captured by itself, without the secrets in it: those of this process among them."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

from tracksite.masking import mask_text
from tracksite.masking.judged import is_secret
from tracksite.masking.names import HARD, SOFT, kind
from tracksite.masking.spans import worth_knowing
from tracksite.masking.words import mask_words, secrets_of

_FOLDERS = frozenset({"PWD", "OLDPWD"})  # of POSIX: where the shell is and was, no passwords
UNMASKED = "[left out: its secrets could not be masked]"


def masked(text: str) -> str:
    """Return a text that was captured without the secrets in it.

    Beside what looks like a secret, the values of environment variables whose names say secret,
    and what is masked of the command line, go wherever they stand. Nothing is raised.
    """
    try:
        return _masked(text, known())
    except Exception:  # noqa: BLE001 - a training goes on, and what cannot be masked is not kept
        return UNMASKED


@lru_cache(8)  # runs of a process share their diff, their remote and their branch
def _masked(text: str, known: frozenset[str]) -> str:
    return mask_text(text, known)


def known() -> frozenset[str]:
    """Return the secrets of this process: of its environment and its command line."""
    own = of_environment()
    words = list(getattr(sys, "orig_argv", ()))
    on_line = secrets_of(words, mask_words(words, own))
    return own | {secret for secret in on_line if worth_knowing(secret)}


def of_environment() -> frozenset[str]:
    """Return the values of this process's environment variables whose names say secret."""
    return frozenset(
        value
        for name, value in os.environ.items()
        if name not in _FOLDERS
        and kind(name) in {HARD, SOFT}
        and worth_knowing(value)
        and is_secret(kind(name), value, quoted=True)
    )
