"""Artifacts out of a store: listed from what runs say, checked against what they logged."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from tracksite.errors import ArgumentError, DamageError, NotFoundError
from tracksite.paths import inside
from tracksite.tracking import artifacts, check, search, target, versions
from tracksite.tracking.entities import FileInfo

__all__ = ["download_artifacts", "list_artifacts"]


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
        dst_path: a folder to copy into; None: the path inside the store, not to be changed.

    Raises:
        ArgumentError: neither or both of `artifact_uri` and `run_id`.
        NotFoundError: no such run or artifact.
        DamageError: a file is missing, or is not what was logged.
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
    into = folder if dst is None else Path(dst)
    into.mkdir(parents=True, exist_ok=True)
    for row in rows:
        file = _checked(folder, row["path"], row["sha256"])
        if dst is not None:
            artifacts.put_file(into, check.artifact_path(row["path"]), file)
    return into if wanted is None else into / wanted


def _checked(folder: Path, path: str, sha256: str) -> Path:
    try:
        file = inside(folder, path)
    except ArgumentError as error:
        raise DamageError(f"artifact {path!r} cannot be read: {error}") from None
    if artifacts.sha256(file) != sha256:
        raise DamageError(
            f"{file} is not the file that was logged (its SHA-256 differs): restore it from a copy."
        )
    return file


def local_folder(uri: str | os.PathLike[str]) -> Path:
    """Return the folder that a `runs:/` or `models:/` URI, or a path, names."""
    text = os.fspath(uri)
    if text.startswith(("runs:", "models:")):
        return _fetch(*versions.resolve(text), None)
    if not Path(text).is_dir():
        raise NotFoundError(
            f"there is no folder {text!r}: pass it, or a runs:/ or models:/ URI of a model."
        )
    return Path(text)
