"""Packs: many parts in few files; nothing lost, nothing doubled, one bad block mended."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.stores import assert_same, log_run, pack, seen
from tracksite.errors import DamageError
from tracksite.query.runs import fold
from tracksite.store import manifests, packing, parts
from tracksite.store.blocks import BLOCK, CheckedFile, decode_blocks, encode_blocks
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store


def test_packing_changes_nothing_that_a_reader_sees(store):
    """States, points and stamps are the same before packing, after it, and after the removal."""
    for count in (1, 3, 2):
        log_run(store, parts_count=count)
    before = seen(store)
    done = pack(store)
    assert done.packed
    assert not done.removed
    assert_same(store, before)
    assert pack(store, grace_s=0).removed >= 12
    assert not list((store.root / "log").iterdir())
    assert_same(store, before)
    assert pack(store, grace_s=0) == packing.Packed(0, 0, 2)


def test_runs_in_progress_are_left_alone(store):
    """A run with a live log is not packed; once it has ended it is."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 1, 0, 0)
    writer.save()
    assert pack(store).packed == 0
    writer.close()
    assert pack(store).packed == 2


def test_a_packed_run_goes_on(store):
    """A resumed run continues above its packed past, and packs again."""
    run_id = log_run(store)
    pack(store, grace_s=0)
    store.write_patch(run_id, "run", {"tags": {"kept": "z"}})
    (row,) = fold(store.snapshot([run_id])).to_dicts()
    assert row["tags"] == [{"key": "kept", "text": "z"}]
    before = seen(store)
    pack(store, grace_s=0)
    assert_same(store, before)


def test_many_small_packs_become_one(store):
    """Packing often does not leave ever more files of patches."""
    for _ in range(packing.SMALL_PACKS + 1):
        log_run(store, points=1)
        pack(store, grace_s=0)
    before = seen(store)
    assert len(manifests.in_force(store.root).runs) == 1
    assert before[1].height == packing.SMALL_PACKS + 1


def test_merging_packed_and_loose_copies_counts_once(store, tmp_path):
    """A copy of the parts laid beside the packs that hold them changes nothing."""
    log_run(store)
    copy = tmp_path / "copy"
    shutil.copytree(store.root, copy)
    before = seen(store)
    pack(store, grace_s=0)
    shutil.copytree(copy / "log", store.root / "log", dirs_exist_ok=True)
    assert_same(store, before)


def test_a_packed_store_copied_into_a_packed_store_is_their_union(store, tmp_path):
    """Plain copying of files merges packed stores, in whichever order and however often."""
    other = open_store(tmp_path / "other", create=True)
    ids = {log_run(store), log_run(other)}
    for one in (store, other):
        pack(one, grace_s=0)
    first = tmp_path / "first"
    for source in (store.root, other.root, store.root):
        shutil.copytree(source, first, dirs_exist_ok=True)
    shutil.copytree(store.root, other.root, dirs_exist_ok=True)
    before = seen(open_store(first))
    assert set(before[0].stamps) == ids
    assert_same(open_store(other.root), before)


def test_a_damaged_part_is_not_packed(store):
    """A damaged part stays where it is, named, and the others are packed."""
    hurt, _ = log_run(store), log_run(store)
    (path,) = (store.root / "log").glob(f"{hurt}.*.points.parquet")
    content = bytearray(path.read_bytes())
    content[99] ^= 4
    path.write_bytes(content)
    pack(store, grace_s=0)
    assert [problem.run_id for problem in store.snapshot().problems] == [hurt]
    assert path.exists()


def test_packers_and_readers_run_against_each_other(store):
    """Eight packers and a reader at once: the reader never sees less, more or a half state."""
    for _ in range(20):
        log_run(store, points=5)
    before = seen(store)
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        while not stop.is_set():
            snapshot = store.snapshot()
            assert snapshot.stamps == before[0].stamps
            assert fold(snapshot).equals(before[1])

    def guarded(work) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - shown in the main thread
            failures.append(error)

    reader = threading.Thread(target=guarded, args=(read,))
    reader.start()
    packers = [
        threading.Thread(target=guarded, args=(lambda: pack(store, grace_s=0),)) for _ in range(8)
    ]
    for packer in packers:
        packer.start()
    for packer in packers:
        packer.join()
    stop.set()
    reader.join()
    assert not failures
    assert_same(store, before)


@pytest.mark.parametrize("suffix", ["runs.parquet", "points.parquet", "parquet.blocks"])
def test_one_flipped_byte_in_a_pack_hurts_nobody(store, suffix):
    """Whichever byte of a pack or of its blocks is flipped, every value is served as it was."""
    for _ in range(5):
        log_run(store)
    before = seen(store)
    pack(store, grace_s=0)
    draw = random.Random(7)
    for path in sorted((store.root / "packs").glob(f"*.{suffix}")):
        whole = path.read_bytes()
        for at in draw.sample(range(len(whole)), 25):
            hurt = bytearray(whole)
            hurt[at] ^= 1 << draw.randrange(8)
            path.write_bytes(hurt)
            snapshot, folded, points = seen(store)
            assert folded.equals(before[1])
            assert points.equals(before[2])
            assert snapshot.stamps == before[0].stamps
        path.write_bytes(whole)


