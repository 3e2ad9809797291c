"""What the bytes of a live log say is checked slot by slot, many at once."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tracksite.store.livelog import SLOT
from tracksite.store.replay import _whole_points

LAYOUT = np.dtype([("crc", "<u4"), ("body", f"V{SLOT - 4}")])


@given(st.lists(st.binary(min_size=SLOT - 4, max_size=SLOT - 4), max_size=40), st.data())
def test_slots_have_the_crcs_that_zlib_gives_one_by_one(bodies, data):
    """The first slot whose CRC is not that of its 28 bytes is found, wherever it is."""
    slots = [crc32(body).to_bytes(4, "little") + body for body in bodies]
    wrong = data.draw(st.integers(0, len(slots)))
    if wrong < len(slots):
        slots[wrong] = bytes([slots[wrong][0] ^ 1]) + slots[wrong][1:]
    assert _whole_points(np.frombuffer(b"".join(slots), LAYOUT), 0, len(slots)) == wrong
