"""A process that prints as JSON what it sees in each store that is named to it on stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tracksite
from tests.faults.looks import look


def _artifact(run_id: str, path: str) -> str:
    try:
        found = tracksite.artifacts.download_artifacts(run_id=run_id, artifact_path=path)
        return Path(found).read_text(encoding="utf-8")
    except (tracksite.TracksiteError, OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def seen(store: Path) -> dict[str, object]:
    """Return the runs of a store, with points and artifacts, and what is reported as damaged."""
    tracksite.set_tracking_uri(str(store))
    found = look(store)
    runs = {
        run_id: {
            "name": state["name"],
            "status": state["status"],
            "params": {item["key"]: item["text"] for item in state["params"] or ()},
            "points": [[*point, n] for point, n in found.points.get(run_id, {}).items()],
            "artifacts": {
                item["path"]: _artifact(run_id, item["path"]) for item in state["artifacts"] or ()
            },
        }
        for run_id, state in found.states.items()
        if state["kind"] == "run"
    }
    return {"runs": runs, "problems": [f"{it.path}: {it.message}" for it in found.problems]}


def main() -> None:
    """Answer each line on stdin, the path of a store, with a line of JSON."""
    for line in sys.stdin:
        try:
            answer = seen(Path(line.rstrip("\n")))
        except (tracksite.TracksiteError, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
