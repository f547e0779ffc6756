"""WHEP against a small SFU on loopback, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import uvicorn
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack
from aiortc.rtp import RtcpByePacket
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from liveguard import back_off
from liveguard.errors import InputError
from liveguard.rtc import whep_call, whep_client
from liveguard.rtc.ice import prepare
from liveguard.taps.whep import WhepTap
from liveguard.types import AudioChunk, Gap, TapSample, VideoFrame
from tests.server_parts import LOOPBACK, Film, noise, wait_until

pytestmark = pytest.mark.replay
SECRETS = ("s3cret", "hush", "p4ss", "user")
HZ = 48_000


class Tone(AudioStreamTrack):
    """440 Hz in its time."""

    def __init__(self) -> None:
        super().__init__()
        self._at, self._began_s = 0, time.monotonic()

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(max(0.0, self._began_s + self._at / HZ - time.monotonic()))
        t_s = (self._at + np.arange(960)) / HZ
        pcm = (8000 * np.sin(2 * np.pi * 440 * t_s)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = HZ, self._at, Fraction(1, HZ)
        self._at += 960
        return frame


class Sfu:
    """Plays noise and a tone to whoever subscribes at /live; `script` is answered first."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.kinds: tuple[str, ...] = ("video", "audio")
        self.script: list[Response] = []
        self.deaf = False  # to DELETE
        self.requests: list[tuple[str, str, str]] = []
        self._calls: dict[str, RTCPeerConnection] = {}
        self._pictures = noise()
        methods = ["POST", "DELETE", "GET"]
        app = Starlette(routes=[Route("/{path:path}", self._handle, methods=methods)], lifespan=self._lifespan)
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ssl_certfile=certificate))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        wait_until(lambda: self._server.started)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"whep+http://{self.host}/live"

    @property
    def open(self) -> int:
        return len(self._calls)

    def count(self, method: str) -> int:
        return sum(one == method for one, _, _ in self.requests)

    def drop(self) -> None:
        """Hang up on everybody, as when the sender leaves."""
        for key in list(self._calls):
            asyncio.run_coroutine_threadsafe(self._calls.pop(key).close(), self._loop).result(10)

    def say_bye(self) -> None:
        """As a browser does when a track is taken off its sender; here it goes on at once."""
        for call in self._calls.values():
            for sender in call.getSenders():
                bye = sender._send_rtcp([RtcpByePacket(sources=[sender._ssrc])])
                asyncio.run_coroutine_threadsafe(bye, self._loop).result(10)

    def stop(self) -> None:
        self.drop()
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        yield

    def mute(self) -> None:
        """Send nothing any more, and keep the connections."""
        for call in self._calls.values():
            for sender in call.getSenders():
                asyncio.run_coroutine_threadsafe(sender.stop(), self._loop).result(10)

    async def _handle(self, request: Request) -> Response:
        self.requests.append((request.method, request.url.path, request.headers.get("authorization", "")))
        if request.method == "DELETE":
            if self.deaf:
                await self._stopped.wait()
            call = self._calls.pop(request.url.path.rsplit("/", 1)[-1], None)
            if call is None:
                return PlainTextResponse("", 404)
            await call.close()
            return PlainTextResponse("")
        if self.script:
            return self.script.pop(0)
        assert request.headers["content-type"] == "application/sdp"
        return await self._answer((await request.body()).decode())

    async def _answer(self, offer: str) -> Response:
        call = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        prepare(call, LOOPBACK)
        await call.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        tracks: dict[str, MediaStreamTrack] = {"video": Film(self._pictures), "audio": Tone()}
        for kind in self.kinds:
            call.addTrack(tracks[kind])
        await call.setLocalDescription(await call.createAnswer())
        key = f"n{len(self.requests)}"
        self._calls[key] = call
        headers = {"Location": f"/sessions/{key}?hush"}
        return Response(call.localDescription.sdp, 201, headers, "application/sdp")


@pytest.fixture
def sfu() -> Iterator[Sfu]:
    running = Sfu()
    try:
        yield running
    finally:
        running.stop()


def take(tap: WhepTap, seconds: float) -> list[TapSample]:
    """What comes in so long."""
    until_s, taken = time.monotonic() + seconds, []
    for sample in tap.samples():
        taken.append(sample)
        if time.monotonic() > until_s:
            break
    return taken


def of(kind: type, samples: Sequence[TapSample]) -> list[Any]:
    return [sample for sample in samples if isinstance(sample, kind)]


def increase(times: Sequence[int]) -> bool:
    return all(before < after for before, after in pairwise(times))


