"""What all integrations share: the run that one logs to, and values as frameworks give them."""

from __future__ import annotations

import contextlib
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, StateError, StoreError
from tracksite.integrations import INTEGRATIONS
from tracksite.integrations.captured import masked_settings
from tracksite.schema import TRAINING_GOAL_TAG
from tracksite.tracking.fluent import ActiveRun, active_run, start_run
from tracksite.tracking.target import using

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracksite.tracking.kinds import Model, Value

UNFINISHED = "The training stopped before its end."
MOST_DIRECTIONS = 20  # of metrics beside the goal that a run's tag names


@contextlib.contextmanager
def needs(integration: str) -> Iterator[None]:
    """Say what to install where the framework that is imported inside is not there.

    Raises:
        ModuleNotFoundError: it is not installed; one sentence with the pip command.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = str(error.name).partition(".")[0]
        raise ModuleNotFoundError(
            f"tracksite.integrations.{integration} needs {name}, which is not installed: "
            f"pip install {INTEGRATIONS[integration]}.",
            name=name,
        ) from error


@dataclass(frozen=True)
class Session:
    """The run that an integration logs to.

    Attributes:
        run: the run's handle.
        owned: whether the integration started the run, and so ends it.
    """

    run: ActiveRun
    owned: bool

    def __reduce__(self) -> tuple[type[Session], tuple[ActiveRun, bool]]:
        """Travel as one of a run that others end."""
        return Session, (self.run, False)

    def end(self, status: str = "finished", error: str | None = None) -> None:
        """End the run if it is owned; what the disk refused is a warning, as in a `with` block."""
        if self.owned:
            with self._saving():
                self.run.end(status, error=error)

    def save(self) -> None:
        """Bring what was logged to disk; what the disk refused is a warning."""
        with self._saving():
            self.run.flush()

    @contextlib.contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            yield
        except StoreError as trouble:
            if self.run.strict:
                raise
            note(str(trouble))


class Untracked:
    """A callback that pickles and copies as it was before it began to log.

    Frameworks keep callbacks in the models that they fit: such a model can be saved, cloned and
    loaded where the run's store is not.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return what the callback was told, without what it logs to."""
        return {**self.__dict__, **dict.fromkeys(self._of_a_run, None)}

    _of_a_run: tuple[str, ...] = ("_session",)


def session(
    owner: object, *, run_id: str | None = None, tracking_uri: str | None = None, **options: Any
) -> Session:
    """Return the active run of this thread, or else one that `owner` starts.

    Args:
        owner: the callback; a run that it started and never ended has failed once it is gone.
        run_id: of the run to resume; None takes the active run, or a new one.
        tracking_uri: the store of a run that is not active; None: the chosen one.
        options: of `start_run`, for a new run.
    """
    active = active_run()
    if active is not None and run_id in {None, active.run_id}:
        return Session(active, owned=False)
    run = detached(tracking_uri, run_id=run_id, **(options if run_id is None else {}))
    weakref.finalize(owner, run.end, "failed", error=UNFINISHED).atexit = False
    return Session(run, owned=True)


def detached(tracking_uri: str | None = None, **options: Any) -> ActiveRun:
    """Start a run that is active in no thread: a training that dies leaves none active behind.

    Args:
        tracking_uri: its store; None: the chosen one.
        options: of `start_run`.
    """

    def start() -> ActiveRun:
        with using(tracking_uri):
            return start_run(**options)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(start).result()


def store_of(run: ActiveRun) -> str:
    """Return the store of a run: where runs that are nested in it belong."""
    return str(Path(run.artifact_dir).parents[1])


def log_settings(run: ActiveRun, settings: Mapping[str, Any]) -> None:
    """Log params from nested settings, with secrets masked.

    Those that the run cannot take cost one warning.
    """
    params, refused = masked_settings(flat(settings)), []
    try:
        run.log_params(params)
    except ArgumentError:  # at least one, and then none was logged
        for key, value in params.items():
            try:
                run.log_param(key, value)
            except ArgumentError as error:
                refused.append(str(error))
    if refused:
        more = f" (and {len(refused) - 1} more such params)" if refused[1:] else ""
        note(f"{refused[0]}{more}")


def goal_tag(
    goal: tuple[str, bool] | None, others: Sequence[tuple[str, bool]] = ()
) -> dict[str, str]:
    """Return the tag by which a run says what its training is after, for `query.goal_tags`.

    Args:
        goal: the metric that decides, and whether more of it is better; None leaves it open.
        others: further metrics, and whether more of each is better.
    """
    told = [goal, *others[:MOST_DIRECTIONS]]
    lines = [f"{'maximize' if it[1] else 'minimize'} {it[0]}" if it else "" for it in told]
    return {TRAINING_GOAL_TAG: "\n".join(lines)}


def say_goal(
    run: ActiveRun, goal: tuple[str, bool] | None, others: Sequence[tuple[str, bool]] = ()
) -> None:
    """Note what a training is after, if the run takes it: see `goal_tag`."""
    with contextlib.suppress(ArgumentError, StateError):
        run.set_tags(goal_tag(goal, others))


def log_numbers(run: ActiveRun, values: Mapping[str, Any], step: int, prefix: str = "") -> None:
    """Log those of the values that are single numbers; frameworks report texts among them."""
    for key, value in values.items():
        if not isinstance(value, str):
            with contextlib.suppress(ArgumentError):
                run.log_metric(prefix + key, value, step)


def log_model(run: ActiveRun, model: Model, name: str = "model") -> None:
    """Log a model; one that cannot be written costs a warning, not the training."""
    try:
        run.log_model(model, name)
    except ArgumentError as error:
        note(str(error))


def log_importance(run: ActiveRun, scores: Mapping[str, float]) -> None:
    """Log {feature: importance} as the table importance.csv, the most important first."""
    rows = sorted(scores.items(), key=lambda row: -row[1])
    columns = {"feature": [name for name, _ in rows], "importance": [score for _, score in rows]}
    run.log_table(columns, "importance.csv")


def short(value: Value) -> Value:
    """Return a float, or its text, as it was set: 32 bits make 0.300000012 of 0.3."""
    text = str(value)
    try:
        return f"{float(text):.7g}" if "." in text else value
    except ValueError:
        return value


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Return nested mappings as one: {"a": {"b": 1}} is {"a/b": 1}."""
    rows: dict[str, Value] = {}
    for key, value in settings.items():
        if hasattr(value, "items") and value:
            rows |= flat(value, f"{prefix}{key}/")
        else:
            rows[f"{prefix}{key}"] = value
    return rows


def note(message: str) -> None:
    """Warn that something of a training was not kept."""
    warnings.warn(f"tracksite: {message}", RuntimeWarning, stacklevel=2)
