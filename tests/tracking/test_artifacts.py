"""Files of a run: whole or not at all, hashed, never outside of its folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tracksite
from tracksite.errors import ArgumentError, DamageError, NotFoundError, StoreError
from tracksite.store import system
from tracksite.store.segment import Segment
from tracksite.store.shelf import Shelf
from tracksite.tracking import search


def listed(run, path=None):
    """Paths of a run's artifacts below a folder."""
    return [file.path for file in tracksite.list_artifacts(run.run_id, path)]


def content(run, path):
    """Bytes of an artifact, as `download_artifacts` gives them."""
    return Path(tracksite.download_artifacts(run_id=run.run_id, artifact_path=path)).read_bytes()


def test_files_and_folders_are_copied_in(tmp_path):
    """log_artifact and log_artifacts keep content, relative paths, sizes and digests."""
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "data/a.txt").write_bytes(b"alpha")
    (tmp_path / "data/deep/b.bin").write_bytes(bytes(range(256)))
    with tracksite.start_run() as run:
        tracksite.log_artifact("data/a.txt")
        tracksite.log_artifact("data/a.txt", "copies")
        tracksite.log_artifacts("data", "all")
        tracksite.log_artifact(tmp_path / "data")
    assert listed(run) == ["a.txt", "all", "copies", "data"]
    assert listed(run, "all") == ["all/a.txt", "all/deep"]
    (file,) = tracksite.list_artifacts(run.run_id, "all/deep")
    assert (file.path, file.is_dir, file.file_size) == ("all/deep/b.bin", False, 256)
    assert content(run, "data/deep/b.bin") == bytes(range(256))
    assert content(run, "copies/a.txt") == b"alpha"
    assert tracksite.get_artifact_uri("x").endswith(f"{tracksite.active_run().run_id}/x")


def test_an_artifact_logged_again_is_replaced():
    """The last content logged under a path is the one that is there, listed once."""
    with tracksite.start_run() as run:
        tracksite.log_text("one", "note.txt")
        tracksite.log_text("two", "note.txt")
    assert (listed(run), content(run, "note.txt")) == (["note.txt"], b"two")


def test_what_is_not_there_is_refused(tmp_path):
    """A missing file, a file where a folder is meant, and a non-path raise at the call."""
    with tracksite.start_run():
        with pytest.raises(NotFoundError, match=r"gone\.txt"):
            tracksite.log_artifact("gone.txt")
        (tmp_path / "file").touch()
        with pytest.raises(ArgumentError, match="is a file"):
            tracksite.log_artifacts("file")
        with pytest.raises(ArgumentError, match="is no path"):
            tracksite.log_artifact(7)
        for path in ("../x.txt", "/x.txt", "a//b"):
            with pytest.raises(ArgumentError, match="plain relative path"):
                tracksite.log_text("x", path)
            with pytest.raises(ArgumentError, match="plain relative path"):
                tracksite.log_artifact("file", path)


def test_links_out_of_a_folder_are_not_followed(tmp_path):
    """What a logged folder links to elsewhere stays out, with a warning that names the link."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("private")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("a")
    (tmp_path / "data/same.txt").symlink_to("a.txt")
    (tmp_path / "data/out.txt").symlink_to(tmp_path / "secret/key")
    (tmp_path / "data/folder").symlink_to(tmp_path / "secret")
    with tracksite.start_run() as run, pytest.warns(RuntimeWarning) as warned:
        tracksite.log_artifacts("data")
    assert listed(run) == ["a.txt", "same.txt"]
    assert sorted(Path(str(one.message).split(" was ")[0]).name for one in warned) == [
        "folder",
        "out.txt",
    ]


def test_a_link_in_the_artifact_folder_is_not_written_through(tmp_path):
    """A folder among the artifacts that links elsewhere is refused; nothing is written there."""
    (tmp_path / "elsewhere").mkdir()
    with tracksite.start_run() as run:
        run.artifact_dir.mkdir(parents=True)
        (run.artifact_dir / "out").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ArgumentError, match="link"):
            tracksite.log_text("x", "out/x.txt")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_disk_that_refuses_costs_the_artifact_and_a_warning(monkeypatch):
    """An OSError while an artifact is written warns, the run goes on, and end_run() says so."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    run = tracksite.start_run()
    tracksite.log_text("kept", "kept.txt")
    monkeypatch.setattr(Shelf, "put", refuse)
    with pytest.warns(RuntimeWarning, match=r"'lost\.txt'.*No space left"):
        tracksite.log_text("lost", "lost.txt")
    tracksite.log_metric("after", 1)
    with pytest.raises(StoreError, match=r"1 of its artifacts \(lost\.txt\)"):
        tracksite.end_run()
    assert tracksite.active_run() is None
    assert (listed(run), tracksite.get_run(run.run_id).info.status) == (["kept.txt"], "finished")
    assert tracksite.get_run(run.run_id).data.metrics == {"after": 1.0}


