"""What a server's calls say, and what becomes of it when they are over."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from liveguard.errors import ConfigError, SinkError
from liveguard.server.sinks import ServerSinks
from liveguard.sinks.delivery import Backoff
from liveguard.sinks.post import Answer
from tests.live_parts import END_S
from tests.unit.test_webhook import SECRET, URL, alert


class Receiver:
    """Refuses everything until it is `up`."""

    def __init__(self) -> None:
        self.up, self.refused, self.heard = threading.Event(), threading.Event(), threading.Event()
        self.ids: list[str] = []

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        if not self.up.is_set():
            self.refused.set()
            return Answer(503)
        self.ids.append(json.loads(body)["data"]["id"])
        self.heard.set()
        return Answer(204)


def webhook(folder: Path, receiver: Receiver) -> dict[str, Any]:
    backoff = Backoff(base_s=0.01, cap_s=0.01, floor_s=0.01)
    outbox = folder / "outbox.sqlite"
    return {
        "kind": "webhook",
        "url": URL,
        "secrets": SECRET,
        "outbox": outbox,
        "transport": receiver,
        "backoff": backoff,
    }


def test_an_alert_that_a_webhook_refused_is_delivered_although_its_call_is_over(tmp_path: Path) -> None:
    receiver = Receiver()
    sinks = ServerSinks([webhook(tmp_path, receiver)])
    (of_the_call,) = sinks.open()
    of_the_call.send(alert(1))
    assert receiver.refused.wait(END_S)
    of_the_call.close()
    receiver.up.set()
    assert receiver.heard.wait(END_S)
    sinks.close()
    assert receiver.ids == ["alert-1"]


def test_what_a_server_could_not_deliver_goes_out_when_it_starts_again(tmp_path: Path) -> None:
    receiver = Receiver()
    before = ServerSinks([webhook(tmp_path, receiver)])
    before.open()[0].send(alert(1))
    before.close()
    assert receiver.refused.is_set()
    receiver.up.set()
    again = ServerSinks([webhook(tmp_path, receiver)])
    assert receiver.heard.wait(END_S), "no call has begun"
    again.close()


def test_calls_share_a_webhook_and_have_files_of_their_own(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.up.set()
    lines = tmp_path / "events.jsonl"
    sinks = ServerSinks([webhook(tmp_path, receiver), {"kind": "jsonl", "target": str(lines)}])
    first, second = sinks.open(), sinks.open()
    for sink in first:
        sink.send(alert(1))
        sink.close()
    for sink in second:
        sink.send(alert(2))
        sink.close()
    sinks.close()
    assert receiver.ids == ["alert-1", "alert-2"]
    assert [json.loads(line)["id"] for line in lines.read_text().splitlines()] == ["alert-1", "alert-2"]


def test_a_webhook_that_is_set_wrongly_is_said_before_any_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="webhook secret"):
        ServerSinks([{**webhook(tmp_path, Receiver()), "secrets": "short"}])


def test_an_alert_after_the_end_is_refused_not_lost(tmp_path: Path) -> None:
    sinks = ServerSinks([webhook(tmp_path, Receiver())])
    (late,) = sinks.open()
    sinks.close()
    with pytest.raises(SinkError):
        late.send(alert(1))
