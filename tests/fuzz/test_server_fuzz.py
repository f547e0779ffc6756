"""Whatever is sent to the server, it answers with a status, goes on serving, and keeps nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from liveguard.rtc.ice import prepare
from liveguard.server.settings import ServerSettings
from liveguard.types import Need
from tests.left_over import held, no_more
from tests.server_parts import LOOPBACK, SDP, FakeGuard, Running, serving, wait_until
from tests.synthetic import Says

pytestmark = pytest.mark.fuzz
NEED = Need(step_us=500_000, video_us=1_000_000)
MOST_SESSIONS = 4
CONNECT_S = 4.0
TOKEN = "a-token-of-the-tests"
ODD: list[Any] = [
    None, True, -1, 0.5, 2**70, 1e308, "", "x", "x" * 70_000, "\0", "\U0001f600", "../..", [], [[]] * 50, {}, {"sdp": 1},
    {"a": {"b": {"c": []}}}, "v=0", "webcam", "freeze", "false_alarm", [None], "guest",
]  # fmt: skip
KEYS = [
    "participant", "kind", "sdp", "camera", "label", "settings", "width", "probes", "attack", "video", "audio",
    "verdict", "note", "type", "session", "mesh", "__proto__", "",
]  # fmt: skip


class Records(logging.Handler):
    """What was logged as an error, by anybody in this process."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''}")


@pytest.fixture(scope="module")
def records() -> Iterator[Records]:
    handler = Records()
    loggers = [logging.getLogger(name) for name in ("", "uvicorn", "uvicorn.error")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler
    for logger in loggers:
        logger.removeHandler(handler)


@pytest.fixture(scope="module")
def server(records: Records) -> Iterator[Running]:
    settings = ServerSettings(ice_addresses=LOOPBACK, max_sessions=MOST_SESSIONS, linger_s=0.2)
    with (
        pytest.MonkeyPatch.context() as patch,
        FakeGuard([Says("camera", NEED, -1.0)]) as guard,
        serving(guard, settings) as running,
    ):
        patch.setattr("liveguard.rtc.peer.CONNECT_S", CONNECT_S)
        records.said.clear()
        yield running


@pytest.fixture(scope="module")
def offer() -> str:
    """A valid offer of a client that will never be heard of again."""

    async def make() -> str:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        prepare(pc, LOOPBACK)
        pc.addTransceiver("video", "sendonly")
        pc.addTransceiver("audio", "sendonly")
        await pc.setLocalDescription(await pc.createOffer())
        text = pc.localDescription.sdp
        await pc.close()
        return text

    return asyncio.run(make())


@pytest.fixture(autouse=True)
def unharmed(server: Running, records: Records) -> Iterator[None]:
    """After each test: a normal request is answered, nothing was logged as broken, no task and no file is left."""
    httpx.get(f"{server.url}/api/info")
    before = held(server)
    yield
    assert httpx.get(f"{server.url}/api/info").status_code == 200
    wait_until(lambda: not server.hub.live(), CONNECT_S + 10)
    wait_until(lambda: no_more(held(server), before), 10)
    said, records.said = records.said, []
    assert not said


def rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- offers ----------------------------------------------------------------------------------------------------------


def mutated(offer: str, chance: random.Random) -> str:
    """The offer with one to four of its lines damaged."""
    lines = offer.split("\r\n")
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        line = lines[at]
        way = chance.randrange(8)
        if way == 0:
            del lines[at]
        elif way == 1:
            lines.insert(at, chance.choice(lines))
        elif way == 2:
            lines[at] = line[: chance.randint(0, len(line))]
        elif way == 3:
            lines[at] = "".join(c if chance.random() > 0.1 else chr(chance.randint(0, 0x2FF)) for c in line)
        elif way == 4:
            lines[at] = " ".join(
                str(chance.choice([0, -1, 2**16, 2**32, 10**30])) if w.isdigit() else w for w in line.split(" ")
            )
        elif way == 5:
            lines[at] = line + chance.choice([" ", ";", ":", "x" * 3000, "\0", "\r", "%s", "\u2028"])
        elif way == 6:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], line
        else:
            lines[at] = line.replace(":", chance.choice(["", "::", "=", " "]), 1)
        lines = lines or [""]
    return "\r\n".join(lines)


