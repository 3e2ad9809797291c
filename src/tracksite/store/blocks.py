"""Blocks: a large file that is checked only where it is read, and mends one bad block by itself.

Beside a pack lies `<pack>.blocks`: a JSON line that names the sizes, then the digest of each
64 KiB block of the pack (BLAKE2b, 128 bits), then one parity block for each group of up to 16
blocks: their exclusive or, as in RAID 5 (Patterson, Gibson and Katz, 1988, section 10). A reader
checks the blocks that it touches. A block that does not match is made again from the others of its
group; the file itself is left as it is, and the damage is named.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 1 << 16
GROUP = 16
_DIGEST = 16


def block_digest(block: bytes | memoryview) -> bytes:
    """Return the 16 bytes that stand for one block."""
    return hashlib.blake2b(block, digest_size=_DIGEST).digest()


def encode_blocks(content: bytes | memoryview) -> bytes:
    """Return what `<pack>.blocks` holds for a pack of this content."""
    view = memoryview(content)
    blocks = [view[start : start + BLOCK] for start in range(0, len(view), BLOCK)]
    groups = [blocks[start : start + GROUP] for start in range(0, len(blocks), GROUP)]
    body = b"".join([*map(block_digest, blocks), *map(_parity, groups)])
    head: dict[str, int | str] = {
        "format": FORMAT,
        "bytes": len(view),
        "block": BLOCK,
        "group": GROUP,
    }
    head["digest"] = block_digest(body).hex()
    return json.dumps(head).encode() + b"\n" + body


def _parity(blocks: list[memoryview]) -> bytes:
    import numpy as np

    parity = np.zeros(BLOCK, dtype=np.uint8)
    for block in blocks:
        parity[: len(block)] ^= np.frombuffer(block, dtype=np.uint8)
    return parity.tobytes()


@dataclass(frozen=True)
class Blocks:
    """What a `.blocks` file says.

    Attributes:
        size: bytes of the pack.
        digests: one for each block, joined.
        parities: one block for each group, joined.
    """

    size: int
    digests: bytes
    parities: bytes

    def digest(self, number: int) -> bytes:
        """Return the digest of a block."""
        return self.digests[number * _DIGEST : (number + 1) * _DIGEST]


def decode_blocks(name: str, content: bytes) -> Blocks:
    """Return what the bytes of a `.blocks` file say.

    Raises:
        DamageError: they are not whole.
    """
    line, _, body = content.partition(b"\n")
    try:
        head = json.loads(line)
        size, whole = int(head["bytes"]), head["digest"] == block_digest(body).hex()
        known = head["format"] in FORMATS and (head["block"], head["group"]) == (BLOCK, GROUP)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"{name} is damaged ({error}): pack the store again.") from error
    if not whole or not known:
        raise DamageError(f"{name} is damaged or of a newer format: pack the store again.")
    count = -(-size // BLOCK)
    return Blocks(size, body[: count * _DIGEST], body[count * _DIGEST :])


class CheckedFile(io.RawIOBase):
    """A pack opened for reading; every byte that it gives was checked.

    Attributes:
        mended: numbers of the blocks that were damaged and made again from their group.
    """

    def __init__(self, path: Path, blocks: Blocks) -> None:
        """Open a pack that has these blocks.

        Raises:
            FileNotFoundError: it is gone.
            DamageError: it is not as long as it should be.
        """
        super().__init__()
        self.mended: set[int] = set()
        self._path, self._blocks = path, blocks
        self._file = path.open("rb")
        self._at = 0
        if self._file.seek(0, io.SEEK_END) < blocks.size:
            self._file.close()
            raise DamageError(f"{path.name} was cut short: restore it from a copy.")

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def size(self) -> int:
        """Return the pack's bytes."""
        return self._blocks.size

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it."""
        start = (0, self._at, self._blocks.size)[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return checked bytes from the position on.

        Raises:
            DamageError: a block is damaged, and another one of its group too.
        """
        end = self._blocks.size if size < 0 else min(self._at + size, self._blocks.size)
        if end <= self._at:
            return b""
        first, last = self._at // BLOCK, -(-end // BLOCK)
        content = b"".join(self._checked(first, last))
        start = self._at - first * BLOCK
        self._at, length = end, end - self._at
        return content[start : start + length]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _checked(self, first: int, last: int) -> Iterator[memoryview]:
        self._file.seek(first * BLOCK)
        content = memoryview(self._file.read((last - first) * BLOCK))
        for number in range(first, last):
            start = (number - first) * BLOCK
            block = self._cut(number, content[start : start + BLOCK])
            yield block if self._sound(number, block) else self._mend(number)

    def _cut(self, number: int, block: memoryview) -> memoryview:
        return block[: self._blocks.size - number * BLOCK]

    def _sound(self, number: int, block: memoryview) -> bool:
        return block_digest(block) == self._blocks.digest(number)

    def _mend(self, number: int) -> memoryview:
        """Return a damaged block, made again from its group."""
        group = number // GROUP
        count = -(-self._blocks.size // BLOCK)
        parts = [memoryview(self._blocks.parities[group * BLOCK : (group + 1) * BLOCK])]
        for other in range(group * GROUP, min((group + 1) * GROUP, count)):
            if other != number:
                self._file.seek(other * BLOCK)
                parts.append(memoryview(self._file.read(BLOCK)))
        block = self._cut(number, memoryview(_parity(parts)))
        if not self._sound(number, block):
            raise DamageError(
                f"{self._path.name} is damaged in more than one place: restore it from a copy."
            )
        self.mended.add(number)
        return block
