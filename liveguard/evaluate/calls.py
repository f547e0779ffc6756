"""Whole calls from short recordings: what the guard would say if it went on like that.

A recording of five seconds can neither raise an alert nor show a false one, as evidence takes its time. So its readings,
not its pictures, go on, lap after lap, through the very core that guards live calls: what is wrong about the person once is
wrong in every lap. That is no worst case: windows longer than the recording never fill, so checks that need them hardly judge.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import nan
from statistics import fmean

from liveguard.engine import Engine
from liveguard.evaluate.run import Run
from liveguard.policy import Policy
from liveguard.types import HYPOTHESES, Alert, Detector, FeedInfo, Hypothesis, Reading

CALL_S = 300.0
"""Evidence halves in a minute: after five it goes round in circles, and whatever raised nothing never will."""
FEED = FeedInfo("evaluation")
LEAST_LAP_S = 0.5
HERE_US = 1_000_000
HEIGHTS_NATS = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 17.0, 20.0)
"""Thresholds at which it is noted when they would have been passed."""


@dataclass(frozen=True, slots=True)
class Call:
    """What was said in a call of `seconds`. `raised`: hypothesis and time after the attack's onset (else after the start)
    of every alert, in order; `judged_s`: for how long anything could be judged; `height_nats`: the most that the evidence
    for each hypothesis reached, and `passed_s` when it first passed each of `HEIGHTS_NATS`, as far as it did; `judged_by_s`:
    for how long each check could judge.
    """

    run: Run
    seconds: float
    raised: tuple[tuple[Hypothesis, float], ...]
    judged_s: float
    height_nats: dict[Hypothesis, float]
    passed_s: dict[Hypothesis, tuple[float, ...]]
    judged_by_s: dict[str, float] = field(default_factory=dict)

    def meant(self) -> tuple[Hypothesis, ...]:
        """The hypotheses that an alert of this call may be about: of a bench attack its own."""
        return HYPOTHESES if self.run.hypothesis is None else (self.run.hypothesis,)

    @property
    def voiced_share(self) -> float:
        """Share of the time in which somebody spoke, as the checks that listen saw it; NaN where none did."""
        heard = [r for r in self.run.readings if "voiced_s" in r.measures and r.end_us > r.start_us]
        return fmean(r.measures["voiced_s"] * 1e6 / (r.end_us - r.start_us) for r in heard) if heard else nan

    def first_s(self, within_s: float) -> float | None:
        """When the first alert came; of a bench attack the first of its own hypothesis."""
        times = [t_s for hypothesis, t_s in self.raised if hypothesis in self.meant()]
        return next((t_s for t_s in times if 0 <= t_s <= within_s), None)


def call(run: Run, detectors: Sequence[Detector], policy: Policy, call_s: float = CALL_S) -> Call:
    """The call that `run` makes; an attack that was played on purpose (`play_s`) is taken as it is."""
    checks = [d for d in detectors if not run.judged or d.hypothesis in run.judged]
    names = {detector.name for detector in checks}
    readings = [reading for reading in run.readings if reading.detector in names]
    lap_us = max(round(run.seconds * 1e6), round(LEAST_LAP_S * 1e6))
    laps = 1 if run.attack and run.play_s else max(round(call_s * 1e6 / lap_us), 1)
    judged, telling = [reading for reading in readings if reading.llr is not None], _telling(readings)
    engine, raised = Engine(FEED, checks, policy), list[tuple[Hypothesis, float]]()
    heights = dict.fromkeys(HYPOTHESES, 0.0)
    passed: dict[Hypothesis, list[float]] = {hypothesis: [] for hypothesis in HYPOTHESES}
    for start_us in range(0, laps * lap_us, lap_us):
        for reading in telling:
            for event in engine.take(_moved(reading, start_us)):
                if isinstance(event, Alert) and event.state == "raised":
                    raised.append((event.hypothesis, event.t_us / 1e6 - run.onset_s))
            t_s = (start_us + reading.end_us) / 1e6 - run.onset_s
            for hypothesis, nats in engine.fusion.heights():
                if nats > heights[hypothesis]:
                    heights[hypothesis] = nats
                    passed[hypothesis] += [t_s] * (bisect_right(HEIGHTS_NATS, nats) - len(passed[hypothesis]))
        if not raised and not any(nats for _, nats in engine.fusion.heights()):
            break  # nothing is left of this lap, so all that follow are like it
    seconds = laps * lap_us / 1e6
    reached = {hypothesis: tuple(times) for hypothesis, times in passed.items()}

    def judged_s(by: Sequence[Reading]) -> float:
        return min(laps * _judged_s(by), seconds)

    by_check = {d.name: judged_s([reading for reading in judged if reading.detector == d.name]) for d in checks}
    return Call(run, seconds, tuple(raised), judged_s(judged), heights, reached, by_check)


def _telling(readings: Sequence[Reading]) -> list[Reading]:
    """All that were judged, and of each face one a second: what cannot be judged adds nothing, but says who is still here,
    and the evidence about who is gone is forgotten."""
    kept: list[Reading] = []
    here_us: dict[int | None, int] = {}
    for reading in readings:
        if reading.llr is not None or reading.end_us - here_us.get(reading.track, -HERE_US) >= HERE_US:
            kept.append(reading)
            here_us[reading.track] = reading.end_us
    return kept


def _moved(reading: Reading, by_us: int) -> Reading:
    return replace(reading, start_us=reading.start_us + by_us, end_us=reading.end_us + by_us) if by_us else reading


def _judged_s(judged: Sequence[Reading]) -> float:
    """Seconds in which a judgement stood, as the alerts count it: from a reading on to a second later."""
    ends = sorted({reading.end_us for reading in judged})
    return (
        sum(min(later - end, 1_000_000) for end, later in zip(ends, [*ends[1:], ends[-1] + 1_000_000], strict=True))
        / 1e6
        if ends
        else 0.0
    )
