"""What a model takes and gives: columns and types, or the shape and type of an array."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tracksite.tracking import datasets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.tracking.kinds import Dataset


@dataclass(frozen=True)
class ModelSignature:
    """What a model takes and gives.

    Attributes:
        inputs: {column: type} of a table, {"shape", "dtype"} of an array, or None.
        outputs: the same of what it predicts.
        params: {name: value} of what else it takes.
    """

    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    params: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what is known of it, as `model.json` keeps it."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def infer_signature(
    model_input: Dataset = None,
    model_output: Dataset = None,
    params: Mapping[str, Any] | None = None,
) -> ModelSignature:
    """Return the signature that examples of inputs and outputs have.

    Args:
        model_input: a table or an array.
        model_output: what the model says of it.
        params: what else the model takes.

    Raises:
        ArgumentError: a table whose columns have no types.
    """
    inputs, outputs = (
        None if value is None else datasets.schema_of(value, any_length=True)
        for value in (model_input, model_output)
    )
    return ModelSignature(inputs, outputs, params)
