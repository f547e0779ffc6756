"""The camera check: freezes, photos and loops against a live picture, an empty room and a bad line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from liveguard.alert import AlertMachine
from liveguard.detectors.camera import Camera
from liveguard.engine import Engine
from liveguard.fusion import Fusion
from liveguard.policy import Policy
from liveguard.types import Alert, Cue, Event, FaceSquare, FloatArray, Observation, Reading, Sample, Window
from tests.synthetic import VIDEO, by_time, pictures


def run(seen: list[Observation]) -> list[Event]:
    engine = Engine(VIDEO, [Camera()])
    return [event for one in seen for event in engine.push(one)] + engine.finish()


def readings(seen: list[Observation]) -> list[Reading]:
    return [event for event in run(seen) if isinstance(event, Reading)]


def first_alert_s(seen: list[Observation]) -> float | None:
    return next((event.t_us / 1e6 for event in run(seen) if isinstance(event, Alert)), None)


def at(one: Observation, t_us: int) -> Observation:
    faces = tuple(replace(face, t_us=t_us) for face in one.faces)
    return Observation(replace(one.frame, t_us=t_us), faces)


def repeat(source: list[Observation], first: int, count: int, fps: float, seconds: float) -> list[Observation]:
    """`source` up to `first`, then its frames from `first` on, `count` of them, again and again."""
    total = int(seconds * fps)
    return [at(source[k if k < first else first + (k - first) % count], round(k * 1e6 / fps)) for k in range(total)]


def test_a_live_picture_is_weakly_genuine() -> None:
    found = [r.llr for r in readings(pictures(20.0)) if r.llr is not None]
    assert len(found) > 30
    assert max(found) < 0


@pytest.mark.parametrize("fps", [10.0, 25.0, 30.0])
def test_a_freeze_is_caught_within_six_seconds(fps: float) -> None:
    raised = first_alert_s(repeat(pictures(10.0, fps), int(8 * fps), 1, fps, 16.0))
    assert raised is not None
    assert 8.0 < raised <= 14.0


def redrawn(
    seen: list[Observation], draw: Callable[[float, FloatArray, FloatArray], tuple[object, object]]
) -> list[Observation]:
    """Each picture with other cells: `draw` makes those of the whole (9, 16) and of the face (8, 8) of its time in s."""
    made = []
    for one in seen:
        [(square, of_face)] = one.frame.face_cells.items()
        whole, of_face = draw(one.t_us / 1e6, one.frame.signature, of_face)
        cells = {square: np.asarray(of_face, np.float32)}
        frame = replace(one.frame, signature=np.asarray(whole, np.float32), face_cells=cells)
        made.append(replace(one, frame=frame))
    return made


def noisy_photo(noise_grey: float, waver: float = 0.0) -> list[Observation]:
    """A photo before a sensor whose cell means are uncertain by so much, under light that wavers by so large a share."""
    rng = np.random.default_rng(0)

    def draw(t_s: float, whole: FloatArray, of_face: FloatArray) -> tuple[object, object]:  # noqa: ARG001
        light = 1 + waver * rng.normal()
        return (light * cells + rng.normal(0, noise_grey, cells.shape) for cells in (whole, of_face))  # type: ignore[return-value]

    return redrawn(pictures(10.0, motion=0.0), draw)


@pytest.mark.parametrize(("noise_grey", "waver"), [(0.1, 0.0), (0.4, 0.0), (0.1, 0.02)])
def test_a_still_photo_with_noise_under_wavering_light_is_caught(noise_grey: float, waver: float) -> None:
    raised = first_alert_s(noisy_photo(noise_grey, waver))
    assert raised is not None
    assert raised <= 6.0


@pytest.mark.parametrize("noise_grey", [1.0, 2.0, 4.0])
def test_a_photo_in_strong_noise_is_neither_accused_nor_credited(noise_grey: float) -> None:
    found = readings(noisy_photo(noise_grey))
    assert {reading.llr for reading in found} == {None}
    assert "noise" in found[-1].why


def test_somebody_who_listens_and_hardly_moves_is_not_accused() -> None:
    """Breathing alone: an edge of the face moves by a hundredth of its size, and no more for long."""

    def breathe(t_s: float, whole: FloatArray, of_face: FloatArray) -> tuple[object, object]:
        edge = np.zeros((8, 8))
        edge[6] = 3 * np.sin(2 * np.pi * t_s / 4)
        return whole, of_face + edge

    listening = redrawn(repeat(pictures(0.1), 0, 1, 25.0, 20.0), breathe)
    assert first_alert_s(listening) is None
    assert any(reading.llr is None for reading in readings(listening)[4:])


def shared_window(seconds: float = 16.0) -> list[Observation]:
    """Slides that stand still, and a presenter who is too small to change the mean of any cell of the whole."""
    still = pictures(0.1)[0].frame.signature
    return redrawn(pictures(seconds), lambda t_s, whole, of_face: (still, of_face))  # noqa: ARG005


def test_a_small_face_in_a_still_window_is_seen_to_move() -> None:
    found = [reading.llr for reading in readings(shared_window())]
    assert len(found) > 25
    assert all(llr is None or llr < 0 for llr in found)
    assert found[-1] is not None


def test_a_still_window_with_a_small_face_that_freezes_is_caught() -> None:
    raised = first_alert_s(repeat(shared_window(), 200, 1, 25.0, 16.0))
    assert raised is not None
    assert 8.0 < raised <= 14.0


def test_another_face_that_moves_is_enough() -> None:
    """A participant's photo beside one who speaks."""
    seen = [
        replace(
            o,
            frame=replace(
                o.frame, face_cells={**o.frame.face_cells, FaceSquare(2, 0, 0, 240): np.full((8, 8), 90, np.float32)}
            ),
        )
        for o in shared_window()
    ]
    assert first_alert_s(seen) is None


