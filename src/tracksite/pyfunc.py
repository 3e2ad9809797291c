"""`tracksite.pyfunc`: any logged model behind one method, `predict`, as `mlflow.pyfunc` has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracksite.tracking import models

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    from tracksite.tracking.kinds import Dataset, Model, Value

__all__ = ["PyFuncModel", "load_model"]


@dataclass(frozen=True)
class PyFuncModel:
    """A model that was loaded.

    Attributes:
        model: the model itself.
        uri: where it was loaded from.
    """

    model: Model
    uri: str

    def predict(self, data: Dataset) -> Value:
        """Return what the model says of rows: by its `predict`, or by calling it."""
        model = self.model
        return model.predict(data) if hasattr(model, "predict") else model(data)

    def get_raw_model(self) -> Model:
        """Return the model itself."""
        return self.model


def load_model(
    model_uri: str | os.PathLike[str], *, trusted: bool | Collection[str] = False
) -> PyFuncModel:
    """Return a logged model; takes and raises what `tracksite.load_model` does."""
    return PyFuncModel(models.load_model(model_uri, trusted=trusted), str(model_uri))
