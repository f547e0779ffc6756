"""From evidence to what is said: alerts with hysteresis, and the state of each participant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from liveguard.fusion import Evidence
from liveguard.policy import ABOUT_FACES, SUSPICIOUS_RISK, Policy
from liveguard.types import HYPOTHESES, Alert, Hypothesis, Reading, State, Status
from liveguard.words import (
    HYPOTHESIS_WORDS,
    NOT_RULED_OUT,
    NOT_SETTLED,
    OF_THE_CHECK,
    OTHERS,
    SETTLE,
    nothing_came,
    unfollowed_words,
)

CLEAR_SHARE = 0.25  # an alert is cleared when its evidence has sunk to this share of the threshold
LEAST_JUDGEMENTS = 3  # of late, before anybody is called genuine
GONE_AFTER_US = 3_000_000  # without any reading, of any check
FEED = "feed"
LEFT = "left the picture"
_Judged: TypeAlias = dict[Hypothesis, list[str]]


def participant(track: int | None) -> str:
    """The label of a participant: faces are numbered, nobody is named."""
    return FEED if track is None else f"face {track}"


@dataclass(slots=True)
class _Standing:
    """One participant's present state. `said`: what was last said of it, figures taken out."""

    track: int | None
    evidence: dict[Hypothesis, Evidence] = field(default_factory=dict)
    raised: dict[Hypothesis, str] = field(default_factory=dict)
    latest: dict[str, Reading] = field(default_factory=dict)
    read_us: int = 0
    state: State | None = None
    was_judged: bool = False
    said: str = ""


