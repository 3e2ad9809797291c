"""A walk over a Parquet footer that builds nothing, for footers too large to be parsed unseen.

A footer is one struct of Thrift's compact protocol. Parquet libraries make a tree of its schema
by calling themselves, and a schema that is nested deeply enough ends the whole process; so the
elements of the schema are counted first.
"""

from __future__ import annotations

from tracksite.errors import DamageError

_SCHEMA = 2  # the field of FileMetaData that holds the schema, a list
_BOOLS, _BYTE, _INTS, _DOUBLE, _BINARY = (1, 2), 3, (4, 5, 6), 7, 8
_LISTS, _STRUCT = (9, 10), 12
_DEEPEST = 32  # far more than FileMetaData nests


def schema_elements(file: str, footer: bytes) -> int:
    """Return how many elements the schema in a footer has.

    Raises:
        DamageError: it is not a footer.
    """
    try:
        return _Walk(footer).schema_elements()
    except (IndexError, RecursionError) as error:
        raise DamageError(f"{file} is not Parquet (its footer): restore it from a copy.") from error


class _Walk:
    """A place in the bytes of a footer, and how to move it past values."""

    def __init__(self, footer: bytes) -> None:
        self._bytes, self._at = footer, 0

    def schema_elements(self) -> int:
        """Return the greatest length of the schema: a field may come more than once."""
        most = number = 0
        while kind := (head := self._byte()) & 15:
            number = number + (head >> 4) if head >> 4 else self._signed()
            if number == _SCHEMA and kind in _LISTS:
                most = max(most, self._list(1))
            else:
                self._pass(kind, 1)
        return most

    def _byte(self) -> int:
        self._at += 1
        return self._bytes[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def _signed(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _skip(self, length: int) -> None:
        self._at += length
        if self._at > len(self._bytes):
            raise IndexError

    def _pass(self, kind: int, depth: int) -> None:
        """Move past one value."""
        if depth > _DEEPEST:
            raise RecursionError
        if kind in _INTS:
            self._varint()
        elif kind == _BINARY:
            self._skip(self._varint())
        elif kind in _LISTS:
            self._list(depth)
        elif kind == _STRUCT:
            self._struct(depth)
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind == _BYTE:
            self._skip(1)
        elif kind not in _BOOLS:  # a map, of which FileMetaData has none, or nothing that exists
            raise IndexError

    def _struct(self, depth: int) -> None:
        while kind := (head := self._byte()) & 15:
            if not head >> 4:
                self._varint()
            self._pass(kind, depth + 1)

    def _list(self, depth: int) -> int:
        head = self._byte()
        length = self._varint() if head >> 4 == 15 else head >> 4  # noqa: PLR2004 - the protocol's
        for _ in range(length):
            if head & 15 in _BOOLS:
                self._skip(1)
            else:
                self._pass(head & 15, depth + 1)
        return length
