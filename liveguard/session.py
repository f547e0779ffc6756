"""A live call under guard: threads around the pure core.

    reader (the tap) -> Inbox -> worker (owns the observer and the engine) -> Speaker (a thread for each sink)

The worker owns all state of the call, so there are no locks but the queues'. Nothing that breaks in a tap, a check or
a sink ends the call: it becomes a Fault event, and the rest goes on. What breaks in here ends it in good order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING

from liveguard.engine import Engine
from liveguard.errors import LiveguardError
from liveguard.inbox import Inbox, Shed
from liveguard.journal import JournalWriter
from liveguard.scheduler import Job
from liveguard.speaker import Speaker
from liveguard.types import (
    Alert,
    AudioChunk,
    Event,
    Fault,
    Gap,
    Observation,
    Origin,
    Reading,
    Sample,
    Sink,
    Status,
    Tap,
    VideoFrame,
)

if TYPE_CHECKING:
    from liveguard.face.observer import Observer

AGES_KEPT = 300
NO_PICTURE_US = 1_000_000  # so much sound after the last picture, and sound brings ticks
TICK_OF_SOUND_US = 250_000
LAST_JOBS_S = 5.0  # for models that are still at work when the feed ends
CLOSE_S = 15.0


@dataclass(frozen=True, slots=True)
class Stats:
    """How the call is coping. `age_ms`: from a picture's arrival to its events, of the last 300 pictures, sorted."""

    rate_hz: float
    shed: Shed
    age_ms: tuple[float, ...]
    jobs_skipped: int
    events_dropped: int


@dataclass(frozen=True, slots=True)
class Tick:
    """What a screen shows after each picture, and where none comes after gaps and sound: where everybody stands, what was seen.

    `picture` is at hand only during the call; whoever keeps it keeps its pixels. `age_ms`: how long ago it arrived.
    """

    statuses: tuple[Status, ...]
    seen: Observation | None = None
    picture: VideoFrame | None = None
    age_ms: float | None = None


def observe_or_fault(observer: Observer, picture: VideoFrame) -> tuple[Sample, Fault | None]:
    """What is kept of a picture. One that breaks the face library, or a plug-in's probe, gives what it has without
    faces, and the Fault; one that nothing can be done with is lost."""
    try:
        return observer.observe(picture), None
    except Exception as error:  # noqa: BLE001 (foreign code, on foreign pixels)
        fault = Fault(picture.t_us, "face tracking", f"{type(error).__name__}: {error}")
    import cv2

    from liveguard.face.observer import frame_sample, noise_of

    try:
        return Observation(frame_sample(picture, noise_of(picture.image)), ()), fault
    except (cv2.error, ValueError, TypeError, AttributeError, IndexError):  # what a tap sent is no picture at all
        return Gap("video", picture.t_us, picture.t_us, "lost"), fault


