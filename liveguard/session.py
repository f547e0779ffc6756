"""A live call under guard: three threads around the pure core.

    reader (the tap) -> Inbox -> worker (owns the observer and the engine) -> queue -> speaker (the sinks)

The worker owns all state of the call, so there are no locks but the two queues'. Nothing that breaks in a tap, a check or
a sink ends the call: it becomes a Fault event, and the rest goes on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from liveguard.engine import Engine
from liveguard.errors import LiveguardError
from liveguard.face.observer import Observer, frame_sample, noise_of
from liveguard.inbox import Inbox, Shed
from liveguard.journal import JournalWriter
from liveguard.scheduler import Job
from liveguard.types import Alert, Event, Fault, Observation, Reading, Sample, Sink, Status, Tap, TapSample, VideoFrame

MOST_EVENTS = 4096
AGES_KEPT = 300
LAST_JOBS_S = 5.0  # for models that are still at work when the feed ends


@dataclass(frozen=True, slots=True)
class Stats:
    """How the call is coping. `age_ms`: from a picture's arrival to its events, of the last 300 pictures, sorted."""

    rate_hz: float
    shed: Shed
    age_ms: tuple[float, ...]
    late: dict[str, int]
    jobs_skipped: int
    events_dropped: int


class Session:
    """Guards one feed until it ends or `stop` is called. `start`, `stop`, `join` and `stats` are for any thread."""

    def __init__(
        self,
        tap: Tap,
        engine: Engine,
        observer: Observer,
        sinks: Sequence[Sink] = (),
        pool: ThreadPoolExecutor | None = None,
        journal: JournalWriter | None = None,
        on_tick: Callable[[list[Status]], None] | None = None,
    ) -> None:
        self._tap, self._engine, self._observer = tap, engine, observer
        self._sinks, self._pool, self._journal, self._on_tick = list(sinks), pool, journal, on_tick
        self._inbox = Inbox(live=tap.info.live)
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._ages_ms: deque[float] = deque(maxlen=AGES_KEPT)
        self._flying: dict[str, Future[Reading | Fault]] = {}
        self._jobs_skipped = self._events_dropped = 0
        self._arrived_s: dict[int, float] = {}
        self.error: LiveguardError | None = None
        self._threads = [
            threading.Thread(target=target, name=f"liveguard-{name}", daemon=True)
            for name, target in (("reader", self._read), ("worker", self._work), ("speaker", self._speak))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the call: what has come in is still judged and said."""
        self._tap.close()
        self._inbox.close()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; True once all threads are done."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if until_s is None else max(until_s - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def stats(self) -> Stats:
        shed = self._inbox.shed
        return Stats(
            self._inbox.rate_hz,
            Shed(shed.frames_in, shed.frames_shed, shed.audio_samples_shed, shed.notes_shed),
            tuple(sorted(self._ages_ms)),
            dict(self._engine.timeline.late),
            self._jobs_skipped,
            self._events_dropped,
        )

    # --- reader -----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            for sample in self._tap.samples():
                if isinstance(sample, VideoFrame):
                    self._arrived_s[sample.t_us] = time.monotonic()
                    while len(self._arrived_s) > AGES_KEPT:
                        self._arrived_s.pop(next(iter(self._arrived_s)), None)
                self._inbox.put(sample)
        except LiveguardError as error:
            self.error = error
            self._say(Fault(self._engine.timeline.end_us, "tap", str(error)))
        except Exception as error:  # noqa: BLE001 (a tap may be foreign code)
            self.error = LiveguardError(f"tap {self._tap.info.name}: {type(error).__name__}: {error}")
            self._say(Fault(self._engine.timeline.end_us, "tap", str(self.error)))
        finally:
            self._inbox.close()

    # --- worker -----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._inbox.closed:
                sample = self._inbox.get(timeout_s=0.1)
                if sample is not None:
                    self._take(sample)
                self._land()
            wait(self._flying.values(), timeout=LAST_JOBS_S)
            self._land()
            self._say_all(self._engine.finish())
            self._tick()
        finally:
            if self._journal is not None:
                self._journal.close()
            self._observer.close()
            self._events.put(None)

    def _take(self, sample: TapSample) -> None:
        if not isinstance(sample, VideoFrame):
            self._push(sample)
            return
        start_s = time.monotonic()
        self._push(self._observe(sample))
        end_s = time.monotonic()
        self._inbox.worked(sample.t_us, round((end_s - start_s) * 1e6))
        arrived_s = self._arrived_s.get(sample.t_us)
        if arrived_s is not None:
            self._ages_ms.append((end_s - arrived_s) * 1e3)
        self._tick()

    def _observe(self, frame: VideoFrame) -> Observation:
        try:
            return self._observer.observe(frame)
        except Exception as error:  # noqa: BLE001 (the face library or a plug-in's probe broke on this picture)
            self._say(Fault(frame.t_us, "face tracking", f"{type(error).__name__}: {error}"))
            return Observation(frame_sample(frame, noise_of(frame.image)), ())

    def _push(self, sample: Sample) -> None:
        if self._journal is not None:
            self._journal.sample(sample)
        events, jobs = self._engine.accept(sample)
        self._say_all(events)
        for job in jobs:
            if self._pool is None or job.detector.need.cost == "light":
                self._say_all(self._engine.take(job.run()))
            else:
                self._launch(self._pool, job)

    def _launch(self, pool: ThreadPoolExecutor, job: Job) -> None:
        """At most one job of a check in flight: a slow model skips windows, it never queues them."""
        if job.detector.name in self._flying:
            self._jobs_skipped += 1
        else:
            self._flying[job.detector.name] = pool.submit(job.run)

    def _land(self) -> None:
        for name, future in list(self._flying.items()):
            if future.done():
                del self._flying[name]
                self._say_all(self._engine.take(future.result()))

    def _tick(self) -> None:
        if self._on_tick is not None:
            self._on_tick(self._engine.statuses())

    # --- speaker ----------------------------------------------------------------------------------------------------

    def _say_all(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._journal is not None:
                self._journal.event(event)
            self._say(event)

    def _say(self, event: Event) -> None:
        """Hand an event to the sinks; when they are far behind, all but alerts are dropped and counted."""
        if isinstance(event, Alert) or self._events.qsize() < MOST_EVENTS:
            self._events.put(event)
        else:
            self._events_dropped += 1

    def _speak(self) -> None:
        broken: set[int] = set()
        while (event := self._events.get()) is not None:
            for at, sink in enumerate(self._sinks):
                fault = _send(sink, event)
                # A sink that stays broken is reported once, until it works again.
                if fault is not None and at not in broken:
                    for other in self._sinks:
                        if other is not sink:
                            _send(other, fault)
                (broken.add if fault is not None else broken.discard)(at)
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:  # noqa: BLE001 (closing is best effort; the rest must still be closed)
                self.error = self.error or LiveguardError(f"{type(sink).__name__}: {error}")


def _send(sink: Sink, event: Event) -> Fault | None:
    try:
        sink.send(event)
    except Exception as error:  # noqa: BLE001 (a sink may be foreign code)
        return Fault(getattr(event, "t_us", 0), f"sink {type(sink).__name__}", f"{type(error).__name__}: {error}")
    return None
