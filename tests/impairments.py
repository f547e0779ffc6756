"""Bad weather between a publisher and a server, without root: a relay of datagrams that loses, delays, reorders and cuts."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
from aiortc import RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from tests.server_parts import SDP, Publisher

Address = tuple[str, int]
CANDIDATE = re.compile(r"(a=candidate:\S+ \d+ \S+ \d+) (\S+) (\d+) typ host")


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to datagrams, in each direction by itself.

    `loss`: the share that is lost; `burst`: the chance that the one after a lost one is lost too (0: as any other).
    `jitter_ms`: each is held back by anything up to that, so that they overtake each other. `cut`: nothing gets through.
    """

    loss: float = 0.0
    burst: float = 0.0
    jitter_ms: float = 0.0
    cut: bool = False


FINE = Weather()


class Relay:
    """Stands between two peers, each of which takes it for the other. For one event loop; `weather` may be changed."""

    def __init__(self, seed: int = 1) -> None:
        self.weather = FINE
        self.carried = self.lost = 0
        self._random = random.Random(seed)
        self._near, self._far = _End(self._from_near), _End(self._from_far)
        self._last_lost = {self._near: False, self._far: False}

    async def open(self) -> None:
        for end in (self._near, self._far):
            await asyncio.get_running_loop().create_datagram_endpoint(lambda end=end: end, ("127.0.0.1", 0))

    def offer(self, sdp: str) -> str:
        """The near peer's offer as the far one gets it: the relay's address stands for its own."""
        return self._rewritten(sdp, self._near, self._far)

    def answer(self, sdp: str) -> str:
        """The far peer's answer as the near one gets it."""
        return self._rewritten(sdp, self._far, self._near)

    def close(self) -> None:
        for end in (self._near, self._far):
            if end.transport is not None:
                end.transport.close()

    def _rewritten(self, sdp: str, theirs: _End, ours: _End) -> str:
        found = CANDIDATE.search(sdp)
        assert found is not None
        theirs.peer = found[2], int(found[3])
        host, port = ours.address
        return CANDIDATE.sub(rf"\1 {host} {port} typ host", sdp)

    def _from_near(self, data: bytes, sender: Address) -> None:
        self._near.peer = sender  # an offer names an address for each section, of which one is used
        self._carry(data, self._far)

    def _from_far(self, data: bytes, _: Address) -> None:
        self._carry(data, self._near)

    def _carry(self, data: bytes, out: _End) -> None:
        weather, after_lost = self.weather, self._last_lost[out]
        burst = max(weather.burst, weather.loss)
        # Two states, so that in the long run just `loss` of all datagrams are lost.
        chance = burst if after_lost else weather.loss * (1 - burst) / max(1 - weather.loss, 1e-9)
        lost = self._last_lost[out] = self._random.random() < chance
        if lost or weather.cut:
            self.lost += 1
            return
        self.carried += 1
        if weather.jitter_ms:
            delay_s = self._random.uniform(0, weather.jitter_ms / 1000)
            asyncio.get_running_loop().call_later(delay_s, out.send, data)
        else:
            out.send(data)


class _End(asyncio.DatagramProtocol):
    """One socket of the relay, and the peer on its side."""

    def __init__(self, came: Callable[[bytes, Address], None]) -> None:
        self._came = came
        self.peer: Address | None = None
        self.transport: Any = None

    @property
    def address(self) -> Address:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def datagram_received(self, data: bytes, sender: Address) -> None:
        self._came(data, sender)

    def send(self, data: bytes) -> None:
        if self.peer is not None and not self.transport.is_closing():
            self.transport.sendto(data, self.peer)


class RelayedPublisher(Publisher):
    """A WHIP client whose media go through a relay."""

    def __init__(self, url: str, participant: str, seed: int = 1) -> None:
        super().__init__(url, participant)
        self.relay = Relay(seed)

    async def publish(self, *tracks: MediaStreamTrack) -> httpx.Response:
        await self.relay.open()
        for track in tracks:
            self.pc.addTrack(track)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = self.relay.offer(self.pc.localDescription.sdp)
        answer = await self.http.post(f"/whip/{self.participant}", content=offer, headers=SDP)
        assert answer.status_code == 201, answer.text
        self.location, self.etag = answer.headers["location"], answer.headers["etag"]
        await self.pc.setRemoteDescription(RTCSessionDescription(self.relay.answer(answer.text), "answer"))
        return answer

    async def vanish(self) -> None:
        """Nothing more is sent or received, not even a farewell."""
        self.relay.weather = Weather(cut=True)
        await self.close(leave=False)

    async def close(self, leave: bool = True) -> None:
        if not self.http.is_closed:
            await super().close(leave)
            self.relay.close()
