"""The registry: one number for each version, whatever copies gave out, and aliases that stay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import patch, snapshot_of
from tracksite.query.registry import Alias, aliases, model_versions, models, numbers, target
from tracksite.query.runs import fold
from tracksite.store.ids import model_id

# What is registered, one after another: by which of three copies, or that two of them meet before.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("register"), st.integers(0, 2)),
        st.tuples(st.just("meet"), st.permutations([0, 1, 2])),
    ),
    max_size=25,
)


def played(steps: list[tuple[str, Any]]) -> list[dict[str, int]]:
    """Return what three copies hold in the end: version → claim; a version is as old as it is."""
    copies: list[dict[str, int]] = [{}, {}, {}]
    for age, (verb, which) in enumerate(steps):
        if verb == "register":
            claim = max(numbers(copies[which]).values(), default=0) + 1
            copies[which][f"{age:032x}"] = claim
        else:
            copies[which[0]] |= copies[which[1]]
    return copies


@given(STEPS, st.permutations([0, 1, 2]))
def test_copies_agree_on_numbers_and_the_elder_keeps_its_own(steps, order):
    """In whatever order copies meet, numbers are equal, each is given once, the elder's stays."""
    copies = played(steps)
    union = copies[order[0]] | copies[order[1]] | copies[order[2]]
    found = numbers(union)
    assert found == numbers(copies[2] | copies[1] | copies[0])
    assert len(set(found.values())) == len(union)
    for version, claim in union.items():
        elders = [one for one, other in union.items() if other == claim and one < version]
        assert (found[version] == claim) == (not elders)
        assert elders == [] or found[version] > claim
        assert elders == [] or found[version] not in union.values()


@given(STEPS, st.integers(1, 5))
def test_later_registrations_move_no_number(steps, count):
    """What is registered where all is known changes no number that was shown before."""
    copies = played(steps)
    union = copies[0] | copies[1] | copies[2]
    for later in range(count):
        before = numbers(union)
        union[f"f{later:031x}"] = max(before.values(), default=0) + 1
        assert numbers(union).items() >= before.items()


def test_many_equal_or_huge_claims_are_soon_numbered():
    """A store that claims one number ten thousand times, or the last one twice, is numbered."""
    found = numbers({f"{age:032x}": 1 for age in range(10_000)})
    assert sorted(found.values()) == list(range(1, 10_001))
    assert list(numbers({"a": 2**63 - 1, "b": 2**63 - 1}).values()) == [2**63 - 1, 1]


@pytest.mark.parametrize(
    ("text", "version"),
    [("2", "b"), ("02", None), ("9" * 5000, None), ("", None), ("f" * 32, "f" * 32)],
)
def test_an_alias_is_an_identity_or_the_number_that_was_claimed(text, version):
    """32 hex digits are an identity; a number is the eldest version that claimed it."""
    assert target(text, {"a": 1, "c": 2, "b": 2}) == version


def version(digit: str, **fields: Any) -> dict[str, Any]:
    """Return the patch of a version of model m."""
    told = {"kind": "model_version", "name": "m", "version": 1, "status": None, **fields}
    return patch(digit * 32, **told)


def model(*aliased: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """Return the patch of model m, with aliases."""
    items = [{"key": key, "text": text} for key, text in aliased]
    told = {"kind": "model", "name": "m", "status": None, "aliases": items, **fields}
    return patch(model_id("m"), **told)


def test_aliases_of_versions_that_are_deleted_or_missing_point_nowhere():
    """An alias follows its version's number; where there is none, it says so and breaks nothing."""
    named = [("champion", "3" * 32), ("gone", "2" * 32), ("lost", "9" * 32), ("old", "1")]
    rows = [version("1"), version("2", deleted=True), version("3"), model(*named)]
    folded = fold(snapshot_of(rows))
    assert aliases(folded) == {
        "m": [
            Alias("champion", "3" * 32, 3, missing=False),
            Alias("gone", "2" * 32, None, missing=False),
            Alias("lost", "9" * 32, None, missing=True),
            Alias("old", "1" * 32, 1, missing=False),
        ]
    }
    shown = model_versions(folded).select("version_id", "version", "claim").rows()
    assert shown == [("1" * 32, 1, 1), ("3" * 32, 3, 1)]


def test_a_version_alone_makes_a_model():
    """Of a model of which only a version has arrived, there is the name."""
    assert models(fold(snapshot_of([version("1")]))).select("name", "model_id").rows() == [
        ("m", model_id("m"))
    ]
