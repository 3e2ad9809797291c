"""A trial: what a store has to bear on one file system, step by step, and what went wrong."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.mounts.processes import Heard, Looker, Process, Trainee, TroubleError, tracksite
from tools.mounts.training import Training, value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tools.mounts.filesystems import Storage

NAMES = (
    *("note.txt", "Note.txt", "a?b.txt", "CON", "trailing.", "models/best/weights.txt"),
    *(unicodedata.normalize(form, "é.txt") for form in ("NFC", "NFD")),
)
ARTIFACTS = {name: f"this is {name!a}\n" for name in NAMES}
COUNTS = ("acknowledged", "lost", "doubled", "wrong", "artifacts lost", "errors", "late")


@dataclass
class Outcome:
    """What one file system did.

    Attributes:
        steps: step → what went wrong in it; "" where nothing did.
        faults: all that went wrong, in sentences.
        notes: what was not tried, and why.
        counts: how often, by `COUNTS`; `late` counts runs that a second mount did not list yet,
            which is no fault.
    """

    steps: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Trial:
    """One file system on trial; `outcome` says how it went."""

    def __init__(self, storage: Storage, work: Path) -> None:
        """Take a storage that is mounted nowhere, and a folder for all else."""
        self.outcome = Outcome()
        self._storage, self._work = storage, work
        self._store = work / "first" / "runs"
        self._views: dict[str, Path] = {}
        self._here, self._elsewhere = Looker(elsewhere=False), Looker(elsewhere=True)
        self._trainings: list[Process] = []
        self._heard: list[Heard] = []
        self._gone: set[str] = set()
        self._known: dict[str, set[str]] = {}
        self._step, self._wrong = "", Counter[str]()
        self._told: set[tuple[str, str]] = set()

    def run(self) -> Outcome:
        """Go through all steps: a step that fails ends none of the others."""
        first = self._work / "first"
        with self._storage.mount(first), ExitStack() as stack:
            if self._storage.behind is not None:
                self._views["behind"] = self._storage.behind / "runs"
            if self._storage.shared:
                stack.enter_context(self._storage.mount(self._work / "second"))
                self._views["second mount"] = self._work / "second" / "runs"
            stack.callback(self._end_processes)
            for name, step in STEPS.items():
                self._take(name, step)
        with self._storage.mount(first), ExitStack() as stack:
            stack.callback(self._end_processes)
            self._take("mounted again", Trial.read)
            if self._storage.behind is not None:
                self._take("behind", Trial.read_behind)
        self.outcome.counts["acknowledged"] = sum(len(it.steps) for it in self._heard)
        return self.outcome

    def _end_processes(self) -> None:
        for looker in (self._here, self._elsewhere):
            looker.end()
        for training in self._trainings:
            training.kill()

    def _take(self, name: str, step: Callable[[Trial], None]) -> None:
        self._step, self._wrong = name, Counter()
        if name in self._storage.cannot:
            self.outcome.steps[name] = "cannot"
            self.outcome.notes.append(f"{name}: not tried, {self._storage.cannot[name]}")
            return
        try:
            step(self)
        except TroubleError as error:
            self._fault("errors", str(error))
        self.outcome.steps[name] = ", ".join(f"{n} {what}" for what, n in self._wrong.items())

    def _fault(self, what: str, sentence: str, count: int = 1) -> None:
        self._wrong[what] += count
        if (what, sentence) not in self._told:  # a loss is counted once, not in each step after it
            self._told.add((what, sentence))
            self.outcome.counts[what] += count
            self.outcome.faults.append(f"{self._step}: {what}: {sentence}")

    def _training(self, name: str, **how: Any) -> Trainee:
        return self._started(Training(str(self._store), name, **how))

    def _started(self, what: Training) -> Trainee:
        trainee = Trainee(what)
        self._trainings.append(trainee.process)
        return trainee

    def _trained(self, trainee: Trainee) -> None:
        self._keep(trainee.finish())

    def _keep(self, heard: Heard) -> None:
        self._heard.append(heard)
        if heard.warned:
            self._fault("errors", heard.warned)

    def log(self) -> None:
        """Log a run, and read it elsewhere while it runs."""
        trainee = self._training("logged", wait_after=1_000, artifacts=ARTIFACTS)
        trainee.hear("waits")
        self._look_elsewhere(trainee.heard)
        time.sleep(1.5)  # two heartbeats
        self._look_elsewhere(trainee.heard)
        trainee.go_on()
        self._trained(trainee)
        self._look_elsewhere(trainee.heard)
        self.read()

    def kill(self) -> None:
        """Kill a training that logs; what it was told is there."""
        trainee = self._training("killed", count=10**9)
        trainee.hear("step 1500")
        self._keep(trainee.kill())
        self.read()

    def ranks(self) -> None:
        """Log to one run from two processes."""
        first = self._training("ranks", wait_after=200, count=400)
        run_id = first.hear("waits").run_id
        second = self._training("ranks", run_id=run_id, start=10_000, wait_after=200, count=400)
        second.hear("waits")
        self._look_elsewhere(first.heard)
        first.go_on()
        self._trained(first)
        self._look_elsewhere(second.heard)
        second.go_on()
        self._trained(second)
        self.read()

    def resume(self) -> None:
        """Go on with a run that has ended."""
        self._go_on_with(0, 2_000)
        self.read()

    def _go_on_with(self, number: int, start: int) -> None:
        if number < len(self._heard):
            run_id = self._heard[number].run_id
            self._trained(self._training("", run_id=run_id, start=start, count=300))

    def show(self) -> None:
        """Run the commands that read."""
        tracksite("ls", self._store, "lr = 0.1", "--json")
        tracksite("show", self._heard[0].run_id, "--store", self._store)

    def build(self) -> None:
        """Build a site beside the store, and build it again."""
        site = self._work / "first" / "site"
        tracksite("build", self._store, "-o", site)
        tracksite("build", self._store, "-o", site)
        for run_id in {it.run_id for it in self._heard}:
            if not list(site.glob(f"**/{run_id}*")):
                self._fault("errors", f"the site has no page of {run_id}")

    def pack(self) -> None:
        """Pack: what was killed is saved, too."""
        tracksite("pack", self._store)
        self.read()
        self._look_elsewhere()

    def log_on(self) -> None:
        """Log to what was packed, and pack while a run is logged to."""
        self._go_on_with(0, 3_000)
        trainee = self._training("after packing", wait_after=100, count=300)
        trainee.hear("waits")
        tracksite("pack", self._store)
        self._look_elsewhere(trainee.heard)
        trainee.go_on()
        self._trained(trainee)
        self.read()

    def pack_at_once(self) -> None:
        """Pack without grace."""
        tracksite("pack", self._store, "--grace", "0h")
        self.read()

    def gc(self) -> None:
        """Remove an old run."""
        self._gone.add(self._training("old", days_ago=3).finish().run_id)
        tracksite("gc", self._store, "--older-than", "1d", "--yes")
        self.read()

    def verify(self) -> None:
        """Check all files."""
        tracksite("verify", self._store)

    def merge(self) -> None:
        """Merge a local store into this one, and this one into a local one."""
        local = self._work / "local"
        trainee = self._started(Training(str(local), "local", count=100, artifacts=ARTIFACTS))
        self._trained(trainee)
        tracksite("merge", local, self._store)
        self.read()
        tracksite("merge", self._store, self._work / "gathered")
        self._check(self._here.look(self._work / "gathered"), "gathered")
        tracksite("verify", self._work / "gathered")

    def read(self) -> None:
        """Read all of it, here."""
        self._check(self._here.look(self._store), "first")

    def read_behind(self) -> None:
        """Read what lies behind, as soon as all is written there."""
        store, found = self._views["behind"], dict[str, Any]()
        whole = _points(self._here.look(self._store))  # once: a cache writes when nobody reads
        deadline = time.monotonic() + self._storage.settles_s
        while not found or (_points(found) != whole and time.monotonic() < deadline):
            try:
                found = self._here.look(store)
            except TroubleError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(1)
        self._check(found, "behind")

    def _look_elsewhere(self, running: Heard | None = None) -> None:
        """Read on another host, through each other view: it may see less, but nothing wrong."""
        for view, store in self._views.items():
            if not (store / "store.json").is_file():
                self.outcome.counts["late"] += 1
                continue
            try:
                found = self._elsewhere.look(store)
            except TroubleError as error:
                self._fault("errors", f"{view}: {error}")
                continue
            self._judge(found, view, running)

    def _judge(self, found: dict[str, Any], view: str, running: Heard | None) -> None:
        known = self._known.setdefault(view, set())
        for run_id in sorted(known - found["runs"].keys() - self._gone):
            self._fault("errors", f"{view}: run {run_id} has gone from view")
        known |= found["runs"].keys()
        for problem in found["problems"]:
            self._fault("errors", f"{view}: {problem}")
        if running and running.run_id not in found["runs"]:
            self.outcome.counts["late"] += 1
        elif running:
            status = found["runs"][running.run_id]["status"]
            if status == "interrupted":
                self._fault("errors", f"{view}: {running.run_id} runs and is called interrupted")
        for run_id, one in found["runs"].items():
            self._check_values(run_id, one, view)

    def _check(self, found: dict[str, Any], view: str) -> None:
        """Hold what is seen to all that was acknowledged."""
        for problem in found["problems"]:
            self._fault("errors", f"{view}: {problem}")
        for run_id in self._gone & found["runs"].keys():
            self._fault("errors", f"{view}: {run_id} was removed and is there")
        for heard in self._heard:
            self._check_run(heard, found["runs"].get(heard.run_id), view)

    def _check_run(self, heard: Heard, one: dict[str, Any] | None, view: str) -> None:
        if one is None:
            self._fault("lost", f"{view}: run {heard.run_id} is missing", len(heard.steps))
            return
        there = {(key, step): shown for key, step, shown, _ in one["points"]}
        lost = [step for key, step in heard.points if (key, step) not in there]
        if lost:
            self._fault("lost", f"{view}: {one['name']}: {len(lost)} from {lost[0]}", len(lost))
        self._check_values(heard.run_id, one, view)
        if heard.ended and one["status"] != "finished":
            self._fault("errors", f"{view}: {one['name']} has ended and is {one['status']}")
        if one["params"] != {"lr": "0.1"}:
            self._fault("lost", f"{view}: {one['name']}: params are {one['params']}")
        for name in heard.artifacts:
            shown = one["artifacts"].get(name, "not listed")
            if shown != ARTIFACTS[name]:
                self._fault("artifacts lost", f"{view}: {one['name']}: {name!a}: {shown!a}")

    def _check_values(self, run_id: str, one: dict[str, Any], view: str) -> None:
        doubled = [step for _, step, _, count in one["points"] if count > 1]
        wrong = [step for _, step, shown, _ in one["points"] if shown != repr(value(step))]
        for what, steps in (("doubled", doubled), ("wrong", wrong)):
            if steps:
                self._fault(what, f"{view}: {run_id}: {len(steps)} from {steps[0]}", len(steps))


def _points(found: dict[str, Any]) -> dict[str, int]:
    return {run_id: len(one["points"]) for run_id, one in found["runs"].items()}


STEPS: dict[str, Callable[[Trial], None]] = {
    "log": Trial.log,
    "kill": Trial.kill,
    "ranks": Trial.ranks,
    "resume": Trial.resume,
    "show": Trial.show,
    "build": Trial.build,
    "pack": Trial.pack,
    "log on": Trial.log_on,
    "pack 0h": Trial.pack_at_once,
    "gc": Trial.gc,
    "verify": Trial.verify,
    "merge": Trial.merge,
}
