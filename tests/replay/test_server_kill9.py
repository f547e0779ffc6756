"""A server that is killed or told to end in mid-call: what it has raised is not lost, and whoever was guarded can come again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from aiortc.mediastreams import AudioStreamTrack
from skimage.data import astronaut

from liveguard.server.store import Store
from tests.server_parts import Film, Publisher, publishing, wait_until

pytestmark = pytest.mark.replay


@contextmanager
def served(database: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`liveguard serve` as a process of its own; killed without a word when the block is left."""
    command = [sys.executable, "-m", "liveguard", "serve", "--port", str(port), "--ice-address", "127.0.0.1"]
    command += ["--database", str(database), "--checks", "camera"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    ) as process:
        try:
            wait_until(lambda: _info(port), 60)
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def test_alerts_survive_and_sessions_are_marked_ended(tmp_path: Path) -> None:
    still = [astronaut()[:288]]  # a photo pushed as a camera's picture
    port, database = _free_port(), tmp_path / "guard.sqlite"
    url = f"http://127.0.0.1:{port}"

    async def until_alert() -> dict[str, Any]:
        """The caller's side of the first call; it is cut off, too."""
        publisher = Publisher(url, "guest")
        try:
            assert (await publisher.publish(Film(still), AudioStreamTrack())).status_code == 201
            until_s = time.monotonic() + 60
            while not (alerts := (await publisher.http.get("/api/alerts")).json()["alerts"]):
                assert time.monotonic() < until_s
                await asyncio.sleep(0.1)
            return dict(alerts[0])
        finally:
            await publisher.close(leave=False)

    async def come_again() -> None:
        async with publishing(url, "guest", tracks=[Film(still), AudioStreamTrack()]) as publisher:
            live = (await publisher.http.get("/api/sessions?active=true")).json()["sessions"]
            assert [(one["participant"], one["id"] == session) for one in live] == [("guest", False)]

    with served(database, port):
        raised = asyncio.run(until_alert())
        session = raised["session"]
        assert raised["hypothesis"] == "feed_injected"
        assert httpx.get(f"{url}/api/sessions/{session}").json()["ended_at"] is None
    with served(database, port):
        again = httpx.get(f"{url}/api/alerts").json()["alerts"]
        assert again == [raised]
        kept = httpx.get(f"{url}/api/sessions/{session}").json()
        assert kept["ended_at"] is not None
        assert kept["connected"] is False
        assert httpx.get(f"{url}/api/sessions?active=true").json() == {"sessions": []}
        asyncio.run(come_again())


def test_a_server_that_is_told_to_end_closes_everything(tmp_path: Path) -> None:
    port, database = _free_port(), tmp_path / "guard.sqlite"

    async def until_ended(process: subprocess.Popen[bytes]) -> None:
        async with publishing(f"http://127.0.0.1:{port}", "guest"):
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 60) == 0

    with served(database, port) as process:
        with suppress(httpx.TransportError):  # the publisher's leave finds nobody any more
            asyncio.run(until_ended(process))
        assert process.returncode == 0
    assert not database.with_name("guard.sqlite-wal").exists(), "the database was closed"
    with closing(Store(database)) as store:
        assert [session["ended_at"] is None for session in store.sessions()] == [False]


def _info(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/info").status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
