"""A server that plays the other side of the proof page: real pages, real gate, real media that nobody judges.

`python -m tests.browser.proof_stub` serves it for a look; each line that it prints is a link for one run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

import liveguard.server
from liveguard.challenge.policy import KINDS, SPARES, Kind, ProofPolicy
from liveguard.kyc.consent import TEXTS
from liveguard.kyc.service import MOST_ATTEMPTS, RETURN_WITHIN_S
from liveguard.rtc.peer import Peer
from liveguard.server.gate import BEARER, SUBPROTOCOL, Gate
from liveguard.server.settings import ServerSettings
from liveguard.types import LASTS, Track

WEB = Path(liveguard.server.__file__).parent / "web"
LOOPBACK = ("127.0.0.1",)
LEAD_MS = 700
Message = Mapping[str, Any]


def step(kind: str, **params: Any) -> dict[str, Any]:
    """A challenge; the page is sent its kind first, and `params` when it is to be shown. Its number is filled in."""
    return {"type": "step", "kind": kind, "params": params, "lead_ms": LEAD_MS}


STEPS: Mapping[str, dict[str, Any]] = {
    "light": step(
        "light", colours="#e08a8a #7fb87f #9a9af5 #b3a94e #5fb3bf #c98ad0", each_us=400_000, **{LASTS: 2_400_000}
    ),
    "pose": step("pose", targets="22,8 -19,-8 0,0", each_us=1_600_000, **{LASTS: 4_800_000}),
    "occlusion": step("occlusion", region="left_cheek", covered_us=1_300_000, bare_us=2_400_000, **{LASTS: 3_400_000}),
    "rhythm": step("rhythm", action="blink", beats_us="1000000 2000000 2900000 4100000", **{LASTS: 5_000_000}),
    "digits": step("digits", digits="4 7 1 9", **{LASTS: 5_000_000}),
    "distance": step("distance", nearer=1.45, near_us=1_800_000, back_us=2_900_000, **{LASTS: 4_500_000}),
}
DONE = {"type": "done", "verdict": "live", "hints": [], "retry": False}


def pause(seconds: float) -> dict[str, Any]:
    return {"pause_s": seconds}


def hang_up() -> dict[str, Any]:
    return {"hang_up": True}


@dataclass
class Visit:
    """How far one link has come, which says what is refused, as the server refuses it."""

    key: str
    agreed: bool = False
    tries: int = 0
    over: bool = False
    left_s: float = math.inf
    socket: WebSocket | None = None

    def is_over(self, return_s: float) -> bool:
        missed = self.tries > 0 and self.socket is None and time.monotonic() - self.left_s > return_s
        return self.over or missed


@dataclass
class Stub:
    """What is answered and played, and what came. Read and written by the tests' thread between runs only."""

    plan: Sequence[Message] = ()
    kinds: Sequence[Kind] = KINDS
    locale: str = "en"
    answer_s: float = 180.0
    return_s: float = RETURN_WITHIN_S
    redeem_error: tuple[int, str] | None = None
    busy: int = 0
    """So many offers more are turned away, to come again after `retry_after_s`."""
    retry_after_s: int | None = 1
    consents: list[dict[str, Any]] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    visits: dict[str, Visit] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    frames: int = 0
    connected: int = 0
    url: str = ""

    def link(self) -> str:
        return f"{self.url}/proof/#id=p{len(self.used)}&token={secrets.token_urlsafe(12)}"

    def shown(self) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["type"] == "shown"]

    # What Peer wants of a line: the media go nowhere.
    def video(self, _: object) -> None:
        self.frames += 1

    def audio(self, _: object) -> None:
        """Heard by nobody."""

    def reported(self, *_: object) -> None:
        """No clock is kept."""


