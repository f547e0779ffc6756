"""Real connections on loopback: chosen addresses, late candidates, ICE restarts below running media, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

from liveguard.errors import BackendError, ConfigError, InputError
from liveguard.rtc import ice as ice_module
from liveguard.rtc.ice import IceControl, check_addresses, prepare
from liveguard.rtc.restartable_ice import RestartableIce
from liveguard.rtc.sdp import check_offer, parse_fragment, set_offer, write_fragment

pytestmark = pytest.mark.replay

V4 = ("127.0.0.1",)


def has_ipv6() -> bool:
    try:
        return check_addresses(["::1"]) == ["::1"]
    except ConfigError:
        return False


class Call:
    """A client that sends video to a server; both under control, both only on the given addresses."""

    def __init__(self, addresses: tuple[str, ...] = V4, **limits: float) -> None:
        self.client, self.server = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
        self.client.addTransceiver(VideoStreamTrack(), direction="sendonly")
        self.client_ice = prepare(self.client, addresses)
        self.server_ice = prepare(self.server, addresses, **limits)
        self.frames = 0
        self.pump: asyncio.Task[None] | None = None
        self.states: list[str] = []
        self.server.on("track", self.begin)
        self.server.on("connectionstatechange", lambda: self.states.append(self.server.connectionState))

    def begin(self, track: Any) -> None:
        async def drain() -> None:
            while True:
                try:
                    await track.recv()
                except MediaStreamError:
                    return
                self.frames += 1

        self.pump = asyncio.create_task(drain())

    async def describe(self, alter: Callable[[str], str] = lambda sdp: sdp) -> str:
        """Offer and answer; `alter` is what happens to both on their way. Gives the offer as it was."""
        await self.client.setLocalDescription(await self.client.createOffer())
        offer = self.client.localDescription.sdp
        await set_offer(self.server, alter(offer))
        await self.server.setLocalDescription(await self.server.createAnswer())
        answer = alter(self.server.localDescription.sdp)
        await self.client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return offer

    async def more_frames(self, count: int = 10, within_s: float = 10.0) -> None:
        goal = self.frames + count
        await until(lambda: self.frames >= goal, within_s)

    async def close(self) -> None:
        await self.client.close()
        await self.server.close()
        if self.pump:
            self.pump.cancel()  # aiortc ends no track that has never begun
            await asyncio.wait([self.pump])


def run(test: Callable[[Call], Awaitable[None]], addresses: tuple[str, ...] = V4, **limits: float) -> None:
    async def main() -> None:
        call = Call(addresses, **limits)
        try:
            await test(call)
        finally:
            await call.close()

    asyncio.run(main())


def of(control: IceControl) -> RestartableIce:
    return control._the_one()


def ports(control: IceControl) -> list[int]:
    return [candidate.port for candidate in of(control).local_candidates]


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def without_candidates(sdp: str) -> str:
    return re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", sdp)


async def restart_both(call: Call) -> None:
    """What a WHIP client does: new credentials of its own in a PATCH, those of the server in the answer to it."""
    client = of(call.client_ice)
    opened = await client._open_next()
    mine = [ice_module.candidate_from_aioice(candidate) for candidate in opened.local_candidates]
    patch = parse_fragment(write_fragment(opened.local_username, opened.local_password, mine))
    answer = parse_fragment(write_fragment(*await call.server_ice.restart(patch.ufrag, patch.pwd, patch.candidates)))
    theirs = [ice_module.candidate_to_aioice(candidate) for candidate in answer.candidates]
    await client._aim(opened, answer.ufrag, answer.pwd, theirs)


async def until(what: Callable[[], bool], within_s: float = 5.0) -> None:
    async def poll() -> None:
        while not what():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(poll(), within_s)


def test_media_flow_on_the_chosen_address_only() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        for peer in (call.client, call.server):
            assert set(re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+)", peer.localDescription.sdp)) == set(V4)

    run(test)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_media_flow_on_ipv6_loopback() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        assert {candidate.host for candidate in of(call.server_ice).local_candidates} == {"::1"}

    run(test, ("::1",))


def test_without_a_choice_loopback_comes_on_top_of_the_standard_addresses() -> None:
    async def test() -> None:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTransceiver("video", direction="recvonly")
        plain = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        plain.addTransceiver("video", direction="recvonly")
        prepare(peer)
        found = []
        for one in (peer, plain):
            await one.setLocalDescription(await one.createOffer())
            found.append(set(re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+)", one.localDescription.sdp)))
            await one.close()
        assert found[0] - found[1] <= {"127.0.0.1", "::1"}
        assert found[0] >= found[1] | {"127.0.0.1"}

    asyncio.run(test())


def test_transports_that_aiortc_makes_later_are_under_control_too() -> None:
    """The server has added nothing: video and the data channel get their transports with the offer."""

    async def test(call: Call) -> None:
        call.client.createDataChannel("chat")
        offer = await call.describe()
        assert [kind for kind, _ in check_offer(offer).sections] == ["video", "application"]
        await call.more_frames()
        assert set(re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+)", call.server.localDescription.sdp)) == set(V4)

    run(test)


def test_candidates_may_come_late() -> None:
    async def test(call: Call) -> None:
        offer = await call.describe(without_candidates)
        checked = check_offer(offer)
        await asyncio.sleep(0.3)
        assert call.server.iceConnectionState == "checking"
        lines = "".join(f"{line}\r\n" for line in offer.splitlines() if line.startswith("a=candidate"))
        fragment = parse_fragment(
            f"a=ice-ufrag:{checked.ufrag}\r\na=ice-pwd:{checked.pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n{lines}"
        )
        with pytest.raises(InputError, match="not the current one"):
            await call.server_ice.add_candidate(fragment.candidates[0], "some1else")
        assert call.server.iceConnectionState == "checking"
        for candidate in fragment.candidates:
            await call.server_ice.add_candidate(candidate, fragment.ufrag)
        await call.server_ice.add_candidate(None, fragment.ufrag)
        await call.more_frames()

    run(test)


def test_a_client_that_names_only_hidden_addresses_gets_through() -> None:
    """Browsers hide their addresses behind names; that there are no others does not end the server's patience."""

    def hide(sdp: str) -> str:
        hidden = re.sub(r"(a=candidate:\S+ 1 udp \d+) \S+", r"\1 6f5e1f0a-0000-4000-8000-0123456789ab.local", sdp)
        return hidden if "a=sendonly" in sdp else sdp

    async def test(call: Call) -> None:
        offer = await call.describe(hide)
        assert "a=end-of-candidates" in offer
        await call.more_frames()

    run(test)


