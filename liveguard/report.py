"""What is said of a whole recording: one verdict, its reasons, and the figures behind it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from liveguard.alert import FEED, LEFT
from liveguard.policy import ABOUT_FACES, Policy
from liveguard.types import Alert, Event, Fault, Gap, Hypothesis, Reading, State, Status
from liveguard.words import HYPOTHESIS_WORDS, NOT_RULED_OUT, OF_THE_CHECK, ONE_PICTURE, OTHERS

# Who was judged for a smaller share of the time in the picture is not called genuine. So much may be missed of any length: the
# first seconds, and whoever turns away for a moment.
LEAST_JUDGED_SHARE, MAY_MISS_S = 0.5, 10.0
_ORDER: tuple[State, ...] = ("cannot_judge", "genuine", "suspicious", "alert")


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """One check over a recording, of the face that it found most suspicious.

    `llr`: the evidence that it added up to (nats, each window counted for what was new in it), None: never judged.
    `measures`: medians over the windows that it judged. `why`: of the most telling window, or why it never judged.
    """

    llr: float | None
    coverage: float
    measures: Mapping[str, float]
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """`verdict` is that of the worst participant who could be judged; `risk` (0..1) the highest that the evidence reached, None:
    not judged.

    `still`: it is of a single picture, which lasts 0 seconds; most checks cannot judge one.
    """

    file: str
    seconds: float
    verdict: State
    risk: float | None
    why: tuple[str, ...]
    alerts: tuple[Alert, ...]
    checks: Mapping[str, CheckSummary]
    faces: int
    gaps: tuple[Gap, ...]
    faults: tuple[str, ...]
    compute_s: float
    still: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The shape that `scan --json` prints: later versions may add to it, never take away."""
        return {
            "file": self.file,
            "seconds": round(self.seconds, 3),
            "verdict": self.verdict,
            "risk": None if self.risk is None else round(self.risk, 4),
            "why": list(self.why),
            "alerts": [_alert_dict(alert) for alert in self.alerts if alert.state == "raised"],
            "checks": {name: _check_dict(check) for name, check in self.checks.items()},
            "faces": self.faces,
            "gaps": [
                {"kind": g.kind, "start_s": g.start_us / 1e6, "end_s": g.end_us / 1e6, "reason": g.reason}
                for g in self.gaps
            ],
            "faults": list(self.faults),
            "compute_s": round(self.compute_s, 3),
            "still": self.still,
        }


@dataclass(slots=True)
class _Watched:
    """For how long somebody was in the picture, and could be judged; `why`: the reasons when they last could not."""

    there_s: float = 0.0
    judged_s: float = 0.0
    why: tuple[str, ...] = ()

    def add(self, statuses: Sequence[Status], lasted_s: float) -> None:
        """So they stood for so long; of several the one who could be judged counts."""
        unjudged = [status for status in statuses if status.state == "cannot_judge"]
        self.there_s += lasted_s
        if len(unjudged) < len(statuses):
            self.judged_s += lasted_s
        else:
            self.why = tuple(dict.fromkeys(why for status in unjudged for why in status.why))

    @property
    def enough(self) -> bool:
        """Whether enough of it was judged for a verdict that nothing was wrong."""
        return self.judged_s >= LEAST_JUDGED_SHARE * self.there_s or (self.there_s - self.judged_s <= MAY_MISS_S)

    def words(self, who: str) -> str:
        why = "; ".join(self.why)
        share = f"{100 * self.judged_s / self.there_s:.0f} % of the {self.there_s:.0f} s"
        return f"{who} could be judged for only {share} in the picture" + (f": {why}" if why else "")


TOO_WEAK = "the voice was heard, but what its check says is too weak for a verdict"


