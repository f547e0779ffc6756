"""The front door with made-up taps and face trackers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from liveguard.cli import main
from liveguard.commands import watch
from liveguard.engine import Engine
from liveguard.errors import ConfigError, DeviceError, InputError, JournalError
from liveguard.face import backends
from liveguard.face.observer import Observer
from liveguard.guard import Guard
from liveguard.journal import read_journal
from liveguard.replaying import replay
from liveguard.types import (
    Alert,
    AudioChunk,
    Gap,
    Need,
    Reading,
    Status,
)
from tests.live_parts import END_S, NEED, Collect, EndlessTap, FakeObserver, ListTap, Stuck, film
from tests.synthetic import AUDIO, Says, Spy


class FakeGuard(Guard):
    """A guard without a face library."""

    def __init__(self, *detectors: Spy, observer: FakeObserver | None = None) -> None:
        super().__init__(detectors=detectors)
        self.fake = observer or FakeObserver()

    def observer(self) -> Observer:
        return self.fake  # type: ignore[return-value]


def test_a_scan_outlives_a_picture_that_breaks_the_face_library_and_a_tap_that_breaks(tmp_path: Path) -> None:
    observer, journal = FakeObserver(frozenset({1_000_000})), tmp_path / "j"
    tap = ListTap(film(3.0), RuntimeError("the demuxer gave up"))
    with FakeGuard(Says("camera", NEED, 0.1), observer=observer) as one:
        report = one.judge(tap, "film.mp4", journal=journal)
        assert report.faults == (
            "face tracking: ValueError: bad picture",
            "tap: test: RuntimeError: the demuxer gave up",
        )
        assert report.seconds == pytest.approx(3.0, abs=0.1)
        assert report.checks["camera"].llr is not None
        assert replay(journal, one.detectors).differences == ()
    assert observer.closed


def test_a_scan_of_nothing_is_an_input_error_and_leaves_no_journal(tmp_path: Path) -> None:
    with FakeGuard() as one:
        for samples in ([], [Gap("video", 0, 1, "lost")]):
            with pytest.raises(InputError, match="gave up"):
                one.judge(ListTap(samples, RuntimeError("gave up")), "film.mp4", journal=tmp_path / "film.lgj")
            assert list(tmp_path.iterdir()) == []
            with pytest.raises(DeviceError):
                one.judge(ListTap(samples, DeviceError("busy")), "film.mp4")


def test_a_guard_of_a_path_says_how_settings_are_read() -> None:
    with pytest.raises(ConfigError, match="read_config"):
        Guard("guard.toml")  # type: ignore[arg-type]


def test_the_standings_are_asked_for_four_times_a_second_of_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    statuses = Engine.statuses

    def counting(engine: Engine) -> list[Status]:
        asked.append(engine.timeline.end_us)
        return statuses(engine)

    monkeypatch.setattr(Engine, "statuses", counting)
    with FakeGuard(Says("camera", Need(step_us=40_000, video_us=1_000_000), 0.1)) as one:
        one.judge(ListTap(film(4.0)), "film.mp4")
    assert len(asked) <= 4.0 / 0.25 + 1
    assert asked[-1] >= 4_000_000


def test_each_session_and_scan_has_ids_of_its_own(tmp_path: Path) -> None:
    with FakeGuard(Says("camera", NEED, 6.0)) as one:
        scans = [one.judge(ListTap(film(12.0)), "f", journal=tmp_path / f"{k}") for k in range(2)]
        ids = [report.alerts[0].id for report in scans]
        for k, alert_id in enumerate(ids):
            assert alert_id.startswith(read_journal(tmp_path / f"{k}")[0].session_id)
            assert replay(tmp_path / f"{k}", one.detectors).differences == ()
        for _ in range(2):
            sink = Collect()
            assert one.watch(ListTap(film(12.0)), [sink]).join(END_S)
            ids += [event.id for event in sink.events if isinstance(event, Alert)]
    assert len(set(ids)) == 4


def test_closing_the_guard_ends_its_sessions_first() -> None:
    tap, sink = EndlessTap(film(1.0)), Collect()
    with FakeGuard(Says("camera", NEED)) as one:
        session = one.watch(tap, [sink])
    assert session.join(0.0)
    assert sink.closed
    assert session.error is None


def test_a_journal_that_cannot_be_opened_leaves_no_face_tracker_behind(tmp_path: Path) -> None:
    with FakeGuard() as one:
        for call in (one.watch, lambda tap, journal: one.judge(tap, "f", journal=journal)):
            one.fake.closed = False
            with pytest.raises(JournalError):
                call(ListTap(film(1.0)), journal=tmp_path / "missing" / "j")  # type: ignore[operator]
            assert one.fake.closed


def test_watching_sound_alone_opens_no_face_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    samples = [AudioChunk(k * 20_000, np.zeros(320, np.float32)) for k in range(100)]
    sink, sound = Collect(), Need(step_us=500_000, audio_us=500_000, scope="feed")
    with Guard(detectors=[Says("voice", sound)]) as one:
        assert one.watch(ListTap(samples, info=AUDIO), [sink]).join(END_S)
    assert sum(isinstance(event, Reading) for event in sink.events) == 4


def test_the_command_ends_although_a_sink_hangs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stuck = Stuck()

    def leave(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr("liveguard.speaker.LINGER_S", 0.05)
    monkeypatch.setattr(watch, "END_S", 0.4)
    monkeypatch.setattr(watch, "open_tap", lambda _: ListTap(film(2.0)))
    monkeypatch.setattr(watch, "open_sinks", lambda _: [stuck])
    monkeypatch.setattr(Guard, "observer", lambda _: FakeObserver())
    monkeypatch.setattr("os._exit", leave)
    with pytest.raises(SystemExit, match="2"):
        main(["watch", "--plain", "--checks", "camera"])
    stuck.let_go.set()
    assert capsys.readouterr().err == "liveguard: not finished in time: sink Stuck\n"


def test_face_libraries_are_lent_out_again_instead_of_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    class Library:
        name = "fake"
        closed = 0

        def find(self, image: object) -> list[object]:
            return []

        def new_mesher(self) -> object:
            return object()

        def close(self) -> None:
            Library.closed += 1

    def open_one(_task_file: object) -> Library:
        opened.append(Library())
        return opened[-1]  # type: ignore[return-value]

    monkeypatch.setattr(backends, "open_backend", open_one)
    pool = backends.BackendPool()
    first = pool.lend()
    first.close()
    first.close()
    second, third = pool.lend(), pool.lend()
    assert len(opened) == 2
    second.close()
    pool.close()
    assert Library.closed == 1
    third.close()
    assert Library.closed == 2
