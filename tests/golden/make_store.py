"""Train the kept store anew: `python tests/golden/make_store.py`, from the project's folder.

It trains a small form of the demo in a clean clone of the last commit, so that the runs name a
commit without changes, and then takes out of the store what belongs to the machine that trained:
paths, operating system and hardware. User and host are not captured at all. Look at the new site
(`make site`) before you commit both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tracksite.demo import sweep
from tracksite.store import parts

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
STORE, SETTINGS = HERE / "runs", HERE / "tracksite.toml"
OF_THE_MACHINE = {"os", "cpu", "memory_bytes"}


def main() -> None:
    """Replace `tests/golden/runs`."""
    with tempfile.TemporaryDirectory() as folder:
        clone, store = Path(folder) / "tracksite", Path(folder) / "runs"
        subprocess.run(["git", "clone", "-q", PROJECT, clone], check=True)
        subprocess.run(["git", "remote", "remove", "origin"], cwd=clone, check=True)
        train(clone, store)
        places = {f"{clone}/": "", f"{sys.prefix}/": ".venv/", f"{sys.base_prefix}/": "python/"}
        clean(store, places)
        shutil.rmtree(store / "live")
        shutil.rmtree(STORE, ignore_errors=True)
        shutil.copytree(store, STORE)
    SETTINGS.write_text(sweep.SETTINGS)
    size = sum(path.stat().st_size for path in STORE.rglob("*") if path.is_file())
    sys.stdout.write(f"{STORE}: {size / 1e6:.2f} MB\n")


def train(clone: Path, store: Path) -> None:
    """Run `train.py` of a clone into a store, with the packages of this Python."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(clone / "src"),
        "TRACKSITE_STORE": str(store),
        "TRACKSITE_CAPTURE": "-user",
    }
    command = [sys.executable, "tests/golden/train.py"]
    subprocess.run(command, cwd=clone, env=environment, check=True)


def clean(store: Path, places: dict[str, str]) -> None:
    """Rewrite the patches of a store: paths as in `places`, nothing `OF_THE_MACHINE`."""
    log = store / "log"
    for path in sorted(log.glob("*.runs.parquet")):
        name = parts.parse_name(path.name)
        table = pq.read_table(path)
        rows = [_clean(row, places) for row in table.to_pylist()]
        path.unlink()
        parts.write_part(log, name.commit, "runs", pa.Table.from_pylist(rows, schema=table.schema))


def _clean(value: object, places: dict[str, str]) -> object:
    if isinstance(value, str):
        for before, after in places.items():
            value = value.replace(before, after)
        return value
    if isinstance(value, dict):
        return {key: _clean(item, places) for key, item in value.items()}
    if isinstance(value, list):
        kept = [
            it for it in value if not (isinstance(it, dict) and it.get("key") in OF_THE_MACHINE)
        ]
        return [_clean(item, places) for item in kept]
    return value


if __name__ == "__main__":
    main()