def test_leaving_a_block_never_raises_for_what_the_disk_refused(monkeypatch):
    """The end of a `with` block warns about unsaved artifacts: a sweep goes on."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Shelf, "put", refuse)
    with pytest.warns(RuntimeWarning) as warned, tracksite.start_run():
        tracksite.log_text("lost", "lost.txt")
    assert "No space left" in str(warned[0].message)
    assert "ended without 1 of its artifacts" in str(warned[-1].message)


def test_a_strict_run_raises_for_what_the_disk_refuses(monkeypatch):
    """With strict=True an artifact or a log that the disk refuses is an error at the call."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with tracksite.start_run(strict=True):
        with monkeypatch.context() as patched:
            patched.setattr(Shelf, "put", refuse)
            with pytest.raises(StoreError, match=r"'lost\.txt'.*make room"):
                tracksite.log_text("lost", "lost.txt")
        with monkeypatch.context() as patched:
            patched.setattr(Segment, "sync", refuse)
            with pytest.raises(StoreError, match="make room"):
                tracksite.flush()
        with monkeypatch.context() as patched:
            patched.setattr(system, "reserve", refuse)
            with pytest.raises(StoreError, match="make room"):
                tracksite.log_series("much", range(10_000))
        tracksite.log_metric("after", 1)
    assert tracksite.search_runs()["metrics.after"].to_list() == [1.0]


def test_downloads_are_checked_against_what_was_logged(tmp_path):
    """A changed or linked file is never handed out; a missing or unknown one is not found."""
    with tracksite.start_run() as run:
        for name in ("ok", "changed", "missing", "linked"):
            tracksite.log_text(name, f"{name}.txt")
    folder = Path(run.artifact_dir)
    (folder / "changed.txt").write_text("other")
    (folder / "missing.txt").unlink()
    (folder / "linked.txt").unlink()
    (folder / "linked.txt").symlink_to(folder / "ok.txt")
    for name in ("changed", "linked"):
        with pytest.raises(DamageError, match=f"{name}.txt"):
            content(run, f"{name}.txt")
    with pytest.raises(NotFoundError, match=r"'missing.txt' is not in this store yet: copy art"):
        content(run, "missing.txt")
    with pytest.raises(NotFoundError, match="'other'"):
        content(run, "other")
    target = tracksite.download_artifacts(f"runs:/{run.run_id}/ok.txt", dst_path=tmp_path / "dst")
    assert (Path(target), Path(target).read_text()) == (tmp_path / "dst/ok.txt", "ok")
    with pytest.raises(ArgumentError, match="not both"):
        tracksite.download_artifacts("runs:/x/y", run_id=run.run_id)


def test_texts_and_dicts():
    """log_text writes UTF-8; log_dict writes JSON that reads back, NumPy and sets included."""
    with tracksite.start_run() as run:
        tracksite.log_text("grüße 🦊", "a/note.md")
        tracksite.log_dict({"a": np.float32(0.5), "b": np.arange(3), "c": {2, 1}}, "d.json")
        with pytest.raises(ArgumentError, match="JSON"):
            tracksite.log_dict({"a": object()}, "e.json")
        with pytest.raises(ArgumentError, match="dict or a list"):
            tracksite.log_dict("text", "e.json")
        with pytest.raises(ArgumentError, match="pass a str"):
            tracksite.log_text(b"bytes", "e.txt")
    assert content(run, "a/note.md").decode() == "grüße 🦊"
    assert json.loads(content(run, "d.json")) == {"a": 0.5, "b": [0, 1, 2], "c": [1, 2]}
    assert listed(run) == ["a", "d.json"]


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_tables_grow_by_what_is_logged_again(suffix):
    """A table of any kind is written in the format of its name; logged again, rows are added."""
    import pandas as pd

    with tracksite.start_run() as run:
        tracksite.log_table({"x": [1, 2], "y": ["a", "b"]}, f"t.{suffix}")
        tracksite.log_table(pl.DataFrame({"x": [3], "y": ["c"]}), f"t.{suffix}")
        tracksite.log_table(pd.DataFrame({"x": [4], "y": ["d"]}), f"t.{suffix}")
    path = Path(tracksite.download_artifacts(run_id=run.run_id, artifact_path=f"t.{suffix}"))
    if suffix == "json":
        table = json.loads(path.read_text())
        assert table["columns"] == ["x", "y"]
        rows = [tuple(row) for row in table["data"]]
    else:
        rows = (pl.read_csv if suffix == "csv" else pl.read_parquet)(path).rows()
    assert rows == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_bad_tables_are_refused():
    """What makes no table, and an ending without a writer, raise at the call."""
    with tracksite.start_run():
        for data, name in (
            ({"x": [1], "y": [1, 2]}, "t.json"),
            (7, "t.json"),
            ({"x": [1]}, "t.xlsx"),
        ):
            with pytest.raises(ArgumentError, match="table"):
                tracksite.log_table(data, name)