def test_a_connection_that_never_comes_is_given_up() -> None:
    async def test(call: Call) -> None:
        await call.describe(without_candidates)
        await until(lambda: call.server.connectionState == "failed", within_s=3)

    run(test, connect_s=0.3)


def test_ice_restart_below_running_video() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        dtls = call.server.getTransceivers()[0].receiver.transport
        dtls_states: list[str] = []
        dtls.on("statechange", lambda: dtls_states.append(dtls.state))
        for _ in range(2):
            old_ports, old = ports(call.server_ice), call.server_ice.credentials
            assert not any(is_free(port) for port in old_ports)
            await restart_both(call)
            new = call.server_ice.credentials
            assert new.ufrag != old.ufrag
            assert new.pwd != old.pwd
            assert new.remote_ufrag != old.remote_ufrag
            await until(lambda: all(is_free(port) for port in old_ports))  # noqa: B023 (awaited at once)
            assert not set(ports(call.server_ice)) & set(old_ports)
            await call.more_frames()
        assert dtls.state == "connected"
        assert dtls_states == []
        assert call.states[-1] == "connected"

    run(test)


def test_candidates_after_a_restart_go_to_the_new_session() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        before = of(call.server_ice)._current
        opened = await of(call.client_ice)._open_next()
        named = [ice_module.candidate_from_aioice(candidate) for candidate in opened.local_candidates]
        ufrag, pwd, _ = await call.server_ice.restart(opened.local_username, opened.local_password)
        # The client knows no candidate of the server either, so nothing can happen before one is named.
        await of(call.client_ice)._aim(opened, ufrag, pwd, [])
        await asyncio.sleep(0.3)
        assert of(call.server_ice)._current is before
        with pytest.raises(InputError):
            await call.server_ice.add_candidate(named[0], before.remote_username)
        await call.server_ice.add_candidate(named[0], opened.local_username)
        await until(lambda: of(call.server_ice)._current is not before)
        await call.more_frames()

    run(test)


def test_a_restart_that_fails_leaves_the_old_path() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        old, old_ports = call.server_ice.credentials, ports(call.server_ice)
        _, _, offered = await call.server_ice.restart("nobody", "x" * 24)
        await call.more_frames(5)
        assert call.server_ice.credentials.remote_ufrag == "nobody"
        await until(lambda: call.server_ice.credentials == old)
        await until(lambda: all(is_free(candidate.port) for candidate in offered))
        assert ports(call.server_ice) == old_ports
        await call.more_frames()
        assert call.states[-1] == "connected"

    run(test, restart_s=0.4)


