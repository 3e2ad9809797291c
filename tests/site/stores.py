"""Stores for the tests of the site, logged as anybody would log them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import tracksite
from tracksite.store.ids import model_id, new_run_id
from tracksite.store.local import open_store
from tracksite.tracking import capture as capture_module

HOSTILE = "</script><img src=x onerror=alert(1)> ../ 💥 __proto__ ' \" {{ 7*7 }}"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000030000000208020000001216f14d0000000f49444154789c63f8cf"
    "c000420c100a001bf003fdc4a9cc2f0000000049454e44ae426082"
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><script>alert(1)</script></svg>'
SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"x": 1, "y": 2}, {"x": 2, "y": 3}]},
    "mark": "line",
    "encoding": {
        "x": {"field": "x", "type": "quantitative"},
        "y": {"field": "y", "type": "quantitative"},
    },
}


def log(root: Path, capture: bool = False) -> None:
    """Make `root` the store that the next runs go to."""
    tracksite.set_tracking_uri(root)
    capture_module.configure(git=capture, git_diff=False, environment=capture, command=capture)


def plain(root: Path, count: int = 3) -> list[str]:
    """Log `count` runs of one experiment with a param and a curve each; their ids."""
    log(root)
    tracksite.set_experiment("plain")
    return [_plain_run(at) for at in range(count)]


def _plain_run(at: int) -> str:
    with tracksite.start_run(run_name=f"run {at}") as run:
        tracksite.log_param("lr", 0.1 * (at + 1))
        tracksite.log_series("loss", np.exp(-np.arange(50) / (10 + at)))
        tracksite.log_metric("f1", 0.8 + at / 100)
    return run.run_id


def lively(root: Path) -> dict[str, str]:
    """Log one of everything that a run page shows; name → run id."""
    log(root, capture=True)
    ids = {}
    tracksite.set_experiment("lively")
    with tracksite.start_run(run_name="parent") as parent:
        ids["parent"] = parent.run_id
        with tracksite.start_run(run_name="child", nested=True) as child:
            tracksite.log_params({"lr": 0.1, "seed": 1})
            tracksite.log_series("loss", np.linspace(1, 0.5, 30))
            tracksite.log_metric("f1", 0.7)
            ids["child"] = child.run_id
    with tracksite.start_run(run_name="rich", description=f"# Head\n\n**bold** {HOSTILE}") as run:
        ids["rich"] = run.run_id
        _rich()
    try:
        with tracksite.start_run(run_name="failed") as run:
            ids["failed"] = run.run_id
            int("too high")
    except ValueError:
        pass
    with tracksite.start_run(run_name="bare") as run:
        ids["bare"] = run.run_id
    ids |= hostile(root)
    return ids


def _rich() -> None:
    tracksite.log_params({"lr": 0.2, "seed": 2})
    steps = np.arange(200)
    values = np.exp(-steps / 40)
    values[20:23] = math.nan
    values[50] = math.inf
    tracksite.log_series("train/loss", values)
    tracksite.log_series("val/loss", np.exp(-steps / 50))
    tracksite.log_metric("f1", 0.9)
    tracksite.log_input({"x": [1, 2, 3]}, "training", name="numbers", source="numbers.csv")
    tracksite.log_text("hello\n", "notes.txt")
    tracksite.log_text("<script>alert(1)</script>", "report.html")
    tracksite.log_text(SVG, "drawing.svg")
    tracksite.log_dict(SPEC, "figure.json")
    tracksite.log_dict({"a": [1, None]}, "settings.json")
    tracksite.log_table({"name": ["a", "b"], "score": [0.5, 1.5]}, "table.json")
    tracksite.log_table({"name": ["c"], "score": [2.5]}, "table.csv")
    tracksite.log_image(np.zeros((4, 6, 3), dtype="uint8"), "image.png")
    tracksite.log_model({"weights": [1, 2]}, "model", registered_model_name="numbers")
    tracksite.set_registered_model_alias("numbers", "champion", 1)


NOWHERE = "0199c2f4000070008000000000000001"


def dangling(root: Path) -> dict[str, str]:
    """Log runs and models that name what is not in the store; name → run id."""
    log(root)
    tracksite.set_experiment("dangling")
    store, ids = open_store(root, create=True), {}
    for name, parent in (("deleted", None), ("orphan", NOWHERE), ("child of deleted", "deleted")):
        with tracksite.start_run(run_name=name) as run:
            ids[name] = run.run_id
        if parent:
            told = {"parent_run_id": ids.get(parent, parent)}
            store.write_patch(run.run_id, "run", told)
    with tracksite.start_run(run_name="kept") as run:
        ids["kept"] = run.run_id
        tracksite.log_model({"weights": [1]}, "model", registered_model_name="kept")
    tracksite.delete_run(ids["deleted"])
    for number, source in enumerate((NOWHERE, ids["deleted"], ids["orphan"]), 1):
        told = {"name": "lost", "version": number, "source_run_id": source, "source_path": "model"}
        store.write_patch(new_run_id(), "model_version", told)
    aliases = {"champion": NOWHERE}
    store.write_patch(model_id("lost"), "model", {"name": "lost", "aliases": aliases})
    return ids


def hostile(root: Path) -> dict[str, str]:
    """Write runs whose every text is hostile, past the checks of the logging API; name → run id."""
    store = open_store(root)
    evil = f"{HOSTILE} \u2028 \u202e \x00 \ud800 \n"
    evil = evil.encode("utf-8", "replace").decode()
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    run_id = new_run_id()
    writer = store.open_writer(run_id)
    writer.patch(
        experiment=f"experiment {evil}",
        name=evil + "x" * 300,
        description=evil + "\n\n[link](javascript:alert(1)) ![image](https://example.org/x.png)",
        status="finished",
        started_at=now,
        ended_at=now,
        command=evil,
        error=evil,
        user=evil,
        git_commit=evil,
        git_remote=evil,
        git_dirty=True,
        git_diff=evil,
        parent_run_id="../../index",
        params={"__proto__": evil, "constructor": "x" * 300, evil: evil},
        tags={evil: evil},
        environment={f"package:{evil}": evil, "python": evil},
        artifacts=[
            {"path": path, "bytes": 1, "sha256": "0" * 64}
            for path in ("../../../../../../../../../../etc/passwd", "/etc/passwd", evil, "a", "A")
        ],
        inputs=[{"name": evil, "context": evil, "source": evil, "digest": evil, "rows": 1}],
    )
    writer.point("nan only", math.nan, 0, 0)
    writer.point("__proto__", 1.0, 0, 0)
    writer.point(evil, 1.0, 0, 0)
    writer.point(evil, math.inf, 1, 1)
    writer.close()
    version = {"name": evil, "version": 1, "stage": evil, "source_run_id": run_id}
    store.write_patch(new_run_id(), "model_version", {**version, "source_path": "../.."})
    return {"hostile": run_id}


def content(folder: Path) -> dict[str, bytes]:
    """Return path → bytes of every file of a site."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