def create_stub(stub: Stub) -> Starlette:
    peers: list[Peer] = []

    async def redeem(request: Request) -> Response:
        given = await request.json()
        if stub.redeem_error or given["token"] in stub.used:
            status, error = stub.redeem_error or (410, "this link was used")
            return JSONResponse({"error": error}, status)
        stub.used.add(given["token"])
        visit = stub.visits[given["id"]] = Visit(secrets.token_urlsafe(24))
        policy = ProofPolicy(tuple(stub.kinds)).in_language(stub.locale)
        answer = {"key": visit.key, "locale": stub.locale, "kinds_possible": list(policy.kinds)}
        answer |= {"too_much": policy.too_much(()), "consents": dict(TEXTS)}
        waits = {"answer_s": stub.answer_s, "attempts": MOST_ATTEMPTS, "return_s": stub.return_s}
        return JSONResponse({**answer, **waits, "ice_servers": []})

    def visit_of(request: Request) -> Visit | None:
        visit = stub.visits.get(request.path_params["id"])
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        return visit if visit is not None and visit.key == key else None

    async def consent(request: Request) -> Response:
        if (visit := visit_of(request)) is None:
            return JSONResponse({"error": "who are you?"}, 401)
        if visit.tries > 0 or visit.is_over(stub.return_s):
            return JSONResponse({"error": "this cannot be done now"}, 410)
        given = await request.json()
        stub.consents.append(given)
        if len(set(stub.kinds) - {SPARES[need] for need in given["cannot"]}) < 2:
            return JSONResponse({"error": "fewer than two challenges would be left"}, 400)
        visit.agreed = True
        return Response(status_code=204)

    async def offer(request: Request) -> Response:
        if (visit := visit_of(request)) is None:
            return JSONResponse({"error": "who are you?"}, 401)
        if not visit.agreed or visit.is_over(stub.return_s):
            return JSONResponse({"error": "this cannot be done now"}, 410)
        given = await request.json()
        if stub.busy:
            stub.busy -= 1
            wait = {} if stub.retry_after_s is None else {"Retry-After": str(stub.retry_after_s)}
            return JSONResponse({"error": "8 participants are guarded already"}, 503, wait)
        stub.offers.append(given)

        def begun() -> Any:
            stub.connected += 1
            return stub

        tracks: frozenset[Track] = frozenset({"video", "audio"} if "m=audio" in given["sdp"] else {"video"})
        peer = Peer(tracks, begun, lambda _: None, LOOPBACK)
        peers.append(peer)
        return JSONResponse({"sdp": await peer.answer(given["sdp"])})

    async def live(socket: WebSocket) -> None:
        offered = socket.scope["subprotocols"]
        visit = stub.visits.get(socket.path_params["id"])
        if visit is None or SUBPROTOCOL not in offered or BEARER + visit.key not in offered:
            await socket.close(1008)
            return
        await socket.accept(SUBPROTOCOL)
        before, visit.socket = visit.socket, socket
        if before is not None:  # its page has come again, over this one
            await before.close()
        if visit.is_over(stub.return_s):
            await socket.close()
        ready = asyncio.Event()
        player = asyncio.create_task(_play(stub, visit, socket, ready))
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await socket.receive_json()
                stub.heard.append(message)
                if message["type"] == "ready":
                    visit.tries += 1
                    ready.set()
                elif message["type"] == "stop":
                    visit.over = True
        player.cancel()
        if visit.socket is socket:
            visit.socket, visit.left_s = None, time.monotonic()
            visit.over = visit.over or visit.tries >= MOST_ATTEMPTS

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        for peer in peers:
            await peer.close()

    routes = [
        Route("/proof/api/redeem", redeem, methods=["POST"]),
        Route("/proof/api/{id}/consent", consent, methods=["POST"]),
        Route("/proof/api/{id}/offer", offer, methods=["POST"]),
        WebSocketRoute("/proof/live/{id}", live),
        Mount("/", StaticFiles(directory=WEB, html=True)),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.add_middleware(Gate, settings=ServerSettings(), on_refused=lambda _: None)
    return app


async def _play(stub: Stub, visit: Visit, socket: WebSocket, ready: asyncio.Event) -> None:
    """Sends the plan whenever the page is ready; steps are numbered, and go on for as long as they last."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_json({"type": "ping", "n": 1})
        while True:
            await ready.wait()
            ready.clear()
            await _attempt(stub.plan, visit, socket)


async def _attempt(plan: Sequence[Message], visit: Visit, socket: WebSocket) -> None:
    of = sum(message.get("type") == "step" for message in plan)
    number = 0
    for message in plan:
        if "pause_s" in message:
            await asyncio.sleep(message["pause_s"])
        elif "hang_up" in message:
            await socket.close()
        elif message["type"] != "step":
            visit.over = visit.over or (message["type"] == "done" and not message["retry"])
            await socket.send_json(message)
        else:
            number += 1
            announced = {key: value for key, value in message.items() if key != "params"}
            await socket.send_json({**announced, "number": number, "of": of})
            await asyncio.sleep(message["lead_ms"] / 1e3)
            await socket.send_json({"type": "show", "number": number, "params": message["params"]})
            await asyncio.sleep(message["params"][LASTS] / 1e6 + 0.2)
            await socket.send_json({"type": "step_over", "number": number})


@contextlib.contextmanager
def playing(stub: Stub, port: int = 0) -> Iterator[Stub]:
    """The stub on a free port of loopback, in a thread of its own."""
    config = uvicorn.Config(create_stub(stub), port=port, log_level="warning", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    stub.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield stub
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--locale", default="en")
    given = parser.parse_args()
    hints = [{"type": "frame", "hint": hint} for hint in ("no_face", "closer", "centre", "ok")]
    placing = [part for hint in hints for part in (hint, pause(1.5))]
    steps = [part for kind in KINDS for part in (STEPS[kind], pause(0.8))]
    plan = [*placing, *steps, {"type": "judging"}, pause(2), DONE]
    with playing(Stub(plan, locale=given.locale), given.port) as stub:
        sys.stdout.write(f"{stub.link()}\n")
        while input("Enter: another link; q: end ") != "q":
            sys.stdout.write(f"{stub.link()}\n")


if __name__ == "__main__":
    main()
