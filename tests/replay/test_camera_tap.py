"""The camera tap: a file in place of a camera, and captures that are pulled out and come back."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from liveguard.errors import BackendError, DeviceError, InputError
from liveguard.taps import capture
from liveguard.taps.camera import CameraTap, list_cameras, list_microphones
from liveguard.types import Gap, TapSample, VideoFrame

pytestmark = pytest.mark.replay

RETRY_S = (0.01, 0.02)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.4 s at 50 fps, red."""
    path = tmp_path_factory.mktemp("camera") / "red.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=50, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        red = np.zeros((48, 64, 3), np.uint8)
        red[:, :, 0] = 200
        for _ in range(20):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    return path


class FakeCapture:
    """A camera that gives one picture per entry of `script`: True a picture, False none, an exception raises it."""

    def __init__(self, script: Iterator[Any], opened: bool = True, pause_s: float = 0.002) -> None:
        self.script, self.opened, self.pause_s = script, opened, pause_s
        self.wishes: list[tuple[int, float]] = []
        self.released = False
        self.stamp_ms: Callable[[], float] = lambda: 0.0

    def isOpened(self) -> bool:  # noqa: N802
        return self.opened

    def read(self) -> tuple[bool, Any]:
        time.sleep(self.pause_s)
        there = next(self.script, False)
        if isinstance(there, Exception):
            raise there
        return (True, np.full((4, 6, 3), (255, 0, 9), np.uint8)) if there is True else (bool(there), None)

    def get(self, prop: int, /) -> float:
        return {5: 30.0, 0: self.stamp_ms()}.get(prop, 0.0)

    def set(self, prop: int, value: float, /) -> bool:
        self.wishes.append((prop, value))
        return True

    def release(self) -> None:
        self.released = True

    def getBackendName(self) -> str:  # noqa: N802
        return "V4L2"


def opener(*captures: FakeCapture) -> Callable[[int | str], FakeCapture]:
    """Gives one capture after the other, the last one again and again."""
    left = list(captures)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def collect(tap: CameraTap, enough: Callable[[list[TapSample]], bool], limit_s: float = 5) -> list[TapSample]:
    """Samples until there are enough; the tap is closed then."""
    timer = threading.Timer(limit_s, tap.close)
    timer.start()
    out: list[TapSample] = []
    for sample in tap.samples():
        out.append(sample)
        if enough(out):
            tap.close()
    timer.cancel()
    assert tap.join()
    return out


def frames_of(samples: list[TapSample]) -> list[VideoFrame]:
    return [sample for sample in samples if isinstance(sample, VideoFrame)]


def check_order(samples: list[TapSample]) -> None:
    end_us = -1
    for sample in samples:
        start_us = sample.start_us if isinstance(sample, Gap) else sample.t_us
        assert start_us > end_us or (isinstance(sample, Gap) and start_us == end_us)
        end_us = sample.end_us if isinstance(sample, Gap) else sample.t_us


def test_a_file_plays_at_its_own_rate_and_comes_again(film: Path) -> None:
    tap = CameraTap(str(film), retry_s=RETRY_S)
    assert tap.info.live
    assert tap.info.tracks == {"video"}
    samples = collect(tap, lambda out: len(frames_of(out)) >= 30)
    check_order(samples)
    frames = frames_of(samples)
    assert frames[0].image.shape == (48, 64, 3)
    assert np.median(frames[0].image, axis=(0, 1)) == pytest.approx([200, 0, 0], abs=8)  # RGB, not BGR
    assert np.median(np.diff([frame.t_us for frame in frames])) == pytest.approx(20_000, abs=4_000)
    gaps = [sample for sample in samples if isinstance(sample, Gap)]
    assert {(gap.kind, gap.reason) for gap in gaps} == {("video", "lost")}  # its end is like a pulled plug


def test_a_camera_that_is_pulled_out_and_comes_back() -> None:
    import cv2

    first = FakeCapture(itertools.chain([True] * 8, [False, cv2.error("gone"), False]))
    away = FakeCapture(iter(()), opened=False)
    again = FakeCapture(itertools.repeat(True))
    tap = CameraTap(0, open_capture=opener(first, away, away, away, again), retry_s=RETRY_S)
    samples = collect(tap, lambda out: len(frames_of(out)) >= 20)
    check_order(samples)
    gaps = [sample for sample in samples if isinstance(sample, Gap)]
    assert {gap.reason for gap in gaps} == {"lost"}
    assert sum(gap.end_us - gap.start_us for gap in gaps) >= 40_000
    assert first.released
    assert again.released
    assert samples[-1] is frames_of(samples)[-1]


