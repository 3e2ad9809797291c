"""docs/store.md against the code: every name and number of the format, and queries that are run."""

from __future__ import annotations

import importlib
import math
import pkgutil
import re
from datetime import UTC, datetime

import duckdb
import pandas as pd
import polars as pl
import pytest

import tracksite.store
from tests.docs.pages import ROOT, blocks
from tests.store.stores import pack
from tracksite import schema
from tracksite.query.curves import history
from tracksite.query.long import metrics, params
from tracksite.query.runs import fold, runs
from tracksite.store import livelog, manifests, packs, parts
from tracksite.store.ids import experiment_id, model_id, new_run_id
from tracksite.store.local import LocalStore, open_store

PAGE = (ROOT / "docs/store.md").read_text(encoding="utf-8")
MODULES = [
    importlib.import_module(f"tracksite.store.{module.name}")
    for module in pkgutil.iter_modules(tracksite.store.__path__)
]


def rows_of(heading: str) -> dict[str, list[str]]:
    """Return first cell -> the others, of the tables under a heading."""
    section = PAGE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line.strip("|").replace(r"\|", "\0") for line in section.splitlines()]
    cells = [[cell.strip().replace("\0", "|") for cell in line.split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells if len(row) > 1}


def test_the_page_has_every_number_of_the_store_with_its_value():
    """Each public number in the code of the store stands in the table of numbers, and no other."""
    values = {
        name: value
        for module in (*MODULES, schema)
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and type(value) in {int, float}
    }
    written = {name: row[0] for name, row in rows_of("### Numbers").items() if name.isupper()}
    assert written == {name: str(value).removesuffix(".0") for name, value in values.items()}


def test_the_page_has_the_pattern_of_every_file_name():
    """The expressions of the page are those by which the store knows its files."""
    rows = rows_of("## Layout")
    names = {
        "part": parts.PART_NAME,
        "live log": livelog.SEGMENT_NAME,
        "pack": manifests.PACK_NAME,
        "manifest": manifests.MANIFEST_NAME,
        "manifest of format 1": manifests.NUMBERED_NAME,
    }
    for name, known in names.items():
        assert rows[name][0].split("`")[1] == known.pattern
    assert f"with `{packs.BLOCKS}` behind it" in PAGE


def test_the_page_has_every_column_kind_and_status():
    """Each column, field, kind and status of the schema is named, and the types of fields too."""
    for table in (packs.packed_schema(), packs.packed_points_schema()):
        assert [name for name in table.names if f"`{name}`" not in PAGE] == []
    typed = {
        field: kind
        for kind, (fields, *_) in rows_of("### Columns of `runs` parts").items()
        for field in re.sub(r"\(.*?\)", "", fields).replace(",", " ").split()
        if kind in {"string", "int64", "double", "timestamp[us, tz=UTC]"}
    }
    for name in (*schema.LIST_KEYS, "edits"):
        for field in schema.runs_schema().field(name).type.value_type:
            assert typed[field.name] == str(field.type), f"{name}.{field.name}"
    assert [word for word in (*schema.KINDS, *schema.STATUSES) if word not in PAGE] == []
    assert f"`{schema.FORMAT_KEY.decode()}` of its metadata: the text `{schema.FORMAT}`" in PAGE


def test_the_page_says_how_named_things_get_their_id():
    """Whoever follows the page gives an experiment or a model the id that we give it."""
    import hashlib

    for kind, id_of in (("experiment", experiment_id), ("model", model_id)):
        assert f"`{kind}:<name>`" in PAGE
        told = hashlib.blake2b(f"{kind}:é".encode(), digest_size=16).hexdigest()
        assert id_of("é") == told


def log(store: LocalStore, lr: str, accuracy: list[float]) -> str:
    """Log one run, a part for each value; its learning rate is corrected on the way."""
    writer = store.open_writer(new_run_id())
    writer.patch(name=lr, params={"lr": "wrong", "seed": "1"})
    for step, value in enumerate(accuracy):
        writer.point("accuracy", value, step, step)
        for at in (2, 1, 1):
            writer.point("loss", value / at, 3 * step + at, step * 1000 + at)
        writer.save()
        writer.patch(params={"lr": lr})
    writer.patch(status="finished", ended_at=datetime(2026, 1, 1, tzinfo=UTC))
    writer.close()
    return writer.run_id


@pytest.fixture(params=["loose", "packed", "both"])
def store(tmp_path, request) -> LocalStore:
    """A store of some runs, in parts, in packs or partly so; one run was deleted."""
    store = open_store(tmp_path / "runs", create=True)
    for lr, accuracy in (("0.1", [0.5, 0.7]), ("0.1", [0.9, 0.8]), ("0.01", [math.nan, 0.6])):
        log(store, lr, accuracy)
    gone = log(store, "0.1", [1.0])
    if request.param == "both":
        pack(store, grace_s=0)
    log(store, "0.001", [0.1, math.nan])
    store.write_patch(gone, "run", {"deleted": True})
    if request.param == "packed":
        pack(store, grace_s=0)
    assert bool(list((store.root / "log").iterdir())) == (request.param != "packed")
    return store


def best_accuracy(store: LocalStore) -> dict[str, float]:
    """Return lr -> best last accuracy that is a number, by tracksite's own queries."""
    found = runs(fold(store.snapshot()))
    rates = params(found).filter(pl.col("key") == "lr").select("run_id", lr="text")
    last = metrics(found).filter(pl.col("key") == "accuracy", pl.col("last").is_not_nan())
    best = last.join(rates, on="run_id").group_by("lr").agg(pl.col("last").max())
    return dict(best.iter_rows())


def query(name: str) -> str:
    """Return the SQL that the page calls by this name."""
    (text,) = [block.text for block in blocks("docs/store.md") if block.file == f"{name}.sql"]
    return text


def assert_same_curve(store: LocalStore, run_id: str, curve: pd.DataFrame) -> None:
    """Assert that a frame holds the loss of a run as tracksite's own history does."""
    wanted = history(store.snapshot(), run_id, "loss")
    assert wanted.height >= 3
    assert curve["step"].to_list() == wanted["step"].to_list()
    assert pl.Series(curve["value"].to_list()).equals(wanted["value"])
    assert pd.to_datetime(curve["timestamp"], utc=True).to_list() == wanted["timestamp"].to_list()


def test_duckdb_answers_as_tracksite_does(store):
    """The page's SQL gives the best accuracy of each rate and a run's loss, wherever it lies."""
    found = dict(duckdb.execute(query("best_accuracy")).fetchall())
    assert found == best_accuracy(store) == {"0.1": 0.8, "0.01": 0.6}
    for run_id in store.snapshot().stamps:
        columns = duckdb.execute(query("loss_curve"), [run_id]).fetchnumpy()
        assert_same_curve(store, run_id, pd.DataFrame(columns))


def test_pandas_answers_as_tracksite_does(store):
    """The page's pandas gives the same."""
    names: dict = {}
    (block,) = [it for it in blocks("docs/store.md") if "import pandas" in it.text]
    exec(compile(block.text, ROOT / "docs/store.md", "exec"), names)
    found = names["best_accuracy"].dropna().to_dict()
    assert found == best_accuracy(store)
    for run_id in store.snapshot().stamps:
        assert_same_curve(store, run_id, names["loss_curve"](run_id))
