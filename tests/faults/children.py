"""Real processes that say how far they came, and that strace may kill or deceive."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.tally import HANG, Tally
from tests.waiting import HANG_S

Say = Callable[[int], object]
_WORD = 16  # bytes of what is said: a run id fits

# Every call that can change a file, or what of it is on disk.
CALLS = (
    "openat,creat,write,pwrite64,writev,pwritev,sendfile,copy_file_range,ftruncate,truncate,"
    "fallocate,fsync,fdatasync,msync,sync_file_range,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,utimensat,fchmod,chmod"
)
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(  # imported once, not by every child
    ["pandas", "polars", "pyarrow.compute", "pyarrow.parquet", "tracksite.query.runs"]
    + [f"tracksite.store.{name}" for name in ("local", "merging", "packing", "purging", "recovery")]
    + [f"tracksite.tracking.{name}" for name in ("fluent", "active", "verbs", "capture")]
)


class Child:
    """A process that runs `body(say, *args)`; what it has said so far is in `said`."""

    def __init__(
        self, tally: Tally, body: Callable[..., object], *args: object, strace: tuple[str, ...] = ()
    ) -> None:
        """Start it, below strace with these options if there are any."""
        self._tally = tally
        gate, self._gate = _context.Pipe(duplex=False)
        self._ears, mouth = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_run, args=(gate, mouth, body, args), daemon=True)
        self._process.start()
        gate.close()
        mouth.close()
        self._heard = bytearray()
        self._strace: subprocess.Popen[bytes] | None = None
        if strace:
            self.attach(strace)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        with contextlib.suppress(BrokenPipeError):  # strace has killed it already
            self._gate.send_bytes(b"go")

    @property
    def said(self) -> list[int]:
        """What it has said so far."""
        whole = bytes(self._heard)
        ends = range(_WORD, len(whole) + 1, _WORD)
        return [int.from_bytes(whole[end - _WORD : end], "little") for end in ends]

    def wait_for(self, words: int) -> None:
        """Wait until it has said so many words, or has ended."""
        deadline = time.monotonic() + HANG_S
        while len(self._heard) < words * _WORD and self._reader.is_alive():
            self._reader.join(0.002)
            if time.monotonic() > deadline:
                self._tally.wrong(HANG, 1, f"after {self.said[-3:]}")
                return

    def relent(self) -> None:
        """Let go of it, so that the kernel serves it again."""
        assert self._strace is not None
        self._strace.terminate()
        self._strace.wait(HANG_S)

    def kill(self) -> list[int]:
        """Kill it, which must not have ended by itself; return what it had said."""
        assert self._process.exitcode is None
        self._process.kill()
        self.wait()
        return self.said

    def wait(self) -> int:
        """Wait for its end; return its exit code: -9 where it was killed."""
        self._process.join(HANG_S)
        if self._process.exitcode is None:
            self._tally.wrong(HANG, 1, f"after {self.said[-3:]}")
            self._process.kill()
            self._process.join()
        if self._strace is not None:
            self._strace.wait(HANG_S)
        self._reader.join(HANG_S)
        self._gate.close()
        self._ears.close()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def _read(self) -> None:
        while chunk := os.read(self._ears.fileno(), 1 << 16):
            self._heard += chunk

    def attach(self, options: tuple[str, ...]) -> None:
        """Put it below strace from now on."""
        command = ["strace", "-f", "-qq", *options, "-p", str(self._process.pid)]
        self._strace = subprocess.Popen(command)
        status = Path(f"/proc/{self._process.pid}/status")
        while "TracerPid:\t0\n" in status.read_text():
            assert self._strace.poll() is None, "strace may not attach to a process: run as root"
            time.sleep(0.001)


def _run(gate, mouth, body: Callable[..., object], args: tuple[object, ...]) -> None:
    gate.recv_bytes()
    file = mouth.fileno()
    body(lambda word: os.write(file, word.to_bytes(_WORD, "little")), *args)


def killed_at(call: int) -> tuple[str, ...]:
    """Return options of strace that kill a process just before this call of CALLS."""
    return (
        "-o",
        os.devnull,
        "-e",
        f"trace={CALLS}",
        "-e",
        f"inject={CALLS}:signal=KILL:when={call}",
    )


def refused(error: str) -> tuple[str, ...]:
    """Return options of strace that refuse every call by which a store writes with this error."""
    calls = "fallocate,ftruncate,pwrite64,fsync,fdatasync,msync,rename,mkdir"
    return ("-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}")


def counting(log: Path) -> tuple[str, ...]:
    """Return options of strace that write the calls of CALLS with the files they are about."""
    return ("-y", "-o", str(log), "-e", f"trace={CALLS}")