def test_a_camera_that_stays_away_is_said_again_and_again() -> None:
    first = FakeCapture(iter([True] * 3))
    away = FakeCapture(iter(()), opened=False)
    tap = CameraTap(0, open_capture=opener(first, away), retry_s=RETRY_S)
    samples = collect(tap, lambda out: isinstance(out[-1], Gap) and out[-1].end_us > 100_000)
    check_order(samples)
    assert isinstance(samples[-1], Gap)


def test_one_bad_read_is_no_loss() -> None:
    fake = FakeCapture(itertools.cycle([True, True, False]))
    samples = collect(CameraTap(0, open_capture=opener(fake)), lambda out: len(out) >= 10)
    assert len(frames_of(samples)) == 10


def test_a_driver_that_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveguard.taps.camera._STALLED_US", 50_000)
    monkeypatch.setattr("liveguard.taps.camera._POLL_S", 0.02)
    free = threading.Event()

    def script() -> Iterator[bool]:
        yield from [True] * 3
        free.wait(5)
        yield from itertools.repeat(True)

    tap = CameraTap(0, open_capture=opener(FakeCapture(script())))
    seen = []
    for sample in tap.samples():
        seen.append(sample)
        if isinstance(sample, Gap):
            free.set()
            tap.close()
    assert isinstance(seen[-1], Gap)
    assert tap.join()


def test_when_the_samples_end_the_device_is_free() -> None:
    fake = FakeCapture(itertools.repeat(True), pause_s=0.05)
    tap = CameraTap(0, open_capture=opener(fake))
    samples = tap.samples()
    next(samples)
    tap.close()
    assert list(samples) == []
    assert fake.released


def test_without_mjpg_when_the_camera_cannot() -> None:
    refuses = FakeCapture(iter(()))
    takes = FakeCapture(itertools.repeat(True))
    tap = CameraTap(0, width=640, height=480, fps=15, open_capture=opener(refuses, takes))
    collect(tap, lambda out: len(out) >= 2)
    assert [prop for prop, _ in refuses.wishes] == [6, 3, 4, 5]
    assert takes.wishes == [(3, 640), (4, 480), (5, 15)]
    assert refuses.released


def test_kernel_stamps_are_used() -> None:
    fake = FakeCapture(itertools.repeat(True))
    fake.stamp_ms = lambda: capture.monotonic_us() / 1_000 - 40
    tap = CameraTap(0, open_capture=opener(fake))
    began_us = capture.monotonic_us()
    seen: list[int] = []
    for sample in tap.samples():
        assert isinstance(sample, VideoFrame)
        seen.append(capture.monotonic_us() - began_us - sample.t_us)
        if len(seen) == 5:
            tap.close()
    assert min(seen) > 35_000
    assert tap.join()


def test_a_slow_reader_gets_fresh_pictures() -> None:
    tap = CameraTap(0, open_capture=opener(FakeCapture(itertools.repeat(True))))
    samples = tap.samples()
    next(samples)
    time.sleep(0.1)
    rest = list(itertools.islice(samples, 3))
    assert any(isinstance(sample, Gap) and sample.reason == "shed" for sample in rest)
    assert tap.shed["video"] > 10
    tap.close()
    assert list(samples) == []
    assert tap.join()


@pytest.mark.parametrize("script", [iter(()), itertools.repeat(False)])
def test_a_camera_without_pictures_is_busy(script: Iterator[bool]) -> None:
    with pytest.raises(DeviceError, match="cannot be opened or gives no picture") as caught:
        CameraTap(0, open_capture=opener(FakeCapture(script)))
    assert "\n" not in str(caught.value)


def test_a_missing_camera() -> None:
    with pytest.raises(DeviceError, match="camera 97 is not there"):
        CameraTap(97)
    with pytest.raises(DeviceError, match="camera '/dev/video97' is not there"):
        CameraTap("/dev/video97")


def test_not_a_film(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(DeviceError, match=r"text\.mp4"):
        CameraTap(str(tmp_path / "text.mp4"))


def test_nothing_asked_for() -> None:
    with pytest.raises(InputError, match="name at least one"):
        CameraTap(None)


def test_a_missing_microphone_gives_the_camera_back() -> None:
    fake = FakeCapture(itertools.repeat(True))
    with pytest.raises((DeviceError, BackendError)):
        CameraTap(0, "no such microphone", open_capture=opener(fake))
    assert fake.released


@pytest.mark.parametrize(("error", "says"), [(ImportError, "package sounddevice"), (OSError, "libportaudio2")])
def test_without_portaudio(monkeypatch: pytest.MonkeyPatch, error: type[Exception], says: str) -> None:
    def fail(_: str) -> Any:
        raise error("PortAudio library not found")

    monkeypatch.setattr("importlib.import_module", fail)
    assert list_microphones() == []
    with pytest.raises(BackendError, match=says):
        CameraTap(None, "default")


def test_lists_never_raise() -> None:
    assert isinstance(list_cameras(), list)
    assert isinstance(list_microphones(), list)
