"""A camera by RTSP on loopback whose connection breaks off, as FFmpeg sees it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from liveguard import back_off
from liveguard.taps.file import FileTap
from liveguard.taps.live_url import LiveUrlTap
from liveguard.types import AudioChunk, Gap, TapSample

pytestmark = pytest.mark.replay
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:t1\r\n"
)
PACKETS = 100  # of 20 ms, sent at once


def play(camera: socket.socket) -> None:
    """Answer one client, send it 2 s of sound, and hang up."""
    requests = camera.makefile("rb")
    while True:
        lines = [line.decode() for line in iter(lambda: requests.readline().strip(), b"")]
        if not lines:
            return
        method = lines[0].split()[0]
        number = next(line.partition(":")[2].strip() for line in lines if line.lower().startswith("cseq"))
        head, body = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n", ""
        if method == "OPTIONS":
            head += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            head, body = head + f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n", SDP
        elif method == "SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        camera.sendall(f"{head}\r\n{body}".encode())
        if method == "PLAY":
            for n in range(PACKETS):
                rtp = struct.pack(">BBHII", 0x80, 0, n, n * 160, 7) + b"\xff" * 160
                camera.sendall(struct.pack(">cBH", b"$", 0, len(rtp)) + rtp)
            return


@pytest.fixture
def camera() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    play(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"rtsp://127.0.0.1:{listening.getsockname()[1]}/live"
        listening.shutdown(socket.SHUT_RDWR)


def test_a_camera_that_hangs_up_is_called_again(camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_off, "FIRST_PAUSE_S", 0.2)
    tap = LiveUrlTap(FileTap(camera, timeout_s=1), lambda: FileTap(camera, timeout_s=1), True)
    out: list[TapSample] = []
    try:
        for sample in tap.samples():
            out.append(sample)
            if sum(len(one.pcm) for one in out if isinstance(one, AudioChunk)) > 3 * 16_000:
                break
    finally:
        tap.close()
    assert tap.join(10)
    ends_us = [0]
    for one in out:
        start_us = one.start_us if isinstance(one, Gap) else one.t_us  # type: ignore[union-attr]
        assert start_us == pytest.approx(ends_us[-1], abs=1_000), "seamless: sound, then the gap, then sound"
        ends_us.append(one.end_us if isinstance(one, Gap) else start_us + len(one.pcm) * 1_000_000 // 16_000)  # type: ignore[union-attr]
    gaps = [one for one in out if isinstance(one, Gap)]
    assert gaps
    assert sum(gap.end_us - gap.start_us for gap in gaps) < 10_000_000
