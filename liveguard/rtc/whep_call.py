"""One subscription by WHEP, from the offer to the end. Everything here belongs to the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from liveguard.back_off import STEADY_S
from liveguard.rtc.peer import Peer
from liveguard.rtc.sdp_lines import SdpError
from liveguard.rtc.whep_client import Subscription, WhepClient, WhepError

if TYPE_CHECKING:
    from aiortc import RTCIceServer

    from liveguard.taps.webrtc import Line
    from liveguard.types import Track

LOOK_EVERY_S = 0.5
SILENT_S = 10.0
"""A connection that brings neither picture nor sound for so long is given up: an SFU may keep it open when the stream ends.
So is one that brings only one of them any more, once both have come for `STEADY_S`: what is switched off at the sender is
missing in the next connection as well, and that one is kept."""


class Call:
    """`on_through(tracks)` is called when media can flow, and gives where they go."""

    def __init__(
        self,
        client: WhepClient,
        tracks: frozenset[Track],
        on_through: Callable[[frozenset[Track]], Line],
        addresses: Sequence[str] | None = None,
        ice_servers: Sequence[RTCIceServer] = (),
    ) -> None:
        self._client, self._on_through, self._tracks = client, on_through, tracks
        self._subscription: Subscription | None = None
        loop = asyncio.get_running_loop()
        self._through: asyncio.Future[float] = loop.create_future()  # when
        self._ended: asyncio.Future[str] = loop.create_future()  # why
        self._peer = Peer(tracks, self._connected, self._lost, addresses, ice_servers, offering=True)

    @property
    def steady(self) -> bool:
        """Whether it has brought something for a while; what breaks off again and again should not be called every second."""
        through_s = self._through.result()
        return max(self._peer.heard_s.values(), default=through_s) - through_s > STEADY_S

    async def open(self) -> None:
        """Returns when media can flow. Raises WhepError; `close` is needed in any case."""
        try:
            offer = await self._peer.offer()
        except OSError as error:  # while there is no network
            raise WhepError(f"{self._client.name}: no address to receive media on ({type(error).__name__})") from error
        self._subscription = await self._client.subscribe(offer)
        try:
            self._tracks = await self._peer.accept(self._subscription.answer)
        except SdpError as error:
            raise WhepError(f"{self._client.name}: the server's answer: {error}") from error
        await asyncio.wait((self._through, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if not self._through.done():
            raise WhepError(f"{self._client.name}: {self._ended.result()}: is UDP to the server blocked?")

    async def lost(self) -> str:
        """Waits until the connection is no use any more: why."""
        while not self._ended.done():
            await asyncio.wait((self._ended,), timeout=LOOK_EVERY_S)
            missing = missing_now(self._peer.heard_s, self._through.result(), time.monotonic())
            if missing and not self._ended.done():
                return f"{missing} came for {SILENT_S:g} s"
        return self._ended.result()

    async def close(self) -> None:
        """Hang up, and tell the server."""
        ends = [self._peer.close()]
        if self._subscription is not None:
            ends.append(self._client.end(self._subscription))
        await asyncio.gather(*ends)

    def _connected(self) -> Line:
        if not self._through.done():
            self._through.set_result(time.monotonic())
        return self._on_through(self._tracks)

    def _lost(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)


def missing_now(heard_s: Mapping[str, float], through_s: float, now_s: float) -> str:
    """What is missed of a connection that got through at `through_s` and from which each track was last heard at `heard_s`;
    "" where it is as it was."""
    if now_s - max(heard_s.values(), default=through_s) > SILENT_S:
        return "nothing"
    for track, at_s in heard_s.items():
        if now_s - at_s > SILENT_S and at_s - through_s > STEADY_S:
            return "no picture" if track == "video" else "no sound"
    return ""
