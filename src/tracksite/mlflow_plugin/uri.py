"""`tracksite:` URIs, and where artifacts are seen from the process that asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tracksite.errors import ArgumentError

SCHEME = "tracksite"
DEFAULT_ROOT = "./mlruns"  # what MLflow passes where nobody chose an artifact root


def folder_of(uri: str) -> Path:
    """Return the absolute folder of a `tracksite:` URI.

    Raises:
        ArgumentError: another scheme, a host, or no folder.
    """
    parts = urlsplit(uri)
    if parts.scheme != SCHEME or parts.netloc or not parts.path:
        raise ArgumentError(
            f"{uri!r} names no store: use tracksite:runs, tracksite:/path or tracksite:///path."
        )
    return Path(unquote(parts.path)).expanduser().absolute()


def absolute(location: str) -> str:
    """Return a location that means the same in every working folder; `?query#fragment` stays."""
    from mlflow.utils.uri import resolve_uri_if_local

    return str(resolve_uri_if_local(location))


def below(location: str, *path: str) -> str:
    """Return a place below a location, whose `?query#fragment` stays at the end."""
    from mlflow.utils.uri import append_to_uri_path

    return str(append_to_uri_path(location, *path))


@dataclass(frozen=True)
class Artifacts:
    """Where the artifacts of a store are: computed when it is read, so that a store can move.

    Attributes:
        folder: `artifacts/` of the store.
        root: the URI that clients of a server use instead of the folder; None where there is none.
    """

    folder: Path
    root: str | None = None

    @classmethod
    def of(cls, store: Path, given: str | None) -> Artifacts:
        """Return the artifacts of a store for the artifact root that MLflow passed."""
        chosen = given if given and given != DEFAULT_ROOT else None
        if chosen and urlsplit(chosen).scheme == SCHEME:
            chosen = None
        root = chosen and absolute(chosen).rstrip("/")
        own = str(store / "artifacts"), (store / "artifacts").as_uri()
        return cls(store / "artifacts", None if root in own else root)

    @property
    def location(self) -> str:
        """The artifact location of an experiment that chose none."""
        if self.root is None:
            return str(self.folder)
        return self.root if self.root.split(":", 1)[-1] else f"{self.root}/"  # mlflow-artifacts:

    def uri(self, entity_id: str, *path: str) -> str:
        """Return the URI of an entity's artifacts, or of a folder in them."""
        if self.root is None:
            return "/".join([str(self.folder), entity_id, *path])
        return below(self.location, entity_id, *path)

    def relative(self, uri: str) -> tuple[str, str] | None:
        """Return entity id and path of a URI that `uri` could have made; None for any other."""
        for base in (str(self.folder), f"file://{self.folder}", self.root):
            if base and uri.startswith(f"{base}/"):
                entity_id, _, path = uri[len(base) + 1 :].partition("/")
                return (entity_id, path.rstrip("/")) if path else None
        return None
