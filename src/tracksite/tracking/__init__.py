"""The write side: runs, params, metrics, artifacts, models, and what is captured by itself.

The names of `mlflow.tracking` are here too, loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # `typing` takes longer to load than this
if TYPE_CHECKING:
    from tracksite.tracking.client import MlflowClient as MlflowClient
    from tracksite.tracking.fluent import get_registry_uri as get_registry_uri
    from tracksite.tracking.fluent import get_tracking_uri as get_tracking_uri
    from tracksite.tracking.fluent import is_tracking_uri_set as is_tracking_uri_set
    from tracksite.tracking.fluent import set_registry_uri as set_registry_uri
    from tracksite.tracking.fluent import set_tracking_uri as set_tracking_uri

_HOMES = {
    "MlflowClient": "tracksite.tracking.client",
    "get_tracking_uri": "tracksite.tracking.fluent",
    "get_registry_uri": "tracksite.tracking.fluent",
    "set_registry_uri": "tracksite.tracking.fluent",
    "is_tracking_uri_set": "tracksite.tracking.fluent",
    "set_tracking_uri": "tracksite.tracking.fluent",
}


def __getattr__(name: str) -> object:
    """Load a name of `mlflow.tracking` when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(
            f"module 'tracksite.tracking' has no attribute {name!r}", name=name, obj=None
        )
    return getattr(import_module(_HOMES[name]), name)
