"""What readings are really worth: the result of `liveguard calibrate`, applied to every check in one place.

A check says its own log-likelihood ratio. Whether it is honest is measured on labelled recordings: per check a line, less or
more steep by the conditions of the window, makes it so (Platt 1999; for likelihood ratios Brümmer & du Preez 2006,
doi:10.1016/j.csl.2005.08.001). How much of a reading is new is measured too, and how far evidence climbs in genuine
calls, from which the threshold for a budget of false alerts follows.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from liveguard.errors import ConfigError
from liveguard.types import HYPOTHESES, Hypothesis, Reading

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_T = TypeVar("_T")
OWN_NATS = "own_nats"
"""The measure in which a calibrated reading keeps what the check itself said."""
CONDITIONS = ("face_px", "frame_rate_hz", "light_luma", "voiced_s", "snr_db", "bandwidth_hz")
"""Measures that may condition a calibration: how well could be seen and heard, on a logarithmic scale."""
MOST_POWER = 4.0


@dataclass(frozen=True, slots=True)
class Condition:
    """How much a check is to be trusted under a condition: times `(value / centre) ** power`, flat outside `low`..`high`.

    It makes what the check said count for more or less. It never says anything itself: else a large face, or an even frame
    rate, would become evidence, as fakes and genuine recordings differ in both wherever they were collected.
    """

    power: float
    centre: float
    low: float
    high: float

    def trust(self, value: float) -> float:
        """The factor at `value`; 1 where the condition is not known."""
        if not math.isfinite(value):
            return 1.0
        return float((min(max(value, self.low), self.high) / self.centre) ** self.power)


@dataclass(frozen=True, slots=True)
class CheckCalibration:
    """One check's: `slope * own * trust + offset`, within +-`most_nats`, about the kinds of attack that it can see.

    `share`: so many of the kinds of its hypothesis those are. To the others it is blind, and so what it says may be as true of
    them as of genuine material: the ratio of the mixture hardly clears anybody, and accuses less than that of one kind.
    `evidence_us`: the stretch that one reading is about, as measured by how alike successive readings are (None: as the
    check says itself). `ceiling_nats`: the most that the check can add up to about one participant (None: as the policy
    says): where readings of one person agree with each other more than with the truth, more of them prove no more.
    """

    slope: float = 1.0
    offset: float = 0.0
    most_nats: float = 100.0
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    evidence_us: int | None = None
    ceiling_nats: float | None = None
    share: float = 1.0

    def llr(self, own_nats: float, measures: Mapping[str, float]) -> float:
        """The honest ratio for what the check said under these conditions."""
        trust = math.prod(each.trust(measures.get(name, math.nan)) for name, each in self.conditions.items())
        of_its_kinds = max(-self.most_nats, min(self.most_nats, self.slope * own_nats * trust + self.offset))
        return of_its_kinds if self.share == 1.0 else math.log(1 - self.share + self.share * math.exp(of_its_kinds))


@dataclass(frozen=True, slots=True)
class Tail:
    """How often evidence reaches a height in genuine calls: `per_hour * exp(-nats / scale_nats)` times an hour.

    `hours`: of genuine call that it was measured on.
    """

    per_hour: float
    scale_nats: float
    hours: float = 0.0

    def threshold_nats(self, per_hour: float) -> float:
        """The height that is reached `per_hour` times an hour."""
        return self.scale_nats * math.log(max(self.per_hour / per_hour, 1.0))


@dataclass(frozen=True, slots=True)
class Calibration:
    """All that was measured; an empty one leaves every check as it is."""

    checks: Mapping[str, CheckCalibration] = field(default_factory=dict)
    tails: Mapping[Hypothesis, Tail] = field(default_factory=dict)

    def apply(self, reading: Reading) -> Reading:
        """The reading with an honest ratio; what the check said itself stays as the measure `own_nats`."""
        check = self.checks.get(reading.detector)
        if check is None or reading.llr is None:
            return reading
        llr = round(check.llr(reading.llr, reading.measures), 4)
        return replace(reading, llr=llr, measures={**reading.measures, OWN_NATS: reading.llr})

    def without(self, checks: Collection[str]) -> Calibration:
        """The same, but for these checks, which are left as they are."""
        return replace(self, checks={name: line for name, line in self.checks.items() if name not in checks})

    def completed(self, by: Calibration) -> Calibration:
        """The same, with what `by` has of the checks that this one does not have."""
        return replace(self, checks={**by.checks, **self.checks})

    def to_dict(self) -> dict[str, Any]:
        """As `parse` reads it."""
        return asdict(self)


def uncalibrated(reading: Reading) -> Reading:
    """The reading as its check gave it."""
    own = reading.measures.get(OWN_NATS)
    if own is None:
        return reading
    return replace(reading, llr=own, measures={k: v for k, v in reading.measures.items() if k != OWN_NATS})


def parse(table: Mapping[str, Any]) -> Calibration:
    """A calibration from a parsed TOML or JSON table. Raises ConfigError that names what is wrong."""
    unknown = sorted(set(table) - {"checks", "tails"})
    if unknown:
        raise ConfigError(f"calibration: there is no table {unknown[0]!r}: allowed are checks and tails")
    checks, tails = _entries(table, "checks", _check), _entries(table, "tails", _tail)
    strange = sorted(set(tails) - set(HYPOTHESES))
    if strange:
        raise ConfigError(f"calibration: tails.{strange[0]}: there are {', '.join(HYPOTHESES)}")
    return Calibration(checks, tails)


def _entries(table: Mapping[str, Any], group: str, read_entry: Callable[[Mapping[str, Any]], _T]) -> dict[Any, _T]:
    found: dict[Any, _T] = {}
    if not isinstance(table.get(group, {}), Mapping):
        raise ConfigError(f"calibration: {group} must be a table")
    for name, entry in table.get(group, {}).items():
        try:
            found[name] = read_entry(entry)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ConfigError(f"calibration: {group}.{name}: {error}") from error
    return found


def _tail(table: Mapping[str, Any]) -> Tail:
    tail = Tail(**{key: float(value) for key, value in table.items()})
    if not (0 < tail.per_hour < math.inf and 0 < tail.scale_nats < math.inf):
        raise ValueError("per_hour and scale_nats must be above 0, and finite")
    return tail


def _check(table: Mapping[str, Any]) -> CheckCalibration:
    conditions = {
        name: Condition(**{key: float(value) for key, value in entry.items()})
        for name, entry in table.get("conditions", {}).items()
    }
    plain = {key: value for key, value in table.items() if key != "conditions"}
    check = CheckCalibration(conditions=conditions, **plain)
    figures = (
        check.slope,
        check.offset,
        check.most_nats,
        check.ceiling_nats or 0.0,
        check.evidence_us or 0,
        check.share,
    )
    if not all(math.isfinite(figure) for figure in figures) or check.most_nats <= 0 or check.slope < 0:
        raise ValueError("figures must be finite, slope not below 0, most_nats above 0")
    if not 0 < check.share <= 1:
        raise ValueError("share must be above 0 and at most 1")
    if (check.ceiling_nats or 0.0) < 0 or (check.evidence_us is not None and check.evidence_us <= 0):
        raise ValueError("ceiling_nats must not be below 0, evidence_us above 0")
    if any(
        not (0 < s.low <= s.centre <= s.high < math.inf and abs(s.power) <= MOST_POWER) for s in conditions.values()
    ):
        raise ValueError(f"a condition needs 0 < low <= centre <= high, and a power within {MOST_POWER:g} of 0")
    return check


def read(path: Path) -> Calibration:
    """The calibration in the TOML file at `path`. Raises ConfigError."""
    try:
        return parse(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


@cache
def shipped() -> Calibration:
    """The calibration that comes with the package."""
    return parse(tomllib.loads((files("liveguard") / "calibration.toml").read_text("utf-8")))
