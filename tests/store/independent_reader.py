"""A reader of every format that was written from docs/store.md alone: nothing of tracksite in it.

It shows that the document says enough, and what it reads is compared with what tracksite reads.
`read_store` does the steps of the document's section "Reading a store", one function for each.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PART = re.compile(
    r"([0-9a-f]{32})\.([0-9a-f]{12})\.(0|[1-9][0-9]{0,17})-([0-9a-f]{40})\.(runs|points)\.parquet"
)
LIVE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{12})\.(0|[1-9][0-9]{0,17})\.wal")
MANIFEST = re.compile(r"[0-9a-f]{32}\.json")
NUMBERED = re.compile(r"([0-9a-f]{32})\.([0-9]{8})\.json")  # of format 1
PACK = re.compile(r"(?:[0-9a-f]{32}-)?([0-9a-f]{40})\.(runs|points)\.parquet")
FORMATS = (1, 2)
TABLES = ("runs", "points")
BLOCK, GROUP, SLOT, ALIVE_S = 65_536, 16, 32, 180
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
ITEM_KEYS = {
    "params": "key",
    "tags": "key",
    "aliases": "key",
    "environment": "key",
    "artifacts": "path",
    "inputs": "name",
    "outputs": "path",
    "metrics": "key",
}
EDITED = ("tags", "aliases", "artifacts", "inputs", "outputs")
LATER = ("length", "edits", "purged")  # columns that format 1 lacks
NOT_FOLDED = {"run_id", "writer", "seq", "timestamp", "part", "points_part", *LATER}

Commit = tuple[str, str, int]
Row = dict[str, Any]
Point = tuple[str, int, int, float]  # key, step, time in µs, value
Numbered = tuple[int, int, int, float]  # the same with the number of the key


class DamageError(Exception):
    """A file is not what it should be; its message says what."""


def demand(is_sound: bool, name: str) -> None:
    """Raise DamageError unless a file is sound."""
    if not is_sound:
        raise DamageError(name)


@dataclass
class Found:
    """What a store holds.

    Attributes:
        states: run_id -> its state: columns of the format, and `first_at` and `last_at`; times in
            microseconds since 1970.
        points: run_id -> its points, in order of key, step and time.
        alive: run_ids whose writer lives.
        damaged: paths of the files that were left out, or of which something was, or that are
            not there yet.
        purged: run_ids that were removed for good.
    """

    states: dict[str, Row] = field(default_factory=dict)
    points: dict[str, list[Point]] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    purged: set[str] = field(default_factory=set)


@dataclass
class Log:
    """A live log: the row that it stands for, its points in order of logging, its last frame."""

    row: Row
    points: list[Point]
    is_whole: bool
    sealed: Row | None

    def goes_on(self, commits: set[Commit]) -> bool:
        """Return whether it is open, or its writer goes on in a log that is not there yet."""
        if self.sealed is None:
            return True
        following = self.sealed.get("next")
        return following is not None and (*commit_of(self.row)[:2], following) not in commits


def read_store(root: Path, now: float | None = None) -> Found:
    """Return what a store holds at the time `now` (seconds since 1970; None: the clock's)."""
    identity = doubled((root / "store.json").read_bytes())
    if identity["format"] not in FORMATS:
        raise DamageError(f"store.json: format {identity['format']}")
    found = Found()
    live, loose, manifests = (listed(root / name) for name in ("live", "log", "manifest"))
    runs_packs, points_packs = in_force(root, manifests, found)
    packed = packed_rows(root, runs_packs, found)
    parts = not_packed(loose, packed)
    saved = [*packed, *loose_rows(root, parts, found)]
    commits = Counter(map(commit_of, saved))
    for row in saved:
        if points_of(row) and not row["points_part"]:
            row["points_part"] = own(root, parts, row, commits[commit_of(row)] == 1)
    hashes = {row[name] for row in saved for name in ("part", "points_part")}
    logs = live_logs(root, live, set(map(commit_of, saved)), hashes, found)
    unsaved = [log.row for log in logs.values() if not is_saved(log.sealed, hashes)]
    counting = longest([*saved, *unsaved])
    look_at_logs(root, logs, counting, set(map(commit_of, saved)), found, now)
    rows = judged(counting, found)
    name_waiting(rows, found)
    found.states = folded(rows, found.alive)
    ours = {row["points_part"] for row in counting}
    others = {row["points_part"] for row in saved} - ours
    read_packed_points(root, points_packs, packed, others, found)
    read_loose_points(root, parts, ours, set(map(commit_of, [*saved, *unsaved])), found)
    for log in logs.values():
        if log.points:
            found.points.setdefault(log.row["run_id"], []).extend(log.points)
    found.points = {it: told for it, told in found.points.items() if it not in found.purged}
    for points in found.points.values():
        points.sort(key=lambda point: point[:3])
    return found


def look_at_logs(
    root: Path,
    logs: dict[str, Log],
    counting: list[Row],
    saved: set[Commit],
    found: Found,
    now: float | None,
) -> None:
    """Find out whose writer lives, name damage of the others, forget the points of no use."""
    commits = {*saved, *(commit_of(log.row) for log in logs.values())}
    for name, log in logs.items():
        heartbeat = (root / "live" / name).stat().st_mtime
        is_young = abs((time.time() if now is None else now) - heartbeat) < ALIVE_S
        counts = any(log.row is row for row in counting)
        if is_young and log.goes_on(commits):
            found.alive.add(log.row["run_id"])
        elif counts and not log.is_whole:
            found.damaged.add(f"live/{name}")
        if not counts:
            log.points.clear()


def judged(rows: list[Row], found: Found) -> list[Row]:
    """Return the rows without tombstones and without runs that were removed for good."""
    stones: dict[str, set[str]] = {}
    for row in sorted(rows, key=lambda row: (row["seq"], row["writer"])):
        if row["purged"]:
            stones.setdefault(row["run_id"], set()).update(row["purged"])
        elif row["purged"] is not None:
            stones.pop(row["run_id"], None)
    others = [row for row in rows if row["purged"] is None]
    used = {
        state.get("source_run_id")
        for state in folded(others, set()).values()
        if state["kind"] == "model_version" and not state["deleted"]
    }
    for run_id, segments in stones.items():
        there = {f"{it['writer']}.{it['seq']}" for it in others if it["run_id"] == run_id}
        first = min(segments, key=lambda it: (int(it.split(".")[1]), it))
        is_used = bool(there - segments) or run_id in used
        if not (is_used and first in there):
            found.purged.add(run_id)
        if is_used and segments - there:
            found.damaged.add(f"log/{run_id}")
    found.alive -= found.purged
    return [row for row in others if row["run_id"] not in found.purged]


def name_waiting(rows: list[Row], found: Found) -> None:
    """Name the rows whose points are not there yet."""
    for row in rows:
        if row["part"] and points_of(row) and not row["points_part"]:
            found.damaged.add("log/{}.{}.{}".format(*commit_of(row)))


def listed(folder: Path) -> list[str]:
    """Return the names of the regular files in a folder."""
    if not folder.is_dir():
        return []
    return sorted(it.name for it in folder.iterdir() if it.is_file() and not it.is_symlink())


def doubled(content: bytes) -> Row:
    """Return the object that two equal lines hold, or one without a digest."""
    half = len(content) // 2
    for line in (content[:half], content[half:]):
        text = line.rstrip(b"\n")
        covered = text[: text.rfind(b', "digest"')] + b"}"
        sound = f', "digest": "{short_digest(covered)}"}}'.encode()
        if text == covered[:-1] + sound:
            return dict(json.loads(text))
    try:
        told = json.loads(content)
    except ValueError as error:
        raise DamageError(str(error)) from error
    if not isinstance(told, dict) or "digest" in told:
        raise DamageError("it is not one object")
    return told


def short_digest(content: bytes) -> str:
    """Return the BLAKE2b-128 in hex digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def in_force(root: Path, names: list[str], found: Found) -> tuple[list[str], list[str]]:
    """Return the files of patches and of points that count, in order of name."""
    newest = {it[1]: name for name in names if (it := NUMBERED.fullmatch(name))}  # in order
    told, damaged = [], set()
    for name in (*filter(MANIFEST.fullmatch, names), *newest.values()):
        try:
            told.append(manifest(root, name))
        except (DamageError, KeyError, TypeError):
            damaged.add(name)
    damaged -= {name for one in told for name in one.get("subsumes", ())}
    found.damaged |= {f"manifest/{name}" for name in damaged}
    replaced = {name for one in told for name in one["replaced"]}
    listed = {table: {it for one in told for it in files_of(one, table)} for table in TABLES}
    missing = {it for it in set().union(*listed.values()) - replaced if not is_here(root, it)}
    counting = {
        name
        for one in told
        if not missing & {it for table in TABLES for it in files_of(one, table)}
        for name in one["replaced"]
    }
    back = {it for it in replaced - counting if missing and is_here(root, it)}
    runs, points = (sorted((listed[table] - replaced) | (listed[table] & back)) for table in TABLES)
    return runs, points


def files_of(content: Row, table: str) -> list[str]:
    """Return the packs of a table that a manifest lists."""
    return [one["file"] for one in content[table]]


def is_here(root: Path, file: str) -> bool:
    """Return whether a pack is there."""
    return (root / "packs" / file).is_file()


def manifest(root: Path, name: str) -> Row:
    """Return what a manifest says."""
    content = doubled((root / "manifest" / name).read_bytes())
    demand(content["format"] in FORMATS, name)
    files = set()
    for table in ("runs", "points"):
        for one in content[table]:
            match = PACK.fullmatch(one["file"])
            demand(match is not None and match[2] == table, name)
            files.add(one["file"])
    if content["format"] == 1:
        content["replaced"] = [it for it in content["replaced"] if it not in files]
    return content


def pack_bytes(root: Path, name: str) -> bytes:
    """Return the bytes of a pack, damaged blocks made again from their group."""
    content = (root / "packs" / name).read_bytes()
    try:
        line, _, body = (root / "packs" / f"{name}.blocks").read_bytes().partition(b"\n")
        head = json.loads(line)
        demand(head["format"] in FORMATS and head["digest"] == short_digest(body), name)
        return mended(name, content, head["bytes"], body)
    except (OSError, ValueError, KeyError, TypeError, DamageError):
        match = PACK.fullmatch(name)
        if not match or hashlib.blake2b(content, digest_size=20).hexdigest() != match[1]:
            raise DamageError(name) from None
        return content


def mended(name: str, content: bytes, size: int, body: bytes) -> bytes:
    """Return a pack of `size` bytes, each block checked."""
    blocks = [content[at : min(at + BLOCK, size)] for at in range(0, size, BLOCK)]
    digests = [body[at : at + 16].hex() for at in range(0, 16 * len(blocks), 16)]
    parities = body[16 * len(blocks) :]
    for number, block in enumerate(blocks):
        if short_digest(block) == digests[number]:
            continue
        group = number // GROUP
        again = int.from_bytes(parities[group * BLOCK : (group + 1) * BLOCK], "little")
        for other, neighbour in enumerate(blocks[group * GROUP : (group + 1) * GROUP]):
            if other + group * GROUP != number:
                again ^= int.from_bytes(neighbour, "little")
        blocks[number] = again.to_bytes(BLOCK, "little")[: min(BLOCK, size - number * BLOCK)]
        if short_digest(blocks[number]) != digests[number]:
            raise DamageError(name)
    return b"".join(blocks)


def parquet(content: bytes) -> pa.Table:
    """Return what a Parquet file holds, if it says a known format."""
    try:
        opened = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True)
        told = (opened.metadata.metadata or {}).get(b"tracksite.format")
        demand(told in {b"1", b"2"}, "its format is none of these")
        return opened.read()
    except (pa.ArrowException, OSError) as error:
        raise DamageError(str(error)) from error


def patches_in(table: pa.Table) -> list[Row]:
    """Return the rows of patches; what format 1 lacks is null."""
    return [{**dict.fromkeys(LATER), **row} for row in plain(table.to_pylist())]


def plain(value: Any) -> Any:
    """Return a value with times as microseconds since 1970, in lists and their items too."""
    if isinstance(value, datetime):
        return (value - EPOCH) // MICROSECOND
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def commit_of(row: Row) -> Commit:
    """Return the commit of a row."""
    return row["run_id"], row["writer"], row["seq"]


def packed_rows(root: Path, names: list[str], found: Found) -> list[Row]:
    """Return one row of each commit and part in the packs: one with points, if there is one."""
    packed: dict[tuple[Commit, str], Row] = {}
    for name in names:
        try:
            rows = patches_in(parquet(pack_bytes(root, name)))
        except (DamageError, OSError):
            found.damaged.add(f"packs/{name}")
            continue
        for row in rows:
            known = packed.setdefault((commit_of(row), row["part"]), row)
            known["points_part"] = known["points_part"] or row["points_part"]
    return list(packed.values())


def not_packed(names: list[str], packed: list[Row]) -> dict[str, tuple[Commit, str, str]]:
    """Return name -> (commit, hash, table) of the parts in `log/` that are not packed."""
    taken = {row[name] for row in packed for name in ("part", "points_part")}
    matches = {name: match for name in names if (match := PART.fullmatch(name))}
    return {
        name: ((it[1], it[2], int(it[3])), it[4], it[5])
        for name, it in matches.items()
        if it[4] not in taken
    }


def length(row: Row) -> tuple[int, int, bool, int, bool, bool, str]:
    """Return what the longest row of a commit has most of."""
    others = row.keys() - ITEM_KEYS.keys() - NOT_FOLDED - {"kind"}
    items = sum(len(row.get(name) or ()) for name in ITEM_KEYS)
    told = items + sum(row[name] is not None for name in others)
    ended = row.get("status") not in {None, "running"}
    long = row["length"] or 0
    here = not (row["part"] and points_of(row) and not row["points_part"])
    return points_of(row), long, ended, told, here, row["part"] is not None, row["part"] or ""


def points_of(row: Row) -> int:
    """Return how many points a row is about."""
    return sum(item["count"] for item in row.get("metrics") or ())


def longest(rows: list[Row]) -> list[Row]:
    """Return the longest row of each commit."""
    known = {(commit_of(it), points_of(it)): it["points_part"] for it in rows if it["points_part"]}
    best: dict[Commit, Row] = {}
    for row in rows:
        if row["part"] and not row["points_part"] and points_of(row):
            row["points_part"] = known.get((commit_of(row), points_of(row)))
        other = best.get(commit_of(row))
        if other is None or length(row) > length(other):
            best[commit_of(row)] = row
    return list(best.values())


def part(root: Path, name: str) -> pa.Table:
    """Return a part whose bytes match its name."""
    match = PART.fullmatch(name)
    content = (root / "log" / name).read_bytes()
    if not match or hashlib.blake2b(content, digest_size=20).hexdigest() != match[4]:
        raise DamageError(name)
    return parquet(content)


def loose_rows(root: Path, parts: dict[str, tuple[Commit, str, str]], found: Found) -> list[Row]:
    """Return the patches in `log/`, with the hashes of their parts."""
    rows = []
    for name, (commit, digest, table) in parts.items():
        if table == "runs":
            try:
                (row,) = patches_in(part(root, name))
                demand(commit_of(row) == commit, name)
                rows.append({**row, "part": digest, "points_part": None})
            except (DamageError, ValueError):
                found.damaged.add(f"log/{name}")
    return rows


def own(
    root: Path, parts: dict[str, tuple[Commit, str, str]], row: Row, is_alone: bool
) -> str | None:
    """Return the hash of the points part in `log/` of a row that names none."""
    mine = {
        digest: name
        for name, (commit, digest, table) in parts.items()
        if table == "points" and commit == commit_of(row)
    }
    sure = len(mine) == 1 and is_alone
    fits = [it for it in mine if sure or rows_in(root, mine[it]) == points_of(row)]
    return max(fits, default=None)


def rows_in(root: Path, name: str) -> int:
    """Return how many rows a part has, -1 if it is damaged."""
    try:
        return part(root, name).num_rows
    except DamageError:
        return -1


def live_logs(
    root: Path, names: list[str], commits: set[Commit], hashes: set[str | None], found: Found
) -> dict[str, Log]:
    """Return the live logs; damage is not named where there is a part of the commit."""
    logs = {}
    for name in names:
        match = LIVE.fullmatch(name)
        if not match:
            continue
        content = (root / "live" / name).read_bytes()
        try:
            if content.strip(b"\0"):
                logs[name] = live_log(content, (match[1], match[2], int(match[3])))
        except (DamageError, ValueError, KeyError):
            is_known = (match[1], match[2], int(match[3])) in commits
            if not is_known and not is_saved(seal_of(content), hashes):
                found.damaged.add(f"live/{name}")
    return logs


def seal_of(content: bytes) -> Row | None:
    """Return what the seal of a log says: its last frame, with nothing behind it."""
    seal = None
    for frame, end in frames(content):
        is_seal = isinstance(frame, dict) and "sealed" in frame and end == len(content)
        seal = frame["sealed"] if is_seal else None
    return seal


def is_saved(seal: Row | None, hashes: set[str | None]) -> bool:
    """Return whether a log is sealed, and its parts are those with some of these hashes."""
    said = seal or {}
    return "runs" in said and {said["runs"], said.get("points")} <= hashes | {None}


def live_log(content: bytes, commit: Commit) -> Log:
    """Return what a live log of this commit says."""
    patches: list[Row] = []
    edits: dict[tuple[str, str], int] = {}
    names: dict[int, str] = {}
    numbered: list[Numbered] = []
    is_whole, long = True, 0
    for frame, end in frames(content):
        if frame is None:
            is_whole = False
            continue
        if isinstance(frame, dict) and "sealed" in frame:
            continue
        long = end
        if isinstance(frame, list):
            numbered += frame
        elif "key" in frame:
            number, name = frame["key"]
            names[number] = name
        else:
            if patches and "seq" in frame:
                edits |= dict.fromkeys(said_by(frame), number_said(frame.pop("seq")))
            patches.append(frame)
    header, *patches = patches or [{}]
    if header.get("format") not in FORMATS:
        raise DamageError("it has no header, or one of another format")
    if (header["run_id"], header["writer"], header["seq"]) != commit:
        raise DamageError("it is of another commit")
    points = [
        (names[number], step, at, value) for number, step, at, value in numbered if number in names
    ]
    is_whole &= len(points) == len(numbered)
    row = {"kind": header["kind"], **merged(patches), "metrics": summaries(points)}
    for item in row.get("params") or ():
        item["number"] = number_of(item["text"])
    later = [{"field": it[0], "key": it[1], "seq": edits[it]} for it in edits]
    row |= {"run_id": commit[0], "writer": commit[1], "seq": commit[2]}
    row |= {"part": None, "points_part": None, "length": long, "purged": None}
    row |= {"edits": [it for it in later if it["seq"] != commit[2]]}
    return Log({**row, "timestamp": header["opened_at"]}, points, is_whole, seal_of(content))


def said_by(patch: Row) -> Iterator[tuple[str, str]]:
    """Yield the field and the item's key of what a patch says that may be said again later."""
    for name, value in patch.items():
        if name in EDITED:
            yield from ((name, key) for key in value)
        elif name not in {*ITEM_KEYS, "kind", "seq"} and value is not None:
            yield name, ""


def number_said(seq: Any) -> int:
    """Return the number at which a patch was said."""
    demand(type(seq) is int and 0 <= seq < 10**18, f"{seq!r} is no number of a clock")
    return seq  # type: ignore[no-any-return]


def frames(content: bytes) -> Iterator[tuple[Row | list[Numbered] | None, int]]:
    """Yield whole frames: a patch as a dict, points as a list of (number, step, time, value).

    With each comes where it ends. A None before a frame stands for what is not whole in front of
    it.
    """
    at, torn = 0, False
    while at + SLOT <= len(content):
        if content[at : at + SLOT] == bytes(SLOT):
            at += SLOT
            continue
        crc, word = struct.unpack_from("<II", content, at)
        length = word & (1 << 30) - 1 if word >= 1 << 31 else SLOT - 8
        body = content[at + 8 : at + 8 + length]
        if len(body) < length or zlib.crc32(content[at + 4 : at + 8 + length]) != crc:
            at, torn = at + SLOT, True
            continue
        if torn:
            yield None, at
        torn = False
        at += -(-(8 + length) // SLOT) * SLOT
        yield decoded(word, body), at


def decoded(word: int, body: bytes) -> Row | list[Numbered]:
    """Return what the body of a frame says."""
    if word < 1 << 31:
        return [(word, *struct.unpack("<qqd", body))]
    return series(body) if word >= 3 << 30 else dict(json.loads(body))


def series(body: bytes) -> list[Numbered]:
    """Return the points of a series frame."""
    number, _, count = struct.unpack_from("<IIQ", body)
    columns = struct.unpack_from(f"<{2 * count}q{count}d", body, 16)
    steps, times, values = (columns[at * count : (at + 1) * count] for at in range(3))
    return [(number, *rest) for rest in zip(steps, times, values, strict=True)]


def merged(patches: list[Row]) -> Row:
    """Return one patch for those of a live log, its lists as lists."""
    row: Row = {}
    for patch in patches:
        for name, value in patch.items():
            if name in ITEM_KEYS:
                row.setdefault(name, {}).update(value)
            elif value is not None:
                row[name] = value
    return {n: [dict(it) for it in v.values()] if n in ITEM_KEYS else v for n, v in row.items()}


def number_of(text: str) -> float | None:
    """Return the finite number that a text spells."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def summaries(points: list[Point]) -> list[Row]:
    """Return the summary of each metric of one part."""
    by_key: dict[str, list[tuple[int, int, float]]] = {}
    for key, *rest in points:
        by_key.setdefault(key, []).append((rest[0], rest[1], rest[2]))
    found = []
    for key, logged in by_key.items():
        last = max(enumerate(logged), key=lambda it: (it[1][0], it[1][1], it[0]))[1]
        told = [one for one in sorted(logged, key=lambda it: it[0]) if not math.isnan(one[2])]
        low = min(told, key=lambda it: it[2], default=(None, 0, None))
        high = max(told, key=lambda it: it[2], default=(None, 0, None))
        found.append(
            {
                "key": key,
                "count": len(logged),
                "nan_count": len(logged) - len(told),
                "last": last[2],
                "last_step": last[0],
                "last_at": last[1],
                "min": low[2],
                "min_step": low[0],
                "max": high[2],
                "max_step": high[0],
            }
        )
    return found


def folded(rows: list[Row], alive: set[str]) -> dict[str, Row]:
    """Return run_id -> state of the patches."""
    states: dict[str, Row] = {}
    said = [patch for row in rows for patch in apart(row)]
    for row in sorted(said, key=lambda row: (row["seq"], row["writer"])):
        at = row["timestamp"]
        state = states.setdefault(row["run_id"], {"first_at": at, "last_at": at, "deleted": False})
        state["first_at"] = min(state["first_at"], at)
        state["last_at"] = max(state["last_at"], at)
        for name, value in row.items():
            if name in ITEM_KEYS:
                items = state.setdefault(name, {})
                for item in value or ():
                    key = item[ITEM_KEYS[name]]
                    merge = name == "metrics" and key in items
                    items[key] = merged_summary(items[key], item) if merge else item
            elif name not in NOT_FOLDED and value is not None:
                state[name] = value
    for run_id, state in states.items():
        if state.get("status") == "running" and run_id not in alive:
            state["status"] = "interrupted"
        for name in ITEM_KEYS:
            removable = name in {"tags", "aliases"}
            items = [item for _, item in sorted(state.get(name, {}).items())]
            kept = [item for item in items if not removable or item["text"] is not None]
            state[name] = kept or None
    return states


def apart(row: Row) -> list[Row]:
    """Return a row without what it said later than at its number, and a row for each later one."""
    first, later = dict(row), dict[int, Row]()
    own = {name: row[name] for name in ("run_id", "kind", "writer", "timestamp")}
    for edit in row["edits"] or ():
        name, key, seq = edit["field"], edit["key"], edit["seq"]
        patch = later.setdefault(seq, {**own, "seq": seq})
        if name in ITEM_KEYS:
            items = first[name] or []
            mine = [it for it in items if it[ITEM_KEYS[name]] == key]
            patch[name] = [*patch.get(name, ()), *mine]
            first[name] = [it for it in items if it not in mine]
        elif name in first:
            patch[name], first[name] = first[name], None
    return [first, *later.values()]


def merged_summary(one: Row, later: Row) -> Row:
    """Return the summary of two parts of which one is later in order."""
    newest = max(one, later, key=lambda it: (it["last_step"], it["last_at"], it is later))
    low, high = (
        chosen((one, later), extreme, better) for extreme, better in (("min", min), ("max", max))
    )
    return {
        "key": one["key"],
        "count": one["count"] + later["count"],
        "nan_count": one["nan_count"] + later["nan_count"],
        **{name: newest[name] for name in ("last", "last_step", "last_at")},
        **{name: low[name] for name in ("min", "min_step")},
        **{name: high[name] for name in ("max", "max_step")},
    }


def chosen(summaries: tuple[Row, Row], name: str, better: Any) -> Row:
    """Return the summary with the better extreme, the first of equal ones."""
    told = [one for one in summaries if one[name] is not None]
    return dict(better(told, key=lambda one: one[name], default=summaries[0]))


def read_packed_points(
    root: Path, names: list[str], packed: list[Row], others: set[str], found: Found
) -> None:
    """Add the points of packed runs, but for those of parts that do not count."""
    wanted = {row["run_id"] for row in packed if row["points_part"] is not None}
    seen = set(others)
    for name in sorted(names):
        try:
            table = parquet(pack_bytes(root, name))
            hashes = table["part"].to_pylist()
            add_points(table.filter(pa.array(it not in seen for it in hashes)), wanted, found)
            seen.update(hashes)
        except (DamageError, OSError):
            found.damaged.add(f"packs/{name}")


def read_loose_points(
    root: Path,
    parts: dict[str, tuple[Commit, str, str]],
    ours: set[str],
    readable: set[Commit],
    found: Found,
) -> None:
    """Add the points in `log/` of rows that count, and of rows that are all damaged."""
    damaged = {commit for commit, _, table in parts.values() if table == "runs"} - readable
    for name, (commit, digest, table) in parts.items():
        if table == "points" and (digest in ours or commit in damaged):
            try:
                points = part(root, name)
                demand(not set(points["run_id"].to_pylist()) - {commit[0]}, name)
                add_points(points, {commit[0]}, found)
            except DamageError:
                found.damaged.add(f"log/{name}")


def add_points(table: pa.Table, wanted: set[str], found: Found) -> None:
    """Add the points of some runs."""
    times = table["timestamp"].cast(pa.int64())
    columns = (table["run_id"], table["key"], table["step"], times, table["value"])
    for run_id, *point in zip(*(column.to_pylist() for column in columns), strict=True):
        if run_id in wanted:
            found.points.setdefault(run_id, []).append((point[0], point[1], point[2], point[3]))
