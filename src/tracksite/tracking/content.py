"""The verbs of a run that log files: each turns its argument into bytes and puts them in place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, StoreError, TracksiteError
from tracksite.store.artifacts import locate
from tracksite.store.shelf import Shelf
from tracksite.tracking import artifacts, check, search
from tracksite.tracking.refusing import understood
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from tracksite.store.local import LocalStore
    from tracksite.tracking.entities import ModelInfo
    from tracksite.tracking.kinds import Dataset, Figure, Image, Model, Table


class ContentVerbs(ABC):
    """What `ActiveRun` can do with files."""

    def __init__(self, store: LocalStore, run_id: str, *, began: bool, strict: bool) -> None:
        """Take the store, the run's id, whether it began just now, and whether a disk may raise."""
        self.run_id = run_id
        self.artifact_dir = store.artifact_dir(run_id)
        self.strict = strict
        self._store = store
        self._shelf = Shelf(self.artifact_dir, began=began)
        self._unsaved: list[str] = []

    @abstractmethod
    def _patch(self, **fields: Any) -> None:
        """Write a patch of the run."""

    def log_artifact(
        self,
        local_path: str | os.PathLike[str],
        artifact_path: str | os.PathLike[str] | None = None,
    ) -> None:
        """Copy a file, or a folder with all that is in it, into the run.

        Args:
            local_path: the file or folder; a link to one is logged under its own name.
            artifact_path: the folder among the run's artifacts to put it in; None: the top.

        Raises:
            NotFoundError: there is nothing at `local_path`.
            ArgumentError: `artifact_path` is not a plain relative path.
        """
        source = artifacts.local_path(local_path)
        target = _below(artifact_path, artifacts.own_name(source))
        if source.is_dir():
            self.log_artifacts(source, target)
        else:
            self._put(target, self._copier(source))

    def log_artifacts(
        self,
        local_dir: str | os.PathLike[str],
        artifact_path: str | os.PathLike[str] | None = None,
    ) -> None:
        """Copy all that is in a folder into the run.

        Left out, with a warning that names them, are files whose names cannot be kept, links to
        folders, and links that lead out of the folder, but for those into the cache that it is
        part of, as a model hub's snapshots are.

        Args:
            local_dir: the folder.
            artifact_path: the folder among the run's artifacts to put its content in.

        Raises:
            NotFoundError: there is no such folder.
            ArgumentError: it is a file, or `artifact_path` is not a plain relative path.
        """
        folder = artifacts.local_path(local_dir)
        if not folder.is_dir():
            raise ArgumentError(f"{str(folder)!r} is a file: pass a folder, or use log_artifact().")
        top = None if artifact_path is None else check.artifact_path(artifact_path)
        files, left_out = artifacts.files_below(folder, cached=True)
        for name in left_out:
            warn(f"{folder / name} was not logged: no file that can be read, or a link elsewhere")
        rows = []
        for relative, file in files:
            try:
                rows.append(self._place(_below(top, relative), self._copier(file)))
            except ArgumentError as error:
                warn(f"{str(file)!r} was not logged: {error}")
        if any(rows):
            self._patch(artifacts=[row for row in rows if row])

    def log_text(self, text: str, artifact_file: str | os.PathLike[str]) -> None:
        """Write a text into the run as UTF-8.

        Args:
            text: any str.
            artifact_file: path among the run's artifacts, such as "notes/summary.md".
        """
        if not isinstance(text, str):
            raise ArgumentError(
                f"log_text() got {check.shorten(text)} of type {type(text).__name__}: pass a str."
            )
        self._put_bytes(artifact_file, text.encode(errors="backslashreplace"))

    def log_dict(
        self, dictionary: Mapping[str, Any] | list[Any], artifact_file: str | os.PathLike[str]
    ) -> None:
        """Write a dict or list into the run, as JSON, or as YAML where the name ends so.

        Args:
            dictionary: what to write; NumPy values in it become lists and numbers. NaN and
                infinities are null in JSON, which has no word for them; YAML keeps them.
            artifact_file: path among the run's artifacts, such as "settings.json".

        Raises:
            ArgumentError: it holds something that JSON has no form for; or the name ends in
                .yaml or .yml and PyYAML is not installed.
        """
        from tracksite.tracking.documents import document_bytes

        with understood("log_dict"):
            content = document_bytes(dictionary, _suffix(artifact_file))
        self._put_bytes(artifact_file, content)

    def log_table(self, data: Table, artifact_file: str | os.PathLike[str]) -> None:
        """Write a table into the run; logged again, its rows are added to those there.

        What stands there stays: the bytes of a CSV (unless the rows have further columns: then
        the texts of its cells), the values of JSON, the types of Parquet.

        Args:
            data: a Polars or pandas DataFrame, an Arrow table, or a dict of columns.
            artifact_file: path among the run's artifacts, ending in .json, .csv or .parquet.

        Raises:
            ArgumentError: no such ending, no table, rows that do not fit those there, or a column
                of several types in Parquet (JSON keeps the values, CSV their texts).
        """
        from tracksite.tracking.tables import table_bytes

        path = check.artifact_path(artifact_file)
        with understood("log_table"):
            content = table_bytes(data, _suffix(path), self._latest(path))
        self._put_bytes(path, content)

    def _latest(self, path: str) -> Path | None:
        """Return the file with the latest content of an artifact; None where there is none."""
        try:
            told = search.artifact_row(self._store, self.run_id, path)
        except (OSError, TracksiteError):  # what this process knows must do
            told = None
        name = self._shelf.newest(path, told)
        if name is None:
            return None
        try:
            return locate(self.artifact_dir, {"path": path, "file": name})
        except TracksiteError as trouble:
            warn(f"the table {path!r} of run {self.run_id} begins anew: {trouble}")
            return None

    def log_figure(
        self,
        figure: Figure,
        artifact_file: str | os.PathLike[str],
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a figure into the run, in the format that the name's ending says.

        Args:
            figure: of matplotlib (.png, .svg, .pdf, …), plotly (.html, .json, and with kaleido
                .png, .svg, .pdf) or Altair (.json, .html, and with vl-convert .png, .svg).
            artifact_file: path among the run's artifacts, such as "loss.png".
            save_kwargs: passed on to the library's own function that writes the figure.

        Raises:
            ArgumentError: a figure of another library, or an ending that it does not write.
        """
        from tracksite.tracking.figures import figure_bytes

        with understood("log_figure"):
            content = figure_bytes(figure, _suffix(artifact_file), dict(save_kwargs or {}))
        self._put_bytes(artifact_file, content)

    def log_image(
        self,
        image: Image,
        artifact_file: str | os.PathLike[str] | None = None,
        *,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | datetime | None = None,
    ) -> None:
        """Write an image into the run.

        Args:
            image: a Pillow image, or an array of shape (height, width), (height, width, 1),
                (height, width, 3) or (height, width, 4): uint8, integers in 0..255, bools, or
                floats in 0..1. Pillow's modes of numbers (F, I, I;16) are taken as such an array,
                but for whole numbers of 16 bits in a .png. Colours of print become RGB, and what
                is transparent becomes white in a .jpg.
            artifact_file: path among the run's artifacts; its ending is the format.
            key: instead of `artifact_file`: name of a series of images, one per step. They are
                kept as `images/<key>/<step>.png`.
            step: of the image in the series; 0 when None.
            timestamp: accepted as MLflow does; the file's own time is what is kept.

        Raises:
            ArgumentError: neither or both of `artifact_file` and `key`, no image, or one that the
                format cannot hold.
        """
        from tracksite.tracking.images import image_bytes

        if (artifact_file is None) == (key is None):
            raise ArgumentError("log_image() needs either artifact_file= or key=, and not both.")
        if timestamp is not None:
            check.timestamp_us(timestamp)
        number = check.step("images", 0 if step is None else step)
        path = (
            f"images/{check.key('image', key)}/{number}.png"
            if artifact_file is None
            else check.artifact_path(artifact_file)
        )
        with understood("log_image"):
            content = image_bytes(image, _suffix(path))
        self._put_bytes(path, content)

    def log_input(
        self,
        dataset: Dataset,
        context: str | None = None,
        *,
        name: str | None = None,
        source: str | None = None,
    ) -> None:
        """Note a data set that the run reads: its name, source, digest, schema and rows.

        Args:
            dataset: a Polars or pandas DataFrame, an Arrow table, a NumPy array, a dict of
                columns, or the path of a file or folder. Same content, same digest. The data
                itself is not copied.
            context: what it is used for, such as "training".
            name: default: the file's name, else the context, else "dataset".
            source: where it comes from, such as a URL; default: the file's path.

        Raises:
            ArgumentError: of no kind that has a digest.
            NotFoundError: the file does not exist.
        """
        from tracksite.tracking.datasets import describe

        with understood("log_input"):
            row = describe(dataset, context=context, name=name, source=source)
        self._patch(inputs=[row])

    def log_model(
        self,
        model: Model,
        name: str = "model",
        *,
        flavor: str | None = None,
        registered_model_name: str | None = None,
        input_example: Dataset = None,
        signature: Mapping[str, Any] | None = None,
        artifact_path: str | None = None,
    ) -> ModelInfo:
        """Write a model into the run, and register it where a name is given.

        Args:
            model: any object; scikit-learn's are written by skops, others by cloudpickle.
            name: folder among the run's artifacts.
            flavor: "skops", "joblib" or "cloudpickle" instead of that choice.
            registered_model_name: make it a new version of this registered model.
            input_example: rows as the model takes them; their schema becomes the signature.
            signature: instead: {"inputs": {column: type}, "outputs": …}, kept as given.
            artifact_path: the older name of `name`.

        Returns:
            ModelInfo, whose `model_uri` is what `load_model` takes.

        Raises:
            ArgumentError: no such flavour, or the flavour cannot write this object.
        """
        from tracksite.tracking import models, registry

        folder = check.artifact_path(name if artifact_path is None else artifact_path)
        if registered_model_name is not None:
            registry.model_name(registered_model_name)
        with (
            understood("log_model"),
            models.written(model, flavor, input_example, signature) as (local, row),
        ):
            before = len(self._unsaved)
            self.log_artifacts(local, folder)
            if len(self._unsaved) == before:
                self._patch(outputs=[{**row, "path": folder}])
        return models.logged(self.run_id, folder, row["flavor"], registered_model_name)

    def _put_bytes(self, artifact_file: str | os.PathLike[str], content: bytes) -> None:
        self._put(artifact_file, lambda path: self._shelf.put(path, [content]))

    def _copier(self, source: Path) -> Callable[[str], dict[str, Any]]:
        def copy(path: str) -> dict[str, Any]:
            artifacts.check_readable(source)
            return self._shelf.put_file(path, source)

        return copy

    def _put(
        self, artifact_file: str | os.PathLike[str], write: Callable[[str], dict[str, Any]]
    ) -> None:
        row = self._place(artifact_file, write)
        if row:
            self._patch(artifacts=[row])

    def _place(
        self, artifact_file: str | os.PathLike[str], write: Callable[[str], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Write one file; a disk that refuses costs this file and a warning, never the run."""
        path = check.artifact_path(artifact_file)
        try:
            return write(path)
        except OSError as error:
            if self.strict:
                raise StoreError(
                    f"artifact {path!r} of run {self.run_id} was not saved ({error}): make room on "
                    "the disk and log it again."
                ) from error
            self._unsaved.append(path)
            warn(f"artifact {path!r} of run {self.run_id} was not saved ({error})")
            return None


def _below(folder: str | os.PathLike[str] | None, name: str) -> str:
    return name if folder is None else f"{check.artifact_path(folder)}/{name}"


def _suffix(artifact_file: str | os.PathLike[str]) -> str:
    """Return the lower-case ending of a checked path, without its dot."""
    return PurePosixPath(check.artifact_path(artifact_file)).suffix[1:].lower()
