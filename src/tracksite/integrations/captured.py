"""What integrations read from a framework by themselves, without the secrets in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.masking import mask_named
from tracksite.tracking.own_secrets import UNMASKED, known, masked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["masked", "masked_settings"]


def masked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the secrets that their names and values give away.

    A value without secrets stays as it is. Nothing is raised.
    """
    try:
        secrets = known()
        return {name: _masked(name, value, secrets) for name, value in settings.items()}
    except Exception:  # noqa: BLE001 - a training goes on, and what cannot be masked is not kept
        return dict.fromkeys(settings, UNMASKED)


def _masked(name: str, value: Any, secrets: frozenset[str]) -> Any:
    text = str(value) if isinstance(value, str | int | float) else ""
    kept, why = mask_named(name, text, known=secrets)
    return kept if why else value