def test_damaged_offers_are_answered_or_refused(server: Running, offer: str) -> None:
    chance, seen = random.Random(7), Counter[int]()
    with httpx.Client(base_url=server.url, timeout=30.0) as http:
        for number in range(250):
            answer = http.post(f"/whip/fuzz-{number}", content=mutated(offer, chance).encode(), headers=SDP)
            seen[answer.status_code] += 1
            if answer.status_code == 201:
                assert http.delete(answer.headers["location"]).status_code == 200
            else:
                assert set(answer.json()) == {"error"}
                assert len(answer.text) < 600, "what was sent is not sent back"
    assert set(seen) <= {201, 400, 406, 413}
    assert seen[201] > 5
    assert seen[400] > 50


def test_damaged_fragments_leave_the_connection_as_it_was(server: Running, offer: str) -> None:
    chance, seen = random.Random(8), Counter[int]()
    lines = [line for line in offer.split("\r\n") if line.startswith(("a=ice", "a=cand", "m=", "a=mid", "a=end"))]
    with httpx.Client(base_url=server.url, timeout=30.0) as http:
        opened = http.post("/whip/trickler", content=offer, headers=SDP)
        assert opened.status_code == 201
        for _ in range(150):
            tag = chance.choice([opened.headers["etag"], "*", '"x"', "", ",,,"])
            headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": tag}
            answer = http.patch(
                opened.headers["location"], content=mutated("\r\n".join(lines), chance).encode(), headers=headers
            )
            seen[answer.status_code] += 1
            if answer.status_code == 200:
                opened.headers["etag"] = answer.headers["etag"]
        assert http.delete(opened.headers["location"]).status_code in (200, 404)
    assert set(seen) <= {200, 204, 400, 404, 406, 412, 428}
    assert seen[400] > 20


def test_a_thousand_offers_take_no_more_than_the_sessions_there_are(server: Running, offer: str) -> None:
    async def all_of_them() -> list[int]:
        async with httpx.AsyncClient(base_url=server.url, timeout=60.0) as http:
            first = [(await http.post(f"/whip/crowd-{k}", content=offer, headers=SDP)).status_code for k in range(8)]
            assert first == [201] * MOST_SESSIONS + [503] * (8 - MOST_SESSIONS)
            limit, statuses = asyncio.Semaphore(20), []

            async def one(k: int) -> None:
                async with limit:
                    statuses.append((await http.post(f"/whip/crowd-{k}", content=offer, headers=SDP)).status_code)
                    assert len(server.hub.live()) <= MOST_SESSIONS

            await asyncio.gather(*(one(k) for k in range(8, 1000)))
            return first + statuses

    before_mb = rss_mb()
    seen = Counter(asyncio.run(all_of_them()))
    assert set(seen) == {201, 503}
    assert seen[503] > 900
    wait_until(lambda: not server.hub.live(), CONNECT_S + 10)
    assert rss_mb() - before_mb < 100
    assert not server.hub._opening, "no lock is kept of who was refused"


# --- JSON ------------------------------------------------------------------------------------------------------------


def thing(chance: random.Random, depth: int = 0) -> Any:
    if depth < 3 and chance.random() < 0.5:
        return {chance.choice(KEYS): thing(chance, depth + 1) for _ in range(chance.randint(0, 4))}
    return chance.choice(ODD)


