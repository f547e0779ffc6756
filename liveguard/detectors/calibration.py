"""The calibration of the untrained face checks: a few signed weights a check, read once from `weights.toml`.

The file is written by `models/face_checks/fit.py` and says how it was obtained. Attacks of different kinds
pull the same measure in opposite directions (a swapped face boils, an animated photo is too calm), so a check
is a mixture of parts, one a kind of attack. A part's log-likelihood ratio is `bias + sum(weight * z)`, with z
how far a measure lies from what genuine faces show under the same conditions (movement, size), in their
deviations, clipped. The check's ratio is the log of the mean of its parts' ratios, as each kind is held
equally likely. A measure that is missing adds nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from liveguard.words import NOT_WEIGHED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STANDARD_CLIP = 2.5

Words = Mapping[str, tuple[str, str]]
"""For a measure what to say when it is lower, and when it is higher, than in genuine faces."""


@dataclass(frozen=True, slots=True)
class Term:
    """One measure's part. `weight` is in nats for one `scale` above the expected value."""

    measure: str
    centre: float
    scale: float
    weight: float
    slopes: Mapping[str, float] = field(default_factory=dict)

    def deviation(self, measures: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]) -> float:
        """How many scales the measure lies above what is expected under these conditions; 0 where that is
        unknown.
        """
        expected = self.centre
        for name, slope in self.slopes.items():
            # Outside the conditions that were seen in training the line is not drawn any further.
            low, high = ranges[name]
            expected += slope * min(max(measures.get(name, math.nan), low), high)
        off = (measures.get(self.measure, math.nan) - expected) / self.scale
        return max(-STANDARD_CLIP, min(STANDARD_CLIP, off)) if math.isfinite(off) else 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """The evidence for one kind of attack."""

    name: str
    bias: float
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """The calibration of one check."""

    parts: tuple[Part, ...]
    limit_nats: float
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def part_nats(self, measures: Mapping[str, float]) -> dict[str, float]:
        """The log-likelihood ratio of each kind of attack."""
        return {
            part.name: part.bias + sum(t.weight * t.deviation(measures, self.ranges) for t in part.terms)
            for part in self.parts
        }

    def llr(self, measures: Mapping[str, float]) -> float | None:
        """The log-likelihood ratio, > 0 for an attack, within +-`limit_nats`; None without any part."""
        ratios = [math.exp(nats) for nats in self.part_nats(measures).values()]
        if not ratios:
            return None
        total = math.log(sum(ratios) / len(ratios))
        return max(-self.limit_nats, min(self.limit_nats, total))

    def reasons(self, measures: Mapping[str, float], words: Words, most: int = 2) -> str:
        """The strongest reasons for what the card says, in words."""
        nats = self.part_nats(measures)
        if not nats:
            return NOT_WEIGHED
        strongest = max(self.parts, key=lambda part: nats[part.name])
        sign = 1.0 if (self.llr(measures) or 0.0) > 0 else -1.0
        said = []
        for term in strongest.terms:
            off = term.deviation(measures, self.ranges)
            if sign * term.weight * off > 0.05 and term.measure in words:
                said.append((abs(term.weight * off), words[term.measure][off > 0]))
        return "; ".join(text for _, text in sorted(said, reverse=True)[:most]) or "nothing out of the ordinary"


def rounded(llr: float | None) -> float | None:
    """As it stands in a reading."""
    return None if llr is None else round(llr, 4)


@cache
def card(check: str) -> Card:
    """The calibration of `check`. Raises KeyError when the file has none."""
    with (files("liveguard.detectors") / "weights.toml").open("rb") as stream:
        return parse_card(tomllib.load(stream)[check])


def parse_card(table: Mapping[str, Any]) -> Card:
    """A card from its table of the file."""
    parts = [
        Part(
            part["name"],
            float(part["bias"]),
            tuple(Term(t["measure"], t["centre"], t["scale"], t["weight"], t.get("slopes", {})) for t in part["terms"]),
        )
        for part in table.get("parts", ())
    ]
    ranges = {name: (float(low), float(high)) for name, (low, high) in table.get("ranges", {}).items()}
    return Card(tuple(parts), float(table["limit_nats"]), ranges)