@dataclass(slots=True)
class ReportBuilder:
    """Collects the events of one recording, judged by `checks` (each with what it looks for) under `policy`."""

    file: str
    checks: Mapping[str, Hypothesis]
    policy: Policy
    _readings: dict[str, dict[int | None, list[tuple[Reading, float]]]] = field(default_factory=dict)
    _alerts: list[Alert] = field(default_factory=list)
    _gaps: list[Gap] = field(default_factory=list)
    _faults: Counter[str] = field(default_factory=Counter)
    _worst: dict[str, Status] = field(default_factory=dict)
    _risk: float | None = None
    _heard: bool = False
    _watched: dict[str, _Watched] = field(default_factory=lambda: defaultdict(_Watched))
    _anybody: _Watched = field(default_factory=_Watched)

    def add(self, event: Event, worth: float = 0.0) -> None:
        """`worth`: what a reading added to the evidence, in nats."""
        if isinstance(event, Reading):
            by_track = self._readings.setdefault(event.detector, defaultdict(list))
            by_track[event.track].append((event, worth))
        elif isinstance(event, Alert):
            self._alerts.append(event)
        elif isinstance(event, Gap):
            self._gaps.append(event)
        elif isinstance(event, Fault):
            self._faults[f"{event.where}: {event.what}"] += 1
        else:
            self.status(event)

    def status(self, status: Status) -> None:
        """A standing; the worst of each participant, and the highest risk, are kept."""
        worst = self._worst.get(status.participant)
        if worst is None or (_rank(status) >= _rank(worst) and status.why != (LEFT,)):
            self._worst[status.participant] = status
        if status.risk is not None:
            self._risk = max(self._risk or 0.0, status.risk)

    def standings(self, statuses: Sequence[Status], lasted_s: float) -> None:
        """Where everybody stood for the last `lasted_s`."""
        for status in statuses:
            self.status(status)
        faces = [status for status in statuses if status.participant not in (FEED, OTHERS)]
        for status in faces:
            self._watched[status.participant].add([status], lasted_s)
        if faces:
            self._anybody.add(faces, lasted_s)

    def build(self, seconds: float, compute_s: float, faces: int, still: bool = False, heard: bool = False) -> Report:
        """The report on all that was collected; `faces`: how many people were seen; `heard`: whether there was sound."""
        self._heard = heard
        nothing = ONE_PICTURE if still else "too short: no window was complete"
        checks = {name: _summary(self._readings.get(name, {}), nothing) for name in self.checks}
        verdict = self._verdict(checks)
        return Report(
            file=self.file,
            seconds=seconds,
            verdict=verdict,
            risk=None if verdict == "cannot_judge" else self._risk,
            why=self._why(verdict, checks, still),
            alerts=tuple(self._alerts),
            checks=checks,
            faces=faces,
            gaps=tuple(self._gaps),
            faults=tuple(f"{what} ({count} times)" if count > 1 else what for what, count in self._faults.items()),
            compute_s=compute_s,
            still=still,
        )

    def _verdict(self, checks: Mapping[str, CheckSummary]) -> State:
        """The worst state of anybody; genuine only if faces were judged for most of the time in which there were any, or a voice
        by a check that could tell: a moving picture alone says little."""
        worst: State = max((status.state for status in self._worst.values()), key=_ORDER.index, default="cannot_judge")
        if worst != "genuine":
            return worst
        face = self._anybody.enough and any(s.state == "genuine" and who != FEED for who, s in self._worst.items())
        return "genuine" if face or (self._voice_tells and self._judged(checks, "voice")) else "cannot_judge"

    @property
    def _voice_tells(self) -> bool:
        return self.policy.could_tell(("voice",), "voice_synthetic")

    def _why(self, verdict: State, checks: Mapping[str, CheckSummary], still: bool) -> tuple[str, ...]:
        if verdict in ("alert", "suspicious"):
            said = [why for status in self._worst.values() if status.state == verdict for why in status.why]
            return (*dict.fromkeys(said), *self._unjudged())
        judged = [name for name in checks if self._judged(checks, name)]
        if verdict == "genuine":
            return (f"nothing suspicious found by {', '.join(judged)}", *self._not_ruled_out(judged), *self._unjudged())
        if still:
            return (
                f"one picture is too little for a verdict; checks that looked at it: {', '.join(judged) or 'none'}",
            )
        excuses = Counter(c.why for c in checks.values() if c.llr is None and c.why not in OF_THE_CHECK)
        heard = (TOO_WEAK,) if self._judged(checks, "voice") and not self._voice_tells else ()
        seen = () if self._anybody.enough else (self._anybody.words("whoever was there"),)
        return (*heard, *seen, *(why for why, _ in excuses.most_common(3)))

    def _not_ruled_out(self, judged: Sequence[str]) -> Iterator[str]:
        by: dict[Hypothesis, list[str]] = defaultdict(list)
        for name in judged:
            by[self.checks[name]].append(name)
        about: tuple[Hypothesis, ...] = ABOUT_FACES if any(who != FEED for who in self._worst) else ()
        left = self.policy.not_ruled_out(by, (*about, "voice_synthetic"), self._heard)
        return (NOT_RULED_OUT[h] for h in left)

    def _unjudged(self) -> Iterator[str]:
        """Who else was in the picture and could not be judged at any time, or for most of it."""
        for who, status in self._worst.items():
            if who != FEED and status.state == "cannot_judge":
                why = "; ".join(reason for reason in status.why if reason != LEFT)
                yield f"{who} could not be judged" + (f": {why}" if why else "")
            elif status.state == "genuine" and who in self._watched and not self._watched[who].enough:
                yield self._watched[who].words(who)

    def _judged(self, checks: Mapping[str, CheckSummary], name: str) -> bool:
        return name in checks and checks[name].llr is not None and self.policy.counts(name)


