"""`tracksite.toml` → frozen Settings.

Which file is read: the one given with `--config`; else `tracksite.toml` in the folder that holds
the store (`project/runs` → `project/tracksite.toml`); else the one in the current folder; else
none, and every setting has its default. Files are never merged.

`Settings` and its parts below document every key; a name that is not there is an error.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE_NAME = "tracksite.toml"
DIRECTIONS = ("maximize", "minimize")
SEED_PARAMS = ("seed", "random_state", "random_seed", "rng_seed", "data_seed", "fold")


@dataclass(frozen=True)
class ExperimentSettings:
    """The table `[experiments."<name>"]`.

    Attributes:
        metric: the primary metric: runs are ranked by it. Default: what the training said as it
            logged, else guessed from the names of the metrics, and the page says so.
        direction: "maximize" or "minimize" the metric. Default: as the training said, else guessed
            from its name.
        target: the value of the metric to reach, shown beside the best value.
        goal: what the experiment is for, in one sentence.
        description: Markdown, shown on the experiment's page; replaces the logged description.
    """

    metric: str | None = None
    direction: str | None = None
    target: float | None = None
    goal: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class ArtifactSettings:
    """The table `[artifacts]`.

    Attributes:
        max_bytes: a file above this size is listed on its run's page but not copied to the site.
    """

    max_bytes: int = 10_000_000


@dataclass(frozen=True)
class Settings:
    """All of `tracksite.toml`.

    Attributes:
        title: name of the site, shown on every page.
        description: Markdown, shown under the title of the home page.
        base_url: where the site is published ("https://…/"), for absolute links; pages link to
            each other relatively and need none.
        seed_params: params that only repeat a run; runs that differ in nothing else are repeats
            of one setting and are shown as mean ± interval.
        no_secrets: what is no secret though it looks like one: names of params and tags, texts,
            and paths of artifacts. Whatever else looks like a secret is shown as ***.
        artifacts: see ArtifactSettings.
        experiments: experiment's name → ExperimentSettings.
    """

    title: str = "tracksite"
    description: str = ""
    base_url: str | None = None
    seed_params: tuple[str, ...] = SEED_PARAMS
    no_secrets: tuple[str, ...] = ()
    artifacts: ArtifactSettings = field(default_factory=ArtifactSettings)
    experiments: Mapping[str, ExperimentSettings] = field(default_factory=dict)


def load(folder: Path | None) -> Settings:
    """Return the settings of the `tracksite.toml` in `folder`; the defaults where there is none.

    Raises:
        ConfigError: the file is no TOML, has an unknown name or a value of the wrong type.
    """
    path = None if folder is None else folder / FILE_NAME
    return read(path) if path is not None and path.is_file() else Settings()


def find(store: Path) -> Path | None:
    """Return the settings file for `store` by the rule in the module's docstring, or None."""
    places = (store.absolute().parent, Path.cwd())
    return next((path for place in places if (path := place / FILE_NAME).is_file()), None)


def read(path: Path) -> Settings:
    """Return the settings in the file `path`.

    Raises:
        ConfigError: the file cannot be read, is no TOML, has an unknown name or a wrong value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"Cannot read the settings file {path} ({error.strerror}); give the path of a "
            f"{FILE_NAME}, or write one with `tracksite init`."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    return parse(document, str(path))


def parse(document: Mapping[str, Any], source: str = FILE_NAME) -> Settings:
    """Return the settings in a parsed TOML document; `source` names it in errors.

    Raises:
        ConfigError: an unknown name, or a value of the wrong type.
    """
    return Settings(**_table(document, _SITE, source))


class _Unfit(Exception):  # noqa: N818 - caught in _table: it carries what was wanted
    """A value is not what its key takes; the text says what that is."""


def _table(
    table: Mapping[str, Any], keys: Mapping[str, Callable[[str, object], Any]], where: str
) -> dict[str, Any]:
    """Return the checked values of one table; errors begin with `where`."""
    for name in table:
        if name not in keys:
            raise ConfigError(f"{where}: unknown key {name!r}; {_nearest(name, keys)}")
    values = {}
    for name, value in table.items():
        try:
            values[name] = keys[name](f"{where}: {name}", value)
        except _Unfit as wanted:
            raise ConfigError(f"{where}: {name} = {value!r} is not {wanted}.") from None
    return values


def _nearest(name: str, keys: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name.lower(), keys, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"valid keys are {', '.join(keys)}."


def _text(_where: str, value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit("a text in quotes")
    return value


def _url(_where: str, value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise _Unfit("a URL that begins with https:// or http://")
    return value.rstrip("/") + "/"


def _direction(_where: str, value: object) -> str:
    if value not in DIRECTIONS:
        raise _Unfit('"maximize" or "minimize"')
    return str(value)


def _number(_where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Unfit("a finite number")
    return float(value)


def _bytes(_where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _Unfit("a whole number of bytes, such as 10_000_000")
    return value


def _names(_where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _Unfit('a list of texts, such as ["seed"]')
    return tuple(value)


def _tables(_where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unfit("a table")
    return value


def _artifacts(where: str, value: object) -> ArtifactSettings:
    return ArtifactSettings(**_table(_tables(where, value), {"max_bytes": _bytes}, where))


def _experiments(where: str, value: object) -> dict[str, ExperimentSettings]:
    return {
        name: ExperimentSettings(**_experiment(f"{where}.{name}", table))
        for name, table in _tables(where, value).items()
    }


def _experiment(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):  # its own message: the unfit value is inside the table
        raise ConfigError(f"{where} = {value!r} is not a table of settings for that experiment.")
    return _table(value, _EXPERIMENT, where)


_EXPERIMENT: dict[str, Callable[[str, object], Any]] = {
    "metric": _text,
    "direction": _direction,
    "target": _number,
    "goal": _text,
    "description": _text,
}
_SITE: dict[str, Callable[[str, object], Any]] = {
    "title": _text,
    "description": _text,
    "base_url": _url,
    "seed_params": _names,
    "no_secrets": _names,
    "artifacts": _artifacts,
    "experiments": _experiments,
}
