"""The figures of a check, and of whole calls, as plain dicts for `metrics.json`. NaN is None there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from liveguard.evaluate import metrics
from liveguard.evaluate.calls import Call
from liveguard.evaluate.honest import Windows
from liveguard.evaluate.metrics import Array, Interval, Mask
from liveguard.evaluate.scores import Names, Scores
from liveguard.types import HYPOTHESES

Figures: TypeAlias = dict[str, Any]
WITHIN_S = 60.0
"""An attack that is raised later than this after its onset does not count as detected."""
SOON_S = (6.0, 15.0)
SPEECH_S = 15.0
CAUSES = 6
EDGES = {
    "face_px": (60.0, 100.0, 160.0, 240.0),
    "frame_rate_hz": (12.0, 20.0, 27.0),
    "light_luma": (60.0, 100.0, 140.0),
    "bitrate_kbps": (150.0, 300.0, 600.0),
}
"""Where the slices of a condition begin."""


def check_figures(scores: Scores, windows: Windows) -> Figures:
    """All figures of one check: of recordings as they are, but for its calibration, which is about `windows`."""
    own, attack = scores.own, scores.attack
    fpr, fnr = metrics.rates_at(scores.llr, attack)
    return {
        **_separation(scores),
        "eer": number(metrics.eer(own, attack)),
        "eer_ci": interval(metrics.eer_interval(own, attack, scores.people)),
        "fpr": number(fpr),
        "fnr": number(fnr),
        "fpr_at_tpr80": number(metrics.fpr_at_tpr(own, attack, 0.8)),
        **calibration_figures(windows),
        "n_bonafide": int((~attack).sum()),
        "n_attack": int(attack.sum()),
        **_unjudged_figures(scores),
        "cannot_judge_causes": dict(scores.causes.most_common(CAUSES)),
        "by_kind": _against_genuine(scores, scores.column("kind"), intervals=True),
        "by_generator": _against_genuine(scores, scores.column("generator"), intervals=False),
        "by_source": {name: _slice(scores, scores.column("source") == name) for name in _names(scores, "source")},
        "slices": {name: slices(scores, name, edges) for name, edges in EDGES.items()},
    }


def calibration_figures(windows: Windows) -> Figures:
    """ECE over the windows that a calibration is about, as `Windows` weighs them, and what an honest check would show on so
    few people: all windows of one share a label. `reliability`: what was said, the true share and the weight of each bin."""
    if not windows.attack.any() or windows.attack.all():
        return {"ece": None, "ece_by_chance": None, "reliability": []}
    p = metrics.posterior(windows.own)
    reliable = metrics.reliability(p, windows.attack, windows.weight)
    people = np.unique(
        [f"{who} {label}" for who, label in zip(windows.person, windows.attack, strict=True)], return_inverse=True
    )
    return {
        "ece": number(metrics.ece(p, windows.attack, windows.weight)),
        "ece_by_chance": number(metrics.ece_by_chance(p, windows.weight, people[1])),
        "reliability": [[number(x) for x in each] for each in zip(*reliable, strict=True)],
    }


def slices(scores: Scores, name: str, edges: Sequence[float]) -> Figures:
    """Figures by one condition, of the stretches between `edges`."""
    values = scores.measure(name) if name != "bitrate_kbps" else _fact(scores, name)
    found: Figures = {}
    for low, high in zip((-math.inf, *edges), (*edges, math.inf), strict=True):
        rows = (values >= low) & (values < high)
        text = (
            f"under {high:g}"
            if low == -math.inf
            else f"{low:g} and more"
            if high == math.inf
            else f"{low:g} to {high:g}"
        )
        if rows.any():
            found[text] = _slice(scores, rows)
    return found


def call_figures(calls: Sequence[Call]) -> Figures:
    """False alerts, detections, delays and how long could be judged, over all calls and by kind."""
    genuine, attacks = [c for c in calls if not c.run.attack], [c for c in calls if c.run.attack]
    kinds = sorted({_kind(call) for call in attacks})
    return {
        **false_alert_figures(genuine),
        **detection_figures(attacks),
        "cannot_judge": number(_share_unjudged(calls)),
        "cannot_judge_ci": interval(_unjudged_interval(calls)),
        "cannot_judge_bonafide": number(_share_unjudged(genuine)),
        "judged_hours_bonafide": _judged_hours(genuine),
        "by_kind": {kind: detection_figures([c for c in attacks if _kind(c) == kind]) for kind in kinds},
    }


def false_alert_figures(calls: Sequence[Call]) -> Figures:
    """False alerts of genuine calls. The interval counts people, not laps: a recording that goes round proves no more."""
    hours = sum(call.seconds for call in calls) / 3600
    alerts = sum(len(call.raised) for call in calls)
    people: dict[str, tuple[int, float]] = {}
    for call in calls:
        person = call.run.item.person
        count, own = people.get(person, (0, 0.0))
        people[person] = (count + len(call.raised), own + call.seconds / 3600)
    alarmed = sum(count > 0 for count, _ in people.values())
    by_hypothesis = Counter(hypothesis for call in calls for hypothesis, _ in call.raised)
    return {
        "false_alerts": alerts,
        "hours": round(hours, 3),
        "material_hours": round(sum(call.run.seconds for call in calls) / 3600, 3),
        "false_alerts_per_hour": number(alerts / hours if hours else math.nan),
        "false_alerts_per_hour_ci": interval(_rate_interval(alarmed, len(people), alerts, hours)),
        "people": len(people),
        "people_alarmed": alarmed,
        "false_alerts_by_hypothesis": {name: by_hypothesis[name] for name in HYPOTHESES if by_hypothesis[name]},
    }


def _rate_interval(alarmed: int, people: int, alerts: int, hours: float) -> Interval | None:
    """The share of people who are ever wrongly accused, times how often they are, as alerts an hour of anybody's call."""
    share = metrics.share_interval(alarmed, people)
    if share is None or hours <= 0:
        return None
    # One who is accused is accused about so often; with nobody accused, once.
    each = alerts / alarmed if alarmed else 1.0
    scale = each * people / hours
    return share[0] * scale, share[1] * scale


