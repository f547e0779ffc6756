"""Evidence over time: one CUSUM for each hypothesis about each participant.

Page 1954, doi:10.1093/biomet/41.1-2.100: log-likelihood ratios add up, never below 0, so that a long genuine past does not
shield a later attack. Successive windows overlap, so each reading counts only for what is new in it. And a check that is
wrong about a face or a camera is wrong again in the next window: what one check can contribute is bounded by its ceiling,
however long it goes on, so that an alert takes either several checks or one that is hardly ever wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from liveguard.policy import Policy
from liveguard.types import Hypothesis, Need, Reading


@dataclass(slots=True)
class Evidence:
    """The standing of one hypothesis: `parts` by check, in nats. `onset_us`: where the present run of evidence began."""

    parts: dict[str, float] = field(default_factory=dict)
    onset_us: int = 0
    at_us: int = 0
    judged_us: int | None = None
    newest: dict[str, Reading] = field(default_factory=dict)

    @property
    def nats(self) -> float:
        return max(sum(self.parts.values()), 0.0)

    def supporting(self) -> tuple[Reading, ...]:
        """The newest reading of each check that speaks for an attack, the one that contributed most first."""
        speaking = [name for name, nats in self.parts.items() if nats > 0 and name in self.newest]
        return tuple(self.newest[name] for name in sorted(speaking, key=lambda name: (-self.parts[name], name)))


class Fusion:
    """Adds readings up. Owned by the session's thread; depends on nothing but the readings and their order."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._evidence: dict[tuple[int | None, Hypothesis], Evidence] = {}

    def add(self, reading: Reading, hypothesis: Hypothesis, need: Need) -> Evidence:
        """Count one reading in; returns the evidence that it went to."""
        evidence = self._evidence.setdefault((reading.track, hypothesis), Evidence())
        self._fade(evidence, reading.end_us)
        if reading.llr is None or not math.isfinite(reading.llr):
            return evidence
        name, ceiling = reading.detector, self._policy.ceiling_nats(reading.detector)
        part = evidence.parts.get(name, 0.0) + self.worth(reading, need)
        evidence.parts[name] = max(min(part, ceiling), -ceiling)
        evidence.judged_us = reading.end_us
        if reading.llr > 0:
            evidence.newest[name] = reading
        if sum(evidence.parts.values()) <= 0:
            evidence.parts.clear()
            evidence.newest.clear()
            evidence.onset_us = reading.end_us
        return evidence

    def worth(self, reading: Reading, need: Need) -> float:
        """What a reading adds, in nats: its ratio, discounted for overlap, coverage and the check's weight, and bounded
        so that no single reading decides anything."""
        if reading.llr is None:
            return 0.0
        fresh = min(need.step_us / max(need.evidence_us or need.length_us, 1), 1.0)
        worth = reading.llr * fresh * reading.coverage * self._policy.weights.get(reading.detector, 1.0)
        return max(min(worth, self._policy.most_nats), -self._policy.most_nats)

    def _fade(self, evidence: Evidence, t_us: int) -> None:
        passed_s = max(t_us - evidence.at_us, 0) / 1e6
        left = 0.5 ** (passed_s / self._policy.half_life_s)
        for name in evidence.parts:
            evidence.parts[name] *= left
        evidence.at_us = max(evidence.at_us, t_us)
