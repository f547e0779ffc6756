"""The front door: one guard, its checks loaded once, for any number of recordings and live feeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from liveguard.config import Config
from liveguard.engine import Engine
from liveguard.journal import JournalWriter
from liveguard.plugins import load_detectors
from liveguard.report import Report, ReportBuilder
from liveguard.types import Detector, Event, FeedInfo, Reading, Sample, Sink, Status, Tap, VideoFrame

if TYPE_CHECKING:
    from liveguard.face.observer import Observer
    from liveguard.session import Session

SCAN_FPS = 30.0


class Guard:
    """Use it with `with`, or call `close`. Any thread may start scans and sessions; each runs on its own.

    Raises ConfigError or PluginError at once where a check does not load.
    """

    def __init__(self, config: Config | None = None, detectors: Sequence[Detector] | None = None) -> None:
        self.config = config or Config()
        if detectors is None:
            detectors = load_detectors(self.config.only, self.config.without, self.config.options)
        self.detectors: tuple[Detector, ...] = tuple(detectors)
        self._pool: ThreadPoolExecutor | None = None

    def scan(
        self,
        file: str | Path,
        on_progress: Callable[[float, float | None], None] | None = None,
        journal: Path | None = None,
    ) -> Report:
        """The report on one recording, a path or URL; `on_progress(done_s, total_s)` is called as it goes on.

        Raises InputError where the file cannot be used.
        """
        from liveguard.taps.file import FileTap

        tap = FileTap(file, max_fps=SCAN_FPS, name=Path(file).name)
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
    ) -> Report:
        """The report on all that `tap` delivers until it ends; no threads, nothing shed."""
        started_s = time.process_time()
        engine = self.engine(tap.info)
        builder = ReportBuilder(name, tuple(detector.name for detector in self.detectors))
        needs = {detector.name: detector.need for detector in self.detectors}
        said_us = 0
        for event in self._run(tap, engine, journal):
            is_reading = isinstance(event, Reading)
            builder.add(event, engine.fusion.worth(event, needs[event.detector]) if isinstance(event, Reading) else 0.0)
            if is_reading:
                for status in engine.statuses():
                    builder.status(status)
            if on_progress is not None and engine.timeline.end_us - said_us > 250_000:
                said_us = engine.timeline.end_us
                on_progress(said_us / 1e6, tap.info.seconds)
        return builder.build(engine.timeline.end_us / 1e6, time.process_time() - started_s, engine.faces)

    def events(self, tap: Tap) -> Iterator[Event]:
        """Everything that is said about a feed, as it happens, in the caller's thread."""
        return self._run(tap, self.engine(tap.info), None)

    def watch(
        self,
        tap: Tap,
        sinks: Sequence[Sink] = (),
        journal: Path | None = None,
        on_tick: Callable[[list[Status]], None] | None = None,
        session_id: str = "session",
    ) -> Session:
        """Guard a live feed in threads of its own; the session returned has been started."""
        from liveguard.session import Session

        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="liveguard-model")
        engine = self.engine(tap.info, session_id)
        writer = self._writer(journal, tap.info, session_id)
        session = Session(tap, engine, self.observer(), sinks, self._pool, writer, on_tick)
        session.start()
        return session

    def engine(self, feed: FeedInfo, session_id: str = "scan") -> Engine:
        """A fresh core for one feed."""
        return Engine(feed, self.detectors, self.config.policy, session_id)

    def observer(self) -> Observer:
        """A fresh face tracker for one feed. Raises BackendError where no face library is installed."""
        from liveguard.face.backends import open_backend
        from liveguard.face.observer import Observer

        return Observer(open_backend(self.config.task_file), self.detectors, self.config.max_faces)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, tap: Tap, engine: Engine, journal: Path | None) -> Iterator[Event]:
        writer = self._writer(journal, tap.info, "scan")
        observer = self.observer() if "video" in tap.info.tracks else None
        try:
            for delivered in tap.samples():
                if not isinstance(delivered, VideoFrame):
                    sample: Sample = delivered
                elif observer is not None:
                    sample = observer.observe(delivered)
                else:
                    continue
                if writer is not None:
                    writer.sample(sample)
                for event in engine.push(sample):
                    if writer is not None:
                        writer.event(event)
                    yield event
            for event in engine.finish():
                if writer is not None:
                    writer.event(event)
                yield event
        finally:
            if observer is not None:
                observer.close()
            if writer is not None:
                writer.close()

    def _writer(self, path: Path | None, feed: FeedInfo, session_id: str) -> JournalWriter | None:
        if path is None:
            return None
        names = [detector.name for detector in self.detectors]
        return JournalWriter(path, feed, self.config.policy, session_id, names)
