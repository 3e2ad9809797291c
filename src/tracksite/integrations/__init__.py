"""Loggers and callbacks for training frameworks, one module for each, on the public API alone.

    from tracksite.integrations.lightning import TracksiteLogger

A module imports its framework when it is imported itself, and nothing else here does.
"""

from __future__ import annotations

# Each module beside this one, with what `pip install` is given to make it work.
INTEGRATIONS = {
    "huggingface": "transformers accelerate",
    "hydra": "hydra-core",
    "keras": "keras",
    "lightgbm": "lightgbm",
    "lightning": "lightning",
    "optuna": "optuna",
    "ray": "'ray[tune]'",
    "xgboost": "xgboost",
}