def _rank(status: Status) -> tuple[int, float]:
    return _ORDER.index(status.state), status.risk or 0.0


def _summary(by_track: Mapping[int | None, list[tuple[Reading, float]]], nothing: str) -> CheckSummary:
    """`nothing`: why there is none where no window was ever judged."""
    tracks = [readings for readings in by_track.values() if any(r.llr is not None for r, _ in readings)]
    if not tracks:
        every = [reading for readings in by_track.values() for reading, _ in readings]
        # The longest window had the most to go by, so its reason is the one that tells what was missing.
        longest = max(every, key=lambda r: (r.end_us - r.start_us, r.end_us), default=None)
        return CheckSummary(None, 0.0, {}, longest.why if longest else nothing)
    chosen = max(tracks, key=lambda readings: sum(worth for _, worth in readings))
    judged = [(reading, worth) for reading, worth in chosen if reading.llr is not None]
    telling = max(judged, key=lambda pair: pair[0].llr or 0.0)[0]
    names = sorted({name for reading, _ in judged for name in reading.measures})
    measures = {name: float(np.median([r.measures[name] for r, _ in judged if name in r.measures])) for name in names}
    coverage = float(np.mean([r.coverage if r.llr is not None else 0.0 for r, _ in chosen]))
    return CheckSummary(sum(worth for _, worth in judged), coverage, measures, telling.why)


def _alert_dict(alert: Alert) -> dict[str, Any]:
    hypothesis: Hypothesis = alert.hypothesis
    return {
        "t_s": alert.t_us / 1e6,
        "participant": alert.participant,
        "hypothesis": hypothesis,
        "risk": round(alert.risk, 4),
        "why": f"{HYPOTHESIS_WORDS[hypothesis]}: " + "; ".join(reading.why for reading in alert.readings),
        "checks": [reading.detector for reading in alert.readings],
        "lag_s": alert.lag_us / 1e6,
        "settle": alert.settle,
    }


def _check_dict(check: CheckSummary) -> dict[str, Any]:
    return {
        "llr": None if check.llr is None else round(check.llr, 4),
        "coverage": round(check.coverage, 3),
        "measures": {name: round(value, 4) if np.isfinite(value) else None for name, value in check.measures.items()},
        "why": check.why,
    }
