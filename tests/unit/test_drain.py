"""A socket's datagrams are read as they have come, many at a turn of the loop."""

from __future__ import annotations

import asyncio
import socket

from liveguard.rtc.drain import MOST_A_TURN, drain


class Counts(asyncio.DatagramProtocol):
    """Notes in which turn of the loop each datagram came."""

    def __init__(self, closes_after: int = 10**6) -> None:
        self.came: list[tuple[int, bytes]] = []
        self.turn, self._closes_after = 0, closes_after
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, _: object) -> None:
        self.came.append((self.turn, data))
        if len(self.came) == self._closes_after and self.transport is not None:
            self.transport.close()


async def received(protocol: Counts, count: int) -> None:
    """Sends `count` datagrams while the loop does not run, then lets it run."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: protocol, ("127.0.0.1", 0))
    drain(protocol, transport)
    drain(protocol, transport)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(count):
            sender.sendto(b"%d" % number, transport.get_extra_info("sockname"))
    for _ in range(20):
        await asyncio.sleep(0)
        protocol.turn += 1
    transport.close()
    await asyncio.sleep(0)


def test_what_has_come_is_read_at_one_turn_and_in_order() -> None:
    protocol = Counts()
    asyncio.run(received(protocol, 50))
    assert [data for _, data in protocol.came] == [b"%d" % number for number in range(50)]
    assert len({turn for turn, _ in protocol.came}) == 1


def test_others_have_their_turn_too() -> None:
    protocol = Counts()
    asyncio.run(received(protocol, MOST_A_TURN + 10))
    assert len(protocol.came) == MOST_A_TURN + 10
    assert len({turn for turn, _ in protocol.came}) == 2


def test_nothing_comes_after_the_end() -> None:
    protocol = Counts(closes_after=3)
    asyncio.run(received(protocol, 10))
    assert len(protocol.came) == 3
