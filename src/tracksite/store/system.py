"""What differs from system to system, and what to do where something is missing.

Each assumption about the operating system, the file system or the container is made here, so that
a test can take it away.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import socket
import stat
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOWS = os.name == "nt"
STILL_S = 0.5  # after which a file's time has to have moved when it was written to
_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ESPIPE)
_CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)


def reserve(file: int, size: int) -> bool:
    """Allocate real blocks, so that a full disk is an error here and not a signal later.

    Returns:
        Whether it could: else the file must not be mapped.
    """
    try:
        os.posix_fallocate(file, 0, size)
    except AttributeError:  # macOS and Windows
        if os.fstat(file).st_size < size:
            os.truncate(file, size)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
        return False
    return True


def mapped(file: int, size: int) -> mmap.mmap | None:
    """Return a file mapped for writing; None where the file system cannot do that."""
    try:
        return mmap.mmap(file, size)
    except (OSError, ValueError):
        return None


def mapped_anew(buffer: mmap.mmap, file: int, size: int) -> mmap.mmap | None:
    """Return a larger mapping of a file that is mapped; None where that is refused now."""
    try:
        buffer.resize(size)
    except (SystemError, AttributeError):  # no mremap(2): macOS
        return mapped(file, size)
    except (OSError, ValueError):
        return None
    return buffer


def read_at(file: int, count: int, at: int) -> bytes:
    """Return bytes from a place of a file, fewer at its end."""
    found = b""
    while len(found) < count:
        if hasattr(os, "pread"):
            piece = os.pread(file, count - len(found), at + len(found))
        else:
            os.lseek(file, at + len(found), os.SEEK_SET)
            piece = os.read(file, count - len(found))
        if not piece:
            break
        found += piece
    return found


def can_read(file: int) -> bool:
    """Tell whether a file that is being written can be read: not where rclone caches no writes."""
    try:
        read_at(file, 1, 0)
    except OSError:
        return False
    return True


def write_at(file: int, content: bytes, at: int) -> None:
    """Write bytes at a place of a file."""
    while content:
        if hasattr(os, "pwrite"):
            written = os.pwrite(file, content, at)
        else:
            os.lseek(file, at, os.SEEK_SET)
            written = os.write(file, content)
        content, at = content[written:], at + written


def cut(file: int, size: int) -> None:
    """Cut off what a file has beyond a size; one without such is not touched.

    Raises:
        OSError: the disk refuses.
    """
    if os.fstat(file).st_size > size:
        os.ftruncate(file, size)


def permit(file: int, *, writing: bool) -> None:
    """Let its owner write to an open file by its name, or nobody, where there are permissions."""
    try:
        mode = stat.S_IMODE(os.fstat(file).st_mode)
        os.fchmod(file, mode | stat.S_IWUSR if writing else mode & ~0o222)
    except (OSError, AttributeError):
        return


@dataclass(frozen=True)
class Beat:
    """A sign of life: the time that it gave a file, and our own when it did."""

    modified_ns: int
    at: float


def beat(file: int, before: Beat | None, *, readable: bool = True) -> Beat:
    """Give a file the time of its file system: a byte of it is written again.

    Where that does not move the time, as on some mounts, or is refused, it is set by our clock.
    """
    with contextlib.suppress(OSError):
        if readable and (head := read_at(file, 1, 0)):
            write_at(file, head, 0)
    modified_ns, now = os.fstat(file).st_mtime_ns, time.monotonic()
    if before is None or modified_ns != before.modified_ns:
        return Beat(modified_ns, now)
    if now - before.at < STILL_S:
        return before
    with contextlib.suppress(OSError):  # no sign of life is no loss
        os.utime(file)
    return Beat(os.fstat(file).st_mtime_ns, now)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where a folder can be synced: not on SMB and some FUSE.

    Raises:
        OSError: the disk refuses.
    """
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def started(name: str, work: Callable[[], object]) -> threading.Thread | None:
    """Return a daemon thread that does some work; None where the system allows no more threads."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


def on_fork(after_in_child: Callable[[], object]) -> None:
    """Have something done in each child that is forked from now on, where there are forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=after_in_child)


@cache
def host_name() -> str:
    """Return the name of this machine, "" where it has none."""
    try:
        return socket.gethostname()
    except OSError:
        return ""


def user_name() -> str:
    """Return the login name, "" where a container's uid has none."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def cache_folder() -> Path | None:
    """Return the user's cache folder; None where the user has no home."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return None


def pid_space() -> str:
    """Return the boot and the pid namespace in which our pids mean something; "" for an unknown."""
    if sys.platform == "darwin":
        return f"{_boot_session()}/darwin"
    return f"{text_of('/proc/sys/kernel/random/boot_id')}/{_link('/proc/self/ns/pid')}"


def pid_exists(pid: int) -> bool | None:
    """Tell whether there is a process of this number; None where asking would be a signal to it."""
    if WINDOWS:
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no system has that many
        return False
    except OSError:
        return True
    return True


def text_of(path: str) -> str:
    """Return what a file of the system says, "" where it cannot be read."""
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


@cache
def _boot_session() -> str:
    """Return what macOS calls this boot, "" where it does not say."""
    import ctypes

    try:
        libc = ctypes.CDLL(None)
        size = ctypes.c_size_t(64)
        found = ctypes.create_string_buffer(size.value)
        failed = libc.sysctlbyname(b"kern.bootsessionuuid", found, ctypes.byref(size), None, 0)
        return "" if failed else found.value.decode("ascii")
    except (OSError, AttributeError, UnicodeDecodeError, TypeError):
        return ""
