"""Going through a journal again: the same samples through the same core must give the same events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from liveguard import wire
from liveguard.calibration import uncalibrated
from liveguard.engine import CORE_FAULT, Engine
from liveguard.errors import JournalError
from liveguard.journal import Came, Cut, Header, Said, read_journal
from liveguard.types import Detector, Event, Fault, Gap, Reading


@dataclass(frozen=True, slots=True)
class Replayed:
    """`events` as they come out now; `differences` to what was written down, in words (none: equal to the bit).

    `cut`: the end of the journal is missing; then only what was written down is compared.
    """

    header: Header
    events: tuple[Event, ...]
    differences: tuple[str, ...]
    cut: Cut | None = None


def replay(path: Path, detectors: Sequence[Detector]) -> Replayed:
    """Replay the journal at `path` through `detectors`. Raises JournalError for a damaged one, or an unknown check.

    Light checks are run anew. Of those that read pixels, which a journal does not hold, and of heavy ones, whose results
    come when they come and may be left out, the results are taken from the journal, at the place where they were said.
    """
    header, items = read_journal(path)
    record: list[Came | Said] = []
    cut: Cut | None = None
    for item in items:
        if isinstance(item, Cut):
            cut = item
        else:
            record.append(item)
    known = {detector.name: detector for detector in detectors}
    missing = sorted(set(header.checks) - set(known))
    if missing:
        raise JournalError(f"{path} was written with checks that are not installed here: {', '.join(missing)}")
    chosen = [known[name] for name in header.checks]
    taken = frozenset(one.name for one in chosen if one.need.cost == "heavy" or one.need.crops)
    engine = Engine(header.feed, chosen, header.policy, header.session_id)
    events = tuple(_again(engine, record, taken))
    said = [item.event for item in record if isinstance(item, Said)]
    return Replayed(header, events, tuple(_differences(said, events, cut is not None)), cut)


def _again(engine: Engine, record: Sequence[Came | Said], taken: frozenset[str]) -> Iterator[Event]:
    """All events anew. Of what was written down only the results of the checks `taken` from there are used."""
    last = max((at for at, item in enumerate(record) if isinstance(item, Came)), default=0)
    steps: Iterator[list[Event]] = iter(())
    for at, item in enumerate(record):
        if isinstance(item, Came):
            yield from chain.from_iterable(steps)
            steps = _steps(engine, item, taken)
            if at == last:
                steps = chain(steps, _steps(engine, None, taken))
        elif isinstance(item.event, Reading | Fault) and _is_from_outside(item.event, taken):
            yield from engine.take(uncalibrated(item.event) if isinstance(item.event, Reading) else item.event)
        elif isinstance(item.event, Reading | Fault | Gap):
            yield from next(steps, [])
    yield from chain.from_iterable(steps)


def _steps(engine: Engine, came: Came | None, taken: frozenset[str]) -> Iterator[list[Event]]:
    """What the core says by itself of a sample (None: of the end), one result or gap at a time and what follows."""
    events, jobs = engine.end() if came is None else engine.accept(came.sample)
    for event in events:
        yield [event]
    for job in jobs:
        if job.detector.name not in taken:
            yield engine.take(job.run())


def _is_from_outside(result: Reading | Fault, taken: frozenset[str]) -> bool:
    """Whether the core cannot come to this by itself: a result of a check that is `taken`, or a fault around the core."""
    if isinstance(result, Reading):
        return result.detector in taken
    check = result.where.removeprefix("check ")
    return check in taken or (check == result.where and result.where != CORE_FAULT)


def _differences(recorded: Sequence[Event], events: Sequence[Event], cut: bool) -> Iterator[str]:
    """A journal that was cut off may hold fewer events than come out now, and must begin like them."""
    for number, (before, now) in enumerate(zip_longest(recorded, events), start=1):
        if before is None and cut:
            return
        if before is None or now is None:
            yield f"{len(recorded)} events were written down, {len(events)} come out now"
            return
        if wire.dumps(before) != wire.dumps(now):
            yield f"event {number}: was {wire.dumps(before)[:300]}, is {wire.dumps(now)[:300]}"
