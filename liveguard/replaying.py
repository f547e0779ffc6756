"""Going through a journal again: the same samples through the same core must give the same events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from liveguard import wire
from liveguard.calibration import uncalibrated
from liveguard.engine import CORE_FAULT, Engine
from liveguard.errors import JournalError
from liveguard.journal import Came, Cut, Header, Said, read_journal
from liveguard.types import Detector, Event, Fault, Gap, Reading

MOST_DIFFERENCES = 10  # that are told; after the first everything may differ


@dataclass(frozen=True, slots=True)
class Replayed:
    """`events`: how many come out now; `differences` to what was written down, the first in words (none: equal to the bit).

    `cut`: the end of the journal is missing; then only what was written down is compared.
    """

    header: Header
    events: int
    differences: tuple[str, ...]
    cut: Cut | None = None


def replay(path: Path, detectors: Sequence[Detector], on_event: Callable[[Event], None] = lambda _: None) -> Replayed:
    """Replay the journal at `path` through `detectors`, sample by sample: one of hours does not fit into memory. `on_event`
    sees each event as it comes out now. Raises JournalError for a damaged one, or an unknown check.

    Light checks are run anew. Of those that read pixels, which a journal does not hold, and of heavy ones, whose results
    come when they come and may be left out, the results are taken from the journal, at the place where they were said.
    """
    header, items = read_journal(path)
    known = {detector.name: detector for detector in detectors}
    missing = sorted(set(header.checks) - set(known))
    if missing:
        raise JournalError(f"{path} was written with checks that are not installed here: {', '.join(missing)}")
    chosen = [known[name] for name in header.checks]
    taken = frozenset(one.name for one in chosen if one.need.cost == "heavy" or one.need.crops)
    engine = Engine(header.feed, chosen, header.policy, header.session_id)
    compared = _Compared()
    for event in _again(engine, _portions(items, compared), taken):
        compared.comes_out(event)
        on_event(event)
    return Replayed(header, compared.now, tuple(compared.told()), compared.cut)


class _Compared:
    """The events that were written down beside those that come out now; of each only what has no counterpart yet is kept."""

    def __init__(self) -> None:
        self.before = self.now = 0
        self.cut: Cut | None = None
        self._said: deque[Event] = deque()
        self._out: deque[Event] = deque()
        self._differences: list[str] = []

    def was_said(self, event: Event) -> None:
        self.before += 1
        self._said.append(event)
        self._compare()

    def comes_out(self, event: Event) -> None:
        self.now += 1
        self._out.append(event)
        self._compare()

    def _compare(self) -> None:
        if len(self._differences) >= MOST_DIFFERENCES:
            self._said.clear()
            self._out.clear()
        while self._said and self._out:
            before, now = wire.dumps(self._said.popleft()), wire.dumps(self._out.popleft())
            if before != now:
                number = self.before - len(self._said)
                self._differences.append(f"event {number}: was {before[:300]}, is {now[:300]}")

    def told(self) -> Iterator[str]:
        """The differences, once all has come. A journal that was cut off may hold fewer events than come out now."""
        yield from self._differences
        if self.before > self.now or (self.before < self.now and self.cut is None):
            yield f"{self.before} events were written down, {self.now} come out now"


_Portion = tuple[Came | None, list[Said], bool]


def _portions(items: Iterable[Came | Said | Cut], compared: _Compared) -> Iterator[_Portion]:
    """Each sample with what was said before the next one, and whether it is the last; what was said before all comes first."""
    came: Came | None = None
    said: list[Said] = []
    for item in items:
        if isinstance(item, Cut):
            compared.cut = item
        elif isinstance(item, Said):
            compared.was_said(item.event)
            said.append(item)
        else:
            yield came, said, False
            came, said = item, []
    yield came, said, True


def _again(engine: Engine, portions: Iterable[_Portion], taken: frozenset[str]) -> Iterator[Event]:
    """All events anew. Of what was written down only the results of the checks `taken` from there are used."""
    steps: Iterator[list[Event]] = iter(())
    for came, said, last in portions:
        if came is not None:
            yield from chain.from_iterable(steps)
            steps = _steps(engine, came, taken)
            if last:
                steps = chain(steps, _steps(engine, None, taken))
        for item in said:
            if isinstance(item.event, Reading | Fault) and _is_from_outside(item.event, taken):
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