def test_any_json_gets_a_status_and_an_error_in_words(server: Running) -> None:
    chance, seen = random.Random(9), Counter[int]()
    paths = [
        ("POST", "/api/sessions"), ("PUT", "/api/sessions/x/camera"), ("PUT", "/api/sessions/x/simulation"),
        ("PUT", "/api/sessions/x/muted"), ("POST", "/api/alerts/x/feedback"), ("GET", "/api/sessions/x"),
        ("DELETE", "/api/sessions/x"), ("GET", "/api/alerts"), ("GET", "/api/sessions"), ("PATCH", "/api/info"),
    ]  # fmt: skip
    with httpx.Client(base_url=server.url, timeout=30.0) as http:
        for _ in range(400):
            method, path = chance.choice(paths)
            path = path.replace("x", chance.choice(["x", "%00", "%2e%2e", "'", "a" * 300, "%F0%9F%98%80"]))
            query = {
                name: str(chance.choice(ODD))[:200] for name in ("limit", "session", "active") if chance.random() < 0.2
            }
            body = json.dumps(thing(chance)).encode() if chance.random() < 0.9 else chance.randbytes(200)
            headers = {"Content-Type": chance.choice(["application/json", "text/plain", "", "application/sdp"])}
            answer = http.request(method, path, params=query, content=body, headers=headers)
            seen[answer.status_code] += 1
            assert answer.status_code < 500, (method, path, body[:200])
            if answer.status_code >= 400:
                assert set(answer.json()) == {"error"}
                assert len(answer.text) < 600
    assert seen[422] > 50
    assert seen[404] > 20


# --- who may come in -------------------------------------------------------------------------------------------------


def test_strangers_stay_outside(offer: str) -> None:
    chance = random.Random(10)
    settings = ServerSettings(ice_addresses=LOOPBACK, token=TOKEN)
    wrong = [
        "",
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.upper()}",
    ]
    wrong += ["Bearer " + "".join(chr(chance.randint(33, 255)) for _ in range(20)) for _ in range(20)]
    with FakeGuard([Says("camera", NEED)]) as guard, serving(guard, settings) as closed, httpx.Client() as http:
        for token in wrong:
            headers = {"Authorization": token.encode("latin-1")}
            for path in ("/api/info", "/api/sessions", "/metrics", "/openapi.json"):
                assert http.get(closed.url + path, headers=headers).status_code == 401
            given = {**headers, "Content-Type": b"application/sdp"}
            assert http.post(f"{closed.url}/whip/me", content=offer, headers=given).status_code == 401
        for offered in (["liveguard.v1"], ["liveguard.v1", "bearer.x"], [f"bearer.{TOKEN}x"]):
            with pytest.raises(InvalidStatus) as refused:
                connect(f"{closed.url.replace('http', 'ws')}/api/events", subprotocols=offered)  # type: ignore[arg-type]
            assert refused.value.response.status_code in (401, 403)
        assert not closed.hub.live()
        assert http.get(f"{closed.url}/api/info", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_pages_of_others_and_foreign_names_stay_outside(server: Running, offer: str) -> None:
    port = server.port
    with httpx.Client(base_url=server.url) as http:
        for origin in ("https://evil.example", "null", f"http://127.0.0.1:{port}.evil.example", f"http://127.0.0.1:{port + 1}",
                       "\xff", "http://", f"file://127.0.0.1:{port}"):  # fmt: skip
            headers = {"Origin": origin.encode("latin-1"), "Content-Type": b"application/sdp"}
            assert http.post("/whip/me", content=offer, headers=headers).status_code == 403
            assert http.get("/api/alerts", headers=headers).status_code == 403
        for host in ("evil.example", "127.0.0.1.evil.example", "[::1", "", "127.0.0.1@evil.example", "a" * 5000):
            assert http.get("/api/info", headers={"Host": host}).status_code in (400, 421)
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{server.url.replace('http', 'ws')}/api/events", origin="https://evil.example")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
    assert not server.hub.live()


# --- WebSocket -------------------------------------------------------------------------------------------------------


def listening(server: Running) -> ClientConnection:
    return connect(f"{server.url.replace('http', 'ws')}/api/events", subprotocols=["liveguard.v1"])  # type: ignore[list-item]


def closed_with(socket: ClientConnection) -> int | None:
    """The code that the server closes with; None where it goes on."""
    with contextlib.suppress(TimeoutError):
        try:
            while True:
                socket.recv(timeout=0.3)
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd is not None else 1006
    return None


@pytest.mark.parametrize(
    "message",
    [
        "", "x", "[]", "null", '{"type": "subscribe", "session": 5}', '{"type": "subscribe", "mesh": "yes"}', "[" * 3000,
        '{"type": "subscribe"' + " " * 4096 + "}", "x" * 60_000, "x" * 200_000, b"", b"\0" * 100, b"\xff" * 70_000,
        '{"type": 1e999}',
        ["{", '"type"', ": 1}"], ["x"] * 500,
    ],
    ids=lambda message: f"{type(message).__name__}-{len(message)}-{str(message)[:12]!r}",
)  # fmt: skip
def test_a_listener_that_talks_nonsense_is_sent_away(server: Running, message: Any) -> None:
    with listening(server) as talking, listening(server) as quiet:
        with contextlib.suppress(ConnectionClosed):
            talking.send(message)
        assert closed_with(talking) in (1003, 1008, 1009)
        assert closed_with(quiet) is None, "others are not disturbed"
    wait_until(lambda: len(server.hub.broadcast) == 0)


def test_frames_that_break_the_protocol_end_only_their_connection(server: Running) -> None:
    chance = random.Random(11)
    hand = (
        f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for number in range(30):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
            raw.sendall(hand.encode())
            assert b" 101 " in raw.recv(4096)
            with contextlib.suppress(OSError):
                raw.sendall(chance.randbytes(chance.randint(1, 2000)) if number else b"\x81\xff" + b"\xff" * 8)
                if number % 3 == 0:  # and hangs up in the middle of it
                    raw.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: len(server.hub.broadcast) == 0)


def test_there_are_only_so_many_listeners_and_wishes(server: Running) -> None:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(listening(server)) for _ in range(64)]
        assert closed_with(stack.enter_context(listening(server))) == 1013
        for number in range(65):
            sockets[0].send(json.dumps({"type": "subscribe", "session": f"s{number}"}))
        assert closed_with(sockets[0]) == 1008
        assert closed_with(sockets[1]) is None
    wait_until(lambda: len(server.hub.broadcast) == 0)


