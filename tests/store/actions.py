"""Random stores: what several writers of another machine log, in a random order."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.store.answers import ELSEWHERE
from tests.store.stores import pack
from tracksite.store import writer
from tracksite.store.local import LocalStore, open_store

ENTITIES = [f"{number:032x}" for number in (1, 2, 3)]
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NUMBERS = st.sampled_from(
    ["1", "-.5e1", " 1_0 ", "1__0", "٣", "nan", "1e999", "", "0x1", "x", "1."]
)
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf]) | st.floats()
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["running", "finished", "failed"]),
        "name": TEXT,
        "deleted": st.booleans(),
        "version": st.integers(0, 9),
        "params": st.dictionaries(st.sampled_from("pqr"), NUMBERS, max_size=2),
        "tags": st.dictionaries(st.sampled_from(["é", "z", "a"]), TEXT | st.none(), max_size=2),
        "aliases": st.dictionaries(st.sampled_from("xy"), TEXT | st.none(), max_size=2),
        "artifacts": st.lists(
            st.fixed_dictionaries(
                {
                    "path": TEXT,
                    "bytes": st.integers(0, 9),
                    "sha256": TEXT,
                    "file": st.none() | TEXT,
                }
            ),
            max_size=2,
        ),
    },
)
POINTS = st.lists(st.tuples(VALUES, st.integers(-2, 2), st.integers(0, 3)), min_size=1, max_size=6)
WHO = st.tuples(st.sampled_from(ENTITIES), st.sampled_from("ab"))
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("patch"), WHO, FIELDS),
        st.tuples(st.sampled_from(["point", "series"]), WHO, st.sampled_from(["l", "a"]), POINTS),
        st.tuples(st.sampled_from(["save", "close", "pack"]), WHO),
        st.tuples(st.just("write"), st.sampled_from(ENTITIES), FIELDS),
    ),
    min_size=1,
    max_size=25,
)


@contextlib.contextmanager
def made(actions: list[tuple[Any, ...]]) -> Iterator[LocalStore]:
    """Do what the actions say in a new store, as writers of another machine that still run."""
    writers: dict[Any, writer.RunWriter] = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "identity", lambda: ELSEWHERE)
        store = open_store(Path(folder) / "runs", create=True)
        try:
            for action in actions:
                act(store, writers, *action)
            yield store
        finally:
            for one in writers.values():
                one.close()


def act(store: LocalStore, writers: dict[Any, writer.RunWriter], verb: str, *rest: Any) -> None:
    """Do one action."""
    if verb == "write":
        store.write_patch(rest[0], "model", rest[1])
    elif verb == "pack":
        pack(store, grace_s=0)
    elif verb == "close":
        if rest[0] in writers:
            writers.pop(rest[0]).close()
    else:
        if rest[0] not in writers:
            writers[rest[0]] = store.open_writer(rest[0][0], resume=True)
        one = writers[rest[0]]
        if verb == "patch":
            one.patch(**rest[1])
        elif verb == "save":
            one.save()
        elif verb == "series":
            one.series(rest[1], *map(list, zip(*rest[2], strict=True)))
        else:
            for value, step, time_us in rest[2]:
                one.point(rest[1], value, step, time_us)
