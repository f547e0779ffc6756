"""ICE of one RTCPeerConnection: on chosen addresses, with candidates that come late, and restarted while media flow.

aiortc 1.16 gathers on all addresses but loopback, and has no ICE restart (RFC 9725 section 4.3.3). `prepare` puts a
`RestartableIce` where each of its ICE transports keeps its `aioice.Connection`: DTLS and SRTP go on reading from it. This
uses private names of aiortc, which are looked for before they are used. Everything here belongs to the event loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, cast

import aioice
from aiortc import RTCIceCandidate, RTCPeerConnection
from aiortc.rtcicetransport import RTCIceTransport, candidate_from_aioice, candidate_to_aioice

from liveguard.errors import BackendError, InputError
from liveguard.rtc.ice_options import IceServers, check_addresses, parse_ice_servers
from liveguard.rtc.restartable_ice import RestartableIce

__all__ = ["IceControl", "IceCredentials", "IceServers", "check_addresses", "parse_ice_servers", "prepare"]

CONNECT_S = 30.0  # RFC 8863: patience, as the other side's checks may arrive although it has no more candidates to name
RESTART_S = 10.0

_CREATE = "_RTCPeerConnection__createDtlsTransport"
_TRANSPORTS = "_RTCPeerConnection__iceTransports"
_OPTIONS = ("stun_server", "turn_server", "turn_username", "turn_password", "turn_ssl", "turn_transport")


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """Of the newest ICE session. `remote_ufrag` is None until the connection has been described on both sides."""

    ufrag: str
    pwd: str = field(repr=False)
    remote_ufrag: str | None


class IceControl:
    """ICE of one RTCPeerConnection, as `prepare` has set it up."""

    def __init__(self, addresses: Sequence[str] | None, connect_s: float, restart_s: float) -> None:
        self._addresses, self._connect_s, self._restart_s = addresses, connect_s, restart_s
        self._transports: list[RestartableIce] = []

    @property
    def credentials(self) -> IceCredentials:
        """Our credentials in the newest ICE session, and whom it talks to. Raises InputError when there is none."""
        newest = self._the_one().newest
        return IceCredentials(newest.local_username, newest.local_password, newest.remote_username)

    async def add_candidate(self, candidate: RTCIceCandidate | None, ufrag: str | None = None) -> None:
        """Takes a candidate that came late (None: there are no more). With the other side's `ufrag`, InputError if it
        belongs to an ICE session that is over."""
        ice = self._the_one()
        expected = ice.newest.remote_username
        if ufrag is not None and expected is not None and ufrag != expected:
            raise InputError("the candidates belong to an ICE session that is not the current one")
        await ice.add_remote_candidate(None if candidate is None else candidate_to_aioice(candidate))

    async def restart(
        self, ufrag: str, pwd: str, candidates: Sequence[RTCIceCandidate] = ()
    ) -> tuple[str, str, list[RTCIceCandidate]]:
        """Our new ufrag, pwd and candidates, for the answer. Media go on; the new path takes over when it is found. If it is
        not within `restart_s`, the old one stays. Raises InputError if there is nothing to restart."""
        ice = self._the_one()
        await ice.restart(ufrag, pwd, [candidate_to_aioice(candidate) for candidate in candidates])
        ours = ice.newest
        return ours.local_username, ours.local_password, [candidate_from_aioice(c) for c in ours.local_candidates]

    def take(self, transport: RTCIceTransport) -> None:
        """Puts a transport that has not gathered yet under control."""
        gatherer = transport.iceGatherer
        _expect(transport, "_connection", "_recv", "_send")
        _expect(gatherer, "_connection")
        if gatherer.state != "new":
            raise BackendError("ICE can be prepared only before candidates are gathered")
        old = gatherer._connection
        _expect(old, *_OPTIONS, "ice_controlling", "local_username", "local_password", "_transport_policy")
        if old._transport_policy is not aioice.TransportPolicy.ALL:
            raise BackendError("ICE on chosen addresses does not go together with the policy to use relays only")
        first = {name: getattr(old, name) for name in ("ice_controlling", "local_username", "local_password")}
        options = {name: getattr(old, name) for name in _OPTIONS}
        ice = RestartableIce(options, first, self._addresses, self._connect_s, self._restart_s)
        transport_any, gatherer_any = cast(Any, transport), cast(Any, gatherer)
        transport_any._connection = gatherer_any._connection = ice
        transport_any._recv, transport_any._send = ice.recv, ice.send
        self._transports.append(ice)

    def _the_one(self) -> RestartableIce:
        self._transports = [ice for ice in self._transports if not ice.ended]
        if len(self._transports) != 1:
            raise InputError(f"{len(self._transports)} transports are open; one that bundles all is needed")
        return self._transports[0]


def prepare(
    connection: RTCPeerConnection,
    addresses: Sequence[str] | None = None,
    connect_s: float = CONNECT_S,
    restart_s: float = RESTART_S,
) -> IceControl:
    """Control over the connection's ICE: candidates on exactly these addresses (None: all of the machine, and loopback).

    To be called before any description is set; transports that aiortc makes later are covered, too. BackendError if
    aiortc or aioice are not as expected.
    """
    _expect(connection, _CREATE, _TRANSPORTS)
    _expect(aioice.Connection, "close", "connect", "data_received", "gather_candidates", "protocol_lost", "send")
    parameters = inspect.signature(aioice.Connection.get_component_candidates).parameters
    if list(parameters) != ["self", "component", "addresses", "timeout"]:
        raise _unexpected("get_component_candidates")
    control = IceControl(None if addresses is None else tuple(addresses), connect_s, restart_s)
    create: Callable[[], Any] = getattr(connection, _CREATE)

    def create_and_take() -> Any:
        dtls = create()
        control.take(dtls.transport)
        return dtls

    setattr(connection, _CREATE, create_and_take)
    for transport in list(getattr(connection, _TRANSPORTS)):
        control.take(transport)
    return control


def _expect(holder: object, *names: str) -> None:
    for name in names:
        if not hasattr(holder, name):
            raise _unexpected(name)


def _unexpected(name: str) -> BackendError:
    found = f"aiortc {version('aiortc')} with aioice {version('aioice')}"
    return BackendError(f"{found} does not fit: {name} is not as in aiortc 1.16 and aioice 0.13, which are expected")
