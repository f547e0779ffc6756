"""Says events to the sinks, each on a thread of its own, so that no sink waits for another one.

A sink that is far behind loses readings and statuses, which are counted; alerts and faults are never dropped. An alert
that a sink refuses is owed to it, and tried again until the end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from liveguard.errors import LiveguardError
from liveguard.types import Alert, Event, Fault, Gap, Origin, Reading, Sink

MOST_EVENTS = 4096  # behind which readings and statuses are dropped
MOST_WAIT_EVENTS = 64  # between two tries to deliver what is owed
IN_ORDER_TRIES = 5  # so often an alert is tried before later ones may overtake it
LAST_WAITS_S = (0.0, 0.1, 0.2, 0.4, 0.8)  # before each of the last tries
LINGER_S = 1.0  # how long a sink that is done waits to hear what went wrong with the others
REPEAT_US = 60_000_000
MOST_FAULTS = 256


class Repeats:
    """Lets equal faults through once a minute of stream time, the next one with the count of those held back."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], tuple[int, int]] = {}

    def admit(self, fault: Fault) -> Fault | None:
        """The fault as it should be said, or None."""
        key = fault.where, fault.what
        said_us, held = self._said.pop(key, (fault.t_us - REPEAT_US, 0))
        if fault.t_us - said_us < REPEAT_US:
            self._said[key] = said_us, held + 1
            return None
        self._said[key] = fault.t_us, 0
        if len(self._said) > MOST_FAULTS:
            del self._said[next(iter(self._said))]
        return replace(fault, what=f"{fault.what} ({held + 1} times)") if held else fault


@dataclass(slots=True)
class _Owed:
    alert: Alert
    tries: int = 0


class _Line:
    """One sink with its queue and thread. `tell` passes a fault of this sink on to the others."""

    def __init__(self, sink: Sink, others_done: threading.Barrier, tell: Callable[[_Line, Fault], None]) -> None:
        self.name = f"sink {type(sink).__name__}"
        self.dropped = 0
        self.error: LiveguardError | None = None
        self.thread = threading.Thread(target=self._run, name=f"liveguard-{self.name}", daemon=True)
        self._sink, self._others_done, self._tell = sink, others_done, tell
        self._events: deque[Event | None] = deque()
        self._changed = threading.Condition()
        self._hurry = threading.Event()
        self._owed: list[_Owed] = []
        self._broken = False
        self._wait_events, self._waited = 1, 0

    def put(self, event: Event | None) -> None:
        """Queue an event; None marks the end, and may be followed by faults of other sinks."""
        with self._changed:
            if len(self._events) >= MOST_EVENTS and not _lasting(event):
                self.dropped += 1
            else:
                self._events.append(event)
                self._changed.notify()

    def hurry(self) -> None:
        """Drop all but alerts and faults, and do not wait between the last tries."""
        with self._changed:
            self._hurry.set()
            self._events = deque(event for event in self._events if _lasting(event))

    def _run(self) -> None:
        try:
            while (event := self._next()) is not None:
                self._say(event)
            self._pay_all()
            with suppress(threading.BrokenBarrierError):  # another sink is stuck, or there is no time
                self._others_done.wait(LINGER_S)
            while self._events and (event := self._next()) is not None:
                self._say(event)
        finally:
            self._close()

    def _next(self) -> Event | None:
        with self._changed:
            self._changed.wait_for(lambda: self._events)
            return self._events.popleft()

    def _say(self, event: Event) -> None:
        if isinstance(event, Alert):
            self._owed.append(_Owed(event))
            trouble = self._pay()
            if any(owed.alert is event for owed in self._owed):
                what = f"alert {event.id} ({event.state}) is not delivered and will be tried again: {trouble}"
                self._tell(self, Fault(event.t_us, self.name, what))
            return
        self._waited += 1
        if self._owed and self._waited >= self._wait_events:
            self._pay()
        was_broken = self._broken
        trouble = self._send(event)
        if trouble and not was_broken:
            self._tell(self, Fault(_time_us(event), self.name, trouble))

    def _pay(self) -> str:
        """Send the alerts that are owed, in order; what stood in the way."""
        trouble = ""
        for owed in list(self._owed):
            failed = self._send(owed.alert)
            if not failed:
                self._owed.remove(owed)
                continue
            trouble = failed
            owed.tries += 1
            if owed.tries < IN_ORDER_TRIES:
                break
        self._waited, self._wait_events = 0, min(2 * self._wait_events, MOST_WAIT_EVENTS) if trouble else 1
        return trouble

    def _pay_all(self) -> None:
        trouble = ""
        for wait_s in LAST_WAITS_S:
            if not self._owed:
                return
            self._hurry.wait(wait_s)
            trouble = self._pay()
        if self._owed:
            self.error = LiveguardError(f"{self.name}: {len(self._owed)} alerts could not be delivered: {trouble}")

    def _send(self, event: Event) -> str:
        """What went wrong, "" if nothing did."""
        try:
            self._sink.send(event)
        except Exception as error:  # noqa: BLE001 (a sink may be foreign code)
            self._broken = True
            return f"{type(error).__name__}: {error}"
        self._broken = False
        return ""

    def _close(self) -> None:
        try:
            self._sink.close()
        except Exception as error:  # noqa: BLE001 (closing is best effort)
            self.error = self.error or LiveguardError(f"{self.name}: {type(error).__name__}: {error}")


class Speaker:
    """All sinks. Any thread may call anything; `end` once, after the last event.

    `origin` is asked with each event, on the thread that says it, and goes along with it.
    """

    def __init__(self, sinks: Sequence[Sink], origin: Callable[[], Origin] | None = None) -> None:
        self._all_done = threading.Barrier(max(len(sinks), 1))
        self._lines = [_Line(sink, self._all_done, self._tell) for sink in sinks]
        self._origin = origin
        self._repeats = Repeats()
        self._lock = threading.Lock()

    @property
    def events_dropped(self) -> int:
        return sum(line.dropped for line in self._lines)

    @property
    def error(self) -> LiveguardError | None:
        """Of the first sink that did not close well or did not take an alert."""
        return next((line.error for line in self._lines if line.error is not None), None)

    @property
    def unfinished(self) -> list[str]:
        """The sinks that are still at work."""
        return [line.name for line in self._lines if line.thread.is_alive()]

    def start(self) -> None:
        for line in self._lines:
            line.thread.start()

    def say(self, event: Event) -> None:
        """Hand an event to all sinks; never waits for one."""
        self._spread(event, None)

    def end(self) -> None:
        """No more events come: each sink is closed once it has taken what waits for it."""
        for line in self._lines:
            line.put(None)

    def hurry(self) -> None:
        """Let the sinks take no more than alerts and faults, and close at once."""
        self._all_done.abort()
        for line in self._lines:
            line.hurry()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until all sinks are closed."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        for line in self._lines:
            line.thread.join(None if until_s is None else max(until_s - time.monotonic(), 0.0))
        return not self.unfinished

    def _tell(self, line: _Line, fault: Fault) -> None:
        self._spread(fault, line)

    def _spread(self, event: Event, but: _Line | None) -> None:
        with self._lock:
            said = self._repeats.admit(event) if isinstance(event, Fault) else event
            if said is not None and self._origin is not None:
                said = replace(said, origin=self._origin())
            if said is not None:
                for line in self._lines:
                    if line is not but:
                        line.put(said)


def _lasting(event: Event | None) -> bool:
    """Whether it is kept however far behind a sink is."""
    return event is None or isinstance(event, Alert | Fault)


def _time_us(event: Event) -> int:
    return event.end_us if isinstance(event, Reading | Gap) else event.t_us
