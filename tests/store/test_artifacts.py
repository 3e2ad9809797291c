"""Artifacts in a store: missing is not damaged, and what was replaced can be removed."""

from __future__ import annotations

import hashlib

import pytest

from tracksite.errors import DamageError, NotFoundError
from tracksite.store import artifacts, replaced
from tracksite.store.ids import new_run_id
from tracksite.store.shelf import Shelf
from tracksite.store.verifying import verify

DAY = 86_400.0


@pytest.fixture
def folder(tmp_path):
    """Return a run's folder."""
    return tmp_path / "artifacts" / ("0" * 32)


def _row(content=b"abc", path="x.txt", file=None):
    digest = hashlib.sha256(content).hexdigest()
    return {"path": path, "bytes": len(content), "sha256": digest, "file": file}


def test_missing_is_told_from_other_content(folder):
    """A file that has not come yet is not found; one with other content is damage."""
    folder.mkdir(parents=True)
    for look in (artifacts.check, artifacts.read):
        (folder / "x.txt").unlink(missing_ok=True)
        with pytest.raises(
            NotFoundError, match=r"'x.txt' is not in this store yet: copy artifacts"
        ):
            look(folder, _row())
        (folder / "x.txt").write_bytes(b"abd")
        with pytest.raises(DamageError, match="is not the file that was logged"):
            look(folder, _row())
        (folder / "x.txt").write_bytes(b"abc")
        assert look(folder, _row())


@pytest.mark.parametrize("file", ["../secret", "/etc/passwd", "out/secret", "link", "\0", ".", "d"])
def test_a_hostile_file_of_a_row_leads_nowhere(folder, file):
    """A row names a place inside its run's folder, through no link, or none at all."""
    (folder / "d").mkdir(parents=True)
    (folder.parent / "secret").write_bytes(b"abc")
    (folder / "out").symlink_to(folder.parent)
    (folder / "link").symlink_to(folder.parent / "secret")
    row = _row(file=file)
    for look in (artifacts.locate, artifacts.check, artifacts.read):
        with pytest.raises((DamageError, NotFoundError)):
            look(folder, row)
    rows = [row, _row(b"abd")]
    (folder / "x.txt").write_bytes(b"abd")
    replaced.remove_superseded(folder, rows, grace_s=0, now=2e10)
    assert (folder.parent / "secret").read_bytes() == b"abc"
    if file != "out/secret":
        assert artifacts.size_on_disk(str(folder), row) is None


def test_a_run_folder_that_is_a_link_is_not_followed(folder, tmp_path):
    """A run's folder itself leads nowhere else."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.txt").write_bytes(b"abc")
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamageError, match="symbolic link"):
        artifacts.locate(folder, _row())


def _logged(folder, *contents, path="x.txt"):
    place = Shelf(folder, began=True)
    return [place.put(path, [content]) for content in contents]


def test_what_was_replaced_can_be_removed_after_a_grace(folder):
    """Only files that rows named and no row shows go, and only when their time is over."""
    rows = _logged(folder, b"one", b"two", b"three")
    (folder / "unknown.bin").write_bytes(b"of MLflow's")
    assert set(replaced.superseded(rows)) == {"x.txt", artifacts.disk_name(rows[1])}
    now = max(path.stat().st_mtime for path in folder.iterdir())
    assert replaced.remove_superseded(folder, rows, grace_s=DAY, now=now + DAY - 1) == 0
    assert replaced.remove_superseded(folder, rows, grace_s=DAY, now=now + DAY + 1) == 6
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == sorted([artifacts.disk_name(rows[2]), "unknown.bin"])


def test_a_file_stays_until_its_successor_has_come(folder):
    """In a copy where the newer content is missing, the older one is all there is."""
    rows = _logged(folder, b"one", b"two")
    (folder / artifacts.disk_name(rows[1])).unlink()
    assert replaced.remove_superseded(folder, rows, grace_s=0, now=2e10) == 0
    assert (folder / "x.txt").read_bytes() == b"one"


@pytest.mark.parametrize("alias", ["./x.txt", "X.TXT", ".//x.txt"])
def test_another_spelling_of_a_file_that_is_shown_does_not_remove_it(folder, alias):
    """A hostile row cannot have the file of another path taken for replaced."""
    folder.mkdir(parents=True)
    (folder / "x.txt").write_bytes(b"abc")
    (folder / "y.txt").write_bytes(b"abc")
    rows = [_row(path="y.txt", file=alias), _row(path="y.txt"), _row()]
    replaced.remove_superseded(folder, rows, grace_s=0, now=2e10)
    assert (folder / "x.txt").exists()


def test_what_a_dead_writer_left_half_written_goes_a_day_later(folder):
    """A temporary file beside the run folders is removed, and nothing else."""
    folder.mkdir(parents=True)
    left = artifacts.temporary_in(folder.parent)
    left.write_bytes(b"half")
    (folder / "tmp-mine").write_bytes(b"logged")
    at = left.stat().st_mtime
    replaced.remove_abandoned(folder.parent, at + DAY - 1)
    assert left.exists()
    replaced.remove_abandoned(folder.parent, at + DAY + 1)
    assert [path.name for path in folder.parent.rglob("*")] == [folder.name, "tmp-mine"]


def test_verify_goes_by_the_file_and_names_what_is_missing(store):
    """A file under another name on disk is checked; one that has not come yet is named as that."""
    run_id = new_run_id()
    place = Shelf(store.artifact_dir(run_id), began=False)
    row = place.put("a?b.txt", [b"abc"])
    store.write_patch(run_id, "run", {"artifacts": [row]})
    assert verify(store).problems == ()
    (store.artifact_dir(run_id) / row["file"]).unlink()
    (problem,) = verify(store).problems
    assert problem.path == f"artifacts/{run_id}/{row['file']}"
    assert "'a?b.txt' is not in this store yet" in problem.message