def test_a_later_restart_replaces_one_that_goes_on() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        _, _, given_up = await call.server_ice.restart("nobody", "x" * 24)
        old_ports = ports(call.server_ice)
        await restart_both(call)
        await until(lambda: all(is_free(candidate.port) for candidate in given_up))
        await until(lambda: all(is_free(port) for port in old_ports))
        await call.more_frames()

    run(test)


def test_a_restart_before_the_first_path_is_found() -> None:
    async def test(call: Call) -> None:
        await call.describe(without_candidates)
        await asyncio.sleep(0.1)
        await restart_both(call)
        await call.more_frames()

    run(test)


def test_a_restart_saves_a_connection_whose_path_is_lost() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        opened = await of(call.client_ice)._open_next()
        mine = [ice_module.candidate_from_aioice(candidate) for candidate in opened.local_candidates]
        ufrag, pwd, theirs = await call.server_ice.restart(opened.local_username, opened.local_password, mine)
        await of(call.server_ice)._current.close()  # as aioice does when the other side has not answered for long
        assert call.server.connectionState == "connected"
        there = [ice_module.candidate_to_aioice(candidate) for candidate in theirs]
        await of(call.client_ice)._aim(opened, ufrag, pwd, there)
        await call.more_frames()

    run(test)


def test_a_lost_path_ends_the_connection() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        await of(call.server_ice)._current.close()
        await until(lambda: call.server.connectionState in ("failed", "closed"))
        with pytest.raises(InputError, match="0 transports"):
            await call.server_ice.restart("some1", "x" * 24)

    run(test)


def test_a_lost_path_ends_the_connection_once_the_restart_has_failed() -> None:
    async def test(call: Call) -> None:
        await call.describe()
        await call.more_frames()
        await call.server_ice.restart("nobody", "x" * 24)
        await of(call.server_ice)._current.close()
        await asyncio.sleep(0.1)
        assert call.server.connectionState == "connected"
        await until(lambda: call.server.connectionState in ("failed", "closed"))

    run(test, restart_s=0.4)


def test_nothing_is_left_behind() -> None:
    """Tasks and file descriptors, also when a connection is closed in the middle of everything."""

    async def once(stage: int) -> None:
        call = Call()
        if stage > 0:
            await call.describe(without_candidates if stage == 1 else lambda sdp: sdp)
        if stage > 1:
            await call.more_frames(3)
        if stage > 2:
            await restart_both(call)
        if stage == 4:
            await call.server_ice.restart("nobody", "x" * 24)
        if stage == 5:
            restart = asyncio.create_task(call.server_ice.restart("nobody", "x" * 24))
            await asyncio.sleep(0)
            await call.close()
            await asyncio.gather(restart, return_exceptions=True)
        await call.close()
        await asyncio.sleep(0.1)

    async def main() -> None:
        await once(3)  # what is opened once for good: the decoder's libraries, the loop's own
        tasks, files = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        for stage in range(6):
            await once(stage)
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert len(left) == tasks - 1, (stage, left)
            assert len(os.listdir("/proc/self/fd")) == files, stage

    asyncio.run(main())


def test_strangers_cannot_fill_the_memory() -> None:
    async def test(call: Call) -> None:
        await call.describe(without_candidates)
        ice = of(call.server_ice)
        for _ in range(5000):
            ice.received(b"x" * 1200)
        assert ice._queue.qsize() <= 2048
        for number in range(200):
            line = f"a=candidate:{number + 1} 1 udp 1 127.0.0.1 {20_000 + number} typ host\r\n"
            text = f"a=ice-ufrag:some1\r\na=ice-pwd:{'x' * 24}\r\nm=video 9 X 0\r\na=mid:0\r\n{line}"
            await call.server_ice.add_candidate(parse_fragment(text).candidates[0])
        assert len(ice.remote_candidates) <= 64

    run(test)


def test_another_version_of_aiortc_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        monkeypatch.setattr(ice_module, "_CREATE", "_RTCPeerConnection__createTransport")
        with pytest.raises(
            BackendError, match=r"aiortc 1\.\d+\.\d+ with aioice .* does not fit: _RTCPeerConnection__createT"
        ):
            prepare(peer)
        await peer.close()

    asyncio.run(test())


def test_an_address_that_cannot_be_bound_is_said() -> None:
    async def test() -> None:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTransceiver("video", direction="recvonly")
        prepare(peer, ["203.0.113.77"])
        with pytest.raises(BackendError, match="no socket"):
            await peer.setLocalDescription(await peer.createOffer())
        await peer.close()

    asyncio.run(test())
