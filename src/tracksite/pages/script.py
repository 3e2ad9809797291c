"""Data for JavaScript: classic scripts that hand one value to the page."""

from __future__ import annotations

import json
import math


def data_script(name: str, value: object) -> str:
    """Return a classic script that hands `value` to the page: `tracksite.data(name, …)`.

    `value` is plain JSON data. NaN and infinities, which JSON has not, become null. The text is
    safe inside any script: `</script>`, U+2028, U+2029 and `__proto__` do no harm, because the
    data is a string in ASCII that JSON.parse reads.
    """
    label = json.dumps(name).replace("<", "\\u003c")
    text = _json(value).replace("\\", "\\\\").replace("'", "\\'").replace("<", "\\x3c")
    return f"tracksite.data({label},JSON.parse('{text}'));\n"


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
