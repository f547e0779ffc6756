"""An attacker without a browser: speaks the page's protocol to the server, and sends a film as its camera by WebRTC."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import httpx2 as httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from websockets.asyncio.client import connect

from liveguard.challenge.policy import Ability
from liveguard.challenge.script import Step
from liveguard.rtc.ice import prepare
from tests.proof_visitor import DONE_WITHIN_S, Answer, Visit
from tests.server_parts import LOOPBACK


class Live(VideoStreamTrack):
    """Whatever the only picture of a camera file is at the moment."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        with av.open(str(self._path)) as container:
            frame = next(container.decode(video=0)).reformat(format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Played(VideoStreamTrack):
    """A film file in its own time; its last picture stays."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._container = av.open(str(path))
        self._frames = self._container.decode(video=0)
        self._rate = float(self._container.streams.video[0].average_rate or 15)
        self._last: av.VideoFrame | None = None
        self._shown = 0

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        while self._shown <= pts * time_base * self._rate:
            self._last = next(self._frames, self._last)
            self._shown += 1
        assert self._last is not None
        frame = self._last.reformat(format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame

    def stop(self) -> None:
        super().stop()
        self._container.close()


def visit_without_browser(
    link: str, camera: Path, answer: Answer | None = None, holds_s: float = 0.0, cannot: Sequence[Ability] = ()
) -> Visit:
    """As `visit`, by a program that says of every step that it was shown, `holds_s` after it was. With `answer` the camera is
    a live one. `cannot`: what it leaves out, by its own word."""
    return asyncio.run(asyncio.wait_for(_visit(link, camera, answer, holds_s, cannot), DONE_WITHIN_S))


async def _visit(link: str, camera: Path, answer: Answer | None, holds_s: float, cannot: Sequence[Ability]) -> Visit:
    base, _, given = link.partition("/proof/#")
    proof, token = (part.partition("=")[2] for part in given.split("&"))
    film, pc = Live(camera) if answer else Played(camera), RTCPeerConnection(RTCConfiguration(iceServers=[]))
    prepare(pc, LOOPBACK)
    async with httpx.AsyncClient(base_url=base) as http:
        key = (
            (await http.post("/proof/api/redeem", json={"id": proof, "token": token})).raise_for_status().json()["key"]
        )
        http.headers["Authorization"] = f"Bearer {key}"
        agreed = {"agreed": True, "text": "en.sound", "cannot": list(cannot)}
        (await http.post(f"/proof/api/{proof}/consent", json=agreed)).raise_for_status()
        try:
            pc.addTrack(film)
            pc.addTrack(AudioStreamTrack())
            await pc.setLocalDescription(await pc.createOffer())
            offer = {"sdp": pc.localDescription.sdp, "camera": {"label": "Integrated Camera"}}
            theirs = (await http.post(f"/proof/api/{proof}/offer", json=offer)).raise_for_status().json()
            await pc.setRemoteDescription(RTCSessionDescription(theirs["sdp"], "answer"))
            return await _converse(f"ws{base.removeprefix('http')}/proof/live/{proof}", key, answer, holds_s)
        finally:
            await pc.close()


async def _converse(url: str, key: str, answer: Answer | None, holds_s: float) -> Visit:
    seen, clock = Visit(), asyncio.get_running_loop().time
    kind: Any = ""
    began_s = clock()
    async with connect(url, subprotocols=["liveguard.v1", f"bearer.{key}"]) as socket:  # type: ignore[list-item]

        async def say(**message: Any) -> None:
            await socket.send(json.dumps(message))

        await say(type="ready")
        with contextlib.suppress(StopAsyncIteration):
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "ping":
                    await say(type="pong", n=message["n"])
                    continue
                seen.told.append((clock() - began_s, message))
                if message["type"] == "step":
                    kind = message["kind"]
                elif message["type"] == "show":
                    if answer is not None:
                        answer(Step(kind, message["params"]), time.monotonic())  # nothing is said aloud
                    await asyncio.sleep(holds_s)
                    await say(type="shown", number=message["number"])
                elif message["type"] == "done" and message.get("retry"):
                    await say(type="ready")
                elif message["type"] == "done":
                    break
    return seen
