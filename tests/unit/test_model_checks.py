"""The seam of the trained checks: with a model of the user's they judge, without one they say so, and pixels stay few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liveguard.calibration import Calibration
from liveguard.detectors.planar_motion import LEAST_NATS
from liveguard.detectors.replay import LISTENERS_BLINK_HZ, Replay
from liveguard.detectors.swap import Swap
from liveguard.detectors.voice import Voice
from liveguard.engine import Engine
from liveguard.face.backend import Region
from liveguard.face.observer import Observer
from liveguard.face.texture import canonical_face
from liveguard.policy import Policy
from liveguard.types import AudioChunk, Box, ByteArray, Detector, FloatArray, Observation, Reading, Sample, VideoFrame
from tests.synthetic import AUDIO, VIDEO, chunks, pictures, voice
from tests.tiny_models import mean_model


def readings(detector: Detector, samples: Sequence[Sample]) -> list[Reading]:
    as_it_says = Policy(calibration=Calibration())
    engine = Engine(AUDIO if isinstance(samples[0], AudioChunk) else VIDEO, [detector], as_it_says)
    events = [event for sample in samples for event in engine.push(sample)]
    assert not [event for event in events if not isinstance(event, Reading) and "check" in str(event)]
    return [event for event in events if isinstance(event, Reading)]


def with_crops(seen: list[Observation], name: str, grey: int) -> list[Observation]:
    """Every fifth picture brings a crop of one colour."""
    crop = np.full((224, 224, 3), grey, np.uint8)
    return [
        replace(one, faces=tuple(replace(f, crops={name: crop} if k % 5 == 0 else {}) for f in one.faces))
        for k, one in enumerate(seen)
    ]


@pytest.mark.parametrize("kind", [Swap, Replay])
def test_a_model_scores_the_crops_that_were_kept(kind: type[Swap] | type[Replay], tmp_path: Path) -> None:
    check = kind(mean_model(tmp_path / "model", [None, 3, 224, 224]))
    assert check.need.crops == (kind.crop,)
    assert check.need.cost == "heavy"
    bright = readings(check, with_crops(pictures(2.0), kind.crop, 204))
    dark = readings(check, with_crops(pictures(2.0), kind.crop, 51))
    assert [r.llr for r in bright] == [pytest.approx(3.0, abs=1e-3)] * len(bright)
    assert [r.llr for r in dark] == [pytest.approx(-3.0, abs=1e-3)] * len(dark)
    assert bright[0].measures["score"] == pytest.approx(0.8, abs=1e-3)
    assert bright[0].why == kind.attack_why


@pytest.mark.parametrize("kind", [Swap, Replay])
def test_a_model_that_gives_no_number_is_a_fault_and_no_evidence(
    kind: type[Swap] | type[Replay], tmp_path: Path
) -> None:
    check = kind(mean_model(tmp_path / "model", [None, 3, 224, 224]))
    crop = np.full((224, 224, 3), np.nan, np.float32)
    seen = [replace(one, faces=tuple(replace(f, crops={kind.crop: crop}) for f in one.faces)) for one in pictures(2.0)]  # type: ignore[dict-item]
    engine = Engine(VIDEO, [check])
    events = [event for one in seen for event in engine.push(one)]
    assert not [event for event in events if isinstance(event, Reading)]
    assert "the model gave nan" in str(events[0])


def test_small_faces_and_missing_crops_are_not_scored(tmp_path: Path) -> None:
    check = Swap(mean_model(tmp_path / "model", [None, 3, 224, 224]))
    tiny = with_crops(pictures(2.0), "face", 204)
    tiny = [replace(one, faces=tuple(replace(f, box=Box(0, 0, 20, 20)) for f in one.faces)) for one in tiny]
    assert {(r.llr, r.why.split(":")[0]) for r in readings(check, tiny)} == {(None, "face too small")}
    assert {(r.llr, r.why) for r in readings(check, pictures(2.0))} == {(None, "no face in view")}


def test_replay_adds_what_the_motion_says_to_what_the_model_says(tmp_path: Path) -> None:
    with_model, without = Replay(mean_model(tmp_path / "model", [None, 3, 224, 224])), Replay()
    talker, photo = pictures(7.0, motion=2.0), pictures(7.0)
    stiff = canonical_face().mean * 90
    photo = [
        replace(one, faces=tuple(replace(f, landmarks=_shifted(stiff, one.t_us)) for f in one.faces)) for one in photo
    ]
    unblinking = 6 * LISTENERS_BLINK_HZ  # the last reading is of six seconds
    for feed, moves in ((talker, LEAST_NATS), (photo, unblinking)):
        alone = readings(without, feed)[-1]
        assert alone.llr == pytest.approx(moves, rel=0.03)
        both = readings(with_model, with_crops(feed, "scene", 153))[-1]
        assert both.llr == pytest.approx((alone.llr or 0) + 1.0, abs=0.02)
        assert alone.why in both.why
        assert Replay.attack_why in both.why
        assert {"score", "moved_iod"} <= both.measures.keys()
    small = [replace(one, faces=tuple(replace(f, box=Box(0, 0, 20, 20)) for f in one.faces)) for one in photo]
    only_motion = readings(with_model, with_crops(small, "scene", 153))[-1]
    assert (only_motion.llr, only_motion.coverage) == (alone.llr, alone.coverage)
    only_model = readings(with_model, with_crops(talker, "scene", 204))[0]
    assert (only_model.llr, only_model.coverage) == (pytest.approx(3.0, abs=1e-3), pytest.approx(1.0, abs=0.05))
    unseen = readings(with_model, pictures(2.0))[-1]
    assert unseen.llr is None
    assert "no face in view" in unseen.why


def test_the_most_that_replay_says_is_bounded(tmp_path: Path) -> None:
    sure = mean_model(
        tmp_path / "model", [None, 3, 224, 224], card="[calibration]\nslope = 90\noffset = 9\nmost_nats = 90\n"
    )
    assert [r.llr for r in readings(Replay(sure), with_crops(pictures(2.0), "scene", 204))] == [6.0]


def test_replay_judges_single_pictures_only_with_a_model(tmp_path: Path) -> None:
    with_model, without = Replay(mean_model(tmp_path / "model", [None, 3, 224, 224])), Replay()
    assert (with_model.need.still, without.need.still) == (True, False)
    assert (with_model.need.crops, without.need.crops) == (("scene",), ())
    assert with_model.has_model
    assert without.has_model


def _shifted(mesh: FloatArray, t_us: int) -> FloatArray:
    at = np.array([640 + 12 * np.sin(1.6e-6 * t_us), 360 + 9 * np.sin(2.1e-6 * t_us), 0])
    return np.asarray(mesh + at, np.float32)


@pytest.mark.parametrize("kind", [Swap, Voice])
def test_without_a_model_nothing_is_judged_or_kept(
    kind: type[Swap] | type[Voice], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("onnx", "detectors.voice_model"):  # as if none were shipped
        monkeypatch.setattr(f"liveguard.{module}.MODELS", tmp_path)
    check = kind()
    assert not check.has_model
    assert check.need.crops == ()
    samples: list[Sample] = list(chunks(voice(5.0), [320])) if kind is Voice else list(pictures(3.0))
    assert {(r.llr, r.why) for r in readings(check, samples)} == {(None, "no model")}


class OneFace:
    """A face library that sees the mean face in the middle of every picture."""

    name = "fake"

    def find(self, image: ByteArray) -> list[Box]:
        return [Box(image.shape[1] / 2 - 60, image.shape[0] / 2 - 60, 120, 120)]

    def new_mesher(self) -> OneFace:
        return self

    def mesh(self, image: ByteArray, region: Region, *, certain: bool = False) -> FloatArray | None:
        middle = np.array([image.shape[1] / 2, image.shape[0] / 2, 0])
        return np.asarray(canonical_face().mean * 80 + middle, np.float32)

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_the_observer_keeps_five_crops_a_second_however_many_pictures_come(fps: int, tmp_path: Path) -> None:
    check = Swap(mean_model(tmp_path / "model", [None, 3, 224, 224]))
    observer = Observer(OneFace(), [check])
    image = np.full((360, 640, 3), 90, np.uint8)
    seen = [observer.observe(VideoFrame(round(k * 1e6 / fps), image)) for k in range(2 * fps)]
    crops = [face.crops["face"] for one in seen for face in one.faces if face.crops]
    assert 9 <= len(crops) <= 11
    assert crops[0].shape == (224, 224, 3)