Face = Callable[[float], FloatArray]
PORTRAIT = np.random.default_rng(5).uniform(60, 160, (8, 8))


def backdrop(face: Face, seconds: float = 16.0) -> list[Observation]:
    """A face before what moves, also in the corners of its square; `face` draws its features, (5, 4) cells."""

    def draw(t_s: float, whole: FloatArray, of_face: FloatArray) -> tuple[object, object]:
        of_face = of_face.copy()
        of_face[2:7, 2:6] = face(t_s)
        return whole, of_face

    return redrawn(pictures(seconds), draw)


def portrait(t_s: float) -> FloatArray:  # noqa: ARG001
    return np.asarray(PORTRAIT[2:7, 2:6], np.float32)


def test_a_frozen_face_before_what_moves_is_caught() -> None:
    raised = first_alert_s(backdrop(portrait))
    assert raised is not None
    assert raised <= 12.0
    found = readings(backdrop(portrait))[-1]
    assert found.why == "the face has not changed for 16.0 s while other things in the picture move"
    assert found.measures["still_s"] == 0


def test_a_frozen_face_beside_a_clock_is_caught() -> None:
    def draw(t_s: float, whole: FloatArray, of_face: FloatArray) -> tuple[object, object]:
        whole = whole.copy()
        whole[8, 12:14] += 40 * np.sin(100 * np.floor(t_s))
        return whole, of_face

    raised = first_alert_s(redrawn(pictures(16.0, motion=0.0), draw))
    assert raised is not None
    assert raised <= 14.0


def blinking(t_s: float) -> FloatArray:
    """Somebody who listens: the cells of the eyes change for a fifth of a second each 5 s."""
    cells = portrait(t_s).copy()
    cells[0] += 8 * float(t_s % 5 < 0.2)
    return cells


def test_somebody_who_listens_and_blinks_before_what_moves_is_not_accused() -> None:
    assert {reading.llr for reading in readings(backdrop(blinking)) if (reading.llr or 0) > 0} == set()


