"""The calibration of the untrained face checks: a few signed weights a check, read once from `weights.toml`.

The file is written by `models/face_checks/fit.py` and says how it was obtained. A check's log-likelihood ratio is
`bias + sum(weight * clip((x - centre) / scale))` over its measures, clipped to the check's limit: anybody can redo the
sum by hand. A measure that is missing (NaN) or out of its place adds nothing.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

STANDARD_CLIP = 2.5


@dataclass(frozen=True, slots=True)
class Term:
    """One measure's part. `weight` is in nats for one `scale` above `centre`."""

    measure: str
    centre: float
    scale: float
    weight: float

    def nats(self, value: float) -> float:
        """What `value` adds; 0 where it is not finite."""
        if not math.isfinite(value):
            return 0.0
        return self.weight * max(-STANDARD_CLIP, min(STANDARD_CLIP, (value - self.centre) / self.scale))


@dataclass(frozen=True, slots=True)
class Card:
    """The calibration of one check."""

    terms: tuple[Term, ...]
    bias: float
    limit_nats: float

    def nats(self, measures: Mapping[str, float]) -> dict[str, float]:
        """What each measure adds, in nats."""
        return {term.measure: term.nats(measures.get(term.measure, math.nan)) for term in self.terms}

    def llr(self, measures: Mapping[str, float]) -> float:
        """The log-likelihood ratio, > 0 for an attack, within +-`limit_nats`."""
        total = self.bias + sum(self.nats(measures).values())
        return max(-self.limit_nats, min(self.limit_nats, total))

    def reasons(self, measures: Mapping[str, float], words: Mapping[str, tuple[str, str]], most: int = 2) -> str:
        """The strongest reasons for what the card says; `words`: phrases for a measure that is (low, high)."""
        sign = 1.0 if self.llr(measures) >= 0 else -1.0
        parts = sorted(((sign * nats, name) for name, nats in self.nats(measures).items() if name in words), reverse=True)
        by_name = {term.measure: term for term in self.terms}
        said = [words[name][measures[name] > by_name[name].centre] for nats, name in parts[:most] if nats > 0.02]
        return "; ".join(said) or "nothing out of the ordinary"


@cache
def card(check: str) -> Card:
    """The calibration of `check`. Raises KeyError when the file has none."""
    with (files("liveguard.detectors") / "weights.toml").open("rb") as stream:
        table = tomllib.load(stream)[check]
    terms = tuple(Term(t["measure"], t["centre"], t["scale"], t["weight"]) for t in table.get("terms", ()))
    return Card(terms, float(table["bias"]), float(table["limit_nats"]))
