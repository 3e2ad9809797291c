"""Artifacts out of a store: listed from what runs say, checked against what they logged."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store import artifacts
from tracksite.tracking import check, copies, search, target, versions
from tracksite.tracking.entities import FileInfo
from tracksite.tracking.refusing import refusing, understood

__all__ = ["download_artifacts", "list_artifacts"]


@refusing
def list_artifacts(run_id: str, path: str | None = None) -> list[FileInfo]:
    """Return the files and folders directly below a folder of a run's artifacts, sorted.

    Args:
        run_id: 32 hex digits.
        path: the folder; None: the top.

    Raises:
        NotFoundError: no such run.
    """
    prefix = "" if path is None else f"{check.artifact_path(path)}/"
    found: dict[str, FileInfo] = {}
    for row in search.artifact_rows(run_id):
        if row["path"].startswith(prefix):
            name, below, _ = row["path"].removeprefix(prefix).partition("/")
            place = prefix + name
            found[place] = FileInfo(place, bool(below), None if below else row["bytes"])
    return [found[place] for place in sorted(found)]


@refusing
def download_artifacts(
    artifact_uri: str | None = None,
    *,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | os.PathLike[str] | None = None,
) -> str:
    """Return the local path of an artifact, or of a folder of them, checked against its digest.

    Args:
        artifact_uri: `runs:/<run_id>/<path>` or a `models:/` URI.
        run_id: instead, the run.
        artifact_path: with `run_id`: a file or folder; None: all of the run's artifacts.
        dst_path: a folder to copy into; None: the path inside the store, not to be changed, where
            all files have the names there that they were logged under. Otherwise they are copied,
            under those names, into a temporary folder that goes when the process ends.

    Raises:
        ArgumentError: neither or both of `artifact_uri` and `run_id`.
        NotFoundError: no such run or artifact, or a file of it that is not in this store yet.
        DamageError: a file is not what was logged.
    """
    if (artifact_uri is None) == (run_id is None):
        raise ArgumentError("download_artifacts() needs artifact_uri= or run_id=, and not both.")
    if artifact_uri is not None:
        run_id, artifact_path = versions.resolve(artifact_uri)
    return str(_fetch(str(run_id), artifact_path, dst_path))


def _fetch(run_id: str, path: str | None, dst: str | os.PathLike[str] | None) -> Path:
    folder = target.store().artifact_dir(run_id)
    wanted = None if path is None else check.artifact_path(path)
    rows = [
        row
        for row in search.artifact_rows(run_id)
        if wanted is None or PurePosixPath(row["path"]).is_relative_to(wanted)
    ]
    if not rows and wanted is not None:
        raise NotFoundError(
            f"run {run_id} has no artifact {wanted!r}: list_artifacts() shows what it has."
        )
    files = [(check.artifact_path(row["path"]), artifacts.check(folder, row)) for row in rows]
    if dst is not None:
        into = Path(dst)
    elif all(artifacts.disk_name(row) == row["path"] for row in rows):
        into, files = folder, []
    else:
        into = copies.folder()
    into.mkdir(parents=True, exist_ok=True)
    for name, file in files:
        artifacts.copy_out(file, into / name)
    return into if wanted is None else into / wanted


def local_folder(uri: str | os.PathLike[str]) -> Path:
    """Return the folder that a `runs:/` or `models:/` URI, or a path, names."""
    with understood("load_model"):
        text = os.fspath(uri)
    if text.startswith(("runs:", "models:")):
        return _fetch(*versions.resolve(text), None)
    if not Path(text).is_dir():
        raise NotFoundError(
            f"there is no folder {text!r}: pass it, or a runs:/ or models:/ URI of a model."
        )
    return Path(text)
