"""A readable name for a run that was given none, such as `brave-otter-417`."""

from __future__ import annotations

import hashlib

_FIRST = (
    "agile amber ample bold brave bright brisk calm clear clever crisp dapper deft eager early "
    "fair fleet fond frank fresh gentle glad golden grand hardy honest jolly keen kind light "
    "lively lucid lucky mellow merry mighty mild modest neat nimble noble plucky polite prime "
    "proud quick quiet rapid ready robust royal rustic serene sharp silent sincere smooth solid "
    "steady stout sunny swift tidy vivid warm wise witty zesty"
).split()
_SECOND = (
    "alder aspen badger beaver birch bison brook cedar condor cove crane crow deer delta dove "
    "eagle elk elm falcon fern finch fjord fox gull hare harbor hawk hazel heron ibex isle jay "
    "kite koala lark linden lion loon lynx maple marlin marten meadow moose newt oak orca oriole "
    "osprey otter owl panda pike pine plover puffin quail raven reef ridge robin sable salmon "
    "seal shore sparrow spruce stork swan tern tiger trout walrus willow wolf wren yew zebra"
).split()


def run_name(run_id: str) -> str:
    """Return the name that belongs to a run id: no seeded random generator is touched."""
    draw = int.from_bytes(hashlib.blake2b(run_id.encode(), digest_size=8).digest(), "big")
    draw, number = divmod(draw, 1000)
    draw, first = divmod(draw, len(_FIRST))
    return f"{_FIRST[first]}-{_SECOND[draw % len(_SECOND)]}-{number}"
