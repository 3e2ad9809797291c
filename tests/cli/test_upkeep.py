"""pack, verify, merge and gc on the command line."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result

from tests.store.stores import log_run
from tests.store.test_writer import run_script
from tracksite.cli.app import app
from tracksite.store import leaving
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore, open_store


@pytest.fixture
def store(tmp_path) -> LocalStore:
    """Return an empty store at the default place."""
    return open_store(tmp_path / "runs", create=True)


def run(*words: str) -> Result:
    """Run a command in the present folder."""
    return CliRunner().invoke(app, list(words), prog_name="tracksite")


def test_pack_says_what_it_did(store):
    """Packing tells how many files were packed and removed; nothing changes for readers."""
    log_run(store)
    before = run("verify").stdout
    done = run("pack", "--grace", "0h")
    assert done.exit_code == 0
    assert "Packed 3 files, removed 3" in done.stderr
    assert run("verify").stdout == before


@pytest.mark.parametrize("how", ["was killed", "ended without libraries"])
def test_pack_says_whose_logs_it_saved(store, monkeypatch, how):
    """A run that left its log behind has ended, but need not have been interrupted."""
    if how == "was killed":
        child = run_script(store, "os.write(1, b'x'); os.kill(os.getpid(), 9)")
        child.communicate()
    else:
        with monkeypatch.context() as patched, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is said that runs are only logged here
            patched.setattr(leaving, "save_segment", Mock(side_effect=ImportError("pyarrow")))
            writer = store.open_writer(new_run_id())
            writer.patch(status="finished")
            writer.close()
    done = run("pack")
    assert "Saved what 1 runs left in live logs: their processes have ended." in done.stderr
    assert "interrupted" not in done.stderr
    assert len(store.snapshot().stamps) == 1
    assert "Saved" not in run("pack").stderr


@pytest.mark.parametrize("age", ["soon", "3", "-1d", "1.5h"])
def test_an_age_that_is_none_is_refused(store, age):
    """An age in an unknown form is refused with an example."""
    done = run("pack", "--grace", age)
    assert done.exit_code == 2
    assert "90d" in done.stderr


def test_verify_compares_with_a_digest_kept_elsewhere(store):
    """--expect accepts the digest that was printed, and fails on any other store."""
    log_run(store)
    digest = run("verify").stdout.strip()
    assert run("verify", "--expect", digest).exit_code == 0
    log_run(store)
    changed = run("verify", "--expect", digest)
    assert changed.exit_code == 1
    assert "was changed" in changed.stderr


def test_verify_names_the_damage_and_fails(store):
    """A damaged part is named with its path, in words and in JSON."""
    log_run(store)
    path = next((store.root / "log").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    done = run("verify", "runs", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["problems"][0]["path"] == f"log/{path.name}"
    assert path.name in run("verify").stderr


def test_merge_makes_the_union(store, tmp_path):
    """Several stores merge into a new one, whose digest does not depend on their order."""
    other = open_store(tmp_path / "other", create=True)
    log_run(store)
    log_run(other)
    assert run("merge", "runs", "other", "one").exit_code == 0
    assert run("merge", "other", "runs", "two").exit_code == 0
    assert run("verify", "one").stdout == run("verify", "two").stdout


def test_gc_asks_unless_told(store):
    """A dry run and an unconfirmed one remove nothing; --yes removes and notes it."""
    keep = log_run(store)
    dry = run("gc", "--older-than", "0h", "--dry-run")
    assert keep in dry.stdout
    assert "1 runs would go" in dry.stderr
    refused = run("gc", "--older-than", "0h")
    assert refused.exit_code == 1
    assert "--yes" in refused.stderr
    assert keep in store.snapshot().stamps
    done = run("gc", "--older-than", "0h", "--yes", "--json")
    assert [row["run_id"] for row in json.loads(done.stdout)["runs"]] == [keep]
    assert not store.snapshot().stamps
    assert len(list(Path("runs/audit").iterdir())) == 1


def test_gc_leaves_out_what_is_still_logged(store):
    """A run that ended but still has a live log stays and is named; the others go all the same."""
    gone, stays = log_run(store), log_run(store)
    (store.root / "live" / f"{stays}.{'a' * 12}.9.wal").write_bytes(bytes(64))
    done = run("gc", "--older-than", "0h", "--keep-tagged", "a b", "--yes")
    assert f"Run {stays} stays" in done.stderr
    assert set(store.snapshot().stamps) == {stays}
    (entry,) = (json.loads(path.read_text()) for path in Path("runs/audit").iterdir())
    assert entry["run_ids"] == [gone]
    assert entry["why"] == "gc --older-than 0d --keep-tagged 'a b'"


def test_gc_saves_first_what_a_dead_process_logged(store):
    """An old run whose process died can go: what it had logged is saved first, then removed."""
    child = run_script(store, "os.write(1, b'x'); os.kill(os.getpid(), 9)")
    child.communicate()
    assert list((store.root / "live").iterdir())
    done = run("gc", "--older-than", "0h", "--yes")
    assert "Removed 1 runs" in done.stderr
    assert not store.snapshot().stamps
    assert not list((store.root / "live").iterdir())


def test_a_build_packs_a_store_of_many_small_files(store, monkeypatch):
    """Past a number of loose parts a build packs first; the site is the same."""
    log_run(store)
    run("build", "runs", "-o", "before")
    monkeypatch.setattr("tracksite.store.packing.DUE_PARTS", 2)
    done = run("build", "runs", "-o", "after")
    assert "Packed 3 small files" in done.stderr
    one, other = (Path(site, "data", "runs.parquet").read_bytes() for site in ("before", "after"))
    assert one == other


def test_a_store_that_cannot_be_packed_is_built_all_the_same(store, monkeypatch):
    """A read-only store costs a line of warning, not the build."""
    log_run(store)
    monkeypatch.setattr("tracksite.store.packing.DUE_PARTS", 2)

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tracksite.store.packing.pack", refuse)
    done = run("build", "runs", "-o", "site")
    assert done.exit_code == 0
    assert "could not be packed" in done.stderr


@pytest.mark.parametrize("named", [True, False])
def test_gc_ranks_by_the_settings_that_a_build_goes_by(tmp_path, monkeypatch, named):
    """The settings in the present folder, or those of --config, say which run is the best."""
    store = open_store(tmp_path / "elsewhere" / "runs", create=True)
    ids = []
    for value in (0.1, 0.9):
        writer = store.open_writer(new_run_id())
        writer.patch(experiment="e", status="finished")
        writer.point("accuracy", value, 0, 1)
        writer.close()
        ids.append(writer.run_id)
    here = tmp_path / "here"
    here.mkdir()
    file = (tmp_path if named else here) / "tracksite.toml"
    file.write_text('[experiments.e]\nmetric = "accuracy"\ndirection = "minimize"\n')
    monkeypatch.chdir(here)
    words = ["gc", str(store.root), "--older-than", "0h", "--keep-best", "1", "--dry-run", "--json"]
    done = run(*words, *(("--config", str(file)) if named else ()))
    assert [it["run_id"] for it in json.loads(done.stdout)["runs"]] == [ids[1]]
