"""What each check said about each recording, as columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from liveguard.calibration import OWN_NATS
from liveguard.evaluate.kinds import is_about
from liveguard.evaluate.metrics import Array, Mask
from liveguard.evaluate.run import Run
from liveguard.types import Detector, Reading

Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Scores:
    """One check over many runs; the columns go together. Only runs that it judged have a row.

    `llr` (n,): mean ratio of the face that it judged most, in nats; `own` (n,): the same before calibration, by which runs are
    ranked: calibrations of different folds differ by a hair, and by source, which would decide between equals. `run`: which.
    `unjudged`: runs that it was asked about and could not judge. `causes`: why, figures taken out, with counts.
    """

    check: str
    run: tuple[Run, ...]
    llr: Array
    own: Array
    unjudged: tuple[Run, ...]
    causes: Counter[str]

    @property
    def attack(self) -> Mask:
        return np.array([run.attack for run in self.run], bool)

    @property
    def people(self) -> list[str]:
        """Who is in each row."""
        return [run.item.person for run in self.run]

    def column(self, name: str) -> Names:
        """`kind`, `generator` or `source` of each row."""
        return np.array([getattr(run.item, name) for run in self.run], str)

    def measure(self, name: str) -> Array:
        """Median of a measure over each run's readings of this check; NaN where it has none."""
        return np.array([_median(run, self.check, name) for run in self.run], np.float64)

    def only(self, rows: Mask) -> Scores:
        """The rows that are True."""
        keep = np.flatnonzero(rows)
        return Scores(
            self.check,
            tuple(self.run[i] for i in keep),
            self.llr[keep],
            self.own[keep],
            (),
            Counter(),
        )


def scores_of(detector: Detector, runs: Sequence[Run]) -> Scores:
    """The scores of one check, of those runs that say something about its hypothesis."""
    kept, unjudged, llr, own = [], [], [], []
    causes: Counter[str] = Counter()
    for run in runs:
        if run.error or (run.judged and detector.hypothesis not in run.judged):
            continue
        if run.attack and not (
            run.hypothesis == detector.hypothesis if run.bench else is_about(detector, run.item.kind)
        ):
            continue
        readings = [reading for reading in run.readings if reading.detector == detector.name]
        if not readings:
            continue
        found = main_readings(run, detector.name)
        if found:
            kept.append(run)
            llr.append(fmean(reading.llr or 0.0 for reading in found))
            own.append(fmean(reading.measures.get(OWN_NATS, reading.llr or 0.0) for reading in found))
        else:
            unjudged.append(run)
            causes[_cause(readings)] += 1
    return Scores(detector.name, tuple(kept), np.array(llr), np.array(own), tuple(unjudged), causes)


def main_readings(run: Run, check: str) -> list[Reading]:
    """What `check` judged of the face that it judged most often, the more suspicious one where two were as often. Of a bench
    attack only windows that end a second or more after its onset: before there is nothing to be seen."""
    from_us = (run.onset_s + 1.0) * 1e6 if run.bench else 0.0
    by_track: dict[int | None, list[Reading]] = {}
    for reading in run.readings:
        if reading.detector == check and reading.llr is not None and reading.end_us >= from_us:
            by_track.setdefault(reading.track, []).append(reading)
    return max(by_track.values(), key=lambda found: (len(found), sum(r.llr or 0.0 for r in found)), default=[])


def _cause(readings: Sequence[Reading]) -> str:
    """The most frequent reason, without its figures."""
    why = Counter(re.sub(r"\d+(\.\d+)?", "#", reading.why) for reading in readings if reading.llr is None)
    return why.most_common(1)[0][0] if why else "no window of the attack"


def _median(run: Run, check: str, name: str) -> float:
    found = [r.measures[name] for r in run.readings if r.detector == check and name in r.measures]
    return float(np.median(found)) if found else float("nan")
