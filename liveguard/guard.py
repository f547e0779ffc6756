"""The front door: one guard, its checks loaded once, for any number of recordings and live feeds."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from liveguard.config import Config
from liveguard.engine import Engine
from liveguard.errors import ConfigError, InputError, LiveguardError
from liveguard.face.backends import BackendPool
from liveguard.journal import JournalWriter
from liveguard.plugins import load_detectors
from liveguard.report import Report, ReportBuilder
from liveguard.session import Session, Tick, observe_or_fault
from liveguard.types import (
    AudioChunk,
    Detector,
    Event,
    Fault,
    FeedInfo,
    Origin,
    Reading,
    Sample,
    Sink,
    Tap,
    TapSample,
    VideoFrame,
)

if TYPE_CHECKING:
    from liveguard.face.observer import Observer

ASK_EVERY_US = 250_000


class Guard:
    """Use it with `with`, or call `close`. Any thread may start scans and sessions; each runs on its own.

    Raises ConfigError or PluginError at once where a check does not load.
    """

    def __init__(self, config: Config | None = None, detectors: Sequence[Detector] | None = None) -> None:
        self.config = Config() if config is None else config
        if not isinstance(self.config, Config):
            raise ConfigError("config: a Config is needed; liveguard.config.read_config(path) gives that of a file")
        if detectors is None:
            detectors = load_detectors(self.config.only, self.config.without, self.config.options)
        self.detectors: tuple[Detector, ...] = tuple(detectors)
        self._pool: ThreadPoolExecutor | None = None
        self._sessions: list[Session] = []
        self._lock = threading.Lock()
        self._backends = BackendPool(self.config.task_file)

    def scan(
        self,
        file: str | Path,
        on_progress: Callable[[float, float | None], None] | None = None,
        journal: Path | None = None,
    ) -> Report:
        """The report on one recording, a path or URL, or on a still picture; `on_progress(done_s, total_s)` is called as it
        goes on.

        Raises InputError where the file cannot be used, BackendError where a library is missing.
        """
        from liveguard.taps.recording import open_recording

        tap = open_recording(file)
        try:
            return self.judge(tap, str(file), on_progress, journal)
        finally:
            tap.close()

    def judge(
        self,
        tap: Tap,
        name: str,
        on_progress: Callable[[float, float | None], None] | None = None,
        journal: Path | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Report:
        """The report on all that `tap` delivers until it ends; no threads, nothing shed.

        `on_event` sees every event as it happens, before it is counted in. A tap that breaks midway gives the report up to
        there, with a fault; one that never delivers raises its error.
        """
        started_s = time.process_time()
        session_id = new_id()
        engine = self.engine(tap.info, session_id)
        builder = ReportBuilder(name, {d.name: d.hypothesis for d in self.detectors}, self.config.policy)
        asked_us = 0
        with closing(self._run(tap, engine, journal, session_id)) as events:
            for event in events:
                if on_event is not None:
                    on_event(event)
                builder.add(event, engine.worth(event) if isinstance(event, Reading) else 0.0)
                if engine.timeline.end_us - asked_us >= ASK_EVERY_US:
                    asked_us = _ask(engine, builder, asked_us)
                    if on_progress is not None:
                        on_progress(asked_us / 1e6, tap.info.seconds)
        _ask(engine, builder, asked_us)
        seconds = 0.0 if tap.info.still else engine.timeline.end_us / 1e6
        return builder.build(seconds, time.process_time() - started_s, engine.faces, tap.info.still, engine.heard)

    def events(self, tap: Tap) -> Iterator[Event]:
        """Everything that is said about a feed, as it happens, in the caller's thread."""
        return self._run(tap, self.engine(tap.info))

    def watch(
        self,
        tap: Tap,
        sinks: Sequence[Sink] = (),
        journal: Path | None = None,
        on_tick: Callable[[Tick], None] | None = None,
        session_id: str | None = None,
        origin: Callable[[], Origin] | None = None,
    ) -> Session:
        """Guard a live feed in threads of its own; the session returned has been started, and closes tap and sinks.

        `session_id` begins the ids of its alerts, and must be unlike all others (the default is). `origin` is asked with
        each event, on any thread, for what goes along with it to the sinks.
        """
        session_id = session_id or new_id()
        engine = self.engine(tap.info, session_id)
        with ExitStack() as undo:
            observer, writer = self._parts(undo, tap.info, journal, session_id)
            with self._lock:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="liveguard-model")
                session = Session(tap, engine, observer, sinks, self._pool, writer, on_tick, origin)
                session.start()
                undo.pop_all()
                self._sessions = [*(other for other in self._sessions if not other.join(0.0)), session]
        return session

    def engine(self, feed: FeedInfo, session_id: str | None = None) -> Engine:
        """A fresh core for one feed."""
        return Engine(feed, self.detectors, self.config.policy, session_id or new_id())

    def observer(self) -> Observer:
        """A fresh face tracker for one feed. Raises BackendError where no face library is installed."""
        from liveguard.face.observer import Observer

        return Observer(self._backends.lend(), self.detectors, self.config.max_faces)

    def close(self) -> None:
        """End the sessions that are still running, then the models. A call that hangs is not waited for twice."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
            pool, self._pool = self._pool, None
        for session in sessions:
            session.stop()
        ended = [session.close() for session in sessions]
        self._backends.close()
        if pool is not None:
            pool.shutdown(wait=all(ended), cancel_futures=True)

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _parts(
        self, stack: ExitStack, feed: FeedInfo, journal: Path | None, session_id: str
    ) -> tuple[Observer | None, JournalWriter | None]:
        """The face tracker, which sound alone does not need, and the journal; `stack` closes them."""
        observer = writer = None
        if "video" in feed.tracks:
            observer = self.observer()
            stack.callback(observer.close)
        if journal is not None:
            names = [detector.name for detector in self.detectors]
            writer = JournalWriter(journal, feed, self.config.policy, session_id, names)
            stack.callback(writer.close)
        return observer, writer

    def _run(
        self, tap: Tap, engine: Engine, journal: Path | None = None, session_id: str = ""
    ) -> Generator[Event, None, None]:
        """All events of a feed. The journal gets what goes into the core and comes out, so that it replays."""
        with ExitStack() as parts:
            observer, writer = self._parts(parts, tap.info, journal, session_id)
            for delivered in _delivered(tap):
                sample, fault = _sample(delivered, observer)
                if fault is not None:
                    yield fault
                if sample is None:
                    continue
                if writer is not None:
                    writer.sample(sample)
                yield from _written(engine.push(sample), writer)
            yield from _written(engine.finish(), writer)


def new_id() -> str:
    """An id that no other session has."""
    return uuid.uuid4().hex[:12]


def _ask(engine: Engine, builder: ReportBuilder, asked_us: int) -> int:
    """Tell the report where everybody stands, as it was since `asked_us`; returns until when."""
    now_us = engine.timeline.end_us
    builder.standings(engine.statuses(), (now_us - asked_us) / 1e6)
    return now_us


def _written(events: Sequence[Event], writer: JournalWriter | None) -> Iterator[Event]:
    for event in events:
        if writer is not None:
            writer.event(event)
        yield event


def _delivered(tap: Tap) -> Iterator[TapSample | Fault]:
    """The tap's samples; when it breaks after it gave pictures or sound, a Fault is the last."""
    end_us: int | None = None
    try:
        for sample in tap.samples():
            if isinstance(sample, VideoFrame | AudioChunk):
                end_us = max(sample.t_us, end_us or 0)
            yield sample
    except Exception as error:  # a tap may be foreign code; raised on, or said as a Fault
        known = isinstance(error, LiveguardError)
        what = str(error) if known else f"{tap.info.name}: {type(error).__name__}: {error}"
        if end_us is None:
            if known:
                raise
            raise InputError(what) from error
        yield Fault(end_us, "tap", what)


def _sample(delivered: TapSample | Fault, observer: Observer | None) -> tuple[Sample | None, Fault | None]:
    """What goes into the core, and what there is to be said of it."""
    if isinstance(delivered, Fault):
        return None, delivered
    if not isinstance(delivered, VideoFrame):
        return delivered, None
    return observe_or_fault(observer, delivered) if observer is not None else (None, None)
