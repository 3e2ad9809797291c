"""`tracksite.entities`: the names of `mlflow.entities` for what the API takes and hands out."""

from __future__ import annotations

from tracksite.tracking.entities import (
    Experiment,
    FileInfo,
    Metric,
    ModelVersion,
    PagedList,
    Param,
    RegisteredModel,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunTag,
    ViewType,
)

__all__ = [
    "Experiment",
    "FileInfo",
    "Metric",
    "ModelVersion",
    "PagedList",
    "Param",
    "RegisteredModel",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunTag",
    "ViewType",
]