def test_a_face_in_the_dark_may_seem_still() -> None:
    found = readings(backdrop(lambda t_s: 0.2 * portrait(t_s)))
    assert not [reading for reading in found if (reading.llr or 0) > 0]


def test_a_still_face_beside_others_may_be_a_picture_or_a_participant_without_a_camera() -> None:
    """Nor does the time count in which the other one was there."""

    def beside(one: Observation, until_us: int) -> Observation:
        other = FaceSquare(2, 0, 0, 240)
        cells = {**one.frame.face_cells, other: np.full((8, 8), 90, np.float32)}
        return replace(one, frame=replace(one.frame, face_cells=cells)) if one.t_us < until_us else one

    still = backdrop(portrait, 20.0)
    assert first_alert_s([beside(one, 20_000_000) for one in still]) is None
    raised = first_alert_s([beside(one, 8_000_000) for one in still])
    assert raised is not None
    assert raised > 12.0
    assert first_alert_s([replace(one, unfollowed=1) for one in still]) is None


def test_a_tiny_face_may_seem_still() -> None:
    def tiny(one: Observation) -> Observation:
        cells = {replace(square, side=60): values for square, values in one.frame.face_cells.items()}
        return replace(one, frame=replace(one.frame, face_cells=cells))

    assert first_alert_s([tiny(one) for one in backdrop(portrait)]) is None


def test_a_face_that_was_not_seen_for_a_while_need_not_have_kept_still() -> None:
    still = [one for one in backdrop(portrait) if one.t_us % 5_000_000 < 4_000_000]
    assert not [reading for reading in readings(still) if (reading.llr or 0) > 0]


def swaying(t_s: float) -> FloatArray:
    """A photo that a hand sways by a tenth of a cell, and moves a little nearer and further."""
    rows, columns = np.mgrid[:5, :4] * (1 + 0.01 * np.sin(2.3 * t_s))
    rows, columns = rows + 0.1 * np.sin(1.9 * t_s), columns + 0.15 * np.sin(2.7 * t_s + 1)
    return np.asarray(110 + 40 * np.sin(1.3 * rows + 0.5) * np.cos(1.1 * columns) + 20 * np.sin(rows * columns / 3))


def test_a_photo_that_sways_is_not_credited_with_life() -> None:
    swayed = np.stack([swaying(k / 25) for k in range(75)])
    assert np.ptp(swayed, axis=0).max() > 8  # by far more than noise makes
    found = readings(backdrop(swaying))
    assert {reading.llr for reading in found} == {None}
    assert "a hand that sways a photo" in found[-1].why


def test_without_the_cells_of_a_face_there_is_no_judging() -> None:
    unseen = [replace(o, frame=replace(o.frame, face_cells={})) for o in pictures(8.0, motion=0.0)]
    assert {reading.llr for reading in readings(unseen)} == {None}


@pytest.mark.parametrize("period_s", [2.0, 5.0, 9.0])
def test_a_loop_is_caught_within_six_seconds_of_repeating(period_s: float) -> None:
    fps = 25.0
    looped = repeat(pictures(period_s + 1, fps), 0, int(period_s * fps), fps, 3 * period_s + 8)
    raised = first_alert_s(looped)
    assert raised is not None
    assert raised <= period_s + 6.0
    assert any("repeats" in reading.why for reading in readings(looped))


def test_bands_of_flickering_lamps_are_no_loop() -> None:
    """Lamps on 50 Hz mains before a rolling shutter at 30 pictures a second: bands that come back every 0.1 s."""
    rows = np.arange(9)[:, None] / 9

    def flicker(t_s: float, whole: FloatArray, of_face: FloatArray) -> tuple[object, object]:
        bands = 20 * np.cos(2 * np.pi * (10 * t_s + 2.5 * rows))
        return 100 + 0.1 * (whole - 100) + bands, 100 + 0.1 * (of_face - 100) + bands[:8]

    found = readings(redrawn(pictures(16.0, 30.0), flicker))
    assert not [reading for reading in found if reading.llr is not None and reading.llr > 0]
    assert found[-1].measures["loop_residual_ratio"] < 0.03


