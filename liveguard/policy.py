"""How much evidence raises an alert: derived from a budget of false alerts per hour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from liveguard.calibration import Calibration, shipped
from liveguard.errors import ConfigError
from liveguard.types import HYPOTHESES, Hypothesis, Need

ALONE = frozenset({"camera", "lipsync", "replay", "voice"})
"""Checks that may raise an alert alone: physical facts about the feed, the relation of two tracks, trained models that
are the only one to speak about their hypothesis."""
CEILINGS_NATS: Mapping[str, float] = {
    # Statistics of one face, wrong about it for as long as they look. None of them makes a face suspicious alone
    # (4.6 nats at the default prior), and together they stay below an alert until a better check joins them.
    "mesh": 4.0,
    "texture": 4.5,
    "blink": 2.0,
    "pulse": 1.0,
    # A model that looks at what the others do not: close to an alert, and never over it alone. That of the one that ships
    # was measured, and is far lower (`calibration.toml`).
    "swap": 12.0,
}
OTHER_CEILING_NATS = 6.0
SUSPICIOUS_RISK = 0.5


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of fusion and alerts.

    `false_alerts_per_hour`: the budget over all hypotheses. `prior`: how likely an attack is before anything was seen.
    `weights`: what a check's evidence counts (0 switches it off, 1 is the default).
    `ceilings_nats`: the most that a check can contribute however long it goes on; `CEILINGS_NATS` where not given.
    `thresholds_nats`: by hypothesis, instead of the threshold that follows from the budget.
    `half_life_s`: evidence that nothing new supports fades. `judged_within_s`: how long a judgement stands.
    `calibration`: what was measured on labelled recordings; the shipped one by default.
    """

    false_alerts_per_hour: float = 0.02
    prior: float = 0.01
    half_life_s: float = 60.0
    judged_within_s: float = 5.0
    most_nats: float = 2.5
    weights: Mapping[str, float] = field(default_factory=dict)
    ceilings_nats: Mapping[str, float] = field(default_factory=dict)
    thresholds_nats: Mapping[Hypothesis, float] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=shipped)

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("false_alerts_per_hour", self.false_alerts_per_hour, 1e-6, 60.0),
            ("prior", self.prior, 1e-6, 0.5),
            ("half_life_s", self.half_life_s, 1.0, 1e5),
            ("judged_within_s", self.judged_within_s, 1.0, 1e4),
            ("most_nats", self.most_nats, 0.1, 100.0),
        ):
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(f"policy.{name} is {value}: allowed are {low:g} to {high:g}")
        tables: tuple[tuple[str, Mapping[str, float], float, float], ...] = (
            ("weights", self.weights, 0.0, 10.0),
            ("ceilings_nats", self.ceilings_nats, 0.0, 100.0),
            ("thresholds_nats", {str(k): v for k, v in self.thresholds_nats.items()}, 1.0, 100.0),
        )
        for table, values, low, high in tables:
            for name, value in values.items():
                if not (math.isfinite(value) and low <= value <= high):
                    raise ConfigError(f"policy.{table}.{name} is {value}: allowed are {low:g} to {high:g}")
        unknown = sorted(set(self.thresholds_nats) - set(HYPOTHESES))
        if unknown:
            raise ConfigError(f"policy.thresholds_nats.{unknown[0]}: there are {', '.join(HYPOTHESES)}")

    def ceiling_nats(self, check: str, hypothesis: Hypothesis) -> float:
        """The most that `check` can contribute to a hypothesis.

        Beyond twice the threshold more evidence would change nothing but the time that clearing takes.
        """
        enough = 2 * self.threshold_nats(hypothesis)
        usual = enough if check in ALONE else CEILINGS_NATS.get(check, OTHER_CEILING_NATS)
        measured = self.calibration.checks.get(check)
        if measured is not None and measured.ceiling_nats is not None:
            usual = measured.ceiling_nats
        return min(self.ceilings_nats.get(check, usual), enough)

    def evidence_us(self, check: str, need: Need) -> int:
        """The stretch that one reading of `check` is about: as measured, else as the check says."""
        measured = self.calibration.checks.get(check)
        if measured is not None and measured.evidence_us is not None:
            return measured.evidence_us
        return need.evidence_us or need.length_us

    def threshold_nats(self, hypothesis: Hypothesis) -> float:
        """Evidence at which an alert is raised.

        A CUSUM of log-likelihood ratios needs at least exp(h) independent observations between false alarms (Lorden
        1971, doi:10.1214/aoms/1177693055). Evidence is worth about one independent observation a second, and the
        budget is shared by the hypotheses. Where evidence was measured to climb higher than that in genuine calls, the
        measurement counts; where less high, the bound does, as no measurement is as long as the budget is small.
        """
        if hypothesis in self.thresholds_nats:
            return self.thresholds_nats[hypothesis]
        share = self.false_alerts_per_hour / len(HYPOTHESES)
        bound, tail = math.log(3600.0 / share), self.calibration.tails.get(hypothesis)
        return bound if tail is None else max(bound, tail.threshold_nats(share))

    def could_tell(self, checks: Iterable[str], hypothesis: Hypothesis) -> bool:
        """Whether these checks together could make anybody suspicious, if they went on for long enough."""
        heard = (check for check in set(checks) if self.counts(check))
        return self.risk(sum(self.ceiling_nats(check, hypothesis) for check in heard)) >= SUSPICIOUS_RISK

    def counts(self, check: str) -> bool:
        """Whether the check is not switched off by a weight of 0."""
        return self.weights.get(check, 1.0) > 0

    def not_ruled_out(self, judged: Mapping[Hypothesis, Iterable[str]], face: bool) -> tuple[Hypothesis, ...]:
        """Of what the checks `judged` (by hypothesis), and of a face anyway: what they could not have told.

        That such checks find nothing means nothing, and has to be said beside "genuine so far".
        """
        looked: dict[Hypothesis, Iterable[str]] = {**({"face_manipulated": ()} if face else {}), **judged}
        return tuple(h for h in HYPOTHESES if h in looked and not self.could_tell(looked[h], h))

    def risk(self, evidence_nats: float) -> float:
        """Posterior probability of an attack, 0..1."""
        logit = evidence_nats + math.log(self.prior / (1 - self.prior))
        return 1 / (1 + math.exp(-max(min(logit, 60.0), -60.0)))
