"""Arrow arrays from plain values, without the `pa.array` that imports pandas where it is installed.

That import takes longer than all else that a run does at its end.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return values as an Arrow array.

    Args:
        values: None, or what the type holds: text, whole numbers (times in the type's unit),
            floats, bools, dicts for structs, sequences for lists.
        kind: a type that the format has: string, int64, float64, bool, timestamp, or a struct or
            list of these.

    Raises:
        TypeError, AttributeError, OverflowError: a value that is not of the type.
    """
    import pyarrow as pa
    from pyarrow import types

    missing = values.count(None)
    if missing == len(values):
        return pa.nulls(len(values), kind)
    buffers = [_bits([value is not None for value in values]) if missing else None]
    children: list[pa.Array] | None = None
    if types.is_struct(kind):
        rows = [value or {} for value in values]
        children = [column([row.get(field.name) for row in rows], field.type) for field in kind]
    elif types.is_list(kind):
        buffers.append(_offsets([len(value or ()) for value in values]))
        children = [column([item for value in values for item in value or ()], kind.value_type)]
    elif types.is_string(kind):
        texts = [b"" if value is None else value.encode() for value in values]
        buffers += [_offsets([len(text) for text in texts]), pa.py_buffer(b"".join(texts))]
    elif types.is_boolean(kind):
        buffers.append(_bits([bool(value) for value in values]))
    else:
        code = "d" if types.is_floating(kind) else "q"
        numbers = array(code, [0 if value is None else value for value in values])
        buffers.append(pa.py_buffer(numbers))
    return pa.Array.from_buffers(kind, len(values), buffers, children=children)


def _offsets(lengths: list[int]) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(array("i", accumulate(lengths, initial=0)))


def _bits(flags: list[bool]) -> pa.Buffer:
    import pyarrow as pa

    packed = bytearray(-(-len(flags) // 8))
    for at, flag in enumerate(flags):
        packed[at >> 3] |= flag << (at & 7)
    return pa.py_buffer(bytes(packed))
