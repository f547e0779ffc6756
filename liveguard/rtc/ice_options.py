"""What a user may say about ICE: the addresses to receive on, and STUN and TURN servers. Nothing is contacted here."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiortc import RTCIceServer

from liveguard.errors import ConfigError

_STUN = re.compile(r"stun:(?P<host>[A-Za-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?")
_TURN = re.compile(
    r"(?P<scheme>turns?):(?P<user>[^:]{1,256}):(?P<secret>.{1,256})@(?P<host>[A-Za-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?"
)
_FORMS = "stun:host:port, turn:user:secret@host:port?transport=udp and turns:user:secret@host:port?transport=tcp"


def check_addresses(addresses: Sequence[str]) -> list[str]:
    """The addresses in their usual form, each once; `ConfigError` for one that this machine cannot receive on."""
    checked: list[str] = []
    for text in addresses:
        shown = repr(text[:60])
        try:
            address = ipaddress.ip_address(text.strip())
        except ValueError:
            raise ConfigError(f"ice-address {shown}: not an IP address") from None
        if address.is_unspecified or address.is_multicast or "%" in str(address):
            raise ConfigError(f"ice-address {shown}: the address of one interface is needed, without a zone")
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((str(address), 0))
        except OSError as error:
            raise ConfigError(f"ice-address {shown}: not an address of this machine") from error
        if str(address) not in checked:
            checked.append(str(address))
    return checked


@dataclass(frozen=True, slots=True)
class IceServers:
    """The same servers twice: for `RTCConfiguration` and, as JSON, for a browser's. Both hold secrets, so neither is shown.

    An empty `ours` is not None: None would make aiortc ask a public STUN server.
    """

    ours: tuple[RTCIceServer, ...] = field(repr=False, default=())
    browsers: tuple[dict[str, Any], ...] = field(repr=False, default=())


def parse_ice_servers(options: Sequence[str]) -> IceServers:
    """The servers of `--ice-server`; `ConfigError` for what is not understood. Secrets may be percent-encoded.

    At most one STUN and one TURN server: aiortc would silently leave out the others.
    """
    ours: list[RTCIceServer] = []
    browsers: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, option in enumerate(options, 1):
        where = f"ice-server {number}"  # not the text itself: it may hold a secret
        match = _STUN.fullmatch(option) or _TURN.fullmatch(option)
        if match is None:
            raise ConfigError(f"{where}: allowed are {_FORMS}")
        parts = {"scheme": "stun", **match.groupdict()}
        kind = "STUN" if parts["scheme"] == "stun" else "TURN"
        if kind in seen:
            raise ConfigError(f"{where}: only one {kind} server is possible")
        if parts["port"] is not None and not 1 <= int(parts["port"]) <= 65_535:
            raise ConfigError(f"{where}: a port is 1 to 65535")
        if parts["scheme"] == "turns" and parts["transport"] == "udp":
            raise ConfigError(f"{where}: turns goes over tcp only")
        seen.add(kind)
        url = f"{parts['scheme']}:{parts['host']}" + (f":{parts['port']}" if parts["port"] else "")
        if kind == "STUN":
            ours.append(RTCIceServer(urls=url))
            browsers.append({"urls": [url]})
        else:
            url += f"?transport={parts['transport'] or ('tcp' if parts['scheme'] == 'turns' else 'udp')}"
            user, secret = unquote(parts["user"]), unquote(parts["secret"])
            ours.append(RTCIceServer(urls=url, username=user, credential=secret))
            browsers.append({"urls": [url], "username": user, "credential": secret})
    return IceServers(tuple(ours), tuple(browsers))
