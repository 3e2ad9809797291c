"""What a published site needs beyond its pages: an address, sound files, a page for wrong ones."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil

import pytest

from tests.site import stores
from tracksite import paths, site
from tracksite.config import Settings
from tracksite.errors import BuildError
from tracksite.store.local import open_store
from tracksite.store.packing import pack
from tracksite.store.verifying import verify

POINTER = (  # as `git lfs pointer` prints it
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 12345\n"
)


@pytest.fixture
def store(tmp_path):
    """A store with three runs of one experiment."""
    stores.plain(tmp_path / "runs")
    return tmp_path / "runs"


def to_pointers(store, pattern):
    """Put pointers in the place of files, as a clone without their content has them."""
    shutil.rmtree(store / "live")  # git does not have it
    found = list(store.glob(pattern))
    assert found
    for path in found:
        path.chmod(0o644)
        path.write_text(POINTER)
    return found


def not_found(folder, **settings):
    """Return the 404 page of a site with these settings."""
    site.build(folder / "runs", folder / "site", settings=Settings(**settings))
    return (folder / "site" / paths.NOT_FOUND).read_text()


def test_the_404_page_has_its_look_at_any_depth_and_no_link_that_leads_nowhere(store, tmp_path):
    """Its style is in it, allowed by its hash, and without the site's address it has no links."""
    page = not_found(tmp_path)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{digest}';" in page
    assert set(re.findall(r'(?:href|src)="([^"]*)"', page)) == {"#main"}


def test_the_404_page_leads_home_where_the_address_is_known(store, tmp_path):
    """Every link is taken from the site's address, and none is a mere fragment of it."""
    page = not_found(tmp_path, base_url="https://example.org/project/")
    assert '<base href="https://example.org/project/">' in page
    assert '<a href="index.html">All experiments</a>' in page
    assert 'href="#' not in page
    assert "aria-current" not in page


@pytest.mark.parametrize("packed", [False, True])
def test_a_store_of_pointers_fails_the_build_with_the_remedy(store, tmp_path, packed):
    """A clone without the content of Git LFS publishes no empty board."""
    if packed:
        pack(open_store(store).root, grace_s=0)
    to_pointers(store, "*/*.parquet")
    with pytest.raises(BuildError, match=r"Nothing in .* can be read.*`git lfs pull`.*lfs: true"):
        site.build(store, tmp_path / "site", settings=Settings())
    assert not (tmp_path / "site" / "index.html").exists()


def test_each_pointer_is_named_beside_sound_runs(store, tmp_path):
    """Where some files are pointers, those runs are left out and the remedy is told of each."""
    parts = sorted(store.glob("log/*.runs.parquet"))
    run_id = parts[0].name[:32]
    to_pointers(store, f"log/{run_id}*.runs.parquet")
    found = site.build(store, tmp_path / "site", settings=Settings())
    assert any("git lfs pull" in it.message and it.run_id == run_id for it in found.problems)
    assert "git lfs pull" in (tmp_path / "site" / "index.html").read_text()


def test_verify_calls_a_pointer_by_its_name_once(store):
    """A file that is only a pointer is one problem, not a wrong hash and a wrong footer."""
    found = to_pointers(store, "log/*.runs.parquet")
    problems = verify(open_store(store)).problems
    named = [it for it in problems if "pointer of Git LFS" in it.message]
    assert sorted(it.path for it in named) == sorted(f"log/{path.name}" for path in found)


def test_a_store_without_runs_is_built(tmp_path):
    """Nothing logged yet is no damage."""
    open_store(tmp_path / "runs", create=True)
    assert site.build(tmp_path / "runs", tmp_path / "site", settings=Settings()).problems == ()
