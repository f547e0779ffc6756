"""A server with the real checks, and made-up people for Chromium: a camera with a microphone, and a meeting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from demo.clips import OTHER, speech, talking
from demo.puppet import Puppet
from liveguard.guard import Guard
from liveguard.types import ByteArray
from tests.browser.fake_devices import fit, write_camera, write_microphone
from tests.browser.parts import fake_devices
from tests.replay.portrait_people import PEOPLE, portrait
from tests.server_parts import Running, serving

FEED_S = 24.0  # longer than any test looks at it, as Chromium begins anew at the end
SIZE = (640, 360)
TILE = (480, 270)
TILE_PERIODS_S = (5.1, 5.9, 6.7, 7.3)  # unlike each other, so that the meeting as a whole does not repeat
TITLE = "Gallery"


@pytest.fixture(scope="session")
def devices(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A camera and a microphone in which the puppet speaks."""
    folder = tmp_path_factory.mktemp("devices")
    try:
        voice = speech(OTHER, folder, "en-us", 110)
    except FileNotFoundError:
        pytest.skip("espeak-ng is not installed (apt-get install espeak-ng)")
    camera, microphone = folder / "camera.mjpeg", folder / "microphone.wav"
    pictures = (fit(frame.image, SIZE) for frame in talking(Puppet(), voice, FEED_S, 30))
    write_camera(camera, pictures, SIZE)
    write_microphone(microphone, voice[: int(FEED_S * 16_000)])
    return tuple(fake_devices(camera, microphone))


@pytest.fixture(scope="session")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page in which four people are seen side by side, each moving in a way of their own."""
    folder = tmp_path_factory.mktemp("meeting")
    for name, period_s in zip(PEOPLE, TILE_PERIODS_S, strict=True):
        _write_tile(folder / f"{name}.webm", portrait(name), period_s)
    tiles = "".join(f'<video src="{name}.webm" autoplay loop muted></video>' for name in PEOPLE)
    style = "body{margin:0;display:grid;grid-template-columns:50% 50%;background:#222}video{width:100%}"
    (folder / "index.html").write_text(f"<!doctype html><title>{TITLE}</title><style>{style}</style>{tiles}")
    return folder


def _write_tile(path: Path, person: ByteArray, period_s: float, fps: int = 25) -> None:
    with av.open(str(path), "w") as out:
        video = out.add_stream("libvpx", rate=fps, options={"deadline": "realtime", "cpu-used": "8"})
        video.width, video.height, video.pix_fmt, video.bit_rate = *TILE, "yuv420p", 800_000
        for k in range(int(period_s * fps)):
            frame = av.VideoFrame.from_ndarray(_sway(person, 2 * math.pi * k / (period_s * fps)), format="rgb24")
            out.mux(video.encode(frame))
        out.mux(video.encode(None))


def _sway(person: ByteArray, phase: float) -> ByteArray:
    """The portrait, nodding and leaning a little; the same at the end of the period as at its beginning."""
    scale = TILE[1] / person.shape[0] * (1.15 + 0.03 * math.sin(2 * phase))
    turn = cv2.getRotationMatrix2D((130, 130), 4 * math.sin(phase), scale)
    turn[:, 2] += (TILE[0] / 2 - 130 + 14 * math.sin(phase), TILE[1] / 2 - 130 + 8 * math.sin(3 * phase))
    return np.asarray(cv2.warpAffine(person, turn, TILE, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.fixture(scope="session")
def guard() -> Iterator[Guard]:
    with Guard() as loaded:
        yield loaded


@pytest.fixture
def server(guard: Guard) -> Iterator[Running]:
    with serving(guard) as running:
        yield running
