"""The camera check: freezes, photos and loops against a live picture, an empty room and a bad line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liveguard.detectors.camera import Camera
from liveguard.engine import Engine
from liveguard.types import Alert, Event, Observation, Reading
from tests.synthetic import VIDEO, pictures


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


def test_a_still_photo_with_codec_noise_is_caught() -> None:
    rng = np.random.default_rng(0)
    photo = [
        replace(o, frame=replace(o.frame, signature=o.frame.signature + rng.normal(0, 0.1, (9, 16)).astype(np.float32)))
        for o in pictures(8.0, motion=0.0)
    ]
    raised = first_alert_s(photo)
    assert raised is not None
    assert raised <= 6.0


@pytest.mark.parametrize("period_s", [2.0, 5.0, 9.0])
def test_a_loop_is_caught_within_six_seconds_of_repeating(period_s: float) -> None:
    fps = 25.0
    looped = repeat(pictures(period_s + 1, fps), 0, int(period_s * fps), fps, 3 * period_s + 8)
    raised = first_alert_s(looped)
    assert raised is not None
    assert raised <= period_s + 6.0
    assert any("repeats" in reading.why for reading in readings(looped))


def test_an_empty_still_room_is_not_judged() -> None:
    room = [replace(o, faces=()) for o in pictures(8.0, motion=0.0)]
    assert {r.llr for r in readings(room)} == {None}
    assert "no face" in readings(room)[-1].why


def test_a_room_that_somebody_has_left_may_be_still() -> None:
    there = pictures(10.0)
    gone = [at(replace(there[-1], faces=()), 10_000_000 + k * 40_000) for k in range(500)]
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
    rng = np.random.default_rng(3)
    seen = []
    for one in pictures(12.0):
        t_us = one.t_us + int(rng.normal(0, 400)) if "t_us" not in changes else one.t_us
        frame = replace(one.frame, t_us=max(t_us, 0), **{k: v for k, v in changes.items() if k != "t_us"})  # type: ignore[arg-type]
        seen.append(Observation(frame, tuple(replace(face, t_us=frame.t_us) for face in one.faces)))
    engine = Engine(replace(VIDEO, live=True), [Camera()])
    events = [event for one in seen for event in engine.push(one)]
    return [event for event in events if isinstance(event, Reading)][-1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"noise": 0.0}, "no sensor noise"), ({"t_us": None}, "too regular"), ({"digest": 7}, "come twice")],
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


def test_all_weak_signs_together_are_no_evidence_for_an_attack() -> None:
    llr = live_reading(noise=0.0, t_us=None, digest=7).llr
    assert llr is not None
    assert llr <= 0
