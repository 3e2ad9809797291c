"""How this process ends, as far as `sys.exit` says it: nothing else tells those who run at exit.

`exit()` and `quit()` say it too. A `raise SystemExit` leaves no trace, nor does a `sys.exit` that
was imported by its own name before it was watched.
"""

from __future__ import annotations

import builtins
import opcode
import sys
import threading
from functools import wraps
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FIRST = ("<module>", "_run_module_as_main")  # of a script, and of `python -m`
_MAIN = threading.main_thread()
_watched: list[Callable[..., NoReturn]] = []
_ended: list[SystemExit] = []
_raised: WeakSet[_Exit] = WeakSet()


class _Exit(SystemExit):
    """What `sys.exit` raises once it is watched."""

    def __init__(self, *args: object) -> None:
        """Note what was raised: as the process ends, something may still hold it."""
        super().__init__(*args)
        _raised.add(self)

    def __del__(self) -> None:
        """Note that this ended the process: whoever catches it is still running as it goes."""
        if sys._getframe().f_back is None:  # noqa: SLF001 - the stack is empty
            _ended[:] = [SystemExit(self.code)]

    def __reduce__(self) -> tuple[type[SystemExit], tuple[Any, ...]]:
        """Go to other processes as what it stands for: they may know nothing of this module."""
        return SystemExit, self.args

    def went_through(self) -> bool:
        """Return whether the first frame of the process, below this, ended without returning."""
        frame = self.__traceback__ and self.__traceback__.tb_frame
        while frame and frame.f_back:
            frame = frame.f_back
        if not frame or frame.f_code.co_name not in _FIRST:  # of a generator it is not known
            return False
        return not opcode.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")


_Exit.__name__ = _Exit.__qualname__ = SystemExit.__name__  # as tracebacks and `repr` show it
_Exit.__module__ = SystemExit.__module__


def watch() -> None:
    """Let `sys.exit` and its like leave behind what they were called with; again is no error."""
    if _watched:
        return
    _watched.append(sys.exit)
    sys.exit = _leaving(sys.exit)
    quitter = type(getattr(builtins, "exit", None))
    if quitter.__module__ == "_sitebuiltins":  # not IPython's, nor that of a frozen program
        quitter.__call__ = _leaving(quitter.__call__)  # type: ignore[method-assign]


def _leaving(leave: Callable[..., Any]) -> Callable[..., NoReturn]:
    """Return a function that exits, whose exception says so if it ends the process."""

    @wraps(leave)
    def watched(*args: Any) -> NoReturn:
        try:
            leave(*args)
        except SystemExit as error:
            if type(error) is not SystemExit or threading.current_thread() is not _MAIN:
                raise  # of a thread it ends the thread alone, in silence if it is of this very type
            status = error.args
        raise _Exit(*status)

    return watched


def how() -> BaseException | None:
    """Return what ended the process: an exception that nobody caught, `sys.exit`, or None."""
    if _ended:
        return _ended[0]
    if hasattr(sys, "ps1"):
        return None
    uncaught: BaseException | None = getattr(sys, "last_value", None)
    if uncaught is not None:
        return uncaught
    return next((SystemExit(it.code) for it in _raised if it.went_through()), None)