def png_size(data):
    """Width and height in a PNG's header."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 6), dtype=np.uint8),
        np.ones((4, 6, 1)),
        np.full((4, 6, 3), 255),
        np.random.default_rng(0).random((4, 6, 4), dtype=np.float32),
        np.eye(4, 6, dtype=bool),
        [[0, 1, 2, 3, 4, 5]] * 4,
    ],
)
def test_images_of_each_kind_are_written(image):
    """Grey, RGB and RGBA arrays of bytes, whole numbers, floats and bools become PNG."""
    with tracksite.start_run() as run:
        tracksite.log_image(image, "x.png")
    assert png_size(content(run, "x.png")) == (6, 4)


def test_image_values_are_kept():
    """Floats in 0..1 become 0..255, and the pixels read back are those."""
    from PIL import Image

    with tracksite.start_run() as run:
        tracksite.log_image(np.array([[0.0, 0.5, 1.0]]), "x.png")
        tracksite.log_image(Image.new("RGBA", (3, 2)), "x.jpg")
        tracksite.log_image(np.zeros((2, 2)), key="val/mask", step=7)
    pixels = Image.open(Path(run.artifact_dir) / "x.png")
    assert np.asarray(pixels).tolist() == [[0, 128, 255]]
    assert listed(run, "images/val/mask") == ["images/val/mask/7.png"]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (np.zeros((2, 2, 2)), "x.png"),
        (np.zeros(3), "x.png"),
        (np.zeros((0, 3)), "x.png"),
        (np.full((2, 2), 1.5), "x.png"),
        (np.full((2, 2), np.nan), "x.png"),
        (np.full((2, 2), 256), "x.png"),
        (np.full((2, 2), "a"), "x.png"),
        (np.zeros((2, 2)), "x.tga"),
        (np.zeros((2, 2)), None),
    ],
)
def test_bad_images_are_refused(image, name):
    """A wrong shape, type, range or ending raises at the call and says what is expected."""
    with tracksite.start_run(), pytest.raises(ArgumentError):
        tracksite.log_image(image, name)


def test_a_store_that_cannot_be_made_is_refused_at_the_start(tmp_path):
    """A store that cannot be made raises when the first run starts, before any training."""
    (tmp_path / "file").touch()
    tracksite.set_tracking_uri(tmp_path / "file/runs")
    with pytest.raises(StoreError, match="writable"):
        tracksite.start_run()
    assert tracksite.active_run() is None


def kept(run):
    """Paths of all artifacts of a run."""
    return [row["path"] for row in search.artifact_rows(run.run_id)]


def test_a_link_is_logged_under_its_own_name(tmp_path):
    """The name by which a file or folder was asked for is the one that it has in the run."""
    (tmp_path / "epoch=3.ckpt").write_text("weights")
    (tmp_path / "last.ckpt").symlink_to("epoch=3.ckpt")
    (tmp_path / "run-7").mkdir()
    (tmp_path / "run-7/a.txt").write_text("a")
    (tmp_path / "latest").symlink_to("run-7")
    with tracksite.start_run() as run:
        tracksite.log_artifact("last.ckpt")
        tracksite.log_artifact("latest")
        tracksite.log_artifact("run-7/../run-7", "all")
    assert kept(run) == ["all/run-7/a.txt", "last.ckpt", "latest/a.txt"]


@pytest.mark.parametrize("cache", ["blobs", ".dvc/cache/files/md5", ".git/annex/objects/a"])
def test_what_a_folder_links_to_in_the_cache_around_it_is_logged(tmp_path, cache):
    """A snapshot of a model hub is a folder of links into a folder beside it."""
    blob, snapshot = tmp_path / "hub" / cache / "0a1b2c", tmp_path / "hub/snapshots/main"
    blob.parent.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    blob.write_text("{}")
    (snapshot / "config.json").symlink_to(blob)
    with tracksite.start_run() as run:
        tracksite.log_artifacts(snapshot, "model")
        tracksite.log_artifact(snapshot / "config.json", "one")
    assert kept(run) == ["model/config.json", "one/config.json"]


@pytest.mark.parametrize("odd", ["b\nc.txt", "b" * 245, "b\udcff.txt", "c:d.txt", "a\\b.txt"])
def test_one_file_that_cannot_be_logged_costs_itself_alone(tmp_path, odd):
    """The others of its folder are in the run, and a warning names the one that is not."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    for name in ("a.txt", odd, "d.txt"):
        (folder / name).write_text("x")
    with tracksite.start_run() as run, pytest.warns(RuntimeWarning, match="was not logged"):
        tracksite.log_artifacts(folder)
    assert kept(run) == ["a.txt", "d.txt"]


def test_names_may_be_paths(tmp_path):
    """What names an artifact, or a folder of them, may be a path of pathlib."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/10:22.log").write_text("x")
    with tracksite.start_run() as run:
        tracksite.log_artifacts(tmp_path / "out", Path("sub"))
        tracksite.log_text("x", Path("a.txt"))
        tracksite.log_dict({}, Path("b") / "c.json")
        tracksite.log_image(np.zeros((2, 2)), Path("d.png"))
    assert kept(run) == ["a.txt", "b/c.json", "d.png", "sub/10:22.log"]