def elsewhere(seen: list[Observation]) -> list[Observation]:
    """A very small face that is at another place each second, so that its cells cannot be compared."""
    moved = []
    for one in seen:
        [cells] = one.frame.face_cells.values()
        square = FaceSquare(1, 100 + 20 * (one.t_us // 1_000_000), 40, 80)
        moved.append(replace(one, frame=replace(one.frame, face_cells={square: cells})))
    return moved


@pytest.mark.parametrize("face_columns", [0, 3])
def test_a_background_that_repeats_around_a_living_person_is_no_loop(face_columns: int) -> None:
    """A looping virtual background; or something that plays again and again on a slide, beside a very small face."""

    def beach(t_s: float, whole: FloatArray, of_face: FloatArray) -> tuple[object, object]:
        waves = 100 + 40 * np.sin(2 * np.pi * (t_s / 4 + np.arange(144).reshape(9, 16) / 16))
        waves[:, 6 : 6 + face_columns] = whole[:, 6 : 6 + face_columns]
        return waves, of_face

    seen = redrawn(pictures(16.0), beach)
    assert not [reading for reading in readings(elsewhere(seen)) if reading.llr is not None and reading.llr > 0]
    assert readings(seen)[-1].measures["loop_residual_ratio"] < 0.06
    assert not [reading for reading in readings(seen) if reading.llr is not None and reading.llr > 0]


def empty(one: Observation) -> Observation:
    return replace(one, frame=replace(one.frame, face_cells={}), faces=())


def test_an_empty_still_room_is_not_judged() -> None:
    room = [empty(o) for o in pictures(8.0, motion=0.0)]
    assert {r.llr for r in readings(room)} == {None}
    assert "no face" in readings(room)[-1].why


def test_of_a_picture_on_the_wall_it_is_said_that_it_is_all_there_is() -> None:
    still = pictures(8.0, motion=0.0)
    wall = [replace(o, faces=tuple(replace(face, picture=True) for face in o.faces)) for o in still]
    assert {r.llr for r in readings(wall)} == {None}
    assert readings(wall)[-1].why == "only a still picture of a face is in view"


def test_a_room_that_somebody_has_left_may_be_still() -> None:
    there = pictures(10.0)
    gone = [at(empty(there[-1]), 10_000_000 + k * 40_000) for k in range(500)]
    events = run([*there, *gone])
    assert not [event for event in events if isinstance(event, Alert)]
    late = [event for event in events if isinstance(event, Reading) and event.end_us > 13_000_000]
    assert {reading.llr for reading in late} == {None}
    assert "no face" in late[-1].why


def test_a_line_that_delivers_nothing_is_a_gap_not_a_freeze() -> None:
    seen = [o for o in pictures(20.0) if not 8e6 <= o.t_us < 14e6]
    found = readings(seen)
    assert all(r.llr is None or r.llr < 0 for r in found)
    assert any(r.why == "no picture arrives" for r in found)


def test_too_few_pictures_cannot_be_judged() -> None:
    assert {r.llr for r in readings(pictures(20.0, fps=1.0))} == {None}


def test_times_do_not_matter() -> None:
    """The same pictures later in the session give the same figures, to the bit."""
    engine = Engine(VIDEO, [spy := Spying()])
    for one in pictures(12.0):
        engine.push(one)
    window = spy.windows[-1]
    shift = 3_723_456_789
    moved = replace(
        window,
        start_us=window.start_us + shift,
        end_us=window.end_us + shift,
        frames=tuple(replace(frame, t_us=frame.t_us + shift) for frame in window.frames),
    )
    before, after = Camera().evaluate(window), Camera().evaluate(moved)
    assert after == replace(before, start_us=before.start_us + shift, end_us=before.end_us + shift)


class Spying(Camera):
    def __init__(self) -> None:
        self.windows: list = []  # type: ignore[type-arg]

    def evaluate(self, window):  # type: ignore[no-untyped-def]
        self.windows.append(window)
        return super().evaluate(window)


def live_reading(**changes: object) -> Reading:
    """The last reading of a live feed whose every picture was changed."""
    seen = [replace(one, frame=replace(one.frame, **changes)) for one in pictures(12.0)]  # type: ignore[arg-type]
    engine = Engine(replace(VIDEO, live=True), [Camera()])
    events = [event for one in seen for event in engine.push(one)]
    return [event for event in events if isinstance(event, Reading)][-1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"noise": 0.0}, "no sensor noise"), ({"digest": 7}, "come twice")],
)
def test_weak_signs_are_said_and_take_credit_away_but_never_speak_for_an_attack(
    changes: dict[str, object], words: str
) -> None:
    plain, odd = live_reading(), live_reading(**changes)
    assert "but" not in plain.why
    assert words in odd.why
    assert plain.llr is not None
    assert odd.llr is not None
    assert plain.llr < odd.llr < 0


