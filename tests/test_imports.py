"""Imports point one way, and `import tracksite` in training code stays tiny."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"

# A module imports only layers above its own line; `peers` lines may import along the line too.
LAYERS = (
    ("errors", "version", "visible"),
    ("budgets",),
    ("schema", "model", "config", "paths", "masking"),
    ("store",),
    ("tracking", "query"),
    ("integrations", "mlflow_plugin", "analysis"),
    ("artifacts", "client", "data", "entities", "exceptions", "models", "pyfunc", "sklearn"),
    ("importers",),
    ("charts",),
    ("pages",),
    ("render",),
    ("site",),
    ("watch",),
    ("demo",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
PEERS = LAYERS[2]
# The halves know nothing of each other; what stands in neither is shared, and cli joins them.
WRITE = {"tracking", "integrations", "mlflow_plugin", "importers"}
# The names of MLflow's submodules: they hand out what stands elsewhere.
WRITE |= {"artifacts", "client", "data", "entities", "exceptions", "models", "pyfunc", "sklearn"}
READ = {"query", "analysis", "charts", "pages", "render", "site", "watch"}
# The public search_runs of the tracking API, and what MLflow clients see, is the query half.
# So is what an import need not write again.
AGREED = {
    ("tracksite.tracking.search", "query"),
    ("tracksite.mlflow_plugin.ledger", "query"),
    ("tracksite.mlflow_plugin.lifecycle", "query"),
    ("tracksite.mlflow_plugin.registered", "query"),
    ("tracksite.importers.known", "query"),
}
# The demo trains as users do: through the public names.
TRAINING_CODE = {"demo"}
# Libraries that belong to one place: what prints, and what writes HTML.
OWNED = {"click": "cli", "rich": "cli", "jinja2": "render"}


def _name(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _sources(root):
    """Every module below `root` as {dotted name: source}."""
    return {_name(path, root): path.read_text() for path in sorted(root.rglob("*.py"))}


def _imported(source):
    """Each imported dotted name with its line, wherever the import stands in the module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((f"{base}:{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (
                (argument.value, node.lineno)
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant)
            )


def _layer(name):
    return name.split(".")[1]


def _wrong_arrow(module, target):
    """Why `module` may not import `target` (both in tracksite), or None.

    `from tracksite import paths` asks for a module and is judged as that; `from tracksite
    import start_run` asks the package's own __init__ for a name.
    """
    here, there = _layer(module), (target + ".").split(".")[1]
    if here not in RANK:
        return f"{here} has no place in LAYERS: give it one"
    if there not in RANK:
        if here in TRAINING_CODE and target == "tracksite":
            return None
        return "it is no layer: nothing inside imports the package's own __init__"
    if here == there or (here in PEERS and there in PEERS) or (module, there) in AGREED:
        return None
    if (here in WRITE and there in READ) or (here in READ and there in WRITE):
        return "the write half and the read half meet only in schema, model, config, paths, store"
    return None if RANK[there] < RANK[here] else f"{there} stands above {here}"


def _faults(sources):
    """Every broken rule in `sources` ({dotted name: source}), one line each."""
    for module, source in sources.items():
        if module == "tracksite":
            continue
        for name, line in _imported(source):
            target = name.replace(":", ".")
            top = name.split(".")[0].split(":")[0]
            if name.startswith("."):
                why = "relative import"
            elif top == "tracksite":
                why = _wrong_arrow(module, target)
            else:
                owner = OWNED.get(top, _layer(module))
                why = None if owner == _layer(module) else f"only {owner} may"
            if why:
                yield f"{module}:{line} imports {name}: {why}"


def _prints(sources):
    for module, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                yield f"{module}:{node.lineno}"


def _graph(sources):
    """Which module imports which, as {module: {modules}}."""
    graph = {}
    for module, source in sources.items():
        # `from a import b` is about the module a.b if there is one, else about a.
        wanted = [(name.replace(":", "."), name.split(":")[0]) for name, _ in _imported(source)]
        targets = {long if long in sources else short for long, short in wanted}
        graph[module] = (targets & sources.keys()) - {module}
    return graph


def test_imports_point_one_way():
    """No module of tracksite imports against the layers of the design."""
    assert list(_faults(_sources(SRC))) == []


def test_no_module_imports_itself_by_a_detour():
    """The imports between modules make no cycle, those inside functions included."""
    order = graphlib.TopologicalSorter(_graph(_sources(SRC)))
    try:
        order.prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_command_line_prints():
    """No module but those of tracksite.cli calls print."""
    sources = _sources(SRC)
    outside = {name: text for name, text in sources.items() if not name.startswith("tracksite.cli")}
    assert list(_prints(outside)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tracksite.store.local", "from tracksite.query import runs"),
        ("tracksite.errors", "import tracksite.schema"),
        ("tracksite.charts.curves", "from tracksite.pages.run import plan"),
        ("tracksite.tracking.run", "from tracksite.query.runs import fold"),
        ("tracksite.analysis.impact", "def f():\n    from tracksite.importers import wandb"),
        ("tracksite.pages.home", "from tracksite.tracking.search import search_runs"),
        ("tracksite.model", "if TYPE_CHECKING:\n    from tracksite.store import Store"),
        ("tracksite.query.runs", "import_module('tracksite.analysis.impact')"),
        ("tracksite.mlflow_plugin.runs", "from tracksite.importers import mlflow"),
        ("tracksite.store.local", "import tracksite"),
        ("tracksite.store.local", "from tracksite import start_run"),
        ("tracksite.store.local", "from .base import Store"),
        ("tracksite.store.local", "from tracksite import query"),
        ("tracksite.pages.home", "import jinja2"),
        ("tracksite.site", "from rich.progress import Progress"),
        ("tracksite.watch", "import click"),
        ("tracksite.elsewhere", "from tracksite.errors import TracksiteError"),
    ],
)
def test_wrong_arrow_is_found(module, source):
    """The check above sees a wrong import of each kind, wherever it stands."""
    assert len(list(_faults({module: source}))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("tracksite", "from tracksite.tracking import start_run"),
        ("tracksite.store.local", "from tracksite.store.base import Store"),
        ("tracksite.schema", "from tracksite.model import Run"),
        ("tracksite.tracking.search", "from tracksite.query.search import search_runs"),
        ("tracksite.cli.build", "import click, rich\nfrom tracksite.importers import wandb"),
        ("tracksite.render", "import jinja2\nfrom tracksite.pages import home"),
        ("tracksite.watch", "from tracksite.version import __version__"),
        ("tracksite.pages.run", "import polars as pl"),
        ("tracksite.demo.forest", "import tracksite"),
        ("tracksite.pages.run", "from tracksite import paths"),
    ],
)
def test_right_arrow_is_allowed(module, source):
    """The check above lets the design's own imports pass."""
    assert list(_faults({module: source})) == []


def test_cycle_and_print_are_found():
    """The checks above see a cycle made inside functions, and a print."""
    sources = {
        "tracksite.store.base": "def f():\n    from tracksite.store import local",
        "tracksite.store.local": "from tracksite.store.base import Store\nprint(Store)",
    }
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(_graph(sources)).prepare()
    assert list(_prints(sources)) == ["tracksite.store.local:2"]


def test_importing_tracksite_loads_no_heavy_library():
    """`import tracksite` alone loads none of the libraries that take long to load."""
    heavy = ["polars", "altair", "jinja2", "numpy", "pyarrow", "click", "rich", "pandas"]
    code = (
        "import sys, tracksite, pathlib; print(pathlib.Path(tracksite.__file__).name);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["__init__.py", "[]"], done.stderr
