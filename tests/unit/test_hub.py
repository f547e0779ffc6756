"""Who comes back while the session ends: the connection is guarded, or it is refused. No network: connections are stubs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from liveguard.config import Config
from liveguard.errors import InputError
from liveguard.inbox import Shed
from liveguard.server import hub as hub_module
from liveguard.server.guarded import Guarded
from liveguard.server.hub import Hub, Opened, Refused
from liveguard.server.metrics import Metrics
from liveguard.server.settings import ServerSettings
from liveguard.server.store import Store
from liveguard.session import Stats
from liveguard.sinks.post import Answer
from liveguard.types import Need
from tests.server_parts import FakeGuard
from tests.synthetic import Says
from tests.unit.test_rtc_sdp import CHROMIUM
from tests.unit.test_server_metrics import value
from tests.unit.test_webhook import SECRET, URL, alert

NEED = Need(step_us=500_000, video_us=1_000_000)


class StubPeer:
    """Answers when `meanwhile` is over."""

    made: list[StubPeer] = []  # noqa: RUF012 (each test begins with none)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    def __init__(self, _tracks: object, _on_connected: object, on_end: Callable[[str], None], *_: Any) -> None:
        self.on_end, self.closed = on_end, False
        StubPeer.made.append(self)

    async def answer(self, _sdp: str) -> str:
        if StubPeer.meanwhile is not None:
            await StubPeer.meanwhile()
        return "an answer"

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "Peer", StubPeer)
    monkeypatch.setattr(StubPeer, "made", [])
    monkeypatch.setattr(StubPeer, "meanwhile", None)


@asynccontextmanager
async def running(sinks: Sequence[Mapping[str, Any]] = ()) -> AsyncIterator[Hub]:
    """A hub that waits for nobody: who stays away is given up as soon as the loop turns."""
    store, guard = Store("sqlite://"), FakeGuard([Says("camera", NEED)])
    settings = ServerSettings(Config(sinks=tuple(sinks)), linger_s=0.0)
    hub = Hub(settings, guard, store, Metrics(guard.detectors))
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()
        guard.close()
        store.close()


async def turn() -> None:
    """Let everything happen that is due."""
    for _ in range(20):
        await asyncio.sleep(0)


async def lost(hub: Hub) -> Guarded:
    """A participant whose connection has just failed."""
    opened: Opened = await hub.open("guest", "whip", CHROMIUM)
    StubPeer.made[-1].on_end("the connection failed")
    assert opened.guarded.waits is not None
    return opened.guarded


def test_who_comes_back_at_the_last_moment_goes_on() -> None:
    async def work() -> None:
        async with running() as hub:
            guarded = await lost(hub)
            StubPeer.meanwhile = turn
            opened = await hub.open("guest", "whip", CHROMIUM)
            await turn()
            assert opened.guarded is guarded
            assert guarded.ended_at is None
            assert hub.live() == [guarded]
            assert guarded.find(opened.connection.key) is opened.connection

    asyncio.run(work())


def test_an_offer_that_fails_leaves_the_wait_as_it_was() -> None:
    async def work() -> None:
        async with running() as hub:
            guarded = await lost(hub)

            async def fail() -> None:
                await turn()
                raise InputError("no such thing can be answered")

            StubPeer.meanwhile = fail
            with pytest.raises(InputError):
                await hub.open("guest", "whip", CHROMIUM)
            assert guarded.ended_at is None
            assert StubPeer.made[-1].closed
            await turn()
            assert guarded.ended_at is not None, "nobody came"

    asyncio.run(work())


def test_an_offer_to_a_session_that_ends_meanwhile_is_refused() -> None:
    async def work() -> None:
        async with running() as hub:
            opened = await hub.open("guest", "whip", CHROMIUM)
            StubPeer.meanwhile = lambda: hub.end(opened.guarded)
            with pytest.raises(Refused, match="has ended meanwhile") as refused:
                await hub.open("guest", "whip", CHROMIUM)
            assert refused.value.status == 503
            assert refused.value.headers == {"Retry-After": "1"}
            assert all(peer.closed for peer in StubPeer.made)
            assert (opened.guarded.connection, opened.guarded.coming) == (None, None)
            StubPeer.meanwhile = None
            assert (await hub.open("guest", "whip", CHROMIUM)).guarded is not opened.guarded

    asyncio.run(work())


def test_why_a_session_ends_is_said_before_its_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with running() as hub:
            asked = (await hub.open("guest", "whip", CHROMIUM)).guarded
            listener = hub.broadcast.join()
            assert listener is not None
            closed: list[bool] = []
            monkeypatch.setattr(listener, "put", lambda _: closed.append(StubPeer.made[0].closed))
            await hub.end(asked)
            assert closed == [False, True], "told at once, and when all is judged"
            assert asked.describe()["ended_because"] == "asked"
            left = await hub.open("guest", "whip", CHROMIUM)
            await hub.hang_up("guest", left.connection.key)
            gone = await lost(hub)
            while gone.ended_at is None:
                await asyncio.sleep(0)
            assert (left.guarded.ended_because, gone.ended_because) == ("left", "lost")

    asyncio.run(work())


def test_a_session_that_is_ended_while_it_begins_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with running() as hub:
            begin, loop = hub._begin, asyncio.get_running_loop()
            begun: list[Guarded] = []

            def ended_first(guarded: Guarded) -> None:
                asyncio.run_coroutine_threadsafe(hub.end(guarded), loop).result()
                begin(guarded)
                begun.append(guarded)

            monkeypatch.setattr(hub, "_begin", ended_first)
            with pytest.raises(Refused, match="has ended meanwhile"):
                await hub.open("guest", "whip", CHROMIUM)
            session = begun[0].session
            assert session is not None
            assert session.ended(0.0)
            row = await asyncio.to_thread(hub.store.session, begun[0].id)
            assert row is not None
            assert row["ended_at"] is not None
            assert StubPeer.made == []

    asyncio.run(work())


def test_what_the_sinks_get_of_a_call_says_which_one_it_is_and_that_an_attack_is_played(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []

    def receive(body: bytes, _headers: Mapping[str, str]) -> Answer:
        told.append(json.loads(body)["data"])
        return Answer(204)

    lines = tmp_path / "events.jsonl"
    outbox = {"secrets": SECRET, "outbox": tmp_path / "outbox.sqlite"}
    webhook = {"kind": "webhook", "url": URL, **outbox, "transport": receive}

    async def work() -> None:
        async with running([webhook, {"kind": "jsonl", "target": str(lines), "kinds": ["alert"]}]) as hub:
            origins = []
            for number, (name, attack) in enumerate((("alice", "freeze"), ("bob", None)), 1):
                guarded = (await hub.open(name, "whip", CHROMIUM)).guarded
                guarded.simulate(attack)
                assert guarded.session is not None
                guarded.session._speaker.say(alert(number))
                await hub.end(guarded)
                row, *_ = await asyncio.to_thread(hub.store.alerts, guarded.id)
                assert row["id"] == f"alert-{number}"
                origins.append({name: row[name] for name in ("session", "participant", "simulation")})
            assert [(one["participant"], one["simulation"]) for one in origins] == [("alice", "freeze"), ("bob", None)]
        # With the hub its webhook has ended, too, and sent what it owed.
        assert [one["origin"] for one in told] == origins
        assert [json.loads(line)["origin"] for line in lines.read_text().splitlines()] == origins

    asyncio.run(work())


def test_what_is_left_out_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with running() as hub:
            guarded = (await hub.open("guest", "whip", CHROMIUM)).guarded
            assert guarded.session is not None
            left_out = Stats(30.0, Shed(9, 3, 160), (), jobs_skipped=2, events_dropped=4)
            monkeypatch.setattr(guarded.session, "stats", lambda: left_out)
            for _ in range(2):
                await hub._tidy()
            counts = ("frames_shed", "audio_samples_shed", "jobs_skipped", "events_dropped")
            assert [value(hub.metrics, f"liveguard_{name}_total") for name in counts] == [3, 160, 2, 4]

    asyncio.run(work())


def test_housekeeping_that_fails_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub_module, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(hub_module, "PRUNE_EVERY_S", -1.0)
    rounds = 0

    def prune(_older_than: object) -> None:
        nonlocal rounds
        rounds += 1
        raise RuntimeError("something unforeseen")

    async def work() -> None:
        async with running() as hub:
            monkeypatch.setattr(hub.store, "prune", prune)
            while rounds < 2:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(work(), 20.0))
    assert "something unforeseen" in caplog.text
