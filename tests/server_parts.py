"""A real server on a free port of loopback, and a client of aiortc that publishes to it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import httpx2 as httpx
import numpy as np
import uvicorn
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

from liveguard.face.observer import Observer
from liveguard.guard import Guard
from liveguard.rtc.ice import prepare
from liveguard.server.app import create_app
from liveguard.server.connections import BoundedHTTPProtocol
from liveguard.server.hub import Hub
from liveguard.server.settings import ServerSettings
from liveguard.server.store import Store
from liveguard.types import Detector
from tests.live_parts import FakeObserver

LOOPBACK = ("127.0.0.1",)
SDP = {"Content-Type": "application/sdp"}


class FakeGuard(Guard):
    """Sees one synthetic face in every picture, without a face library."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        super().__init__(detectors=detectors)

    def observer(self) -> Observer:
        return FakeObserver()  # type: ignore[return-value]


class Running:
    """A server in a thread of its own."""

    def __init__(self, guard: Guard, settings: ServerSettings, store: Store) -> None:
        self.app = create_app(settings, guard, store)
        self.hub: Hub = self.app.state.hub
        config = uvicorn.Config(
            self.app, port=0, log_level="warning", http=BoundedHTTPProtocol, ws="websockets-sansio", ws_max_size=65_536
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        wait_until(lambda: self._server.started)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def serving(guard: Guard, settings: ServerSettings | None = None, store: Store | None = None) -> Iterator[Running]:
    settings = settings or ServerSettings(ice_addresses=LOOPBACK)
    with contextlib.closing(store or Store("sqlite://")) as kept:
        running = Running(guard, settings, kept)
        try:
            yield running
        finally:
            running.stop()


def wait_until(true: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """The first true value; fails when there is none in time."""
    until_s = time.monotonic() + timeout_s
    while not (value := true()):
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.02)
    return value


class Film(VideoStreamTrack):
    """Pictures in their time, again and again, each (h, w, 3) uint8 RGB."""

    def __init__(self, pictures: Sequence[np.ndarray[Any, Any]], fps: int = 30) -> None:
        super().__init__()
        self._pictures, self._fps, self._count, self._began_s = pictures, fps, 0, time.monotonic()

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(max(0.0, self._began_s + self._count / self._fps - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(self._pictures[self._count % len(self._pictures)], format="rgb24")
        frame.pts, frame.time_base = self._count * 90_000 // self._fps, Fraction(1, 90_000)
        self._count += 1
        return frame


class Publisher:
    """A WHIP client. For one event loop."""

    def __init__(self, url: str, participant: str = "guest", token: str = "") -> None:
        self.http = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"} if token else {})
        self.participant = participant
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.ice = prepare(self.pc, LOOPBACK)
        self.location = self.etag = ""

    async def publish(self, *tracks: MediaStreamTrack) -> httpx.Response:
        for track in tracks or (Film(noise()), AudioStreamTrack()):
            self.pc.addTrack(track)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = self.pc.localDescription.sdp
        answer = await self.http.post(f"/whip/{self.participant}", content=offer, headers=SDP)
        if answer.status_code == 201:
            self.location, self.etag = answer.headers["location"], answer.headers["etag"]
            await self.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        return answer

    async def connected(self, timeout_s: float = 15.0) -> None:
        until_s = time.monotonic() + timeout_s
        while self.pc.connectionState != "connected":
            assert time.monotonic() < until_s, self.pc.connectionState
            await asyncio.sleep(0.02)

    async def close(self, leave: bool = True) -> None:
        if leave and self.location:
            await self.http.delete(self.location)
        await self.pc.close()
        await self.http.aclose()


@contextlib.asynccontextmanager
async def publishing(
    url: str, participant: str = "guest", token: str = "", tracks: Sequence[MediaStreamTrack] = ()
) -> AsyncIterator[Publisher]:
    publisher = Publisher(url, participant, token)
    try:
        answer = await publisher.publish(*tracks)
        assert answer.status_code == 201, answer.text
        await publisher.connected()
        yield publisher
    finally:
        await publisher.close()


def noise(count: int = 30, size: tuple[int, int] = (240, 320)) -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(1)
    small = random.integers(0, 255, (count, size[0] // 8, size[1] // 8, 3), np.uint8)
    return [np.kron(picture, np.ones((8, 8, 1), np.uint8)) for picture in small]
