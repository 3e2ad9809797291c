"""How this process ends, as far as `sys.exit` says it: nothing else tells those who run at exit."""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_watched: list[Callable[..., NoReturn]] = []
_ended: list[SystemExit] = []


class _Exit(SystemExit):
    """What `sys.exit` raises once it is watched."""

    def __del__(self) -> None:
        """Note that this ended the process: whoever catches it is still running as it goes."""
        if sys._getframe().f_back is None:  # noqa: SLF001 - the stack is empty
            _ended[:] = [SystemExit(self.code)]


def watch() -> None:
    """Let `sys.exit` leave behind what it was called with; again is no error."""
    if _watched:
        return
    _watched.append(sys.exit)

    @wraps(sys.exit)
    def leave(status: Any = None, /) -> NoReturn:  # noqa: ANN401 - what sys.exit takes
        raise _Exit(*status if isinstance(status, tuple) else (status,))

    sys.exit = leave


def how() -> BaseException | None:
    """Return what ended the process: an exception that nobody caught, `sys.exit`, or None."""
    if _ended:
        return _ended[0]
    return None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
