"""A covered mouth is seen to be covered, and lip-sync does not judge what the mesh draws over it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liveguard.detectors.lipsync import LipSync
from liveguard.detectors.mouth_cover import MOST_COVERED, SKIN, covered_share
from liveguard.face.backends import open_backend
from liveguard.face.geometry import inter_ocular_px
from liveguard.face.observer import Observer
from liveguard.stress.face_cover import beard, glasses, mask
from liveguard.stress.variant import PictureEffect
from liveguard.types import FaceSample, FloatArray, VideoFrame
from tests.replay.portrait_people import portrait

pytestmark = pytest.mark.replay
PICTURES = 6


def seen_through(
    effect: PictureEffect | None, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> tuple[FaceSample, ...]:
    """The portrait, twice as large, in light of that colour."""
    image = cv2.resize(portrait("ann"), None, fx=2.0, fy=2.0)
    lit = np.clip(image * np.array(tint), 0, 255).astype(np.uint8)
    frames = iter([VideoFrame(k * 250_000, lit) for k in range(PICTURES)])
    observer = Observer(open_backend(), [LipSync()], max_faces=1)
    try:
        pictures = frames if effect is None else effect(frames, np.random.default_rng(0))
        return tuple(face for frame in pictures for face in observer.observe(frame).faces)
    finally:
        observer.close()


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.1, 1.0, 0.7), (0.3, 0.3, 0.3)], ids=["white", "warm", "dark"])
def test_a_bare_face_is_not_covered(tint: tuple[float, float, float]) -> None:
    assert len(seen_through(None, tint)) >= PICTURES - 2
    assert covered_share(seen_through(None, tint)) == 0.0


@pytest.mark.parametrize("effect", [glasses(), beard()], ids=["glasses", "beard"])
def test_glasses_and_beards_do_not_cover_the_mouth(effect: PictureEffect) -> None:
    assert covered_share(seen_through(effect)) == 0.0


def test_a_mask_covers_the_mouth() -> None:
    samples = seen_through(mask())
    assert samples
    assert covered_share(samples) > MOST_COVERED


@pytest.mark.parametrize("grey", [25.0, 235.0], ids=["black", "white"])
def test_masks_of_other_colours_do_too(grey: float) -> None:
    (sample, *_) = seen_through(None)
    skin = sample.probes[SKIN.name]
    covered: FloatArray = np.stack([np.full(3, grey), skin[1], np.full(3, grey)]).astype(np.float32)
    samples = [FaceSample(0, 1, sample.landmarks, sample.box, 1.0, 100.0, probes={SKIN.name: covered})]
    assert covered_share(tuple(samples)) == 1.0
    assert inter_ocular_px(sample.landmarks) > 60, "the portrait is large enough to tell"


def test_an_oddly_lit_lower_face_with_lips_in_it_is_bare() -> None:
    (sample, *_) = seen_through(None)
    bare = sample.probes[SKIN.name][1]
    odd = bare * np.array([0.8, 1.1, 1.0], np.float32)
    lips = odd * np.array([1.1, 0.8, 0.9], np.float32)
    seen = [replace(sample, probes={SKIN.name: np.stack([odd, bare, mouth])}) for mouth in (lips, odd)]
    assert [covered_share((face,)) for face in seen] == [0.0, 1.0]
