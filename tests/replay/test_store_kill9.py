"""Kill -9 while alerts are stored: each that `put_alert` has returned for is there, whole, and the file opens.

Run as a program, this file is the server that gets killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from liveguard.server import store as store_module
from liveguard.server.store import Store
from tests.store_cases import READING, T0, after, alert, cleared

ROOT = Path(__file__).parents[2]
MANY = 1_000_000
pytestmark = pytest.mark.replay


def store_until_killed(path: str, first: int) -> None:
    """Store alerts, naming each on standard output after it is stored; `first` below 0: one, and then kill -9."""
    store = Store(path)
    store.end_open_sessions(T0)
    store.open_session(f"session {first}", "guest", "webcam", T0)
    if first < 0:
        store.put_alert("s", alert("last-words"), T0, None)
        os.kill(os.getpid(), signal.SIGKILL)
    for number in range(first, first + MANY):
        store.put_alert("s", alert(f"s-{number}"), after(number), None)
        if number % 3 == 0:
            store.put_alert("s", cleared(f"s-{number}"), after(number), None)
        print(number, flush=True)  # noqa: T201  how the test learns of it


def start(path: Path, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, str(path), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_an_alert_is_there_when_the_server_dies_right_after_storing_it(tmp_path: Path) -> None:
    with start(tmp_path / "s.sqlite", -1) as server:
        assert server.wait(timeout=30.0) == -signal.SIGKILL
    with contextlib.closing(Store(tmp_path / "s.sqlite")) as store:
        [said] = store.alerts()
        assert (said["id"], said["readings"][0]["measures"]) == ("last-words", dict(READING.measures))
        assert store.end_open_sessions(after(60)) == 1


def test_no_stored_alert_is_lost_by_kill_9_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_ROWS", MANY)
    path, rng = tmp_path / "s.sqlite", random.Random(7)
    named: list[int] = []
    for _ in range(6):
        with start(path, named[-1] + 1 if named else 0) as server:
            assert server.stdout is not None
            lines = [server.stdout.readline() for _ in range(rng.randint(1, 20))]
            time.sleep(rng.uniform(0.0, 0.05))
            server.kill()
            lines += server.stdout.readlines()
        named += [int(line) for line in lines if line.endswith("\n")]
    assert named == list(range(len(named)))
    with contextlib.closing(Store(path)) as store:
        rows = {said["id"]: said for said in store.alerts(limit=MANY)}
        assert len(named) > 6
        for number in named:
            assert (rows[f"s-{number}"]["cleared_at"] is not None) == (number % 3 == 0)
            assert len(rows[f"s-{number}"]["readings"]) == 1
        assert store.end_open_sessions(T0) == 1, "each server has ended what the one before it left open"


if __name__ == "__main__":
    store_until_killed(sys.argv[1], int(sys.argv[2]))