def test_a_mended_pack_of_patches_is_named(store):
    """Damage that could be mended is told, so that somebody restores the file."""
    log_run(store)
    pack(store, grace_s=0)
    (path,) = (store.root / "packs").glob("*.runs.parquet")
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    (problem,) = store.snapshot().problems
    assert "mended" in problem.message
    assert path.name in problem.path


def test_a_damaged_manifest_is_named_and_loose_parts_are_read(store):
    """Without its manifest a store still shows what is loose, and says what is wrong."""
    log_run(store)
    pack(store, grace_s=0)
    loose = log_run(store)
    (path,) = (store.root / "manifest").iterdir()
    path.write_text("{")
    snapshot = store.snapshot()
    assert set(snapshot.stamps) == {loose}
    assert [problem.path for problem in snapshot.problems] == [f"manifest/{path.name}"]


def test_a_damaged_manifest_costs_the_packs_that_it_names_alone(store, tmp_path):
    """What a merge brought along in a bad manifest is named, and the store's own packs are read."""
    own = log_run(store)
    pack(store, grace_s=0)
    (store.root / "manifest" / f"{'f' * 32}.00000001.json").write_text("[" * 100_000)
    snapshot = store.snapshot()
    assert set(snapshot.stamps) == {own}
    assert [problem.path for problem in snapshot.problems] == [f"manifest/{'f' * 32}.00000001.json"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a.runs.parquet", "0" * 40 + ".x.parquet"])
def test_a_manifest_cannot_lead_out_of_the_store(store, name):
    """A manifest that names anything but a pack is refused."""
    (store.root / "manifest").mkdir()
    item = f'{{"file": "{name}", "first": "", "last": ""}}'
    text = f'{{"format": 1, "runs": [{item}], "points": [], "replaced": []}}'
    (store.root / "manifest" / f"{'0' * 32}.json").write_text(text)
    with pytest.raises(DamageError, match="no pack"):
        manifests.read(store.root, f"{'0' * 32}.json")
    assert not manifests.in_force(store.root).files


def test_two_packers_at_once_are_no_race(store):
    """What two packers put in force without knowing of each other counts together."""
    one, other = (
        manifests.PackFile(f"{number * 32}-{number * 40}.runs.parquet", "a", "b") for number in "01"
    )
    for file in (one, other):
        manifests.publish(store.root, manifests.Manifest((file,)))
    assert manifests.in_force(store.root).runs == (one, other)


def test_a_file_that_is_listed_and_never_there_is_named(store, monkeypatch):
    """A reader whose listing is late lists again, then names what is missing and goes on."""
    real, hidden = parts.read_checked, log_run(store)
    other = log_run(store)

    def gone(folder, part):
        if part.run_id == hidden:
            raise FileNotFoundError
        return real(folder, part)

    monkeypatch.setattr(parts, "read_checked", gone)
    snapshot = store.snapshot()
    assert set(snapshot.patches["run_id"]) == {other}
    assert {problem.run_id for problem in snapshot.problems} == {hidden}


def checked(content: bytes, blocks: bytes) -> CheckedFile:
    """Return an open file of this content in a folder of its own."""
    folder = Path(tempfile.mkdtemp())
    (folder / "pack").write_bytes(content)
    return CheckedFile(folder / "pack", decode_blocks("pack.blocks", blocks))


@given(st.integers(0, 5 * BLOCK), st.integers(0, 5 * BLOCK), st.integers(0, 5 * BLOCK), st.data())
def test_any_read_of_a_file_with_one_bad_byte_is_right(size, start, length, data):
    """Whatever is read, wherever one byte is wrong, the bytes are those that were written."""
    content = random.Random(size).randbytes(size)
    hurt = bytearray(content)
    if size:
        hurt[data.draw(st.integers(0, size - 1))] ^= 8
    with checked(bytes(hurt), encode_blocks(content)) as file:
        file.seek(start)
        assert file.read(length) == content[start : start + length]


def test_two_bad_blocks_of_a_group_are_refused():
    """Damage that cannot be mended is an error, never a wrong byte."""
    content = bytes(3 * BLOCK)
    hurt = bytearray(content)
    hurt[0] = hurt[BLOCK] = 1
    with checked(bytes(hurt), encode_blocks(content)) as file:
        with pytest.raises(DamageError, match="more than one place"):
            file.read()
        file.seek(2 * BLOCK)
        assert file.read(10) == bytes(10)


def test_a_file_cut_short_is_refused(tmp_path):
    """A pack that is shorter than its blocks say is not opened."""
    (tmp_path / "pack").write_bytes(b"ab")
    with pytest.raises(DamageError, match="cut short"):
        CheckedFile(tmp_path / "pack", decode_blocks("b", encode_blocks(b"abc")))
