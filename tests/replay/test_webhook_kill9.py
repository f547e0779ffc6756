"""Kill -9 at random points, a receiver that is down, refuses or hangs up: every alert arrives, in order.

Run as a program, this file is the sender that gets killed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from liveguard.outbox import Outbox
from liveguard.sinks import signing
from liveguard.sinks.delivery import Backoff
from liveguard.sinks.webhook import WebhookSink, idempotency_key
from liveguard.types import Alert

SECRET = "whsec_" + "a2V5IG9mIHRoZSBraWxsIC05IHRlc3QsIDMyIGJ5dGU="
ROUNDS = ("down", "503", "ok", "hang up", "mixed", "ok")
STATES = ("raised", "cleared")
ROOT = Path(__file__).parents[2]


def alert(number: int) -> Alert:
    state = STATES[number % 2]
    # The same for each call: a sender that comes back may well send the last one again.
    return Alert(f"alert-{number // 2}", "guest", state, "feed_injected", number, 0.9, 8.0, 6.0, (), 0, "")  # type: ignore[arg-type]


def key_of(number: int) -> str:
    return idempotency_key(f"alert-{number // 2}", STATES[number % 2])


def send_until_killed(url: str, path: str, first: int, count: int) -> None:
    """Store `count` alerts, naming each on standard output after `send`; wait until all are out."""
    sink = WebhookSink(
        url,
        secrets=SECRET,
        outbox=path,
        name="hook",
        backoff=Backoff(base_s=0.02, cap_s=0.1, floor_s=0.01),
        lease_s=0.3,
        timeout_s=2.0,
    )
    for number in range(first, first + count):
        sink.send(alert(number))
        print(number, flush=True)  # noqa: T201  how the test learns of it
    box = Outbox(path)
    while box.counts("hook")["pending"]:
        time.sleep(0.02)
    sink.close()


class Receiver(ThreadingHTTPServer):
    """Answers as `mode` says and notes each message that it has confirmed, with what its signature says."""

    daemon_threads = True
    mode = "down"

    def __init__(self) -> None:
        # Bound but not listening: connections are refused, and nobody else can take the port.
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()
        self.confirmed: list[tuple[str, str]] = []
        self.forged: list[str] = []
        self.rng = random.Random(3)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender killed in mid-sentence is what this test is about."""


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            key = signing.verify(dict(self.headers.items()), body, SECRET, now_s=time.time())
        except signing.SignatureError as exc:
            self.server.forged.append(str(exc))
            return
        mode = self.server.mode
        if mode == "mixed":
            mode = self.server.rng.choice(("503", "ok", "hang up"))
        if mode != "503":  # "hang up": it has arrived, and the sender does not get to know
            data = json.loads(body)["data"]
            self.server.confirmed.append((key, f"{data['id']} {data['state']}"))
        if mode != "hang up":
            self.send_response(503 if mode == "503" else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def start(url: str, path: Path, first: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, url, str(path), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def kill_after(sender: subprocess.Popen[str], lines: int, wait_s: float) -> int:
    """Kill when so many alerts are stored, or a little later; return the last number named as stored."""
    assert sender.stdout is not None
    named = [sender.stdout.readline() for _ in range(lines)]
    time.sleep(wait_s)
    sender.kill()
    with sender:
        named += sender.stdout.readlines()
    return int([line for line in named if line.endswith("\n")][-1])


def test_every_stored_alert_arrives_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "out.sqlite"
    rng = random.Random(11)
    stored = -1
    with Receiver() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        for mode in ROUNDS:
            if mode != "down" and not serving.is_alive():
                server.server_activate()
                serving.start()
            server.mode = mode
            sender = start(server.url, path, stored + 1, 10_000)
            stored = kill_after(sender, rng.randint(2, 12), rng.uniform(0.0, 0.15))
        last = start(server.url, path, stored + 1, 1)
        try:
            out, _ = last.communicate(timeout=15.0)
        finally:
            last.kill()
        assert (last.returncode, out) == (0, f"{stored + 1}\n")
        server.shutdown()

    assert server.forged == []
    keys = [key for key, _ in server.confirmed]
    first_time = list(dict.fromkeys(keys))
    assert first_time == [key_of(number) for number in range(stored + 2)]
    assert {f"{key} {what}" for key, what in server.confirmed} == {
        f"{key_of(number)} alert-{number // 2} {STATES[number % 2]}" for number in range(stored + 2)
    }
    box = Outbox(path)
    assert box.counts("hook") == {"pending": 0, "delivered": stored + 2, "dead": 0}
    box.close()


if __name__ == "__main__":
    send_until_killed(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
