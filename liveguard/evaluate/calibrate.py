"""A calibration from judged recordings, for the shipped policy; and one for each source that has not seen that source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from liveguard.calibration import Calibration, CheckCalibration, Tail
from liveguard.config import Config
from liveguard.evaluate.apart import apart_from
from liveguard.evaluate.calls import Call, call
from liveguard.evaluate.discount import ceiling_nats, evidence_us, likeness
from liveguard.evaluate.honest import fit_check, fits, windows_of
from liveguard.evaluate.kinds import share_seen
from liveguard.evaluate.metrics import Array
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import main_readings
from liveguard.policy import ALONE
from liveguard.stress.catalogue import AS_IS
from liveguard.types import HYPOTHESES, Detector, Hypothesis

FACTS = ALONE - {"voice"}
"""Checks that state facts about the feed. What a model makes of a voice is a statistic, wrong about a speaker for as long as
it hears them, even if nothing else speaks about its hypothesis."""
TAIL_FROM_NATS = 1.0
LEAST_IN_TAIL = 5  # people, before a tail is drawn through them
BySource: TypeAlias = Mapping[str, Calibration]


def calibrate(runs: Sequence[Run], detectors: Sequence[Detector], config: Config) -> Calibration:
    """All of it, from all of `runs`, whose readings are as the checks gave them. How far evidence climbs is measured in calls
    that are guarded as `config` with this calibration would guard them."""
    runs = [run for run in runs if not run.still]  # in a call nothing is judged by one picture
    checks = check_calibrations(runs, detectors)
    guarded = config.calibrated(Calibration(checks)).policy
    genuine = [run for run in runs if not run.attack and any(fits(run, detector) for detector in detectors)]
    return Calibration(checks, tails([call(run, detectors, guarded) for run in genuine]))


def cross_calibrate(runs: Sequence[Run], detectors: Sequence[Detector], config: Config) -> BySource:
    """For each source a calibration, thresholds too, from what shares nothing with it: neither a source, nor a person, nor a
    generator. What may be reported of that source."""
    found = {}
    for source in sorted({run.item.source for run in runs}):
        may_teach = apart_from(source, [run.item for run in runs])
        taught = [run for run in runs if may_teach(run.item) and (run.foreign is None or may_teach(run.foreign))]
        found[source] = calibrate(taught, detectors, config)
    return found


def check_calibrations(runs: Sequence[Run], detectors: Sequence[Detector]) -> dict[str, CheckCalibration]:
    """By check, for those of which enough people were seen."""
    found = {}
    for detector in detectors:
        fitted = fit_check(windows_of(detector, runs), must_carry_over=detector.name not in FACTS)
        if fitted is not None:
            fitted = replace(fitted, share=round(share_seen(detector, runs), 4))
            found[detector.name] = _discounted(fitted, detector, [run for run in runs if fits(run, detector)])
    return found


def _discounted(fitted: CheckCalibration, detector: Detector, runs: Sequence[Run]) -> CheckCalibration:
    """With how much of its readings is new. Facts about the feed do not wear off: theirs are left as they are, and the tail of
    their evidence in genuine calls sets the threshold."""
    if detector.name in FACTS:
        return fitted
    need = detector.need
    genuine = _series(fitted, detector, [run for run in runs if not run.attack])
    plain = _series(fitted, detector, [run for run in runs if not run.attack and run.variant == AS_IS])
    attacks = _series(fitted, detector, [run for run in runs if run.attack])
    alike = likeness(plain)
    return replace(
        fitted,
        evidence_us=evidence_us(genuine, need.step_us, need.length_us),
        ceiling_nats=None if alike is None else ceiling_nats(attacks, alike),
    )


def _series(fitted: CheckCalibration, detector: Detector, runs: Sequence[Run]) -> list[Array]:
    """The honest ratios of each run, in order of time."""
    found = []
    for run in runs:
        readings = main_readings(run, detector.name)
        if readings:
            found.append(np.array([fitted.llr(reading.llr or 0.0, reading.measures) for reading in readings]))
    return found


def tails(genuine: Sequence[Call]) -> dict[Hypothesis, Tail]:
    """How often evidence climbs how high in genuine calls, by hypothesis; left out where hardly anybody's ever climbs.

    Heights above 1 nat are taken for exponential, as those of a CUSUM are (Siegmund 1985, doi:10.1007/978-1-4757-1862-1),
    with one standard error on top of their mean. A person counts once for each call, however often it goes round.
    """
    found: dict[Hypothesis, Tail] = {}
    for hypothesis in HYPOTHESES:
        judged = [c for c in genuine if not c.run.judged or hypothesis in c.run.judged]
        hours = sum(c.seconds for c in judged) / 3600
        over = [
            c.height_nats[hypothesis] - TAIL_FROM_NATS for c in judged if c.height_nats[hypothesis] > TAIL_FROM_NATS
        ]
        people = {c.run.item.person for c in judged if c.height_nats[hypothesis] > TAIL_FROM_NATS}
        if len(people) < LEAST_IN_TAIL or hours <= 0:
            continue
        scale = float(np.mean(over)) * (1 + len(people) ** -0.5)
        per_hour = len(over) / hours * float(np.exp(TAIL_FROM_NATS / scale))
        found[hypothesis] = Tail(round(per_hour, 4), round(scale, 4), round(hours, 3))
    return found
