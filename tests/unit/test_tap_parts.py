"""The parts of the taps that need neither files nor devices: timeline, grid, queue, sources."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.errors import DeviceError, InputError
from liveguard.taps import devices
from liveguard.taps.film import stamp_us
from liveguard.taps.grid import FrameGrid
from liveguard.taps.microphone import Drift, Microphone
from liveguard.taps.sample_queue import SampleQueue
from liveguard.taps.source import parse_source
from liveguard.taps.timeline import AHEAD_US, WRAP_US, Timeline
from liveguard.types import AudioChunk, Gap, VideoFrame

STEP_US = 40_000


def frame(t_us: int) -> VideoFrame:
    return VideoFrame(t_us, np.zeros((2, 2, 3), np.uint8))


def sound(t_us: int, n: int = 1_600) -> AudioChunk:
    return AudioChunk(t_us, np.zeros(n, np.float32))


def drain(queue: SampleQueue[VideoFrame]) -> list[VideoFrame | AudioChunk | Gap]:
    out = []
    while (sample := queue.get(0)) is not None:
        out.append(sample)
    return out


# --- timeline ------------------------------------------------------------------------------------------------------


def test_times_begin_at_zero_and_missing_stamps_follow_on() -> None:
    line = Timeline(5_000_000)
    assert line.place("video", 5_000_000, STEP_US) == 0
    assert line.place("video", None, STEP_US) == STEP_US
    assert line.place("audio", 5_010_000, 20_000) == 10_000


def test_a_wrap_of_33_bits_is_exact() -> None:
    line = Timeline(WRAP_US - 100_000)
    assert line.place("video", WRAP_US - 50_000, STEP_US) == 50_000
    assert line.place("video", 30_000, STEP_US) == 130_000
    assert line.place("audio", 31_000, STEP_US) == 131_000
    assert line.restarts == 0


def test_a_restart_goes_on_and_keeps_the_tracks_aligned() -> None:
    line = Timeline(0)
    line.place("video", 9_960_000, STEP_US)
    line.place("audio", 9_980_000, 20_000)
    assert line.place("video", 500_000, STEP_US) == 10_000_000
    assert line.place("audio", 510_000, 20_000) == 10_010_000
    assert line.restarts == 1


def test_one_mad_stamp_does_not_move_the_rest() -> None:
    line = Timeline(0)
    line.place("video", 1_000_000, STEP_US)
    line.place("video", 10**15, STEP_US)
    assert line.place("video", 1_080_000, STEP_US) == 1_080_000


def test_a_long_silence_that_the_other_track_crossed_is_kept() -> None:
    line = Timeline(0)
    line.place("audio", 0, 20_000)
    for t_us in range(0, 2 * AHEAD_US, AHEAD_US // 2):
        line.place("video", t_us, STEP_US)
    late_us = 2 * AHEAD_US - STEP_US
    assert line.place("audio", late_us, 20_000) == late_us


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["video", "audio"]), st.integers(-(2**62), 2**62)), max_size=30))
def test_time_never_runs_back_by_more_than_a_second(stamps: list[tuple[str, int]]) -> None:
    line, ends = Timeline(0), {"video": 0, "audio": 0}
    for track, stamp in stamps:
        t_us = line.place("video" if track == "video" else "audio", stamp, STEP_US)
        assert t_us >= ends[track] - 1_000_000
        assert t_us <= max(ends.values()) + AHEAD_US
        ends[track] = max(ends[track], t_us + STEP_US)


def test_stamps_are_rounded_once() -> None:
    assert stamp_us(1, Fraction(1, 3)) == 333_333
    assert stamp_us(2, Fraction(1, 3)) == 666_667
    assert stamp_us(-1, Fraction(1, 3)) == -333_333
    assert stamp_us(None, Fraction(1, 3)) is None
    assert stamp_us(5, None) is None


# --- grid ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fps", "max_fps", "kept"),
    [
        (30, None, 300),
        (30, 30, 300),
        (29.97, 30, 300),
        (60, 30, 300),
        (59.94, 30, 300),
        (25, 30, 250),
        (30, 5, 50),
    ],
)
def test_grid_keeps_the_rate(fps: float, max_fps: float | None, kept: int) -> None:
    grid = FrameGrid(max_fps)
    times = [round(k * 1e6 / fps) for k in range(round(fps * 10))]
    assert sum(grid.keeps(t_us) for t_us in times) == pytest.approx(kept, abs=1)


def test_grid_keeps_every_frame_of_a_jittering_feed() -> None:
    grid = FrameGrid(30)
    assert all(grid.keeps(round(k * 1e6 / 30) + (-1) ** k * 4_000) for k in range(300))


def test_grid_is_even() -> None:
    grid = FrameGrid(30)
    kept = [t_us for t_us in (k * 1_000_000 // 60 for k in range(600)) if grid.keeps(t_us)]
    assert set(np.diff(kept) // 1_000) == {33}


@given(st.lists(st.integers(1, 50_000), min_size=2, max_size=200), st.sampled_from([5.0, 15.0, 30.0, 120.0]))
def test_grid_never_keeps_two_frames_next_to_each_other(steps_us: list[int], max_fps: float) -> None:
    grid = FrameGrid(max_fps)
    kept = [t_us for t_us in np.cumsum(steps_us).tolist() if grid.keeps(t_us)]
    assert all(later - earlier >= 0.45e6 / max_fps for earlier, later in pairwise(kept))


@given(st.floats(2.0, 120.0), st.floats(2.0, 60.0), st.integers(0, 10**7))
def test_grid_misses_no_point_that_an_even_feed_has_a_frame_for(fps: float, max_fps: float, start_us: int) -> None:
    grid, seconds = FrameGrid(max_fps), 20
    times = [start_us + round(k * 1e6 / fps) for k in range(round(fps * seconds))]
    assert sum(grid.keeps(t_us) for t_us in times) >= int(min(fps, max_fps) * seconds) - 1


def test_grid_takes_pairs_about_its_points_for_one_frame() -> None:
    grid = FrameGrid(30)
    pairs = [round(2 * k * 1e6 / 30) - 8_000 + off for k in range(1, 300) for off in (-60, 60)]
    kept = [t_us for t_us in pairs if grid.keeps(t_us)]
    assert len(kept) == 299
    assert max(np.diff(kept)) < 67_000


@pytest.mark.parametrize("max_fps", [0, -1, float("nan"), 1e9])
def test_grid_refuses_nonsense(max_fps: float) -> None:
    with pytest.raises(InputError, match="allowed is"):
        FrameGrid(max_fps)


# --- queue ---------------------------------------------------------------------------------------------------------


def test_queue_keeps_the_order_of_arrival() -> None:
    queue: SampleQueue[VideoFrame] = SampleQueue()
    samples: list[VideoFrame | AudioChunk | Gap] = [
        frame(0),
        sound(10),
        Gap("video", 20, 30, "lost"),
        sound(40),
        frame(50),
    ]
    for sample in samples:
        queue.put(sample)
    assert drain(queue) == samples


def test_a_slow_reader_gets_the_newest_pictures_and_one_gap() -> None:
    queue: SampleQueue[VideoFrame] = SampleQueue()
    for k in range(10):
        queue.put(frame(k * 100))
    out = drain(queue)
    assert out[0] == Gap("video", 0, 600, "shed")
    assert [sample.t_us for sample in out[1:] if isinstance(sample, VideoFrame)] == [600, 700, 800, 900]
    assert queue.shed == {"video": 6, "audio": 0}


def test_a_slow_reader_gets_two_seconds_of_sound() -> None:
    queue: SampleQueue[VideoFrame] = SampleQueue()
    for k in range(50):
        queue.put(sound(k * 100_000))
    out = drain(queue)
    assert out[0] == Gap("audio", 0, 3_000_000, "shed")
    assert len(out) == 21
    assert queue.shed["audio"] == 30 * 1_600


def test_gaps_of_a_device_that_stays_away_become_one() -> None:
    queue: SampleQueue[VideoFrame] = SampleQueue()
    for k in range(1_000):
        queue.put(Gap("audio", k, k + 1, "lost"))
    assert drain(queue) == [Gap("audio", 0, 1_000, "lost")]


def test_a_closed_queue_is_empty() -> None:
    queue: SampleQueue[VideoFrame] = SampleQueue()
    queue.put(frame(0))
    queue.close()
    queue.put(frame(1))
    assert queue.get(10) is None


# --- drift ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ppm", [-200, 0, 100])
def test_a_drifting_sound_card_stays_on_the_clock(ppm: int) -> None:
    """40 s of blocks of 10 ms whose stamps scatter by 5 ms: the count stays within 4 ms of the clock."""
    rng, drift, counted, worst_us = np.random.default_rng(1), Drift(), 0, 0.0
    pcm = np.zeros(480, np.float32)
    for k in range(4_000):
        true_us = k * 10_000 * (1 + ppm * 1e-6)
        late_us = drift.note(round(true_us + rng.normal(0, 5_000) - counted / 0.048))
        counted += drift.stretch(pcm, late_us, 48_000).size
        worst_us = max(worst_us, abs(true_us + 10_000 - counted / 0.048))
    assert worst_us < 4_000


# --- sources and devices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["concat:a.mp4|b.mp4", "subfile,,start,0,end,9,,:a.mp4", "lavfi://testsrc", "data://a", "gopher://a/b"],
)
def test_other_protocols_are_refused(source: str) -> None:
    with pytest.raises(InputError, match="allowed is a media file"):
        parse_source(source)


def test_a_network_source_may_not_read_files() -> None:
    for url in ("http://h/a.m3u8", "https://h/a", "rtsp://h/a", "rtsps://h/a", "rtmp://h/a", "rtmps://h/a"):
        assert "file" not in parse_source(url).options["protocol_whitelist"].split(",")


def test_names_hold_no_password() -> None:
    source = parse_source("rtsp://admin:hunter2@cam.example:8554/door?token=hunter2")
    assert source.name == "rtsp://cam.example:8554/door"
    assert source.always_live
    assert source.options["rtsp_transport"] == "tcp"


def test_a_broken_url_is_one_line() -> None:
    with pytest.raises(InputError, match="not valid"):
        parse_source("http://[::1/a")


def test_cameras_are_listed_by_index(tmp_path: Path) -> None:
    for number, name in ((10, "Studio\n"), (2, "Integrated Camera\n")):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "name").write_text(name)
    (tmp_path / "video7").mkdir()
    (tmp_path / "v4l-subdev0").mkdir()
    assert [(c.index, c.path, c.name) for c in devices.list_cameras(tmp_path)] == [
        (2, "/dev/video2", "Integrated Camera"),
        (7, "/dev/video7", ""),
        (10, "/dev/video10", "Studio"),
    ]
    assert devices.list_cameras(tmp_path / "none") == []


def test_a_missing_camera_says_what_there_is() -> None:
    with pytest.raises(DeviceError, match=r"camera 'No Such Camera' is not there; (there is|no camera)"):
        devices.find_camera("No Such Camera")


def test_a_camera_has_its_name_by_whichever_path_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device, link = tmp_path / "video4", tmp_path / "by-id-usb-OBS"
    device.touch()
    link.symlink_to(device)
    monkeypatch.setattr(devices, "list_cameras", lambda: [devices.CameraInfo(4, str(device), "OBS Virtual Camera")])
    assert {devices.camera_label(camera) for camera in (4, str(device), str(link))} == {"OBS Virtual Camera"}
    assert devices.camera_label(7) == "7"
    assert devices.camera_label("rtsp://camera.lan/live") == "rtsp://camera.lan/live"
    assert devices.camera_label("film.mp4") == "film.mp4"


class Door:
    """PortAudio with inputs of these names and host APIs, all of which open; `opened` is the name of the latest."""

    PortAudioError = OSError
    latency = 0.01

    def __init__(self, *inputs: tuple[str, int]) -> None:
        self.inputs, self.opened = inputs, ""

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "hostapi": api, "default_samplerate": 48_000, "max_input_channels": 1}
            for name, api in self.inputs
        ]

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"default_input_device": 0}]

    def InputStream(self, *, device: int, **_: object) -> Door:  # noqa: N802
        self.opened = self.inputs[device][0]
        return self

    def start(self) -> None:
        """Runs already."""

    abort = close = start


@pytest.mark.parametrize("chosen", [1, "1", "headset"])
def test_no_other_microphone_takes_the_place_of_one_that_is_gone(chosen: int | str) -> None:
    door = Door(("Built-in", 0), ("Headset", 0), ("Headset of a neighbour", 0))
    microphone = Microphone(chosen, closed=threading.Event(), door=door)  # type: ignore[arg-type]
    try:
        assert door.opened == "Headset"
        door.inputs = (("Built-in", 0), ("Headset of a neighbour", 0), ("Headset", 1))
        with pytest.raises(DeviceError, match="microphone 'Headset' is not there; there is 0"):
            microphone._open()
        door.inputs = (("Headset of a neighbour", 0), ("Built-in", 0), ("Headset", 0))
        microphone._open()
        assert door.opened == "Headset"
    finally:
        microphone.release()


def test_the_default_microphone_is_what_the_system_takes_for_it() -> None:
    door = Door(("Headset", 0), ("Built-in", 0))
    microphone = Microphone("default", closed=threading.Event(), door=door)  # type: ignore[arg-type]
    try:
        door.inputs = (("Built-in", 0),)
        microphone._open()
        assert door.opened == "Built-in"
    finally:
        microphone.release()