def detection_figures(calls: Sequence[Call]) -> Figures:
    """How many attacks were raised, and how soon after their onset."""
    found = detection_shares([call.first_s(WITHIN_S) for call in calls], [call.run.item.person for call in calls])
    if calls and all(call.run.hypothesis in ("av_mismatch", "voice_synthetic") for call in calls):
        # What is about the voice can only be heard while somebody speaks.
        spoken = [delay * call.voiced_share for call in calls if (delay := call.first_s(WITHIN_S)) is not None]
        found["detected_within"][f"{SPEECH_S:g} s of speech"] = sum(speech_s <= SPEECH_S for speech_s in spoken)
    return found


def detection_shares(delays_s: Sequence[float | None], people: Sequence[str]) -> Figures:
    """How late each attack was detected (None: not at all), on whom. The interval counts people: several attacks on one of
    them prove no more."""
    found = [delay for delay in delays_s if delay is not None]
    detected = np.array([delay is not None for delay in delays_s], np.float64)
    p50, p95 = np.percentile(found, [50, 95]) if found else (math.nan, math.nan)
    return {
        "detected": len(found),
        "n_attack": len(delays_s),
        "detected_share": number(len(found) / len(delays_s) if delays_s else math.nan),
        "detected_ci": interval(metrics.ratio_interval(detected, np.ones(len(detected)), people)),
        "detected_within": {f"{limit_s:g} s": sum(delay <= limit_s for delay in found) for limit_s in SOON_S},
        "delay_s": {"p50": number(p50), "p95": number(p95)},
    }


def number(value: float) -> float | None:
    """For JSON: four digits, None for what is not known."""
    return round(float(value), 4) if math.isfinite(value) else None


