"""Reads all datagrams that have come at each turn of the event loop.

asyncio reads one a turn and socket. With several calls on a busy machine, where a turn may wait for the interpreter or for a
core, that is fewer than come: the kernel's queue stays full, so that what is read is hundreds of milliseconds old, and the
rest is lost.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

MOST_A_TURN = 64  # so that other calls have their turn, too
LARGEST = 65_536


class Drain:
    """Stands in for `datagram_received` of a protocol. For the event loop's thread."""

    def __init__(
        self, hand: Callable[[bytes, Any], None], transport: asyncio.BaseTransport, own: socket.socket
    ) -> None:
        self._hand, self._transport, self._socket = hand, transport, own

    def __call__(self, data: bytes, sender: Any) -> None:
        self._hand(data, sender)
        for _ in range(MOST_A_TURN - 1):
            if self._transport.is_closing():
                return
            try:
                more, of = self._socket.recvfrom(LARGEST)
            except OSError:  # nothing more, mostly; whatever else it is, asyncio will hear of it too
                return
            self._hand(more, of)


def drain(protocol: asyncio.DatagramProtocol, transport: asyncio.BaseTransport) -> None:
    """From now on; does nothing where the loop reads in another way, or for a second time."""
    own = getattr(transport, "_sock", None)
    if isinstance(own, socket.socket) and not isinstance(protocol.datagram_received, Drain):
        setattr(protocol, "datagram_received", Drain(protocol.datagram_received, transport, own))  # noqa: B010
