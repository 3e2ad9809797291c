"""The version of tracksite: part of the key of every page that a build writes."""

from __future__ import annotations

__version__ = "0.1.0"