def interval(found: Interval | None) -> list[float | None] | None:
    return None if found is None else [number(found[0]), number(found[1])]


def _separation(scores: Scores) -> Figures:
    """AUC, with intervals over people and over sources: the second is what to expect of a place never seen."""
    own, attack = scores.own, scores.attack
    return {
        "auc": number(metrics.auc(own, attack)),
        "auc_ci": interval(metrics.auc_interval(own, attack, scores.people)),
        "auc_ci_sources": interval(metrics.auc_interval(own, attack, scores.column("source").tolist())),
    }


def _unjudged_figures(scores: Scores) -> Figures:
    """How much of what it was asked it could not judge; the interval is over people."""
    runs = [*scores.run, *scores.unjudged]
    unjudged = np.repeat([0.0, 1.0], [len(scores.run), len(scores.unjudged)])
    found = metrics.ratio_interval(unjudged, np.ones(len(runs)), [run.item.person for run in runs])
    return {"cannot_judge": number(unjudged.mean() if runs else math.nan), "cannot_judge_ci": interval(found)}


def short_figures(scores: Scores) -> Figures:
    """What is said of a check where there are many variants to compare."""
    fpr, fnr = metrics.rates_at(scores.llr, scores.attack)
    return {
        **_separation(scores),
        "eer": number(metrics.eer(scores.own, scores.attack)),
        "fpr": number(fpr),
        "fnr": number(fnr),
        "n_bonafide": int((~scores.attack).sum()),
        "n_attack": int(scores.attack.sum()),
        "by_kind": _against_genuine(scores, scores.column("kind"), intervals=False),
    }


def _against_genuine(scores: Scores, column: Names, intervals: bool) -> Figures:
    """Each kind (or generator) of attack against all genuine recordings."""
    found: Figures = {}
    for name in sorted(set(column[scores.attack])):
        rows: Mask = ~scores.attack | (column == name)
        part = scores.only(rows)
        figures = _separation(part) if intervals else {"auc": number(metrics.auc(part.own, part.attack))}
        _, fnr = metrics.rates_at(part.llr, part.attack)
        found[str(name)] = {**figures, "fnr": number(fnr), "n_attack": int(part.attack.sum())}
    return found


def _slice(scores: Scores, rows: Mask) -> Figures:
    part = scores.only(rows)
    fpr, fnr = metrics.rates_at(part.llr, part.attack)
    return {
        "auc": number(metrics.auc(part.own, part.attack)),
        "fpr": number(fpr),
        "fnr": number(fnr),
        "n_bonafide": int((~part.attack).sum()),
        "n_attack": int(part.attack.sum()),
    }


def _names(scores: Scores, column: str) -> list[str]:
    return sorted({str(name) for name in scores.column(column)})


def _fact(scores: Scores, name: str) -> Array:
    found = [(run.facts or {}).get(name, math.nan) for run in scores.run]
    return np.array([value if isinstance(value, int | float) else math.nan for value in found], np.float64)


def _kind(call: Call) -> str:
    return call.run.item.kind if call.run.item.attack else call.run.variant


def _judged_hours(calls: Sequence[Call]) -> Figures:
    """By check, for how long it could judge: calls in which it could not do not show that it raises nothing."""
    checks = sorted({name for call in calls for name in call.judged_by_s})
    return {name: round(sum(call.judged_by_s.get(name, 0.0) for call in calls) / 3600, 3) for name in checks}


def _share_unjudged(calls: Sequence[Call]) -> float:
    seconds = sum(call.seconds for call in calls)
    return 1 - sum(call.judged_s for call in calls) / seconds if seconds else math.nan


def _unjudged_interval(calls: Sequence[Call]) -> Interval | None:
    seconds, judged_s = (
        np.array([getattr(call, name) for call in calls], np.float64) for name in ("seconds", "judged_s")
    )
    return metrics.ratio_interval(seconds - judged_s, seconds, [call.run.item.person for call in calls])