class Session:
    """Guards one feed until it ends or is closed. All methods are for any thread.

    `observer` may be None where the feed has no pictures. `origin`: see `Speaker`.
    """

    def __init__(
        self,
        tap: Tap,
        engine: Engine,
        observer: Observer | None,
        sinks: Sequence[Sink] = (),
        pool: ThreadPoolExecutor | None = None,
        journal: JournalWriter | None = None,
        on_tick: Callable[[Tick], None] | None = None,
        origin: Callable[[], Origin] | None = None,
    ) -> None:
        self._tap, self._engine, self._observer = tap, engine, observer
        self._pool, self._journal, self._on_tick = pool, journal, on_tick
        self._inbox = Inbox(live=tap.info.live)
        self._speaker = Speaker(sinks, origin)
        self._ages_ms: deque[float] = deque(maxlen=AGES_KEPT)
        self._flying: dict[tuple[str, int | None], Future[Reading | Fault]] = {}
        self._jobs_skipped = 0
        self._arrived_s: dict[int, float] = {}
        self._sound_ticks_from_us = 0
        self._aborted = self._closed = self._tick_broken = False
        self._error: LiveguardError | None = None
        self.alerts_raised = 0
        self._reader = threading.Thread(target=self._read, name="liveguard-reader", daemon=True)
        self._worker = threading.Thread(target=self._work, name="liveguard-worker", daemon=True)
        self._threads = (self._reader, self._worker)

    @property
    def error(self) -> LiveguardError | None:
        """What ended the feed or kept a sink from taking an alert; None while nothing did."""
        return self._error or self._speaker.error

    def start(self) -> None:
        self._speaker.start()
        self._reader.start()
        self._worker.start()

    def stop(self) -> None:
        """End the call: what has come in is still judged and said."""
        try:
            self._tap.close()
        except Exception as error:  # noqa: BLE001 (a tap may be foreign code)
            self._fail("tap", error)
        finally:
            self._inbox.close()

    def abort(self) -> None:
        """End the call at once: what waits is not judged, and the sinks only take their last alerts and faults."""
        self._aborted = True
        self._speaker.hurry()
        self.stop()

    def ended(self, timeout_s: float | None = None) -> bool:
        """Wait until all that came in is judged; True once it is. The sinks may still be at work."""
        self._worker.join(timeout_s)
        return not self._worker.is_alive()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; True once all threads are done."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if until_s is None else max(until_s - time.monotonic(), 0.0))
        spoken = self._speaker.join(None if until_s is None else max(until_s - time.monotonic(), 0.0))
        return spoken and not any(thread.is_alive() for thread in self._threads)

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """`stop`, and wait for the end; who has not finished by then is named in `error`. Waits only the first time."""
        self.stop()
        if self.join(0.0 if self._closed else timeout_s):
            return True
        if not self._closed:
            names = [thread.name.replace("-", " ") for thread in self._threads if thread.is_alive()]
            busy = ", ".join(names + self._speaker.unfinished)
            self._error = self._error or LiveguardError(f"not finished in time: {busy}")
        self._closed = True
        return False

    @property
    def rate_hz(self) -> float:
        """The rate of pictures that is let in at present."""
        return self._inbox.rate_hz

    def stats(self) -> Stats:
        shed = self._inbox.shed
        return Stats(
            self._inbox.rate_hz,
            Shed(shed.frames_in, shed.frames_shed, shed.audio_samples_shed),
            tuple(sorted(self._ages_ms)),
            self._jobs_skipped,
            self._speaker.events_dropped,
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
        except Exception as error:  # noqa: BLE001 (a tap may be foreign code)
            self._fail("tap", error)
        finally:
            self._inbox.close()

    # --- worker -----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._attempt(self._guard)
            # However it ended, the reader must end too, and the sinks' end mark comes last.
            self.stop()
            self._close_journal()
            if self._observer is not None:
                self._attempt(self._observer.close)
        finally:
            self._speaker.end()

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 (whatever it is, the rest must still be done)
            self._fail("session", error)

    def _guard(self) -> None:
        while not (self._aborted or self._inbox.closed):
            sample = self._inbox.get(timeout_s=0.1)
            if isinstance(sample, VideoFrame):
                self._take(sample)
            elif sample is not None:
                self._push(sample)
                if isinstance(sample, Gap) or self._sounds_alone(sample):
                    self._tick()
            self._land()
        if self._aborted:
            return
        wait(self._flying.values(), timeout=LAST_JOBS_S)
        self._land()
        self._jobs_skipped += len(self._flying)
        self._say_all(self._engine.finish())
        self._tick()

    def _sounds_alone(self, sample: Sample) -> bool:
        """Whether this is sound without a picture of late, and the last such tick is a while ago."""
        if not isinstance(sample, AudioChunk) or sample.t_us < self._sound_ticks_from_us:
            return False
        self._sound_ticks_from_us = sample.t_us + TICK_OF_SOUND_US
        return True

    def _take(self, picture: VideoFrame) -> None:
        if self._observer is None:
            return
        start_s = time.monotonic()
        sample, fault = observe_or_fault(self._observer, picture)
        if fault is not None:
            self._speaker.say(fault)
        self._push(sample)
        # Counted from the sound: under load it is taken in far ahead of the pictures.
        self._sound_ticks_from_us = self._engine.timeline.end_us + NO_PICTURE_US
        end_s = time.monotonic()
        self._inbox.worked(picture.t_us, round((end_s - start_s) * 1e6))
        arrived_s = self._arrived_s.get(picture.t_us)
        age_ms = None if arrived_s is None else (end_s - arrived_s) * 1e3
        if age_ms is not None:
            self._ages_ms.append(age_ms)
        self._tick(sample if isinstance(sample, Observation) else None, picture, age_ms)

    def _push(self, sample: Sample) -> None:
        self._write(methodcaller("sample", sample))
        events, jobs = self._engine.accept(sample)
        self._say_all(events)
        for job in jobs:
            if job.detector.need.cost == "light" or not self._launch(job):
                self._say_all(self._engine.take(job.run()))

    def _launch(self, job: Job) -> bool:
        """At most one job of a check and face in flight: a slow model skips windows, it never queues them, and the
        pool's order gives each face its turn. False where there is no pool to run it."""
        key = job.detector.name, job.window.track
        if self._pool is None:
            return False
        if key in self._flying:
            self._jobs_skipped += 1
            return True
        try:
            self._flying[key] = self._pool.submit(job.run)
        except RuntimeError:  # the pool was shut down
            self._pool = None
            return False
        return True

    def _land(self) -> None:
        for key, future in list(self._flying.items()):
            if future.done():
                del self._flying[key]
                if future.cancelled():
                    self._jobs_skipped += 1
                else:
                    self._say_all(self._engine.take(future.result()))

    def _tick(
        self, seen: Observation | None = None, picture: VideoFrame | None = None, age_ms: float | None = None
    ) -> None:
        if self._on_tick is None:
            return
        tick = Tick(tuple(self._engine.statuses()), seen, picture, age_ms)
        try:
            self._on_tick(tick)
        except Exception as error:  # noqa: BLE001 (not our code)
            if not self._tick_broken:
                self._tick_broken = True
                self._fault("on_tick", f"{type(error).__name__}: {error}")

    # --- what is said and written down ------------------------------------------------------------------------------

    def _say_all(self, events: Sequence[Event]) -> None:
        """What the core says goes into the journal too; the faults of this shell do not, as a replay has none."""
        for event in events:
            self._write(methodcaller("event", event))
            self.alerts_raised += isinstance(event, Alert) and event.state == "raised"
            self._speaker.say(event)

    def _write(self, record: Callable[[JournalWriter], object]) -> None:
        """A journal that breaks is left off; the call goes on without."""
        if self._journal is None:
            return
        try:
            record(self._journal)
        except Exception as error:  # noqa: BLE001 (a full disk, or a plug-in's reading that cannot be written)
            with suppress(Exception):
                self._journal.close()
            self._journal = None
            what = str(error) if isinstance(error, LiveguardError) else f"{type(error).__name__}: {error}"
            self._fault("journal", f"{what}; the call goes on without a journal")

    def _close_journal(self) -> None:
        self._write(methodcaller("close"))
        self._journal = None

    def _fault(self, where: str, what: str) -> None:
        self._speaker.say(Fault(self._engine.timeline.end_us, where, what))

    def _fail(self, where: str, error: Exception) -> None:
        """Something that the feed cannot do without broke: keep it as the session's error, and say so."""
        if not isinstance(error, LiveguardError):
            what = f"tap {self._tap.info.name}" if where == "tap" else where
            error = LiveguardError(f"{what}: {type(error).__name__}: {error}")
        self._error = self._error or error
        self._fault(where, str(error))
