"""Checks that are due when a cue is over: once each, at one place in time, however samples come."""

from __future__ import annotations

import random

import pytest

from liveguard.engine import Engine
from liveguard.types import LASTS, Cue, Need, Observation, Reading, Sample, Window
from tests.synthetic import VIDEO, Says, face, frame

CUE = "challenge.pose"
NEED = Need(step_us=4_000_000, video_us=4_000_000, cue=CUE)


class Notes:
    """A check that notes which windows it was asked about."""

    name, hypothesis, about, need = "notes", "feed_injected", "notes windows", NEED

    def __init__(self, llr: float = 1.0) -> None:
        self.llr = llr
        self.windows: list[Window] = []

    def evaluate(self, window: Window) -> Reading:
        self.windows.append(window)
        return Reading(self.name, window.track, window.start_us, window.end_us, self.llr, window.coverage, "seen")


def fed(samples: list[Sample], end: bool = True) -> tuple[list[Window], Engine]:
    notes = Notes()
    engine = Engine(VIDEO, [notes], session_id="test")  # type: ignore[list-item]
    for sample in samples:
        engine.push(sample)
    if end:
        engine.finish()
    return notes.windows, engine


def pictures(seconds: float) -> list[Sample]:
    return [Observation(frame(t_us), (face(t_us),)) for t_us in range(0, int(seconds * 1e6), 100_000)]


def with_cues(samples: list[Sample], *cues: Cue) -> list[Sample]:
    return sorted([*samples, *cues], key=lambda sample: (getattr(sample, "t_us", 0), isinstance(sample, Observation)))


def cue(t_us: int, lasts_us: int = 1_500_000, name: str = CUE) -> Cue:
    return Cue(t_us, name, {LASTS: lasts_us})


def test_a_window_ends_where_the_cue_is_over_and_comes_once() -> None:
    windows, _ = fed(
        with_cues(pictures(10), cue(2_050_000), cue(6_123_456, 2_000_000), cue(3_000_000, name="challenge.light"))
    )
    assert [(window.start_us, window.end_us, window.track) for window in windows] == [
        (0, 3_550_000, 1),
        (4_123_456, 8_123_456, 1),
    ]
    assert [one.t_us for one in windows[0].cues if one.name == CUE] == [2_050_000]


def test_without_a_cue_nothing_is_due() -> None:
    assert fed(pictures(10))[0] == []


def test_it_is_due_by_watermark_and_not_sooner() -> None:
    samples = with_cues(pictures(3.5), cue(2_000_000))
    assert fed(samples, end=False)[0] == []
    samples = with_cues(pictures(3.7), cue(2_000_000))
    assert [window.end_us for window in fed(samples, end=False)[0]] == [3_500_000]


def test_a_cue_that_is_not_over_when_the_feed_ends_is_not_judged() -> None:
    assert fed(with_cues(pictures(3), cue(2_000_000)))[0] == []


def test_a_cue_that_comes_too_late_is_counted() -> None:
    windows, engine = fed([*pictures(5), cue(1_000_000)])
    assert windows == []
    assert engine.timeline.late["cue"] == 1


@pytest.mark.parametrize("seed", range(5))
def test_when_cues_come_in_changes_nothing(seed: int) -> None:
    """As long as they come before the pictures that follow them: anywhere between two of them, in any order."""
    cues = [cue(1_030_000, 900_000), cue(2_220_000, 1_300_000), cue(4_440_000, 700_000)]
    expected = [(window.end_us, len(window.faces)) for window in fed(with_cues(pictures(8), *cues))[0]]
    dice, samples = random.Random(seed), pictures(8)
    for one in cues:
        latest = next(k for k, sample in enumerate(samples) if getattr(sample, "t_us", 0) > one.t_us)
        samples.insert(dice.randint(max(latest - 6, 0), latest), one)
    assert [(window.end_us, len(window.faces)) for window in fed(samples)[0]] == expected
    assert len(expected) == 3


@pytest.mark.parametrize("answer", [6.0, -6.0])
def test_an_answer_is_passed_on_and_is_no_evidence_of_the_call(answer: float) -> None:
    """It would count twice against who misunderstood, and a right one would wipe out what another check has found."""
    samples = with_cues(pictures(8), cue(2_000_000), cue(5_000_000))
    found = Says("camera", Need(step_us=1_000_000, video_us=1_000_000), 2.0)
    alone, beside = Engine(VIDEO, [found]), Engine(VIDEO, [found, Notes(answer)])  # type: ignore[list-item]
    events = [event for sample in samples for event in beside.push(sample)]
    for sample in samples:
        alone.push(sample)
    answers = [event for event in events if isinstance(event, Reading) and event.detector == "notes"]
    assert [reading.llr for reading in answers] == [answer, answer]
    assert beside.statuses() == alone.statuses()
    assert alone.statuses()[0].risk
    assert [beside.worth(reading) for reading in answers] == [0.0, 0.0]