def test_even_time_stamps_are_not_odd() -> None:
    """A browser stamps its camera's pictures in whole milliseconds, so that most intervals of a real one are equal."""
    assert all(one.t_us % 40_000 == 0 for one in pictures(1.0))
    assert live_reading().why == "the picture moves and does not repeat"


def test_all_weak_signs_together_are_no_evidence_for_an_attack() -> None:
    llr = live_reading(noise=0.0, digest=7).llr
    assert llr is not None
    assert llr <= 0


FACTS: dict[str, float | int | str] = {
    "label": "Integrated Camera (04f2:b604)",
    "asked_width": 640,
    "asked_height": 360,
    "asked_fps": 15,
    "got_width": 640,
    "got_height": 360,
    "got_fps": 15,
    "response_ms": 48.3,
    "settings_width": 1280,
    "settings_height": 720,
    "settings_fps": 30,
}


@cache
def live_window(live: bool = False, **frame: int) -> Window:
    """The last window of 14 s of a moving picture whose every frame was changed so."""
    engine = Engine(replace(VIDEO, live=live), [spy := Spying()])
    for one in pictures(14.0):
        engine.push(replace(one, frame=replace(one.frame, **frame)))  # type: ignore[arg-type]
    engine.finish()
    return spy.windows[-1]


def told(said: dict[str, float | int | str] | None, label: str = "", seen: Window | None = None) -> Reading:
    """The reading of a moving picture whose browser said this of its camera every 10 s."""
    seen = seen or live_window()
    cues = tuple(Cue(t_us, "camera", said) for t_us in (0, 10_000_000) if said is not None)
    return Camera().evaluate(replace(seen, cues=cues, feed=replace(seen.feed, device_label=label)))


def test_a_camera_that_answers_as_asked_is_not_odd() -> None:
    plain, found = told(None), told(FACTS)
    assert "but" not in found.why
    assert found.llr == plain.llr
    assert found.measures == {**plain.measures, "probe_response_ms": 48.3}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": "OBS Virtual Camera"}, "virtual camera (background-blur tools use them too)"),
        ({"got_width": 1280, "got_height": 720}, "another size or rate"),
        ({"got_fps": 30}, "another size or rate"),
        ({"response_ms": 1.2}, "within 1.2 ms"),
        ({"settings_width": 1024, "settings_height": 768}, "another shape"),
    ],
)
def test_what_is_odd_about_a_camera_is_said_and_takes_credit_away(
    changes: dict[str, float | int | str], words: str
) -> None:
    plain, odd = told(FACTS), told({**FACTS, **changes})
    assert words in odd.why
    assert odd.why.count("but") == 1
    assert plain.llr is not None
    assert odd.llr == pytest.approx(plain.llr + 0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"got_fps": 10},  # in the dark
        {"got_width": 636},  # rounded to blocks
        {"asked_width": 1280, "asked_height": 720, "got_width": 1280, "got_height": 720, "response_ms": 0},  # no change
        {"settings_width": 640, "settings_height": 360},  # scaled down under load, as is the picture
        {"settings_width": 1080, "settings_height": 1920},  # a phone that was turned
        {"settings_width": 1272},
        {
            "settings_width": 0,
            "got_width": float("nan"),
            "asked_fps": -1,
            "got_fps": "many",
            "response_ms": float("inf"),
        },
        {"label": 7},
        {"label": ""},
    ],
)
def test_what_real_cameras_and_browsers_do_is_not_odd(changes: dict[str, float | int | str]) -> None:
    assert "but" not in told({**FACTS, **changes}).why


