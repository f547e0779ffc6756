"""A WebRTC connection that receives one participant's picture and sound, whoever makes the offer. Everything here belongs
to the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError

from liveguard.errors import InputError
from liveguard.rtc.dtls import accept_rsa
from liveguard.rtc.ice import IceControl, prepare
from liveguard.rtc.receivers import equip
from liveguard.rtc.sdp import set_offer
from liveguard.rtc.sdp_answer import set_answer

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCIceServer

    from liveguard.taps.webrtc import Line
    from liveguard.types import Track

CONNECT_S = 20.0  # to get through ICE and DTLS
HUNG_UP = "the connection was closed by the other side"


class Peer:
    """`on_connected` is called when media can flow, and gives where it goes; `on_end(why)` once, when the connection has
    failed or ended by itself, and not after `close`. `offering`: we make the offer, with one transport for all, as we do not
    know what the other side would do with a second one."""

    def __init__(
        self,
        tracks: frozenset[Track],
        on_connected: Callable[[], Line],
        on_end: Callable[[str], None],
        addresses: Sequence[str] | None = None,
        ice_servers: Sequence[RTCIceServer] = (),
        offering: bool = False,
    ) -> None:
        self.heard_s: dict[str, float] = {}  # when the last picture and the last sound came, by the monotonic clock
        self._line: Line | None = None
        self._on_connected, self._on_end = on_connected, on_end
        self._pumps: list[asyncio.Task[None]] = []
        self._closed = False
        bundle = RTCBundlePolicy.MAX_BUNDLE if offering else RTCBundlePolicy.BALANCED
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers), bundlePolicy=bundle))
        # Before there is any transport, so that each gathers where it should.
        self.ice: IceControl = prepare(self.pc, addresses)
        accept_rsa(self.pc)
        self.pc.on("track", self._begin)
        self.pc.on("connectionstatechange", self._changed)
        for track in sorted(tracks):
            receiver = self.pc.addTransceiver(track, direction="recvonly").receiver
            equip(receiver, track, partial(self._reported, track))
        self._timer = asyncio.get_running_loop().call_later(CONNECT_S, self._late)

    async def answer(self, sdp: str) -> str:
        """The answer to an offer. Raises SdpError (an InputError) for one that cannot be answered."""
        await set_offer(self.pc, sdp)
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self.pc.localDescription.sdp

    async def offer(self) -> str:
        """Our offer to receive the tracks, with all candidates."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, sdp: str) -> frozenset[Track]:
        """Take the answer to our offer: the tracks that will come. Raises SdpError (an InputError) for one that is no use."""
        return (await set_answer(self.pc, sdp)).tracks

    async def close(self) -> None:
        """End the connection; all its tasks are done when this returns."""
        self._closed = True
        self._timer.cancel()
        for pump in self._pumps:
            pump.cancel()
        await self.pc.close()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _begin(self, track: MediaStreamTrack) -> None:
        self._pumps.append(asyncio.create_task(self._pump(track)))

    def _reported(self, track: Track, media_us: int, ntp_us: int) -> None:
        if self._line is not None:
            self._line.reported(track, media_us, ntp_us)

    async def _pump(self, track: MediaStreamTrack) -> None:
        """Always drain a track: what waits in it is not bounded. Nothing that takes time happens here."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                self._end(HUNG_UP)  # a track ends with its transport; aiortc may say that of the whole much later
                return
            self.heard_s[track.kind] = time.monotonic()
            try:
                if self._line is not None:
                    put: Callable[[Any], None] = self._line.video if track.kind == "video" else self._line.audio
                    put(frame)
            except (ValueError, InputError) as error:
                self._end(str(error))
                return

    def _changed(self) -> None:
        state = self.pc.connectionState
        if state == "connected":
            self._timer.cancel()
            if not self._closed and self._line is None:
                self._line = self._on_connected()
        elif state in ("failed", "closed"):
            self._end("the connection failed" if state == "failed" else HUNG_UP)

    def _late(self) -> None:
        self._end(f"no connection within {CONNECT_S:g} s")

    def _end(self, why: str) -> None:
        self._timer.cancel()
        if not self._closed:
            self._closed = True
            self._on_end(why)
