"""The processes of a trial: trainings that are heard, lookers, and commands; none may hang."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tools.mounts.training import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.mounts.training import Training

HANG_S = 300.0  # FUSE answers no more
ROOT = Path(__file__).parents[2]
TRACKSITE = str(Path(sys.executable).with_name("tracksite"))
OTHER_HOST = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")  # pids mean nothing


class TroubleError(Exception):
    """A process failed or hung; the message says how."""


@dataclass
class Heard:
    """What a training said of itself: what is acknowledged has to be in the store.

    Attributes:
        run_id: of its run.
        steps: those whose call returned.
        artifacts: the names of those whose call returned.
        ended: whether the end of the run returned.
        warned: what it warned of.
    """

    run_id: str = ""
    steps: list[int] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    ended: bool = False
    warned: str = ""

    @property
    def points(self) -> dict[tuple[str, int], str]:
        """Return (key, step) → value of what is acknowledged."""
        return {("loss", step): repr(value(step)) for step in self.steps}


class Process:
    """A process that is spoken with in lines; one that says nothing for long is killed."""

    def __init__(self, *command: str) -> None:
        """Start it."""
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in close()
        self._popen = subprocess.Popen(
            command,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def say(self, line: str) -> None:
        """Say a line to it; nothing happens if it has ended."""
        with contextlib.suppress(BrokenPipeError):
            if self._popen.stdin:
                self._popen.stdin.write(f"{line}\n")
                self._popen.stdin.flush()

    def lines(self) -> Iterator[str]:
        """Yield the lines that it says, until it ends; one cut short by its death is left out."""
        guard = threading.Timer(HANG_S, self._popen.kill)
        guard.daemon = True
        guard.start()
        try:
            for line in self._popen.stdout or ():
                if line.endswith("\n"):
                    yield line.rstrip("\n")
        finally:
            guard.cancel()

    def kill(self) -> None:
        """Kill it (SIGKILL), if it still runs."""
        self._popen.kill()

    def close(self) -> tuple[int, str]:
        """Wait for its end; return its exit code, and what it warned of or failed with last."""
        for pipe in (self._popen.stdin, self._popen.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        code = self._popen.wait()
        with self._errors as errors:
            errors.seek(0)
            told = [line for line in errors if "Error" in line or "tracksite:" in line]
        return code, told[-1].strip().rpartition("RuntimeWarning: ")[2] if told else ""


class Trainee:
    """A training under way; what it has said so far is in `heard`."""

    def __init__(self, what: Training) -> None:
        """Start it."""
        self.heard = Heard()
        self.process = Process(
            sys.executable, "-m", "tools.mounts.training", json.dumps(asdict(what))
        )

    def hear(self, until: str = "ended") -> Heard:
        """Listen until it says a line that begins so.

        Raises:
            TroubleError: it ended before.
        """
        for line in self.process.lines():
            self._note(line)
            if line.startswith(until):
                return self.heard
        raise TroubleError(f"training ended early: {self.process.close()[1]}")

    def _note(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "run":
            self.heard.run_id = rest
        elif word == "step":
            self.heard.steps.append(int(rest))
        elif word == "artifact":
            self.heard.artifacts.append(json.loads(rest))
        elif word == "ended":
            self.heard.ended = True

    def go_on(self) -> None:
        """Let it go on where it waits."""
        self.process.say("")

    def kill(self) -> Heard:
        """Kill it as it runs, and hear what it had said."""
        self.process.kill()
        for line in self.process.lines():
            self._note(line)
        self.heard.warned = self.process.close()[1]
        return self.heard

    def finish(self) -> Heard:
        """Let it come to its end; return all that it said.

        Raises:
            TroubleError: it failed.
        """
        self.hear("ended")
        code, self.heard.warned = self.process.close()
        if code:
            raise TroubleError(f"training failed: {self.heard.warned}")
        return self.heard


class Looker:
    """A process that looks at stores, here or as one on another host would."""

    def __init__(self, *, elsewhere: bool) -> None:
        """Start nothing yet: it starts with the first look."""
        prefix = OTHER_HOST if elsewhere else ()
        self._command = (*prefix, sys.executable, "-m", "tools.mounts.looking")
        self._process: Process | None = None

    def look(self, store: Path) -> dict[str, Any]:
        """Return what is seen of a store.

        Raises:
            TroubleError: the store cannot be read.
        """
        self._process = self._process or Process(*self._command)
        self._process.say(str(store))
        line = next(self._process.lines(), None)
        if line is None:
            code, told = self._process.close()
            self._process = None
            raise TroubleError(f"looking at {store} ended with {code}: {told}")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise TroubleError(found["error"])
        return found

    def end(self) -> None:
        """End the process; the next look starts another one."""
        if self._process:
            self._process.kill()
            self._process.close()
            self._process = None


def tracksite(*words: str | Path) -> str:
    """Run the command; return what it prints.

    Raises:
        TroubleError: it fails.
    """
    command = [TRACKSITE, *map(str, words)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANG_S
        )
    except subprocess.TimeoutExpired:
        raise TroubleError(f"tracksite {words[0]} hangs") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise TroubleError(f"tracksite {words[0]}: {' | '.join(said[-3:])}")
    return done.stdout
