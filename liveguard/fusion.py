"""Evidence over time: one CUSUM for each hypothesis about each participant.

Page 1954, doi:10.1093/biomet/41.1-2.100: log-likelihood ratios add up, never below 0, so that a long genuine past does not
shield a later attack. Successive windows overlap, so each reading counts only for what is new in it. And a check that is
wrong about a face or a camera is wrong again in the next window: what one check can contribute is bounded by its ceiling,
however long it goes on, so that an alert takes either several checks or one that is hardly ever wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from liveguard.policy import Policy
from liveguard.types import Hypothesis, Need, Reading

FADED_NATS = 0.01
JUDGED_KEPT = 64  # some seconds of all checks


@dataclass(slots=True)
class Evidence:
    """The standing of one hypothesis: `parts` by check, in nats. `onset_us`: where the present run of evidence began;
    `judged`: when it was judged of late, in stream time, and by which check."""

    at_us: int
    onset_us: int = 0
    parts: dict[str, float] = field(default_factory=dict)
    judged: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=JUDGED_KEPT))
    newest: dict[str, Reading] = field(default_factory=dict)

    @property
    def nats(self) -> float:
        return max(sum(self.parts.values()), 0.0)

    def supporting(self) -> tuple[Reading, ...]:
        """The newest reading of each check that speaks for an attack, the one that contributed most first."""
        speaking = [name for name, nats in self.parts.items() if nats > 0 and name in self.newest]
        return tuple(self.newest[name] for name in sorted(speaking, key=lambda name: (-self.parts[name], name)))

    def fade(self, t_us: int, half_life_s: float) -> None:
        """Evidence that nothing new supports loses weight with stream time."""
        left = 0.5 ** (max(t_us - self.at_us, 0) / 1e6 / half_life_s)
        for name in self.parts:
            self.parts[name] *= left
        self.at_us = max(self.at_us, t_us)
        if self.nats < FADED_NATS:
            self.clear()

    def clear(self) -> None:
        self.parts.clear()
        self.newest.clear()


class Fusion:
    """Adds readings up. Owned by the session's thread; depends on nothing but the readings and their order."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._evidence: dict[tuple[int | None, Hypothesis], Evidence] = {}

    def add(self, reading: Reading, hypothesis: Hypothesis, need: Need) -> Evidence:
        """Count one reading in; returns the evidence that it went to."""
        key = (reading.track, hypothesis)
        evidence = self._evidence.get(key)
        if evidence is None:
            evidence = self._evidence[key] = Evidence(at_us=reading.end_us)
        evidence.fade(reading.end_us, self._policy.half_life_s)
        worth = self.worth(reading, need)
        if worth == 0.0:  # could not judge, is switched off, or saw nothing
            return evidence
        name, ceiling = reading.detector, self._policy.ceiling_nats(reading.detector, hypothesis)
        if not evidence.parts:
            evidence.onset_us = reading.end_us - need.step_us
        evidence.parts[name] = max(min(evidence.parts.get(name, 0.0) + worth, ceiling), -ceiling)
        evidence.judged.append((reading.end_us, name))
        if worth > 0:
            evidence.newest[name] = reading
        if sum(evidence.parts.values()) <= 0:
            evidence.clear()
        return evidence

    def worth(self, reading: Reading, need: Need) -> float:
        """What a reading adds, in nats: its ratio, discounted for overlap, coverage and the check's weight, and bounded
        so that no single reading decides anything."""
        if reading.llr is None:
            return 0.0
        fresh = min(need.step_us / max(self._policy.evidence_us(reading.detector, need), 1), 1.0)
        worth = reading.llr * fresh * reading.coverage * self._policy.weights.get(reading.detector, 1.0)
        return max(min(worth, self._policy.most_nats), -self._policy.most_nats)

    def heights(self) -> Iterator[tuple[Hypothesis, float]]:
        """How high the evidence stands, in nats, for each participant and hypothesis that was ever judged."""
        for (_, hypothesis), evidence in self._evidence.items():
            yield hypothesis, evidence.nats

    def tick(self, t_us: int) -> None:
        """Time has gone on, whether or not anything was read."""
        for evidence in self._evidence.values():
            evidence.fade(t_us, self._policy.half_life_s)

    def forget(self, track: int | None) -> None:
        """A participant has gone."""
        for key in [key for key in self._evidence if key[0] == track]:
            del self._evidence[key]
