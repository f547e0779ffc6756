"""Whole calls from short recordings: what the guard would say if it went on like that.

A recording of five seconds can neither raise an alert nor show a false one, as evidence takes its time. So its readings,
not its pictures, go on, lap after lap, through the very core that guards live calls. The same person in the same light is
the worst case for evidence that adds up: what is wrong about them once is wrong in every lap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from liveguard.engine import Engine
from liveguard.evaluate.run import Run
from liveguard.policy import Policy
from liveguard.types import HYPOTHESES, Alert, Detector, FeedInfo, Hypothesis, Reading

CALL_S = 300.0
"""Evidence halves in a minute: after five it goes round in circles, and whatever raised nothing never will."""
FEED = FeedInfo("evaluation")
LEAST_LAP_S = 0.5


@dataclass(frozen=True, slots=True)
class Call:
    """What was said in a call of `seconds`. `raised`: hypothesis and time after the attack's onset (else after the start)
    of every alert, in order; `judged_s`: for how long anything could be judged; `height_nats`: the most that the evidence
    for each hypothesis reached.
    """

    run: Run
    seconds: float
    raised: tuple[tuple[Hypothesis, float], ...]
    judged_s: float
    height_nats: dict[Hypothesis, float]

    def first_s(self, within_s: float) -> float | None:
        """When the first alert came; of a bench attack the first of its own hypothesis."""
        wanted = self.run.hypothesis
        times = [t_s for hypothesis, t_s in self.raised if wanted in (None, hypothesis)]
        return next((t_s for t_s in times if 0 <= t_s <= within_s), None)


def call(run: Run, detectors: Sequence[Detector], policy: Policy, call_s: float = CALL_S) -> Call:
    """The call that `run` makes; one that was played on purpose (`play_s`) is taken as it is."""
    checks = [d for d in detectors if not run.judged or d.hypothesis in run.judged]
    names = {detector.name for detector in checks}
    readings = [reading for reading in run.readings if reading.detector in names]
    lap_us = max(round(run.seconds * 1e6), round(LEAST_LAP_S * 1e6))
    laps = 1 if run.play_s else max(round(call_s * 1e6 / lap_us), 1)
    judged = [reading for reading in readings if reading.llr is not None]
    engine, raised = Engine(FEED, checks, policy), list[tuple[Hypothesis, float]]()
    heights = dict.fromkeys(HYPOTHESES, 0.0)
    for start_us in range(0, laps * lap_us, lap_us):
        # What cannot be judged adds nothing and is not gone through again.
        for reading in judged:
            moved = _moved(reading, start_us)
            for event in engine.take(moved):
                if isinstance(event, Alert) and event.state == "raised":
                    raised.append((event.hypothesis, event.t_us / 1e6 - run.onset_s))
            for hypothesis, nats in engine.fusion.heights():
                heights[hypothesis] = max(heights[hypothesis], nats)
    seconds = laps * lap_us / 1e6
    return Call(run, seconds, tuple(raised), min(laps * _judged_s(judged), seconds), heights)


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
