"""Stands in for the `aioice.Connection` of an ICE transport, so that ICE can be restarted below DTLS.

aioice knows one session: one set of credentials, sockets and checks. Here each session is a `Generation`, all of them fill
one queue, and a restart (RFC 8445 section 9) puts a new one in the place of the old once it has found a path. Everything
here belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import aioice
from aioice.ice import ConnectionClosed, StunProtocol

from liveguard.errors import BackendError, InputError
from liveguard.rtc.drain import drain

LINGER_S = 0.5  # for packets that are still on the old path
MAX_QUEUED = 2048  # datagrams of anybody; DTLS and SRTP sort out later which ones count
MAX_CANDIDATES = 64
LOOPBACK = ("127.0.0.1", "::1")


class Generation(aioice.Connection):
    """One ICE session: sockets on the chosen addresses, credentials and checks. It lasts until the next restart."""

    def __init__(self, addresses: Sequence[str] | None, ice: RestartableIce, **options: Any) -> None:
        super().__init__(**options)
        self._addresses, self._ice, self._named = addresses, ice, 0

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[aioice.Candidate]:
        """Our candidates. `addresses` are what aioice would take: all but loopback."""
        chosen = [*addresses, *LOOPBACK] if self._addresses is None else self._addresses
        near = [address for address in chosen if ipaddress.ip_address(address).is_loopback]
        servers = self.stun_server, self.turn_server
        self.stun_server = self.turn_server = (
            None  # a question from loopback to a server would only run into its time-out
        )
        try:
            candidates = await super().get_component_candidates(component, near, timeout)
        finally:
            self.stun_server, self.turn_server = servers
        candidates += await super().get_component_candidates(
            component, [address for address in chosen if address not in near], timeout
        )
        for protocol in self._protocols:
            drain(protocol, protocol.transport)
        return candidates

    async def connect_within(self, seconds: float) -> None:
        """Returns once a path has been agreed on; ConnectionError if that fails or takes too long."""
        try:
            await asyncio.wait_for(self.connect(), seconds)
        except asyncio.TimeoutError:
            raise ConnectionError("no path to the other side was found") from None

    async def name(self, candidate: aioice.Candidate) -> None:
        """Takes a candidate of the other side; what cannot be used (TCP, host names, RTCP's own) is left out.

        Names ending in .local would have to be asked for by multicast. It works without: the other side checks our
        addresses, and where its checks come from is learned.
        """
        try:
            address = ipaddress.ip_address(candidate.host)
        except ValueError:
            return
        usable = candidate.component == 1 and candidate.transport.lower() == "udp" and 0 < candidate.port < 65_536
        if usable and not address.is_unspecified and not address.is_multicast and self._named < MAX_CANDIDATES:
            self._named += 1
            await self.add_remote_candidate(candidate)

    def data_received(self, data: bytes, component: int) -> None:  # noqa: ARG002 (there is one component)
        self._ice.received(data)

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """Nothing: sockets are lost only by `close`, which says so itself."""

    async def close(self) -> None:
        """Also called by aioice itself, when the other side has not answered for half a minute."""
        await super().close()
        self._ice.closed(self)  # not if it was cancelled: then it is closed again, with the rest of its sockets


class _Handed:
    """An attribute of the ICE session that is in use."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, ice: RestartableIce, owner: type | None = None) -> Any:
        return getattr(ice._current, self.name)

    def __set__(self, ice: RestartableIce, value: Any) -> None:
        setattr(ice._current, self.name, value)


class RestartableIce:
    """Stands in for the `aioice.Connection` of one transport, and hands on to the ICE session that is in use."""

    # What RTCIceTransport and RTCIceGatherer read and write, with the methods below.
    ice_controlling = _Handed()
    local_candidates = _Handed()
    local_password = _Handed()
    local_username = _Handed()
    remote_candidates = _Handed()
    remote_is_lite = _Handed()
    remote_password = _Handed()
    remote_username = _Handed()

    def __init__(
        self,
        options: Mapping[str, Any],
        first: Mapping[str, Any],
        addresses: Sequence[str] | None,
        connect_s: float,
        restart_s: float,
    ) -> None:
        """`options` of every session (STUN and TURN), and those of the `first` one (role and credentials)."""
        self._options, self._addresses = options, addresses
        self._connect_s, self._restart_s = connect_s, restart_s
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_QUEUED)
        self._ended = asyncio.Event()
        self._connected = False
        self._open: list[Generation] = []
        self._current = self._generation(**first)
        self._next: Generation | None = None
        self._restarting = asyncio.Lock()
        self._takeover: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def newest(self) -> Generation:
        return self._next or self._current

    async def gather_candidates(self) -> None:
        await self._gather(self._current)

    async def add_remote_candidate(self, candidate: aioice.Candidate | None) -> None:
        """Takes a candidate. That there are no more is not handed on: aioice would give up at once (RFC 8863)."""
        if candidate is not None:
            await self.newest.name(candidate)

    async def connect(self) -> None:
        try:
            await self._current.connect_within(self._connect_s)
        except ConnectionError:
            if self._takeover is not None:  # a restart before the first path was found
                await asyncio.wait([self._takeover])
            if not self._connected or self.ended:
                raise
        self._connected = True

    async def recv(self) -> bytes:
        if not self._connected:
            raise ConnectionError("not connected")
        data = None if self.ended else await self._queue.get()
        if data is None:
            raise ConnectionError("the connection has ended")
        return data

    async def send(self, data: bytes) -> None:
        await self._current.send(data)

    async def get_event(self) -> ConnectionClosed:
        await self._ended.wait()
        return ConnectionClosed()

    async def close(self) -> None:
        self._finish()
        await self._abandon()
        for generation in list(self._open):
            await generation.close()

    # What a generation reports.

    def received(self, data: bytes) -> None:
        if not self._queue.full():
            self._queue.put_nowait(data)

    def closed(self, generation: Generation) -> None:
        if generation in self._open:
            self._open.remove(generation)
        if generation is self._current and self._next is None:
            self._finish()

    # Restarts.

    async def restart(self, ufrag: str, pwd: str, candidates: Sequence[aioice.Candidate]) -> None:
        """Opens a new ICE session towards these credentials, which takes over when it has a path. A later one replaces it."""
        async with self._restarting:
            await self._aim(await self._open_next(), ufrag, pwd, candidates)

    async def _open_next(self) -> Generation:
        if self.ended or self._current.remote_username is None:
            raise InputError("only a connection that has been described on both sides can be restarted")
        await self._abandon()
        self._next = generation = self._generation(ice_controlling=self._current.ice_controlling)
        generation.remote_is_lite = self._current.remote_is_lite
        try:
            await self._gather(generation)
        except BaseException:
            await self._abandon()
            raise
        return generation

    async def _aim(self, generation: Generation, ufrag: str, pwd: str, candidates: Sequence[aioice.Candidate]) -> None:
        generation.remote_username, generation.remote_password = ufrag, pwd
        for candidate in candidates:
            await generation.name(candidate)
        self._takeover = asyncio.create_task(self._take_over(generation))

    async def _take_over(self, generation: Generation) -> None:
        try:
            await generation.connect_within(self._restart_s)
        except ConnectionError:
            self._next = None
            await generation.close()
            if self._current not in self._open:  # it was kept up only by the hope for this one
                self._finish()
            return
        old, self._current, self._next = self._current, generation, None
        self._connected = True
        await asyncio.sleep(LINGER_S)
        await old.close()

    async def _abandon(self) -> None:
        """Ends a restart that is going on, and whatever is not in use."""
        self._next = None
        if self._takeover is not None:
            self._takeover.cancel()
            await asyncio.wait([self._takeover])
        for generation in [generation for generation in self._open if generation is not self._current]:
            await generation.close()

    def _generation(self, **options: Any) -> Generation:
        generation = Generation(self._addresses, self, **self._options, **options)
        self._open.append(generation)
        return generation

    async def _gather(self, generation: Generation) -> None:
        await generation.gather_candidates()
        if generation not in self._open:  # closed meanwhile, but sockets may have been opened since
            await generation.close()
            raise InputError("the connection was closed while addresses were gathered")
        if not generation.local_candidates:
            raise BackendError("no socket could be opened on any ice-address")

    def _finish(self) -> None:
        self._ended.set()
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)
