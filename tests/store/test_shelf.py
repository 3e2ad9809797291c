"""The shelf: files that are put into a run's folder are whole or not there, and never replaced."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import threading
import time
from pathlib import Path

import pytest

from tracksite.errors import ArgumentError
from tracksite.store import artifacts, disk_names, replaced, shelf
from tracksite.store.shelf import Shelf

RUN = "0" * 32


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a run's folder; it does not exist yet."""
    return tmp_path / "artifacts" / RUN


def _files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _put(place, path, content):
    """Put a content under a path; check that it can be read back, and return where it lies."""
    row = place.put(path, [content[:1], content[1:]])
    assert row["path"] == path
    assert artifacts.read(place.folder, row) == content
    return artifacts.disk_name(row)


def _marked(content):
    return hashlib.sha256(content).hexdigest()[:16]


def test_put_returns_what_was_written(folder):
    """The row of an artifact has its path, its bytes and the SHA-256 of its content."""
    row = Shelf(folder, began=True).put("x/y", [b"ab", b"", b"c"])
    digest = hashlib.sha256(b"abc").hexdigest()
    assert row == {"path": "x/y", "bytes": 3, "sha256": digest, "file": None}


def test_a_write_that_fails_leaves_nothing_behind(folder):
    """A half-written file is removed, and the one that was there stays whole."""

    def half():
        yield b"half"
        raise OSError("gone")

    place = Shelf(folder, began=True)
    _put(place, "a/x.bin", b"whole")
    with pytest.raises(OSError, match="gone"):
        place.put("a/x.bin", half())
    assert _files(folder.parent) == {f"{RUN}/a/x.bin": b"whole"}


def test_no_file_is_ever_written_over(folder):
    """The plain name is for the first content; another one has its digest in its name."""
    place = Shelf(folder, began=True)
    assert _put(place, "notes.txt", b"one") == "notes.txt"
    assert _put(place, "notes.txt", b"two") == f"notes.{_marked(b'two')}.txt"
    assert _put(place, "notes.txt", b"one") == "notes.txt"
    assert sorted(_files(folder).values()) == [b"one", b"two"]


def test_a_writer_that_did_not_begin_the_run_leaves_the_plain_name(folder):
    """It may be taken in another copy of the store; content that lies there is not doubled."""
    later = Shelf(folder, began=False)
    assert _put(later, "a.txt", b"one") == f"a.{_marked(b'one')}.txt"
    assert _put(Shelf(folder, began=True), "b.txt", b"one") == "b.txt"
    assert _put(later, "b.txt", b"one") == "b.txt"
    assert _put(later, "b.txt", b"two") == f"b.{_marked(b'two')}.txt"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_a_fork_is_not_the_writer_that_began(folder):
    """What a forked process logs is beside what its parent logs."""
    place = Shelf(folder, began=True)
    child = os.fork()
    if not child:
        place.put("x.txt", [b"child"])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert _put(place, "x.txt", b"parent") == "x.txt"
    assert _files(folder)[f"x.{_marked(b'child')}.txt"] == b"child"


ODD = [
    ("CON", "a?b", "trailing.", "trailing", "nul/x.txt", ".gitattributes"),
    ("note.txt", "Note.txt", "NOTE.TXT"),
    ("e\u0301.txt", "\u00e9.txt", "\u00c9.txt"),
    ("A/x", "a/x", "a/y", "a", "A"),
    ("a", "a/b", "a/b/c", "A/B"),
    ("x" * 120, "x" * 121, "d/" * 100 + "x", "🙂" * 60),
]


@pytest.mark.parametrize("began", [True, False])
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("names", ODD)
def test_every_name_comes_back_and_every_system_can_hold_it(folder, names, same, began):
    """Whatever paths are logged, names on disk are portable, and differ by more than case."""
    for order in itertools.islice(itertools.permutations(names), 24):
        place = Shelf(folder.with_name(os.urandom(16).hex()), began=began)
        told = {path: b"same" if same else path.encode() for path in order}
        rows = [place.put(path, [content]) for path, content in told.items()]
        for row in rows:
            assert artifacts.read(place.folder, row) == told[row["path"]]
            assert disk_names.is_portable(artifacts.disk_name(row))
        found = [path.relative_to(place.folder).as_posix() for path in place.folder.rglob("*")]
        assert len({disk_names.key(name) for name in found}) == len(found)


def test_names_that_were_there_before_count(folder):
    """A new writer knows what the folder holds, so it spells folders as they are."""
    _put(Shelf(folder, began=True), "Plots/Loss.png", b"1")
    later = Shelf(folder, began=False)
    assert _put(later, "plots/loss.png", b"1") == f"Plots/loss.{_marked(b'1')}.png"
    assert _put(later, "PLOTS/acc.png", b"2") == f"Plots/acc.{_marked(b'2')}.png"


