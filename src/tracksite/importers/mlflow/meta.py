"""`meta.yaml` files, read by PyYAML's safe loader: they make no objects but plain ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.budgets import nested
from tracksite.errors import TracksiteError
from tracksite.importers.entry import UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_PARTS = 100_000  # each as often as it is referred to: an alias costs nothing to write
_LARGEST = 1 << 25  # a profile of a data set may be 16 MB


def read_meta(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        UnreadableError: it is damaged, a link, too large, or no mapping.
        TracksiteError: PyYAML is not installed.
    """
    yaml = _yaml()
    if path.is_symlink():
        raise UnreadableError(f"{path.name} is a link")
    try:
        if path.stat().st_size > _LARGEST:
            raise UnreadableError(f"{path.name} is larger than {_LARGEST} bytes")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        content = yaml.load(path.read_bytes(), loader)
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        first = str(error).replace("\n", " ")[:120]
        raise UnreadableError(f"{path.name} is damaged ({first})") from error
    if any(count > _MOST_PARTS for count, _ in enumerate(nested(content))):
        raise UnreadableError(f"{path.name} has more than {_MOST_PARTS:,} lists and mappings")
    if not isinstance(content, dict):
        raise UnreadableError(f"{path.name} is damaged: it holds no mapping")
    return content


def _yaml() -> Any:  # noqa: ANN401 - a module
    try:
        import yaml
    except ImportError:
        raise TracksiteError(
            "an mlruns/ folder needs PyYAML, which is not installed: "
            "pip install 'tracksite[import]'."
        ) from None
    return yaml


def write_meta(folder: Path, content: dict[str, Any]) -> None:
    """Write a mapping as the meta file of a folder, which is made."""
    text = _yaml().safe_dump(content, allow_unicode=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.yaml").write_text(text, encoding="utf-8", newline="")
