"""What tracksite raises: each message says what failed, the offending value and the remedy."""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "BuildError",
    "ConfigError",
    "DamageError",
    "NotFoundError",
    "StateError",
    "StoreError",
    "TracksiteError",
]


class TracksiteError(Exception):
    """The parent of every error that tracksite raises on purpose."""


class ArgumentError(TracksiteError, ValueError):
    """A key, value, step, path, filter or name that was passed in cannot be accepted."""


class NotFoundError(TracksiteError, LookupError):
    """A store, run, experiment, artifact, model or version that was asked for does not exist."""


class StateError(TracksiteError, RuntimeError):
    """The call does not fit the present state, for example a second active run in one thread."""


class StoreError(TracksiteError):
    """The store cannot be read or written as a whole: no store, a newer format, no permission."""


class DamageError(StoreError):
    """One file of a store is not what its name or its format says; the rest stays usable."""


class ConfigError(TracksiteError, ValueError):
    """`tracksite.toml` has a value or a name that is not understood."""


class BuildError(TracksiteError):
    """The site cannot be written, or two pages claim one path."""