def test_a_stream_is_watched_and_left(sfu: Sfu) -> None:
    with closing(WhepTap(sfu.url, addresses=LOOPBACK)) as tap:
        assert tap.info.live
        assert tap.info.tracks == {"video", "audio"}
        samples = take(tap, 3.0)
        assert sfu.open == 1
    pictures, sound = of(VideoFrame, samples), of(AudioChunk, samples)
    assert len(pictures) > 50
    assert pictures[0].image.shape == (240, 320, 3)
    assert pictures[0].image.std() > 20
    assert increase([picture.t_us for picture in pictures])
    assert increase([chunk.t_us for chunk in sound])
    pcm = np.concatenate([chunk.pcm for chunk in sound])[-16_000:]
    assert np.abs(np.fft.rfft(pcm)).argmax() * 16_000 / len(pcm) == pytest.approx(440, abs=3)
    assert sfu.open == 0, "the server is told at the end"
    assert sfu.requests[-1] == ("DELETE", "/sessions/n1", "")
    assert "liveguard-whep" not in {thread.name for thread in threading.enumerate()}


def test_a_stream_that_says_bye_and_goes_on_is_still_watched(sfu: Sfu) -> None:
    with closing(WhepTap(sfu.url, addresses=LOOPBACK)) as tap:
        take(tap, 1.0)
        sfu.say_bye()
        take(tap, 0.5)
        samples = take(tap, 1.0)
        assert of(VideoFrame, samples)
        assert of(AudioChunk, samples)
        assert sfu.count("POST") == 1


def test_a_stream_without_sound_is_video_only(sfu: Sfu) -> None:
    sfu.kinds = ("video",)
    with closing(WhepTap(sfu.url, addresses=LOOPBACK)) as tap:
        assert tap.info.tracks == {"video"}
        assert of(VideoFrame, take(tap, 1.0))


def test_a_voice_alone_can_be_watched(sfu: Sfu) -> None:
    sfu.kinds = ("audio",)
    with closing(WhepTap(sfu.url, addresses=LOOPBACK)) as tap:
        assert tap.info.tracks == {"audio"}
        assert of(AudioChunk, take(tap, 1.0))


def test_the_login_is_sent_with_every_request_and_never_shown(sfu: Sfu) -> None:
    with closing(WhepTap(sfu.url + "?key=hush", token="s3cret", addresses=LOOPBACK)) as tap:
        assert tap.info.name == sfu.url
    assert sfu.requests == [("POST", "/live", "Bearer s3cret"), ("DELETE", "/sessions/n1", "Bearer s3cret")]
    with closing(WhepTap(f"whep+http://user:p4ss@{sfu.host}/live", addresses=LOOPBACK)) as tap:
        assert tap.info.name == sfu.url
    assert sfu.requests[-1][2] == "Basic dXNlcjpwNHNz"


def test_a_lost_connection_is_a_gap_and_then_it_goes_on(
    sfu: Sfu, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_off, "FIRST_PAUSE_S", 0.5)
    url = f"whep+http://user:p4ss@{sfu.host}/live?key=hush"
    with caplog.at_level(logging.DEBUG, "liveguard"), closing(WhepTap(url, addresses=LOOPBACK)) as tap:
        before = take(tap, 1.0)
        sfu.script = [PlainTextResponse("", 409), PlainTextResponse("", 401), PlainTextResponse("", 401)]
        sfu.drop()
        after: list[TapSample] = []
        for sample in tap.samples():
            after.append(sample)
            if of(Gap, after) and len(of(VideoFrame, after)) > 60:
                break
        assert sfu.open == 1
    pictures = [sample.t_us for sample in before + after if isinstance(sample, VideoFrame)]
    assert increase(pictures)
    longest_us, at = max((later - earlier, n) for n, (earlier, later) in enumerate(pairwise(pictures)))
    assert longest_us > 2_000_000
    gaps = [gap for gap in of(Gap, after) if gap.kind == "video" and gap.reason == "lost"]
    missing_us = sum(gap.end_us - gap.start_us for gap in gaps)
    assert missing_us == pytest.approx(longest_us, abs=200_000)
    assert all(pictures[at] <= gap.start_us < gap.end_us <= pictures[at + 1] for gap in gaps)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [re.sub(r"^\S+: ", "", text) for text in said] == [
        "the connection was closed by the other side; connecting again",
        "there is no such stream, or nobody sends to it now (status 409)",
        "the server wants a login: give --token or LIVEGUARD_WHEP_TOKEN, or user:password@ in the URL (status 401)",
        "connected again",
    ]
    assert not any(secret in text.replace("user:password@", "") for secret in SECRETS for text in caplog.messages)


