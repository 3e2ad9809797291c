"""What a user installs: the wheel and the sdist carry all that tracksite needs, and no more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tracksite.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VENDOR = "templates/assets/vendor"


def _files(folder):
    return {
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The sdist, and the wheel built from it: the longest way that a release can take."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    """The built wheel as {path: bytes}."""
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_carries_code_and_templates_and_nothing_else(wheel):
    """The wheel holds src/tracksite, templates/ inside it, and its own metadata: nothing more."""
    expected = {f"tracksite/{name}" for name in _files("src/tracksite")}
    expected |= {f"tracksite/templates/{name}" for name in _files("templates")}
    found = {name for name in wheel if not name.startswith(f"tracksite-{__version__}.dist-info/")}
    assert found == expected
    assert "tracksite/py.typed" in found


def test_wheel_carries_vendored_scripts_with_their_licences(wheel):
    """Each file of vendor.json is in the wheel, its licence beside it and in the metadata."""
    rows = json.loads(wheel[f"tracksite/{VENDOR}/vendor.json"])
    assert rows
    for row in rows:
        assert wheel[f"tracksite/{VENDOR}/{row['file']}"]
        text = wheel[f"tracksite/{VENDOR}/{row['license_file']}"]
        licences = f"tracksite-{__version__}.dist-info/licenses"
        assert wheel[f"{licences}/{VENDOR}/{row['license_file']}"] == text
    assert b"MIT License" in wheel[f"{licences}/LICENSE"]


def test_wheel_says_who_it_is(wheel):
    """The metadata has the version of the code, the Python it needs and the command."""
    metadata = wheel[f"tracksite-{__version__}.dist-info/METADATA"].decode()
    assert f"Version: {__version__}\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    entry = wheel[f"tracksite-{__version__}.dist-info/entry_points.txt"].decode()
    assert "tracksite = tracksite.cli:main" in entry


def test_installed_wheel_finds_its_version_and_templates(dist, tmp_path):
    """Unpacked beside no checkout, the package imports and its templates stand inside it."""
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as archive:
        archive.extractall(tmp_path)
    code = (
        "import tracksite, tracksite.version as v, pathlib;"
        "folder = pathlib.Path(tracksite.__file__).parent;"
        "print(folder.parent, v.__version__, (folder / 'templates/assets/vendor').is_dir())"
    )
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(tmp_path), __version__, "True"], done.stderr


def test_sdist_carries_what_a_rebuild_and_its_tests_need(dist):
    """The sdist holds code, templates, tests, docs, the lock and the Makefile, and no site."""
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    for folder in ("src/tracksite", "templates", "tests", "docs"):
        assert {f"{folder}/{name}" for name in _files(folder)} <= names
    assert {"pyproject.toml", "requirements.lock", "Makefile", "LICENSE"} <= names
    assert not [name for name in names if name.startswith(("site/", "runs/", ".venv/"))]


def test_all_extra_is_every_extra():
    """The extra `all` names every other extra."""
    extras = PROJECT["project"]["optional-dependencies"]
    (every,) = extras["all"]
    assert set(re.findall(r"[\w-]+", every)) - {"tracksite"} == set(extras) - {"all"}


@pytest.mark.parametrize("name", ["requirements.lock", "tools/bootstrap.lock"])
def test_lock_has_a_hash_for_each_package_and_names_no_index(name):
    """Each locked package has an exact version and hashes; the lock works with any index."""
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert re.match(r"[\w.-]+(\[[\w,]+\])?==", block), block
        assert "--hash=sha256:" in block, block


def test_lock_has_every_dependency():
    """Every dependency, of each extra and of development, is in the lock."""
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    wanted += [it for extra in project["optional-dependencies"].values() for it in extra]
    names = {re.match(r"[\w-]+", requirement).group().lower() for requirement in wanted}
    locked = set(re.findall(r"(?m)^([\w-]+)", (ROOT / "requirements.lock").read_text()))
    assert names - {"tracksite"} <= locked
