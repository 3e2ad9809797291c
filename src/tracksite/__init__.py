"""Track machine-learning runs in plain files and publish them as a static site.

    import tracksite

    tracksite.set_experiment("digits")
    with tracksite.start_run(run_name="baseline"):
        tracksite.log_params({"lr": 0.01, "layers": 3})
        for step in range(100):
            tracksite.log_metric("loss", 1 / (step + 1), step=step)

The names are those of MLflow's fluent API. `import tracksite` itself loads next to nothing: a
public name loads the module that holds it when it is first used.
"""

from __future__ import annotations

from importlib import import_module

from tracksite.version import __version__ as __version__

TYPE_CHECKING = False  # `typing` takes longer to load than all of this; checkers know the name
if TYPE_CHECKING:  # the lists of names are the __all__ of these modules
    from tracksite import artifacts as artifacts
    from tracksite import client as client
    from tracksite import data as data
    from tracksite import entities as entities
    from tracksite import exceptions as exceptions
    from tracksite import models as models
    from tracksite import pyfunc as pyfunc
    from tracksite import sklearn as sklearn
    from tracksite import tracking as tracking
    from tracksite.errors import *  # noqa: F403
    from tracksite.exceptions import *  # noqa: F403
    from tracksite.integrations.autolog import *  # noqa: F403
    from tracksite.tracking.client import *  # noqa: F403
    from tracksite.tracking.experiments import *  # noqa: F403
    from tracksite.tracking.fluent import *  # noqa: F403
    from tracksite.tracking.models import *  # noqa: F403
    from tracksite.tracking.registry import *  # noqa: F403
    from tracksite.tracking.retrieve import *  # noqa: F403
    from tracksite.tracking.search import *  # noqa: F403
    from tracksite.tracking.verbs import *  # noqa: F403
    from tracksite.tracking.versions import *  # noqa: F403

# Where the public names are: the `__all__` of these modules, searched in this order.
_HOMES = (
    "tracksite.errors",
    "tracksite.tracking.experiments",
    "tracksite.tracking.verbs",
    "tracksite.tracking.versions",
    "tracksite.tracking.fluent",
    "tracksite.tracking.search",
    "tracksite.tracking.models",
    "tracksite.tracking.registry",
    "tracksite.tracking.retrieve",
    "tracksite.tracking.client",
    "tracksite.integrations.autolog",
    "tracksite.exceptions",
)
_SUBMODULES = (
    *("artifacts", "client", "data", "entities", "exceptions", "models", "pyfunc"),
    *("sklearn", "tracking"),
)


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name in _SUBMODULES:
        return import_module(f"tracksite.{name}")
    if not name.startswith("_"):
        for home in map(import_module, _HOMES):
            if name in home.__all__:
                return globals().setdefault(name, getattr(home, name))
    raise AttributeError(f"module 'tracksite' has no attribute {name!r}", name=name, obj=None)


def __dir__() -> list[str]:
    """Return every public name."""
    homes = map(import_module, _HOMES)
    return sorted({"__version__", *_SUBMODULES, *(name for home in homes for name in home.__all__)})
