"""WHIP against a real server: status codes, trickle, ICE restart, resumption, limits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from liveguard.config import Config
from liveguard.server.settings import ServerSettings
from liveguard.server.store import Store
from liveguard.types import Need
from tests.server_parts import (
    LOOPBACK,
    SDP,
    FakeGuard,
    Film,
    Publisher,
    Running,
    noise,
    publishing,
    serving,
    wait_until,
)
from tests.synthetic import Says

pytestmark = pytest.mark.replay
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
JSON = {"Content-Type": "application/json"}
NEED = Need(step_us=500_000, video_us=1_000_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with FakeGuard([Says("camera", NEED, -1.0)]) as guard, serving(guard) as running:
        yield running


def go(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def offer(pc: RTCPeerConnection) -> str:
    pc.addTransceiver("video", "sendonly")
    pc.addTransceiver("audio", "sendonly")
    await pc.setLocalDescription(await pc.createOffer())
    return pc.localDescription.sdp


def test_a_feed_is_guarded_and_ends(server: Running) -> None:
    async def work() -> None:
        async with publishing(server.url, "one") as publisher:
            assert re.fullmatch(r"/whip/one/[\w-]{20,}", publisher.location)
            for _ in range(200):
                session = (await publisher.http.get("/api/sessions?active=true")).json()["sessions"][0]
                if any(status["state"] == "genuine" for status in session["statuses"]):
                    break
                await asyncio.sleep(0.05)
            assert session["participant"] == "one"
            assert session["connected"] is True
            assert session["stats"]["frames_in"] > 30
        listed = httpx.get(f"{server.url}/api/sessions/{session['id']}").json()
        assert listed["ended_at"] is not None
        assert listed["connected"] is False

    go(work())


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/whip/me", {}, "v=0", 415),
        ("POST", "/whip/me", JSON, "{}", 415),
        ("POST", "/whip/me", SDP, "", 400),
        ("POST", "/whip/me", SDP, "v=0\r\nnonsense", 400),
        ("POST", "/whip/me", SDP, b"\xff\xfe", 400),
        ("POST", "/whip/me", SDP, "v=0\r\n" + "a=x\r\n" * 20_000, 413),
        ("POST", "/whip/" + "n" * 65, SDP, "v=0", 400),
        ("POST", "/whip/a%20b", SDP, "v=0", 400),
        ("GET", "/whip/me", {}, "", 405),
        ("PUT", "/whip/me", SDP, "v=0", 405),
        ("PATCH", "/whip/me/unknown", FRAGMENT, "", 404),
        ("PATCH", "/whip/me/unknown", SDP, "", 415),
        ("DELETE", "/whip/me/unknown", {}, "", 404),
        ("POST", "/whip/me/unknown", SDP, "v=0", 405),
        ("OPTIONS", "/whip/me", {}, "", 200),
        ("OPTIONS", "/whip/me/unknown", {}, "", 200),
        ("GET", "/api/sessions/unknown", {}, "", 404),
        ("POST", "/api/sessions", JSON, '{"sdp": 5}', 422),
        ("POST", "/api/sessions", JSON, "{", 422),
        ("POST", "/api/sessions", JSON, '{"sdp": "v=0", "kind": "webcam"}', 406),
        ("POST", "/api/alerts/unknown/feedback", JSON, '{"verdict": "real"}', 404),
        ("PUT", "/api/sessions/unknown/simulation", JSON, '{"attack": "freeze"}', 404),
        ("GET", "/api/alerts?limit=100000", {}, "", 422),
        ("GET", "/nothing", {}, "", 404),
        ("GET", "/..%2f..%2fetc%2fpasswd", {}, "", 404),
    ],
)
def test_every_wrong_request_gets_its_status(
    server: Running, method: str, path: str, headers: dict[str, str], body: str | bytes, status: int
) -> None:
    answer = httpx.request(method, server.url + path, headers=headers, content=body)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert set(answer.json()) == {"error"}
        assert len(answer.json()["error"]) > 5
    if status == 415:
        assert any(name in answer.headers for name in ("accept-post", "accept-patch"))


def test_codecs_that_cannot_be_decoded_are_refused_by_name(server: Running) -> None:
    async def work() -> None:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        text = await offer(pc)
        await pc.close()
        only_vp9 = re.sub(r"(VP8|H264)/90000", "VP9/90000", text)
        answer = httpx.post(f"{server.url}/whip/me", content=only_vp9, headers=SDP)
        assert answer.status_code == 406
        counted = httpx.get(f"{server.url}/metrics").text
        assert 'liveguard_connections_refused_total{why="no_codec"} 0.0' not in counted
        assert 'liveguard_connections_refused_total{why="no_codec"}' in counted
        assert "VP8" in answer.json()["error"]

    go(work())


def bundle_only(offer: str) -> str:
    """What RFC 8829 has a client write that wants one transport or none: only the first section says how it is carried."""
    *before, last = re.split("(?=m=)", offer)
    last = re.sub(r"a=(candidate|end-of-candidates|ice-|fingerprint|setup|rtcp)[^\r]*\r\n", "", last)
    return "".join(before) + re.sub(r"(m=\w+) \d+", r"\1 0", last) + "a=bundle-only\r\n"


@pytest.mark.parametrize(
    ("alter", "kinds"),
    [
        (bundle_only, ("video", "audio")),
        (lambda offer: offer.replace("a=group:BUNDLE 0\r\n", "a=group:BUNDLE 0 1\r\n"), ("video",)),
        (lambda offer: re.sub("(a=extmap:[^\r]*)", r"\1 vad=on", offer), ("video", "audio")),
    ],
    ids=["bundle-only", "one track in a bundle of two", "attributes of header extensions"],
)
def test_what_clients_write_otherwise_than_aiortc_is_understood(
    server: Running, alter: Callable[[str], str], kinds: tuple[str, ...]
) -> None:
    async def work() -> None:
        publisher = Publisher(server.url, "otherwise")
        for kind in kinds:
            publisher.pc.addTrack(Film(noise()) if kind == "video" else AudioStreamTrack())
        await publisher.pc.setLocalDescription(await publisher.pc.createOffer())
        plain = publisher.pc.localDescription.sdp
        assert alter(plain) != plain
        answer = await publisher.http.post("/whip/otherwise", content=alter(plain), headers=SDP)
        assert answer.status_code == 201, answer.text
        publisher.location = answer.headers["location"]
        await publisher.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await publisher.connected()
        tap = next(g for g in server.hub.live() if g.participant == "otherwise").tap
        assert tap.info.tracks == set(kinds)
        await asyncio.to_thread(wait_until, lambda: all(end.t_us > 0 for end in tap._ends.values()))
        await publisher.close()

    go(work())


def test_candidates_may_come_later(server: Running) -> None:
    async def work() -> None:
        publisher = Publisher(server.url, "trickle")
        for track in (Film(noise()), AudioStreamTrack()):
            publisher.pc.addTrack(track)
        await publisher.pc.setLocalDescription(await publisher.pc.createOffer())
        whole = publisher.pc.localDescription.sdp
        lines = whole.splitlines()
        bare = "\r\n".join(line for line in lines if "candidate" not in line) + "\r\n"
        answer = await publisher.http.post("/whip/trickle", content=bare, headers=SDP)
        assert answer.status_code == 201
        location, etag = answer.headers["location"], answer.headers["etag"]
        assert answer.headers["accept-patch"] == FRAGMENT["Content-Type"]
        await publisher.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        wanted = [line for line in lines if line.startswith(("a=ice-ufrag", "a=ice-pwd"))][:2]
        candidates = [line for line in lines if line.startswith("a=candidate")]
        mid = next(line for line in lines if line.startswith("a=mid:"))
        fragment = (
            "\r\n".join([*wanted, "m=video 9 UDP/TLS/RTP/SAVPF 0", mid, *candidates, "a=end-of-candidates"]) + "\r\n"
        )
        assert (await publisher.http.patch(location, content=fragment, headers=FRAGMENT)).status_code == 428
        stale = {**FRAGMENT, "If-Match": '"old"'}
        assert (await publisher.http.patch(location, content=fragment, headers=stale)).status_code == 412
        current = {**FRAGMENT, "If-Match": etag}
        assert (await publisher.http.patch(location, content="rubbish", headers=current)).status_code == 400
        assert (await publisher.http.patch(location, content=fragment, headers=current)).status_code == 204
        publisher.location = location
        await publisher.connected()
        await publisher.close()

    go(work())


def test_ice_restarts_while_pictures_go_on(server: Running) -> None:
    async def work() -> None:
        async with publishing(server.url, "restart") as publisher:
            guarded = next(g for g in server.hub.live() if g.participant == "restart")
            etag = publisher.etag

            async def frames() -> int:
                session = (await publisher.http.get(f"/api/sessions/{guarded.id}")).json()
                return int(session["stats"]["frames_in"])

            ufrag, pwd, _ = await publisher.ice.restart("newufrag", "newpassword4newpassword4", [])
            fragment = f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
            answer = await publisher.http.patch(
                publisher.location, content=fragment, headers={**FRAGMENT, "If-Match": "*"}
            )
            assert answer.status_code == 200, answer.text
            assert answer.headers["etag"] != etag
            assert "a=ice-ufrag:" in answer.text
            assert "a=candidate:" in answer.text
            before = await frames()
            await asyncio.sleep(1.0)
            assert await frames() > before + 10, "the old path carries on until the new one is found"

    go(work())


def test_who_comes_again_goes_on_with_the_same_session(server: Running) -> None:
    async def work() -> None:
        first = Publisher(server.url, "again")
        assert (await first.publish()).status_code == 201
        await first.connected()
        guarded = next(g for g in server.hub.live() if g.participant == "again")
        await asyncio.sleep(1.0)
        await first.close(leave=False)  # the network is gone
        await asyncio.to_thread(wait_until, lambda: guarded.connection is None, 40.0)
        async with publishing(server.url, "again"):
            assert next(g for g in server.hub.live() if g.participant == "again") is guarded
            await asyncio.to_thread(wait_until, lambda: guarded.connection is not None)
            before_us = guarded.tap.reached_us("video")
            await asyncio.sleep(1.0)
            assert guarded.tap.reached_us("video") > before_us
        assert guarded.ended_at is not None

    go(work())


def test_who_closes_the_connection_first_and_says_so_afterwards_has_left(server: Running) -> None:
    async def work() -> None:
        publisher = Publisher(server.url, "abrupt")
        assert (await publisher.publish()).status_code == 201
        await publisher.connected()
        guarded = next(g for g in server.hub.live() if g.participant == "abrupt")
        await asyncio.to_thread(wait_until, lambda: guarded.connection is not None)
        await publisher.pc.close()
        await asyncio.to_thread(wait_until, lambda: guarded.connection is None)
        assert guarded.ended_at is None
        other = publisher.location[:-1] + ("A" if publisher.location[-1] != "A" else "B")
        assert (await publisher.http.delete(other)).status_code == 404
        assert (await publisher.http.delete(publisher.location)).status_code == 200
        assert guarded.ended_at is not None
        assert (await publisher.http.delete(publisher.location)).status_code == 404
        await publisher.http.aclose()

    go(work())


def test_a_new_connection_takes_over_from_one_that_is_still_there(server: Running) -> None:
    async def work() -> None:
        async with publishing(server.url, "twice") as first:
            guarded = next(g for g in server.hub.live() if g.participant == "twice")
            async with publishing(server.url, "twice"):
                await asyncio.to_thread(wait_until, lambda: guarded.find(first.location.split("/")[-1]) is None)
                assert (await first.http.delete(first.location)).status_code == 404
                assert guarded.ended_at is None

    go(work())


def test_sessions_are_bounded() -> None:
    settings = ServerSettings(ice_addresses=LOOPBACK, max_sessions=2)

    async def work(running: Running) -> None:
        async with publishing(running.url, "a"), publishing(running.url, "b") as second:
            text = second.pc.localDescription.sdp
            refused = await second.http.post("/whip/c", content=text, headers=SDP)
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert len(running.hub.live()) == 2
            metrics = (await second.http.get("/metrics")).text
            assert 'liveguard_connections_refused_total{why="too_many"} 1.0' in metrics

    with FakeGuard([Says("camera", NEED)]) as guard, serving(guard, settings) as running:
        go(work(running))


def test_a_sink_that_cannot_be_opened_leaves_nothing_behind(tmp_path: Path) -> None:
    config = Config(sinks=({"kind": "jsonl", "target": str(tmp_path / "no such folder" / "events.jsonl")},))
    settings = ServerSettings(config=config, ice_addresses=LOOPBACK)
    store = Store("sqlite://")

    async def work(running: Running) -> None:
        publisher = Publisher(running.url)
        refused = await publisher.publish()
        assert refused.status_code == 503
        assert "events.jsonl" in refused.json()["error"]
        assert running.hub.live() == []
        assert [session["ended_at"] is None for session in store.sessions()] == [False]
        await publisher.close()

    with FakeGuard([Says("camera", NEED)]) as guard, serving(guard, settings, store) as running:
        go(work(running))


def test_alerts_are_stored_told_and_answered() -> None:
    store = Store("sqlite://")

    async def work(running: Running) -> None:
        async with publishing(running.url, "fake") as publisher:
            session = running.hub.live()[0].id
            answer = await publisher.http.put(f"/api/sessions/{session}/simulation", json={"attack": "freeze"})
            assert answer.status_code == 403, "who publishes may be the attacker"
            for _ in range(300):
                alerts = (await publisher.http.get("/api/alerts")).json()["alerts"]
                if alerts:
                    break
                await asyncio.sleep(0.05)
            alert = alerts[0]
            assert alert["participant"] == "fake"
            assert alert["hypothesis"] == "face_manipulated"
            assert alert["simulation"] is None
            assert alert["settle"]
            given = {"verdict": "false_alarm", "note": "it was me"}
            answered = await publisher.http.post(f"/api/alerts/{alert['id']}/feedback", json=given)
            assert answered.status_code == 201
            again = (await publisher.http.get(f"/api/alerts?session={session}")).json()["alerts"][0]
            assert again["feedback"]["verdict"] == "false_alarm"
            assert (await publisher.http.get("/api/alerts?session=other")).json() == {"alerts": []}

    with FakeGuard([Says("camera", NEED, 6.0)]) as guard, serving(guard, store=store) as running:
        go(work(running))
