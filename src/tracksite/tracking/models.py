"""Models: a folder with the model's file and `model.json`, which says how to read it.

`model.json` has: format (1), flavor, file, sha256 and bytes of the file, class, signature,
versions (Python, tracksite and the packages it needs) and created_at (UTC).
"""

from __future__ import annotations

import contextlib
import json
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, DamageError, NotFoundError
from tracksite.paths import inside
from tracksite.store.artifacts import sha256
from tracksite.tracking import datasets, environment, flavors, registry, retrieve
from tracksite.tracking.entities import ModelInfo
from tracksite.tracking.warning import warn
from tracksite.version import __version__

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Mapping

    from tracksite.tracking.kinds import Dataset, Model

__all__ = ["load_model"]

FORMAT = 1
DESCRIPTION = "model.json"
EXAMPLE = "input_example.json"
_written: set[str] = set()  # SHA-256 of each model file that this process wrote


@contextlib.contextmanager
def written(
    model: Model,
    flavor: str | None,
    input_example: Dataset = None,
    signature: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Write a model into a temporary folder; yield it and the model's row: flavor, digest.

    Without `flavor`, the best suited flavour that can write the object is taken, and a warning
    says so when it is not the first choice.

    Raises:
        ArgumentError: no flavour can write it, or the one that was asked for cannot.
    """
    with tempfile.TemporaryDirectory(prefix="tracksite-model-") as name:
        folder = Path(name)
        chosen = _save(model, (flavor,) if flavor else flavors.suited(model), folder)
        file = folder / flavors.named(chosen).file
        digest = sha256(file)
        description = {
            "format": FORMAT,
            "flavor": chosen,
            "file": file.name,
            "bytes": file.stat().st_size,
            "sha256": digest,
            "class": f"{type(model).__module__}.{type(model).__qualname__}",
            "signature": _signature(model, input_example, signature),
            "versions": _versions(model, chosen),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        text = json.dumps(description, indent=2, ensure_ascii=False, default=str)
        (folder / DESCRIPTION).write_text(f"{text}\n", encoding="utf-8")
        if input_example is not None:
            (folder / EXAMPLE).write_bytes(_example(input_example))
        _written.add(digest)
        yield folder, {"flavor": chosen, "digest": f"sha256:{digest}"}


def _save(model: Model, choices: tuple[str, ...], folder: Path) -> str:
    """Write by the first flavour that can; return its name."""
    troubles: list[str] = []
    for name in choices:
        flavor = flavors.named(name)
        lacking = flavors.missing(name)
        if lacking:
            troubles.append(f"{name} needs {', '.join(lacking)}: pip install 'tracksite[models]'")
            continue
        try:
            flavor.save(model, folder / flavor.file)
        except Exception as error:  # noqa: BLE001 - pickling runs any code of the model's
            (folder / flavor.file).unlink(missing_ok=True)
            troubles.append(f"{name} cannot write it ({type(error).__name__}: {error})")
            continue
        if troubles:
            warn(f"the model was written by {name}, because {'; '.join(troubles)}")
        return name
    raise ArgumentError(
        f"a model of type {type(model).__name__} was not logged: {'; '.join(troubles)}. "
        f"Choose another flavor= of {', '.join(flavors.FLAVORS)}."
    )


def _signature(
    model: Model, example: Dataset, signature: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    if signature is not None:
        known: Mapping[str, Any] = getattr(signature, "to_dict", lambda: signature)()
        return known
    inputs = None if example is None else datasets.schema_of(example)
    if inputs is None:
        names = getattr(model, "feature_names_in_", None)
        inputs = None if names is None else {str(name): None for name in names}
    return None if inputs is None else {"inputs": inputs}


def _example(rows: Dataset) -> bytes:
    """Return an input example as JSON: a table as `log_table` writes it, an array as lists."""
    from tracksite.tracking import documents, frames, tables

    if frames.is_table(rows):
        return tables.table_bytes(rows, "json")
    return documents.document_bytes({"inputs": rows}, "json")


def _versions(model: Model, flavor: str) -> dict[str, str]:
    """Return the versions of Python, tracksite, the flavour and the model's own library."""
    modules = {*flavors.named(flavor).packages, type(model).__module__.partition(".")[0]}
    known = environment.versions(modules)
    return {"python": platform.python_version(), "tracksite": __version__, **known}


def logged(run_id: str, path: str, flavor: str, registered_model_name: str | None) -> ModelInfo:
    """Return what `log_model` returns, after registering the model where a name is given."""
    uri, version = f"runs:/{run_id}/{path}", None
    if registered_model_name is not None:
        version = registry.register_model(uri, registered_model_name).version
    return ModelInfo(uri, run_id, path, flavor, version)


def load_model(
    model_uri: str | os.PathLike[str], *, trusted: bool | Collection[str] = False
) -> Model:
    """Return a logged model.

    Args:
        model_uri: `runs:/<run_id>/<path>`, `models:/<name>/<version, stage or latest>`,
            `models:/<name>@<alias>`, or the folder of a model.
        trusted: True: you trust where the model comes from, so reading may run code that is in
            it, which cloudpickle and joblib need; or names of types that skops may build. A
            model that this process has logged itself needs no trust.

    Raises:
        ArgumentError: an unknown URI, or a model that may run code and is not trusted.
        NotFoundError: no such model.
        DamageError: its file is not what was logged.
    """
    folder = retrieve.local_folder(model_uri)
    description = _description(folder)
    name = str(description.get("flavor"))
    flavor = flavors.named(name)
    try:
        file = inside(folder, str(description.get("file")))
    except (ArgumentError, NotFoundError) as error:
        raise DamageError(f"the model in {folder} has no file: {error}") from None
    if sha256(file) != description.get("sha256"):
        raise DamageError(
            f"{file} is not the file that was logged (its SHA-256 differs): restore it from a copy."
        )
    own = description["sha256"] in _written  # nobody else can have put anything into it
    if flavor.runs_code and trusted is not True and not own:
        raise ArgumentError(
            f"the model {str(model_uri)!r} was written by {name}, and reading such a file can run "
            "any code that is in it: if you trust its origin, call load_model(…, trusted=True)."
        )
    lacking = flavors.missing(name)
    if lacking:
        raise ArgumentError(
            f"the model needs {', '.join(lacking)}: pip install 'tracksite[models]'."
        )
    return flavor.load(file, trusted or own)


def _description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise NotFoundError(f"there is no model in {folder}: it has no {DESCRIPTION}.")
    try:
        description = json.loads(path.read_bytes())
        number = description["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamageError(f"{path} does not describe a model ({error}): log it again.") from None
    if number != FORMAT:
        raise DamageError(f"{path} has format {number!r}, this tracksite reads {FORMAT}: upgrade.")
    return dict(description)
