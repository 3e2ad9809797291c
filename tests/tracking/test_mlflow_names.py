"""docs/mlflow-names.md is so: each name that it says to be here is, and no name is left out."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import tracksite
from tracksite.tracking.client import MlflowClient

PAGE = Path(__file__).parents[2] / "docs/mlflow-names.md"


def rows(heading):
    """The three cells of each row of the table under a heading, as lists of quoted names."""
    section = PAGE.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    for line in lines:
        names, here, rest = (cell.strip() for cell in line.strip("|").split("|"))
        yield re.findall(r"`([\w.]+)`", names), here, re.findall(r"`(\w+)`", rest)


def listed(heading):
    """{name: whether the page says that it is here}."""
    found = [(name, here) for names, here, _ in rows(heading) for name in names]
    assert {here for _, here in found} <= {"yes", "no"}
    assert len(dict(found)) == len(found), "a name stands in two rows"
    return {name: here == "yes" for name, here in found}


def public(thing):
    """The public names of a class."""
    return {name for name in dir(thing) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("heading", "present"),
    [("Functions", lambda: set(dir(tracksite))), ("MlflowClient", lambda: public(MlflowClient))],
)
def test_a_name_is_here_exactly_where_the_page_says_so(heading, present):
    """What the table calls present is present, and what it calls missing is missing."""
    table, names = listed(heading), present()
    assert {name for name, here in table.items() if here != (name in names)} == set()
    assert any(table.values())


def test_submodules_have_the_names_that_the_page_gives():
    """Each submodule of the table can be imported and read as an attribute, with its names."""
    for (module,), here, names in rows("Submodules"):
        assert here == "yes"
        own = importlib.import_module(module.replace("mlflow", "tracksite", 1))
        assert getattr(tracksite, module.partition(".")[2]) is own
        assert [name for name in names if not hasattr(own, name)] == []
        assert names


def test_no_name_of_mlflow_is_left_out():
    """Every public function of MLflow, and every method of its client, is in the tables."""
    mlflow = pytest.importorskip("mlflow")
    assert set(mlflow.__all__) - listed("Functions").keys() == set()
    assert public(mlflow.MlflowClient) - listed("MlflowClient").keys() == set()


def test_methods_take_mlflows_arguments_in_mlflows_order():
    """Each method begins with the arguments of MLflow's method of that name, as far as it goes."""
    mlflow = pytest.importorskip("mlflow")
    for name, here in listed("MlflowClient").items():
        if not here or name == "tracking_uri":
            continue
        theirs = list(inspect.signature(getattr(mlflow.MlflowClient, name)).parameters)
        ours = list(inspect.signature(getattr(MlflowClient, name)).parameters)
        assert [one for one in theirs if one in ours] == ours, name
