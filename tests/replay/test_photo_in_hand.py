"""Real meshes: a photo that a hand moves raises an alert, and a head that moves as much does not, even if it never blinks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
import pytest

from liveguard.detectors.camera import Camera
from liveguard.detectors.replay import Replay
from liveguard.engine import Engine
from liveguard.face.backends import BackendPool
from liveguard.face.observer import Observer
from liveguard.stress.held import Reach, photo_in_hand
from liveguard.stress.video_codec import coded
from liveguard.types import Alert, Event, Reading, VideoFrame
from tests.rendering.head import Head, HeadPose
from tests.replay.portrait_people import portrait
from tests.synthetic import VIDEO

pytestmark = pytest.mark.replay

FPS = 12.5


@pytest.fixture(scope="module")
def pool() -> Iterator[BackendPool]:
    pool = BackendPool()
    yield pool
    pool.close()


@cache
def photo() -> tuple[VideoFrame, ...]:
    """30 s of a print of the portrait in a hand, as a call's codec leaves it."""
    page = cv2.resize(portrait("ann"), (416, 416), interpolation=cv2.INTER_CUBIC)
    frames = (VideoFrame(round(k * 1e6 / FPS), page) for k in range(round(30 * FPS)))
    held = photo_in_hand(Reach(18.0, 6.0, 0.06, 0.1))(frames, np.random.default_rng(5))
    return tuple(coded("vp8", 500)(held, np.random.default_rng(5)))


@cache
def head() -> tuple[VideoFrame, ...]:
    """11 s of a head that turns and nods, and neither blinks nor speaks."""
    person = Head(width=416, height=416)

    def pose(t_s: float) -> HeadPose:
        return HeadPose(9 * np.sin(1.7 * t_s), 6 * np.sin(1.1 * t_s), shift_x_mm=12 * np.sin(1.3 * t_s))

    times = [round(k * 1e6 / FPS) for k in range(round(11 * FPS))]
    return tuple(VideoFrame(t_us, person.draw(pose(t_us / 1e6))) for t_us in times)


def events(pool: BackendPool, frames: tuple[VideoFrame, ...]) -> list[Event]:
    detectors = [Camera(), Replay()]
    observer, engine = Observer(pool.lend(), detectors), Engine(VIDEO, detectors)
    found = [event for frame in frames for event in engine.push(observer.observe(frame))]
    observer.close()
    return found


def test_a_photo_in_a_hand_is_raised_within_28_s(pool: BackendPool) -> None:
    found = events(pool, photo())
    alerts = [event for event in found if isinstance(event, Alert)]
    assert [(alert.state, alert.hypothesis) for alert in alerts] == [("raised", "feed_injected")]
    assert 20_000_000 <= alerts[0].t_us <= 28_000_000  # not sooner: who listens may not have blinked yet
    assert alerts[0].readings[0].detector == "replay"
    assert "as a flat picture does" in alerts[0].readings[0].why


def test_a_head_that_turns_has_depth_and_raises_nothing(pool: BackendPool) -> None:
    found = events(pool, head())
    assert not [event for event in found if isinstance(event, Alert)]
    read = [event for event in found if isinstance(event, Reading) and event.detector == "replay"]
    judged = [reading for reading in read if reading.llr is not None]
    assert len(judged) >= 5
    assert max(reading.llr or 0.0 for reading in judged) < 0
    assert {reading.why for reading in judged} & {
        "no photo: the face has depth",
        "no photo: the face changes its shape",
    }


def test_the_photo_itself_shows_hardly_any_depth(pool: BackendPool) -> None:
    def parallax_deg(frames: tuple[VideoFrame, ...]) -> float:
        read = [e for e in events(pool, frames[:100]) if isinstance(e, Reading) and "parallax_deg" in e.measures]
        return float(np.median([reading.measures["parallax_deg"] for reading in read]))

    assert parallax_deg(head()) > 3 * parallax_deg(photo())
