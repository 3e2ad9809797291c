"""`tracksite.artifacts`: the names of `mlflow.artifacts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError
from tracksite.tracking import versions
from tracksite.tracking.retrieve import download_artifacts
from tracksite.tracking.retrieve import list_artifacts as of_run

if TYPE_CHECKING:
    from tracksite.tracking.entities import FileInfo

__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_text"]


def list_artifacts(
    artifact_uri: str | None = None,
    *,
    run_id: str | None = None,
    artifact_path: str | None = None,
) -> list[FileInfo]:
    """Return the files and folders directly below a folder of artifacts, sorted.

    Args:
        artifact_uri: `runs:/<run_id>/<path>` or a `models:/` URI.
        run_id: instead, the run.
        artifact_path: with `run_id`: a folder; None: the top.

    Raises:
        ArgumentError: neither or both of `artifact_uri` and `run_id`.
        NotFoundError: no such run.
    """
    if (artifact_uri is None) == (run_id is None):
        raise ArgumentError("list_artifacts() needs artifact_uri= or run_id=, and not both.")
    if artifact_uri is not None:
        return of_run(*versions.resolve(artifact_uri))
    return of_run(str(run_id), artifact_path)


def load_text(artifact_uri: str) -> str:
    """Return a text artifact; raises as `download_artifacts`."""
    return Path(download_artifacts(artifact_uri)).read_text(encoding="utf-8")


def load_dict(artifact_uri: str) -> Any:  # noqa: ANN401 - a dict or a list of anything
    """Return what a JSON artifact holds; raises as `download_artifacts`.

    Raises:
        ArgumentError: it holds no JSON.
    """
    try:
        return json.loads(load_text(artifact_uri))
    except ValueError as error:
        raise ArgumentError(f"{artifact_uri!r} holds no JSON ({error}): use load_text().") from None