def test_a_change_of_shape_that_is_under_way_is_not_odd() -> None:
    """The browser speaks of the new size before pictures of that size have come."""
    seen: list[Sample] = [
        replace(o, frame=replace(o.frame, width=960)) if o.t_us > 10_700_000 else o for o in pictures(20.0)
    ]
    later = {**FACTS, "settings_width": 960, "settings_height": 720}
    cues: list[Sample] = [Cue(0, "camera", FACTS), Cue(10_000_000, "camera", later)]
    engine = Engine(VIDEO, [Camera()])
    events = [event for one in by_time(seen, cues) for event in engine.push(one)]
    whys = [event.why for event in events if isinstance(event, Reading) and event.llr is not None]
    assert len(whys) > 30
    assert not [why for why in whys if "shape" in why]


VIRTUAL = [
    "OBS-Camera",
    "obs virtual camera",
    "Snap Camera",
    "ManyCam Virtual Webcam",
    "XSplit VCam",
    "DroidCam Source 3",
]
VIRTUAL += ["Dummy video device (0x0000)", "v4l2loopback", "EpocCam", "mmhmm", "Reincubate Camo", "fake_device_0"]
VIRTUAL += ["NVIDIA Broadcast", "Camera (NVIDIA Broadcast)"]
REAL = [
    "OBSBOT Tiny 2",
    "HD Pro Webcam C920",
    "FaceTime HD Camera",
    "Camouflage Cam",
    "camera2 1, facing front",
    "/dev/video0",
]


@pytest.mark.parametrize("label", VIRTUAL)
def test_labels_of_virtual_cameras_are_known(label: str) -> None:
    assert "virtual camera" in told({"label": label}).why
    assert "virtual camera" in told(None, label).why
    assert label not in told({"label": label}).why  # it is foreign text


@pytest.mark.parametrize("label", REAL)
def test_labels_of_real_cameras_are_left_alone(label: str) -> None:
    assert "virtual camera" not in told({"label": label}).why
    assert "virtual camera" not in told({"label": label}, "OBS Virtual Camera").why


def test_all_oddities_for_an_hour_stay_below_suspicious() -> None:
    said = {**FACTS, "label": "OBS", "response_ms": 0.1, "got_fps": 60, "settings_height": 1024}
    odd = told(said, seen=live_window(live=True, noise=0, digest=7))
    for words in ("twice", "noise", "virtual camera", "another size", "within", "shape"):
        assert words in odd.why
    assert odd.llr is not None
    assert odd.llr <= 0
    fusion, machine, states = Fusion(Policy()), AlertMachine(Policy(), "s"), set()
    for k in range(2 * 3600):
        shift_us = k * Camera.need.step_us
        again = replace(odd, start_us=odd.start_us + shift_us, end_us=odd.end_us + shift_us)
        said_now = machine.add(again, Camera.hypothesis, fusion.add(again, Camera.hypothesis, Camera.need))
        assert not [event for event in said_now if isinstance(event, Alert)]
        states |= {status.state for status in machine.statuses(again.end_us)}
    assert states <= {"cannot_judge", "genuine"}
