"""The state of a store: what tells a build that there is nothing to do."""

from __future__ import annotations

import subprocess
import sys

from tracksite.store.local import open_store

RUN = "0190c2f4000070008000000000000001"
WRITE_AND_WAIT = f"""
import sys
from tracksite.store.local import open_store
writer = open_store(sys.argv[1]).open_writer({RUN!r})
writer.patch(experiment="digits", status="running")
print("logged", flush=True)
sys.stdin.read()
"""


def test_a_killed_writer_changes_the_state(tmp_path):
    """When a writer dies, the state is another one: its run must be shown as interrupted."""
    store = open_store(tmp_path / "runs", create=True)
    command = [sys.executable, "-c", WRITE_AND_WAIT, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"logged\n"
        living = store.state()
        assert store.state() == living
        writer.kill()
        writer.wait()

        assert store.state() != living
        assert RUN not in store.snapshot().alive