# --- HTTP itself -----------------------------------------------------------------------------------------------------


def raw_request(server: Running, head: str, body: bytes = b"", timeout_s: float = 15.0) -> bytes:
    """What comes back, up to the end of the connection or 64 kB."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout_s) as raw:
        raw.sendall(head.encode("latin-1"))
        with contextlib.suppress(OSError):
            raw.sendall(body)
        return raw.recv(65_536)


def test_bodies_that_are_too_large_or_lie_about_it_are_refused(server: Running) -> None:
    head = f"POST /whip/me HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/sdp\r\n"
    before_mb = rss_mb()
    assert b" 413 " in raw_request(server, head + "Content-Length: 99999999999\r\n\r\n")
    for length in ("-1", "1e3", "0x10", "\xb2", "5, 5"):
        assert b" 4" in raw_request(server, head + f"Content-Length: {length}\r\n\r\n", b"x" * 10)[:16]
    chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
    assert b" 413 " in raw_request(server, chunked, b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + b"1\r\nx\r\n" * 80_000)
    assert b" 4" in raw_request(server, chunked, b"zz\r\n")[:16]
    assert rss_mb() - before_mb < 50


def test_heads_that_are_no_http_are_refused(server: Running) -> None:
    chance = random.Random(12)
    heads = [
        "GARBAGE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET " + "/x" * 50_000 + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ]
    heads += ["".join(chr(chance.randint(0, 255)) for _ in range(200)) + "\r\n\r\n" for _ in range(20)]
    for head in heads:
        with contextlib.suppress(OSError):
            assert raw_request(server, head)[:12] in (
                b"HTTP/1.1 400",
                b"HTTP/1.1 404",
                b"HTTP/1.1 414",
                b"HTTP/1.1 421",
                b"",
            )


def test_clients_that_dawdle_are_sent_away_and_keep_nobody_waiting(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveguard.server.gate.BODY_S", 1.0)
    head = f"POST /whip/me HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/sdp\r\n"
    head += "Content-Length: 50\r\n\r\n"
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10)) for _ in range(60)
        ]
        for number, one in enumerate(slow):
            one.sendall(head.encode() + b"v" if number % 2 else head[:30].encode())
        began_s = time.monotonic()
        assert httpx.get(f"{server.url}/api/info").status_code == 200
        assert time.monotonic() - began_s < 1.0
        for one in slow[1::2]:
            assert b" 408 " in one.recv(4096)
