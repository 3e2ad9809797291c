"""A walk over a Parquet footer that builds nothing, for footers too large to be parsed unseen.

A footer is one struct of Thrift's compact protocol. Parquet libraries make a tree of its schema
by calling themselves, and a schema that is nested deeply enough ends the whole process; so the
elements of the schema are counted first.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracksite.errors import DamageError

_SCHEMA = 2  # the field of FileMetaData that holds the schema, a list
_BOOLS, _BYTE, _INTS, _DOUBLE, _BINARY = (1, 2), 3, (4, 5, 6), 7, 8
_LISTS, _STRUCT = (9, 10), 12
_PAGE_KINDS = (5, 7, 8)  # fields of PageHeader: one struct for each kind of page
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


@dataclass(frozen=True)
class PageHeader:
    """What the header of a page says.

    Attributes:
        kind: 0 and 3 are data, 2 is a dictionary.
        size: bytes of the page, decompressed.
        compressed: bytes of it as it lies.
        values: how many there are, nulls too.
        end: where the header ends.
    """

    kind: int
    size: int
    compressed: int
    values: int
    end: int


def page_header(content: bytes, at: int, file: str = "a file") -> PageHeader:
    """Return what the header of a page says, at this place of a Parquet `file` of that name.

    Raises:
        DamageError: there is none.
    """
    try:
        return _Walk(content, at).page_header()
    except (IndexError, RecursionError) as error:
        message = f"{file} has no page of Parquet at byte {at}: restore it from a copy."
        raise DamageError(message) from error


class _Walk:
    """A place in the bytes of a footer, and how to move it past values."""

    def __init__(self, footer: bytes, at: int = 0) -> None:
        self._bytes, self._at = footer, at

    def page_header(self) -> PageHeader:
        """Return what the PageHeader here says."""
        found = self._numbers(inside=_PAGE_KINDS)
        kind, size, compressed = (found.get(number, 0) for number in (1, 2, 3))
        values = max((found.get(-number, 0) for number in _PAGE_KINDS), default=0)
        if min(kind, size, compressed, values) < 0:
            raise IndexError
        return PageHeader(kind, size, compressed, values, self._at)

    def _numbers(self, inside: tuple[int, ...] = ()) -> dict[int, int]:
        """Return the whole numbers of a struct by field, the greatest of each.

        Of the structs `inside` it, which have these fields, the first number, by minus the field.
        """
        found: dict[int, int] = {}
        number = 0
        while kind := (head := self._byte()) & 15:
            number = number + (head >> 4) if head >> 4 else self._signed()
            if kind in _INTS:
                found[number] = max(self._signed(), found.get(number, 0))
            elif kind == _STRUCT and number in inside:
                found[-number] = max(self._numbers().get(1, 0), found.get(-number, 0))
            else:
                self._pass(kind, 1)
        return found

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