def test_a_connection_that_brings_nothing_is_made_anew(sfu: Sfu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_off, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(whep_call, "SILENT_S", 2.0)
    with closing(WhepTap(sfu.url, addresses=LOOPBACK)) as tap:
        take(tap, 0.5)
        sfu.mute()
        wait_until(lambda: sfu.count("POST") == 2)
        assert of(VideoFrame, take(tap, 1.5))
        assert sfu.count("DELETE") == 1
        assert sfu.open == 1


@pytest.mark.parametrize(
    ("status", "headers", "what"),
    [
        (401, {}, "the server wants a login: give --token"),
        (403, {}, "the login does not allow this stream"),
        (404, {}, "there is no such stream"),
        (409, {"Retry-After": "7"}, r"nobody sends to it now \(status 409\); it asks to wait 7 s"),
        (503, {"Retry-After": "120"}, r"no room, or is not ready \(status 503\); it asks to wait 120 s"),
        (406, {}, "should offer VP8"),
        (500, {}, "the server failed"),
        (302, {"Location": "/other"}, r"does not answer as a WHEP endpoint does \(status 302\)"),
        (307, {}, "a redirect leads to an address that is not https"),
        (307, {"Location": "http://192.0.2.1/live"}, "a redirect leads to an address that is not https"),
        (307, {"Location": "file:///etc/passwd"}, "a redirect leads to an address that is not https"),
        (200, {}, "the server's answer: it is not a session description"),
        (201, {}, "the server's answer: it is not a session description"),
    ],
)
def test_what_is_wrong_at_the_first_try_is_said_at_once(
    sfu: Sfu, status: int, headers: dict[str, str], what: str
) -> None:
    sfu.script = [Response("<html>hush</html>", status, headers)]
    url = f"whep+http://user:p4ss@{sfu.host}/live?key=hush"
    with pytest.raises(InputError, match=what) as raised:
        WhepTap(url, addresses=LOOPBACK)
    assert str(raised.value).startswith(f"whep+http://{sfu.host}/live: ")
    assert not any(secret in str(raised.value).replace("user:password@", "") for secret in SECRETS)
    assert sfu.count("POST") == 1


def test_redirects_are_followed_three_times_and_no_more(sfu: Sfu) -> None:
    sfu.script = [Response(status_code=307, headers={"Location": place}) for place in ("/a", "b", "/c?hush")]
    with closing(WhepTap(sfu.url, token="s3cret", addresses=LOOPBACK)):
        assert [path for _, path, _ in sfu.requests] == ["/live", "/a", "/b", "/c"]
        assert {login for _, _, login in sfu.requests} == {"Bearer s3cret"}
    sfu.script = [Response(status_code=308, headers={"Location": "/again"}) for _ in range(9)]
    with pytest.raises(InputError, match="more than 3 redirects"):
        WhepTap(sfu.url, addresses=LOOPBACK)
    assert len(sfu.script) == 5


def test_a_redirect_to_another_port_does_not_get_the_login(sfu: Sfu) -> None:
    other = Sfu()
    try:
        sfu.script = [Response(status_code=307, headers={"Location": f"http://{other.host}/live"})]
        with closing(WhepTap(sfu.url, token="s3cret", addresses=LOOPBACK)) as tap:
            assert of(VideoFrame, take(tap, 1.0))
        assert [login for _, _, login in sfu.requests] == ["Bearer s3cret"]
        assert [(method, login) for method, _, login in other.requests] == [("POST", ""), ("DELETE", "")]
    finally:
        other.stop()


def test_a_damaged_answer_is_an_error_and_the_subscription_is_ended(sfu: Sfu) -> None:
    for body, what in (
        ("v=0\r\nnonsense", "line 2"),
        ("v=0\r\ns=-\r\nt=0 0\r\n", "other sections"),
        (b"\xff\xfe" * 50, "it is not a session description"),
        ("v=0\r\n" + "a=x\r\n" * 20_000, "too long"),
    ):
        sfu.script = [Response(body, 201, {"Location": "/sessions/x"}, "application/sdp")]
        with pytest.raises(InputError, match=what):
            WhepTap(sfu.url, addresses=LOOPBACK)
        assert sfu.requests[-1][:2] == ("DELETE", "/sessions/x")


# --- servers that misbehave below HTTP ------------------------------------------------------------------------------


@contextmanager
def raw(*parts: bytes, pause_s: float = 0.0, hold: bool = False) -> Iterator[str]:
    """A server that sends these bytes to whoever comes, and hangs up, or holds the line; gives the URL."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                read_request(connection)
                try:
                    for part in parts:
                        connection.sendall(part)
                        ended.wait(pause_s)
                except OSError:
                    continue
                if hold:
                    ended.wait(20)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"whep+http://127.0.0.1:{server.getsockname()[1]}/live"
    finally:
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def read_request(connection: socket.socket) -> None:
    """All of it, but for TLS: what is left unread would make the system break the connection off."""
    data = b""
    while b"\r\n\r\n" not in data and data[:1] != b"\x16" and (more := connection.recv(65_536)):
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while length and len(body) < int(length[1]) and (more := connection.recv(65_536)):
        body += more


HUGE = b"HTTP/1.1 201 Created\r\nContent-Length: 100000000\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ((HUGE, *(b"a=" * 32_768,) * 5), "longer than 256 kB"),
        ((b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\nv=0\r\n",), "does not speak HTTP"),
        ((b"SSH-2.0-OpenSSH\r\n",), "does not speak HTTP"),
        ((), "the server"),
    ],
)
def test_answers_that_are_none(parts: tuple[bytes, ...], what: str) -> None:
    with raw(*parts) as url, pytest.raises(InputError, match=what):
        WhepTap(url, addresses=LOOPBACK)


@pytest.mark.parametrize("parts", [(), (b"HTTP/1.1 201 Created\r\nX: ", *(b"a",) * 200)])
def test_a_server_that_never_finishes_is_left(parts: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whep_client, "REQUEST_S", 1.0)
    began_s = time.monotonic()
    with raw(*parts, pause_s=0.1, hold=True) as url, pytest.raises(InputError, match="did not answer in time"):
        WhepTap(url, addresses=LOOPBACK)
    assert time.monotonic() - began_s < 5
    wait_until(lambda: "liveguard-http" not in {thread.name for thread in threading.enumerate()}, 5)


def test_a_server_that_does_not_hear_the_end_holds_nobody_up(sfu: Sfu) -> None:
    tap = WhepTap(sfu.url, addresses=LOOPBACK)
    sfu.deaf = True
    ended = threading.Thread(target=lambda: list(tap.samples()))
    ended.start()
    began_s = time.monotonic()
    tap.close()
    tap.close()
    assert 2 < time.monotonic() - began_s < 6
    ended.join(2)
    assert not ended.is_alive()


def test_a_tap_ends_at_once_while_it_waits_to_connect_again(sfu: Sfu) -> None:
    with closing(WhepTap(sfu.url, addresses=LOOPBACK)) as tap:
        sfu.script = [Response(status_code=503, headers={"Retry-After": "100"}) for _ in range(9)]
        sfu.drop()
        wait_until(lambda: sfu.count("POST") == 2)
        time.sleep(1.5)
        assert sfu.count("POST") == 2, "the server asked to wait"
        began_s = time.monotonic()
        tap.close()
        assert time.monotonic() - began_s < 1


def test_the_server_must_show_a_certificate_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path / "sfu.pem")
    secure = Sfu(certificate)
    url = secure.url.replace("http", "https")
    try:
        with pytest.raises(InputError, match="certificate is not trusted"):
            WhepTap(url, token="s3cret", addresses=LOOPBACK)
        assert secure.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with closing(WhepTap(url, token="s3cret", addresses=LOOPBACK)) as tap:
            assert of(VideoFrame, take(tap, 1.0))
        assert [method for method, _, _ in secure.requests] == ["POST", "DELETE"]
        with pytest.raises(InputError, match="certificate is not trusted"):
            WhepTap(url.replace("127.0.0.1", "localhost"), addresses=LOOPBACK)
    finally:
        secure.stop()


def self_signed(file: Path) -> Path:
    """A certificate of 127.0.0.1, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sfu")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = builder.add_extension(alternative, False).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(secret + certificate.public_bytes(pem))
    return file


def test_nobody_listens_or_it_is_not_https() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(InputError, match="cannot be reached"):
        WhepTap(f"whep+http://127.0.0.1:{port}/live", addresses=LOOPBACK)
    with raw(b"not TLS") as url, pytest.raises(InputError, match="no secure connection"):
        WhepTap(url.replace("http", "https"), addresses=LOOPBACK)


# --- the command ----------------------------------------------------------------------------------------------------


def watch(*arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIVEGUARD_WHEP_TOKEN": token, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "liveguard", "watch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_liveguard_watch_guards_a_stream(sfu: Sfu) -> None:
    done = watch(f"whep+http://{sfu.host}/x", "--plain", "--seconds", "3", token="s3cret")
    assert done.returncode == 0, done.stderr
    assert "cannot judge" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert [(method, login) for method, _, login in sfu.requests] == [
        ("POST", "Bearer s3cret"),
        ("DELETE", "Bearer s3cret"),
    ]


def test_liveguard_watch_says_what_is_wrong(sfu: Sfu) -> None:
    sfu.script = [PlainTextResponse("", 401)]
    refused = watch(sfu.url + "?key=hush", "--plain", "--token", "s3cret")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"liveguard: {sfu.url}: the server wants a login")
    assert refused.stderr.count("\n") == 1
    assert watch("call.mp4", "--token", "s3cret").stderr == "liveguard: --token is for a whep+https URL only\n"