class AlertMachine:
    """Watches the evidence. Owned by the session's thread; stream time only."""

    def __init__(self, policy: Policy, session_id: str) -> None:
        self._policy = policy
        self._session_id = session_id
        self._standings: dict[int | None, _Standing] = {}
        self._unfollowed, self._unfollowed_us = 0, 0
        self._heard_us: int | None = None
        self._count = 0

    def add(self, reading: Reading, hypothesis: Hypothesis, evidence: Evidence) -> list[Alert | Status]:
        """Called after each reading: the alerts raised or cleared by it, and the status where the state has changed."""
        standing = self._standings.setdefault(reading.track, _Standing(reading.track))
        standing.evidence[hypothesis] = evidence
        standing.latest[reading.detector] = reading
        standing.read_us = max(standing.read_us, reading.end_us)
        said: list[Alert | Status] = self._judge(standing, hypothesis, reading.end_us)
        status = self._status(standing, reading.end_us)
        if status.state != standing.state:
            said.append(self._say(standing, status))
        return said

    def tick(self, t_us: int) -> tuple[list[Alert | Status], list[int | None]]:
        """Called once a second of stream time: what has faded or changed, and who has gone for good."""
        said: list[Alert | Status] = []
        # Faces go; what was found of the feed stays when nothing has come of it for a while.
        stays = {s.track for s in self._standings.values() if s.track is None and s.was_judged}
        gone = [s.track for s in self._standings.values() if s.track not in stays and t_us - s.read_us > GONE_AFTER_US]
        for track in gone:
            said += self._dismiss(self._standings.pop(track), t_us)
        if t_us - self._unfollowed_us > GONE_AFTER_US:
            said += self.unfollowed(0, t_us)
        for standing in self._standings.values():
            for hypothesis in list(standing.evidence):
                said += self._judge(standing, hypothesis, t_us)
            status = self._status(standing, t_us)
            if status.state != standing.state or (status.state == "cannot_judge" and _words(status) != standing.said):
                said.append(self._say(standing, status))
        return said, gone

    def heard(self, t_us: int) -> None:
        """There was sound at `t_us`."""
        self._heard_us = t_us

    def unfollowed(self, count: int, t_us: int) -> list[Status]:
        """So many faces are in the picture beside those that are followed: what is to be said of it, if it is news."""
        self._unfollowed_us = t_us
        if count == self._unfollowed:
            return []
        self._unfollowed = count
        return self._others(t_us) or [Status(t_us, OTHERS, "cannot_judge", None, (LEFT,))]

    def statuses(self, t_us: int) -> list[Status]:
        """Where everybody stands at `t_us`."""
        order = sorted(self._standings.values(), key=lambda s: -1 if s.track is None else s.track)
        return [*(self._status(standing, t_us) for standing in order), *self._others(t_us)]

    def _others(self, t_us: int) -> list[Status]:
        why = unfollowed_words(self._unfollowed)
        return [Status(t_us, OTHERS, "cannot_judge", None, (why,))] if self._unfollowed else []

    def _dismiss(self, standing: _Standing, t_us: int) -> list[Alert | Status]:
        """Who has gone cannot be judged any more; what was raised is withdrawn, and said to be unsettled."""
        said: list[Alert | Status] = [
            self._alert(alert_id, "cleared", standing, hypothesis, t_us, NOT_SETTLED)
            for hypothesis, alert_id in standing.raised.items()
        ]
        return [*said, Status(t_us, participant(standing.track), "cannot_judge", None, (LEFT,))]

    def _say(self, standing: _Standing, status: Status) -> Status:
        standing.state, standing.said = status.state, _words(status)
        standing.was_judged |= status.state != "cannot_judge"
        return status

    def _judge(self, standing: _Standing, hypothesis: Hypothesis, t_us: int) -> list[Alert | Status]:
        threshold, nats = self._policy.threshold_nats(hypothesis), standing.evidence[hypothesis].nats
        raised = standing.raised.get(hypothesis)
        if raised is None and nats >= threshold:
            self._count += 1
            alert_id = standing.raised[hypothesis] = f"{self._session_id}-{self._count}"
            return [self._alert(alert_id, "raised", standing, hypothesis, t_us, SETTLE[hypothesis])]
        if raised is not None and nats < CLEAR_SHARE * threshold:
            del standing.raised[hypothesis]
            return [self._alert(raised, "cleared", standing, hypothesis, t_us, SETTLE[hypothesis])]
        return []

    def _alert(
        self,
        alert_id: str,
        state: Literal["raised", "cleared"],
        standing: _Standing,
        hypothesis: Hypothesis,
        t_us: int,
        settle: str,
    ) -> Alert:
        evidence = standing.evidence[hypothesis]
        return Alert(
            id=alert_id,
            participant=participant(standing.track),
            state=state,
            hypothesis=hypothesis,
            t_us=t_us,
            risk=self._policy.risk(evidence.nats),
            evidence_nats=evidence.nats,
            threshold_nats=self._policy.threshold_nats(hypothesis),
            readings=evidence.supporting(),
            lag_us=t_us - evidence.onset_us,
            settle=settle,
        )

    def _status(self, standing: _Standing, t_us: int) -> Status:
        who, evidence = participant(standing.track), standing.evidence
        if standing.raised:
            worst = max(self._policy.risk(evidence[h].nats) for h in standing.raised)
            why = tuple(f"{HYPOTHESIS_WORDS[h]}: {_reasons(evidence[h])}" for h in HYPOTHESES if h in standing.raised)
            return Status(t_us, who, "alert", worst, why)
        since_us = t_us - int(self._policy.judged_within_s * 1e6)
        judged = _judged(standing, since_us)
        if not judged:
            unread_us = t_us - standing.read_us
            why = (nothing_came(unread_us),) if unread_us > GONE_AFTER_US else _excuses(standing, since_us)
            return Status(t_us, who, "cannot_judge", None, why)
        # What was found stands while it fades, also where it cannot be looked at again: who holds still is not cleared.
        worst_of = max(evidence, key=lambda h: evidence[h].nats)
        risk = self._policy.risk(evidence[worst_of].nats)
        if risk >= SUSPICIOUS_RISK:
            why = (f"{HYPOTHESIS_WORDS[worst_of]}: {_reasons(evidence[worst_of])}",)
            return Status(t_us, who, "suspicious", risk, why)
        if sum(map(len, judged.values())) < LEAST_JUDGEMENTS:
            return Status(
                t_us, who, "cannot_judge", None, ("too little was seen so far", *_excuses(standing, since_us))
            )
        return Status(t_us, who, "genuine", risk, self._not_ruled_out(standing, judged, since_us))

    def _not_ruled_out(self, standing: _Standing, judged: _Judged, since_us: int) -> tuple[str, ...]:
        sound = self._heard_us is not None and self._heard_us >= since_us
        concerns: Iterable[Hypothesis] = ("voice_synthetic", *standing.evidence)
        if standing.track is not None:
            concerns, feed = ABOUT_FACES, self._standings.get(None)
            played = _judged(feed, since_us).get("feed_injected", []) if feed else []
            judged = {**judged, "feed_injected": [*judged.get("feed_injected", []), *played]}
        return tuple(NOT_RULED_OUT[h] for h in self._policy.not_ruled_out(judged, concerns, sound))


def _judged(standing: _Standing, since_us: int) -> _Judged:
    """What was judged of late, by which checks."""
    lately = {h: [n for at_us, n in one.judged if at_us >= since_us] for h, one in standing.evidence.items()}
    return {h: names for h, names in lately.items() if names}


def _reasons(evidence: Evidence) -> str:
    return "; ".join(reading.why for reading in evidence.supporting()[:3]) or "earlier evidence"


def _excuses(standing: _Standing, since_us: int) -> tuple[str, ...]:
    """Why nothing can be judged, the most frequent reason first; what lies with the check only where there is no other."""
    recent = [r.why for r in standing.latest.values() if r.llr is None and r.end_us >= since_us]
    reasons = Counter(why for why in recent if why not in OF_THE_CHECK) or Counter(recent)
    return tuple(why for why, _ in reasons.most_common(3))


def _words(status: Status) -> str:
    """The main reason without its figures, which change all the time."""
    return re.sub(r"[\d.]+", "#", status.why[0]) if status.why else ""