def test_a_damaged_file_can_be_logged_again(folder):
    """What has lost its content on disk is put beside it, whole."""
    place = Shelf(folder, began=True)
    names = []
    for _ in range(4):
        names.append(_put(place, "x", b"abc"))
        (folder / names[-1]).write_bytes(b"rot")
    assert names[:2] == ["x", f"x.{_marked(b'abc')}"]
    assert len(set(names)) == 4


def test_links_are_neither_followed_nor_replaced(folder, tmp_path):
    """A link to a folder is refused; one with the name of a file stays as it is."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_bytes(b"abc")
    folder.mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    (folder / "x").symlink_to(tmp_path / "elsewhere" / "x")
    place = Shelf(folder, began=True)
    with pytest.raises(ArgumentError, match="link"):
        place.put("out/y", [b"abc"])
    assert _put(place, "x", b"abc") == f"x.{_marked(b'abc')}"
    assert (folder / "x").is_symlink()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["x"]


def test_without_hard_links_nothing_is_written_over(folder, monkeypatch):
    """Where the file system has no hard links, files are put in place by renaming them."""

    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    place = Shelf(folder, began=True)
    assert _put(place, "a/x", b"one") == "a/x"
    assert _put(place, "a/x", b"two") == f"a/x.{_marked(b'two')}"
    assert len(_files(folder.parent)) == 2


def test_threads_never_take_each_others_names(folder):
    """Many threads that log under one path: each content is kept, under a name of its own."""
    place, rows = Shelf(folder, began=True), []
    begin = threading.Barrier(8)

    def log(at):
        begin.wait()
        content = b"%d" % at
        rows.extend((place.put(path, [content]), content) for path in ("x.txt", "X.txt"))

    threads = [threading.Thread(target=log, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(artifacts.read(folder, row) == content for row, content in rows)
    names = list(_files(folder))
    assert len({disk_names.key(name) for name in names}) == len(names) <= 16


def _an_hour_on(monkeypatch):
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + shelf.REPLACED_S + 1)


def test_what_a_writer_replaced_itself_goes_an_hour_later(folder, monkeypatch):
    """A checkpoint of each epoch does not fill the disk; the newest ones stay."""
    place = Shelf(folder, began=True)
    for epoch in range(5):
        _put(place, "last.ckpt", b"%d" % epoch)
        _put(place, "other.txt", b"same")
    assert len(_files(folder)) == 6
    _an_hour_on(monkeypatch)
    name = _put(place, "last.ckpt", b"5")
    assert sorted(_files(folder).values()) == [b"4", b"5", b"same"]
    assert name == f"last.{_marked(b'5')}.ckpt"  # the plain name stood for another content


def test_what_somebody_else_has_named_meanwhile_stays(folder, monkeypatch):
    """A file that another writer logged too is not the first one's to remove."""
    place, other = Shelf(folder, began=True), Shelf(folder, began=False)
    _put(place, "x.txt", b"one")
    _put(place, "x.txt", b"two")
    assert _put(other, "x.txt", b"one") == "x.txt"
    _put(place, "x.txt", b"three")
    _an_hour_on(monkeypatch)
    _put(place, "y.txt", b"y")
    assert sorted(_files(folder).values()) == [b"one", b"three", b"y"]


def test_a_content_that_came_back_stays(folder, monkeypatch):
    """What was replaced and then logged again is shown, so it is not removed."""
    place = Shelf(folder, began=True)
    for content in (b"one", b"two", b"one"):
        _put(place, "x.txt", content)
    _an_hour_on(monkeypatch)
    _put(place, "y.txt", b"y")
    assert sorted(_files(folder).values()) == [b"one", b"y"]


def test_a_file_that_is_named_while_it_is_removed_comes_back(tmp_path, monkeypatch):
    """Its time tells whoever removes it, also between the last look and the removal."""
    place = tmp_path / "x"
    place.write_bytes(b"abc")
    before = place.lstat().st_mtime_ns
    rename = Path.rename

    def named_just_before(self, target):
        os.utime(self, ns=(0, before + 1_000_000))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", named_just_before)
    assert not replaced.remove_untouched(place, tmp_path / "aside", before)
    assert _files(tmp_path) == {"x": b"abc"}


def test_thousands_of_files_list_their_folder_once(folder, monkeypatch):
    """Putting many images into one folder does not list it again for each."""
    asked = []
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: asked.append(path) or real(path))
    place = Shelf(folder, began=True)
    for step in range(50):
        _put(place, f"images/loss/{step}.png", b"%d" % step)
    assert len(asked) == 3
