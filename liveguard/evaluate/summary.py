"""Everything that is published of an evaluation, as one dict: `metrics.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np

from liveguard import __version__
from liveguard.evaluate.calls import CALL_S, HEIGHTS_NATS, Call, call
from liveguard.evaluate.figures import (
    WITHIN_S,
    Figures,
    call_figures,
    check_figures,
    detection_figures,
    detection_shares,
    false_alert_figures,
    number,
    short_figures,
)
from liveguard.evaluate.honest import Windows, windows_of
from liveguard.evaluate.leakage import leakage
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import Scores, scores_of
from liveguard.policy import Policy
from liveguard.stress.catalogue import AS_IS
from liveguard.types import Detector

VERSION = 1


def summarise(
    runs: Sequence[Run],
    detectors: Sequence[Detector],
    policy_of: Callable[[Run], Policy],
    conditions: Figures,
    call_s: float = CALL_S,
) -> Figures:
    """The figures of `runs`. `policy_of`: what guards the call of a run, and holds the calibration of its readings."""
    all_well = [run for run in runs if not run.error]
    well, stills = [run for run in all_well if not run.still], [run for run in all_well if run.still]
    calls = [call(run, detectors, policy_of(run), call_s) for run in well]
    genuine = [c for c in calls if not c.run.attack]
    stressed = [c for c in genuine if c.run.variant != AS_IS]
    honest = [calibrated(run, policy_of(run)) for run in well]
    as_is = [run for run in well if run.variant == AS_IS]
    plain = [run for run in honest if run.variant == AS_IS]
    return {
        "version": VERSION,
        "conditions": {
            "liveguard": __version__,
            "call_s": call_s,
            "within_s": WITHIN_S,
            **conditions,
            "recordings": len({run.item.name for run in runs}),
            "runs": len(runs),
            "refused": refused(runs),
            "faults": dict(Counter(fault for run in all_well for fault in run.faults).most_common(10)),
            "faults_in_all": sum(len(run.faults) for run in all_well),
        },
        "checks": {d.name: check_figures(scores_of(d, plain), _said_about(d, honest, policy_of)) for d in detectors},
        "stills": _stills([calibrated(run, policy_of(run)) for run in stills], detectors, policy_of),
        "checks_by_variant": _by_variant(honest, detectors),
        "sessions": {
            **call_figures([c for c in calls if c.run.variant == AS_IS]),
            "trade_off": _trade_off([c for c in calls if c.run.variant == AS_IS]),
        },
        "stress": {**false_alert_figures(stressed), "by_variant": _stress_by_variant(stressed)},
        "bench": {
            name: detection_figures([c for c in calls if c.run.bench and c.run.variant == name])
            for name in _variants(run for run in well if run.bench and run.variant != AS_IS)
        },
        "leakage": leakage(as_is),
        "compute": _compute(as_is),
    }


def _stills(stills: Sequence[Run], detectors: Sequence[Detector], policy_of: Callable[[Run], Policy]) -> Figures:
    """Still pictures, apart: of the checks that can judge one."""
    if not stills:
        return {}
    can = [d for d in detectors if d.need.still]
    return {d.name: check_figures(scores_of(d, stills), _said_about(d, stills, policy_of)) for d in can}


def _said_about(detector: Detector, honest: Sequence[Run], policy_of: Callable[[Run], Policy]) -> Windows:
    """The windows that a check's ratios are about: those of all kinds of attack where its calibration says the ratio of their
    mixture, else of the kinds that it is made for."""
    lines = (policy_of(run).calibration.checks.get(detector.name) for run in honest)
    return windows_of(detector, honest, mixture=any(line is not None and line.share < 1 for line in lines))


def calibrated(run: Run, policy: Policy) -> Run:
    """The run with honest ratios."""
    return replace(run, readings=tuple(policy.calibration.apply(reading) for reading in run.readings))


def scores_as_is(
    runs: Sequence[Run], detectors: Sequence[Detector], policy_of: Callable[[Run], Policy]
) -> dict[str, Scores]:
    """By check, what plots are drawn of: the recordings as they are."""
    films = [run for run in runs if run.variant == AS_IS and not run.error and not run.still]
    plain = [calibrated(run, policy_of(run)) for run in films]
    return {detector.name: scores_of(detector, plain) for detector in detectors}


def _by_variant(runs: Sequence[Run], detectors: Sequence[Detector]) -> Figures:
    """Separation of each check at call quality, and of its own bench attacks from genuine recordings."""
    found: Figures = {}
    genuine = [run for run in runs if not run.attack and run.variant == AS_IS]
    for name in _variants(runs):
        if name == AS_IS:
            continue
        own = [run for run in runs if run.variant == name]
        if not any(run.attack for run in own):
            continue
        against = own if not own[0].bench else [*genuine, *own]
        for detector in detectors:
            if own[0].bench and own[0].hypothesis != detector.hypothesis:
                continue
            scores = scores_of(detector, against)
            if scores.attack.any() and not scores.attack.all():
                found.setdefault(name, {})[detector.name] = short_figures(scores)
    return found


def _stress_by_variant(genuine: Sequence[Call]) -> Figures:
    found: Figures = {}
    for name in _variants(c.run for c in genuine):
        own = [c for c in genuine if c.run.variant == name]
        seconds = sum(c.seconds for c in own)
        unjudged = 1 - sum(c.judged_s for c in own) / seconds if seconds else nan
        found[name] = {**false_alert_figures(own), "cannot_judge": number(unjudged)}
    return found


def _trade_off(calls: Sequence[Call]) -> list[Figures]:
    """False alerts an hour, detections and delay, if the same evidence threshold stood for every hypothesis.

    Read off how high the evidence climbed: an alert that is raised, cleared and raised again counts once, and how far
    evidence against an attack may build up stays as the policy has it.
    """
    hours = sum(c.seconds for c in calls if not c.run.attack) / 3600
    attacks = [c for c in calls if c.run.attack]
    found = []
    for index, nats in enumerate(HEIGHTS_NATS):
        false = sum(len(times) > index for c in calls if not c.run.attack for times in c.passed_s.values())
        first = [
            min((c.passed_s[h][index] for h in c.meant() if len(c.passed_s[h]) > index), default=inf) for c in attacks
        ]
        delays = [t_s if 0 <= t_s <= WITHIN_S else None for t_s in first]
        found.append(
            {
                "threshold_nats": nats,
                "false_alerts_per_hour": number(false / hours if hours else nan),
                **detection_shares(delays, [c.run.item.person for c in attacks]),
            }
        )
    return found


def _variants(runs: Any) -> list[str]:
    """In order of their first appearance."""
    return list(dict.fromkeys(run.variant for run in runs))


def refused(runs: Sequence[Run]) -> list[dict[str, str]]:
    """What could not be judged, and why."""
    return [{"path": run.item.name, "variant": run.variant, "why": run.error} for run in runs if run.error]


def _compute(runs: Sequence[Run]) -> Figures:
    media_s, cpu_s = sum(run.seconds for run in runs), sum(run.cpu_s for run in runs)
    each = [run.cpu_s / run.seconds for run in runs if run.seconds > 0]
    p50, p95 = np.percentile(each, [50, 95]) if each else (nan, nan)
    return {
        "cpu_s_per_media_s": number(cpu_s / media_s if media_s else nan),
        "p50": number(p50),
        "p95": number(p95),
        "media_s": round(media_s, 1),
    }
