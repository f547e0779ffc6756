"""Going through a journal again: the same samples through the same core must give the same events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from liveguard import wire
from liveguard.engine import Engine
from liveguard.errors import JournalError
from liveguard.journal import Came, Header, read_journal
from liveguard.types import Detector, Event, Hypothesis, Need, Reading, Sample, Window


@dataclass(frozen=True, slots=True)
class Replayed:
    """`events` as they come out now; `differences` to what was written down, in words (none: equal to the bit)."""

    header: Header
    events: tuple[Event, ...]
    differences: tuple[str, ...]


class Recorded:
    """Stands in for a check that reads pixels, which a journal does not hold: gives the readings written down."""

    def __init__(self, detector: Detector, readings: Sequence[Reading]) -> None:
        self.name: str = detector.name
        self.hypothesis: Hypothesis = detector.hypothesis
        self.about: str = detector.about
        self.need: Need = detector.need
        self._readings = {(r.end_us, r.track): r for r in readings if r.detector == detector.name}

    def evaluate(self, window: Window) -> Reading:
        """The reading of this window; raises JournalError (and so becomes a Fault) where there was none."""
        reading = self._readings.get((window.end_us, window.track))
        if reading is None:
            raise JournalError("the journal holds no reading of this window")
        return reading


def replay(path: Path, detectors: Sequence[Detector]) -> Replayed:
    """Replay the journal at `path` through `detectors`. Raises JournalError for a damaged one, or an unknown check."""
    header, items = read_journal(path)
    samples: list[Sample] = []
    recorded: list[Event] = []
    for item in items:
        if isinstance(item, Came):
            samples.append(item.sample)
        else:
            recorded.append(item.event)
    known = {detector.name: detector for detector in detectors}
    missing = sorted(set(header.checks) - set(known))
    if missing:
        raise JournalError(f"{path} was written with checks that are not installed here: {', '.join(missing)}")
    readings = [event for event in recorded if isinstance(event, Reading)]
    chosen = [known[name] for name in header.checks]
    engine = Engine(
        header.feed, [Recorded(d, readings) if d.need.crops else d for d in chosen], header.policy, header.session_id
    )
    events = [event for sample in samples for event in engine.push(sample)] + engine.finish()
    return Replayed(header, tuple(events), tuple(_differences(recorded, events)))


def _differences(recorded: Sequence[Event], events: Sequence[Event]) -> Iterator[str]:
    for number, (before, now) in enumerate(zip_longest(recorded, events), start=1):
        if before is None or now is None:
            yield f"{len(recorded)} events were written down, {len(events)} come out now"
            return
        if wire.dumps(before) != wire.dumps(now):
            yield f"event {number}: was {wire.dumps(before)[:300]}, is {wire.dumps(now)[:300]}"
