"""How long a connection may keep a place without asking for anything, in virtual time and without a network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from liveguard.server.connections import HEAD_S, BoundedHTTPProtocol

HEAD = b"POST /whip/me HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"
UPGRADE = b"GET /api/events HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
LIMIT = 4


class Timer:
    def __init__(self, when_s: float, then: Callable[[], None]) -> None:
        self._when_s, self.then, self.cancelled = when_s, then, False

    def when(self) -> float:
        return self._when_s

    def cancel(self) -> None:
        self.cancelled = True


class Task:
    """The making of an answer, which needs nothing that it would have to wait for."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self.work = work
        self._done: list[Callable[[Task], None]] = []

    def add_done_callback(self, done: Callable[[Task], None]) -> None:
        self._done.append(done)

    def run(self) -> None:
        with contextlib.suppress(StopIteration):
            self.work.send(None)
        for done in self._done:
            done(self)


class Loop:
    """A clock, and the answers that are being made."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._timers: list[Timer] = []
        self._answers: list[Task] = []

    def call_later(self, delay_s: float, then: Callable[[], None]) -> Timer:
        timer = Timer(self.now_s + delay_s, then)
        self._timers.append(timer)
        return timer

    def create_task(self, work: Coroutine[Any, Any, None]) -> Task:
        self._answers.append(Task(work))
        return self._answers[-1]

    def answer(self) -> None:
        """Make the answer that was asked for first."""
        self._answers.pop(0).run()

    def close(self) -> None:
        for task in self._answers:
            task.work.close()

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        for timer in [timer for timer in self._timers if timer.when() <= self.now_s]:
            self._timers.remove(timer)
            if not timer.cancelled:
                timer.then()


class Transport:
    def __init__(self) -> None:
        self.open, self.written, self.protocol = True, b"", None

    def get_extra_info(self, _: str) -> None:
        return None

    def is_closing(self) -> bool:
        return not self.open

    def write(self, data: bytes) -> None:
        self.written += data

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def close(self) -> None:
        self.open = False

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Socket(asyncio.Protocol):
    """In the place of uvicorn's protocol of WebSockets."""

    def __init__(self, server_state: ServerState, **_: Any) -> None:
        self._connections = server_state.connections

    def connection_made(self, _: asyncio.BaseTransport) -> None:
        self._connections.add(self)  # type: ignore[arg-type]


async def app(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


class Server:
    def __init__(self) -> None:
        self.loop, self.state = Loop(), ServerState()
        self._config = uvicorn.Config(app, ws=Socket, lifespan="off", limit_concurrency=LIMIT, log_config=None)

    def connect(self) -> tuple[BoundedHTTPProtocol, Transport]:
        protocol = BoundedHTTPProtocol(self._config, self.state, {}, self.loop)  # type: ignore[arg-type]
        transport = Transport()
        protocol.connection_made(transport)  # type: ignore[arg-type]
        return protocol, transport


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.loop.close()


@pytest.mark.parametrize("sent", [b"", HEAD[:20]])
def test_a_connection_that_asks_for_nothing_is_closed(server: Server, sent: bytes) -> None:
    protocol, transport = server.connect()
    server.loop.pass_time(0.7 * HEAD_S)
    if sent:
        protocol.data_received(sent)  # which buys no more time
    assert transport.open
    server.loop.pass_time(0.3 * HEAD_S)
    assert not transport.open
    assert not server.state.connections


def test_an_answer_may_take_its_time_and_so_may_a_body(server: Server) -> None:
    protocol, transport = server.connect()
    for part in (HEAD[:20], HEAD[20:], b"v=", b"0\n"):
        protocol.data_received(part)
        server.loop.pass_time(0.9 * HEAD_S)
    server.loop.pass_time(10 * HEAD_S)
    assert transport.open
    server.loop.answer()
    assert transport.written.startswith(b"HTTP/1.1 200")


def test_the_next_request_has_as_long_as_the_first(server: Server) -> None:
    protocol, transport = server.connect()
    for _ in range(5):
        protocol.data_received(HEAD + b"v=0\n")
        server.loop.answer()
        server.loop.pass_time(0.4 * HEAD_S)  # less than uvicorn keeps it for
        assert transport.open
    protocol.data_received(HEAD[:20])
    server.loop.pass_time(0.6 * HEAD_S)
    assert not transport.open


def test_a_websocket_may_keep_silent(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(UPGRADE)
    assert isinstance(transport.protocol, Socket)
    server.loop.pass_time(10 * HEAD_S)
    assert transport.open


def test_when_all_places_are_taken_the_longest_silent_one_makes_room(server: Server) -> None:
    asks, asking = server.connect()
    asks.data_received(HEAD)
    silent = []
    for _ in range(LIMIT):
        silent.append(server.connect()[1])
        server.loop.pass_time(0.01)
    late, coming = server.connect()
    late.data_received(HEAD + b"v=0\n")
    server.loop.answer()
    server.loop.answer()
    assert coming.written.startswith(b"HTTP/1.1 200")
    assert [transport.open for transport in (asking, coming, *silent)] == [True, True, False, False, False, True]


def test_who_has_gone_is_not_dropped_later(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.connection_lost(OSError())
    server.loop.pass_time(HEAD_S)
    assert transport.open, "nothing was done to it"
