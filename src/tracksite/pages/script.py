"""Data as text: classic scripts that hand one value to the page, and JSON for other programs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def data_script(name: str, value: object) -> str:
    """Return a classic script that hands `value` to the page: `tracksite.data(name, …)`.

    `value` is plain JSON data. NaN and infinities, which JSON has not, become null. The text is
    safe inside any script: `</script>`, U+2028, U+2029 and `__proto__` do no harm, because the
    data is a string in ASCII that JSON.parse reads.
    """
    label = json.dumps(name).replace("<", "\\u003c")
    text = _json(value).replace("\\", "\\\\").replace("'", "\\'").replace("<", "\\x3c")
    return f"tracksite.data({label},JSON.parse('{text}'));\n"


def json_text(value: Mapping[str, object]) -> str:
    """Return an object as JSON with a line for each member, and for each item of a list in it.

    So it compares well, and is made in C: `json.dumps(indent=…)` is several times as slow. `value`
    is plain JSON data without NaN and infinities.
    """
    members = (f" {json.dumps(key)}: {_lines(member)}" for key, member in value.items())
    return "{\n" + ",\n".join(members) + "\n}\n"


def _lines(value: object) -> str:
    if not isinstance(value, list) or not value:
        return _line(value)
    return "[\n  " + ",\n  ".join(map(_line, value)) + "\n ]"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=True, separators=(",", ":"))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
