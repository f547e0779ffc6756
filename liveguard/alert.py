"""From evidence to what is said: alerts with hysteresis, and the state of each participant."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from liveguard.fusion import Evidence
from liveguard.policy import Policy
from liveguard.types import HYPOTHESES, Alert, Hypothesis, Reading, State, Status
from liveguard.words import HYPOTHESIS_WORDS, SETTLE

CLEAR_SHARE = 0.25  # an alert is cleared when its evidence has sunk to this share of the threshold
SUSPICIOUS_RISK = 0.5
FEED = "feed"


def participant(track: int | None) -> str:
    """The label of a participant: faces are numbered, nobody is named."""
    return FEED if track is None else f"face {track}"


@dataclass(slots=True)
class _Standing:
    """One participant's present state."""

    track: int | None
    evidence: dict[Hypothesis, Evidence] = field(default_factory=dict)
    raised: dict[Hypothesis, str] = field(default_factory=dict)
    latest: dict[str, Reading] = field(default_factory=dict)
    state: State = "cannot_judge"


class AlertMachine:
    """Watches the evidence. Owned by the session's thread; stream time only."""

    def __init__(self, policy: Policy, session_id: str) -> None:
        self._policy = policy
        self._session_id = session_id
        self._standings: dict[int | None, _Standing] = {}
        self._count = 0

    def add(self, reading: Reading, hypothesis: Hypothesis, evidence: Evidence) -> list[Alert | Status]:
        """Called after each reading: the alerts raised or cleared by it, and the status where the state has changed."""
        standing = self._standings.setdefault(reading.track, _Standing(reading.track))
        standing.evidence[hypothesis] = evidence
        standing.latest[reading.detector] = reading
        said: list[Alert | Status] = []
        alert = self._judge(standing, hypothesis, evidence, reading.end_us)
        if alert is not None:
            said.append(alert)
        status = self._status(standing, reading.end_us)
        if status.state != standing.state:
            standing.state = status.state
            said.append(status)
        return said

    def statuses(self, t_us: int) -> list[Status]:
        """Where everybody stands at `t_us`."""
        order = sorted(self._standings.values(), key=lambda s: -1 if s.track is None else s.track)
        return [self._status(standing, t_us) for standing in order]

    def _judge(self, standing: _Standing, hypothesis: Hypothesis, evidence: Evidence, t_us: int) -> Alert | None:
        threshold = self._policy.threshold_nats(hypothesis)
        raised = standing.raised.get(hypothesis)
        if raised is None and evidence.nats >= threshold:
            self._count += 1
            alert_id = f"{self._session_id}-{self._count}"
            standing.raised[hypothesis] = alert_id
            return self._alert(alert_id, "raised", standing, hypothesis, evidence, t_us)
        if raised is not None and evidence.nats < CLEAR_SHARE * threshold:
            del standing.raised[hypothesis]
            return self._alert(raised, "cleared", standing, hypothesis, evidence, t_us)
        return None

    def _alert(
        self,
        alert_id: str,
        state: str,
        standing: _Standing,
        hypothesis: Hypothesis,
        evidence: Evidence,
        t_us: int,
    ) -> Alert:
        return Alert(
            id=alert_id,
            participant=participant(standing.track),
            state="raised" if state == "raised" else "cleared",
            hypothesis=hypothesis,
            t_us=t_us,
            risk=self._policy.risk(evidence.nats),
            evidence_nats=evidence.nats,
            threshold_nats=self._policy.threshold_nats(hypothesis),
            readings=evidence.supporting(),
            lag_us=t_us - evidence.onset_us,
            settle=SETTLE[hypothesis],
        )

    def _status(self, standing: _Standing, t_us: int) -> Status:
        fresh_us = int(self._policy.judged_within_s * 1e6)
        judged = {
            hypothesis: evidence
            for hypothesis, evidence in standing.evidence.items()
            if evidence.judged_us is not None and t_us - evidence.judged_us <= fresh_us
        }
        who = participant(standing.track)
        if standing.raised:
            worst = max(self._policy.risk(standing.evidence[h].nats) for h in standing.raised)
            why = tuple(
                f"{HYPOTHESIS_WORDS[h]}: {_reasons(standing.evidence[h])}" for h in HYPOTHESES if h in standing.raised
            )
            return Status(t_us, who, "alert", worst, why)
        if not judged:
            return Status(t_us, who, "cannot_judge", None, _excuses(standing))
        hypothesis, evidence = max(judged.items(), key=lambda item: item[1].nats)
        risk = self._policy.risk(evidence.nats)
        if risk >= SUSPICIOUS_RISK:
            return Status(t_us, who, "suspicious", risk, (f"{HYPOTHESIS_WORDS[hypothesis]}: {_reasons(evidence)}",))
        return Status(t_us, who, "genuine", risk, ())


def _reasons(evidence: Evidence) -> str:
    return "; ".join(reading.why for reading in evidence.supporting()[:3]) or "earlier evidence"


def _excuses(standing: _Standing) -> tuple[str, ...]:
    """Why nothing can be judged, the most frequent reason first."""
    reasons = Counter(reading.why for reading in standing.latest.values() if reading.llr is None)
    return tuple(why for why, _ in reasons.most_common(3))
