"""Whole recordings through the real pipeline: bench attacks, bad conditions, bad files, and the journal of a scan."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo import __main__ as demo_main
from demo.clips import FPS, OTHER, SENTENCE, loop, photo, speech, talking, write
from demo.puppet import SIZE, Puppet, film
from liveguard.commands import serve
from liveguard.errors import ConfigError, JournalError
from liveguard.guard import Guard
from liveguard.replaying import replay
from liveguard.report import Report
from liveguard.taps.devices import CameraInfo
from liveguard.types import FloatArray, VideoFrame

pytestmark = pytest.mark.replay
needs_voice = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.fixture(scope="module")
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard() as one:
        yield one


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> tuple[FloatArray, FloatArray]:
    """A text, and another one spoken more slowly."""
    folder = tmp_path_factory.mktemp("voices")
    return speech(SENTENCE, folder), speech(OTHER, folder, "en-us", 110)


def raised(report: Report) -> dict[str, float]:
    """When each hypothesis was first raised, in s."""
    return {alert.hypothesis: alert.t_us / 1e6 for alert in reversed(report.alerts) if alert.state == "raised"}


def check(report: Report, name: str) -> tuple[float | None, str]:
    return report.checks[name].llr, report.checks[name].why


def test_a_photo_pushed_as_a_camera_is_caught(guard: Guard, puppet: Puppet, tmp_path: Path) -> None:
    report = guard.scan(write(tmp_path / "photo.mp4", photo(puppet, 7.0)))
    assert report.verdict == "alert"
    assert raised(report)["feed_injected"] <= 6.0


def test_a_loop_is_caught_soon_after_it_repeats(guard: Guard, puppet: Puppet, tmp_path: Path) -> None:
    report = guard.scan(write(tmp_path / "loop.mp4", loop(puppet, 3.0, 10.0)))
    assert raised(report)["feed_injected"] <= 3.0 + 6.0
    assert "repeats" in check(report, "camera")[1]


@needs_voice
def test_a_late_voice_is_caught_and_its_lag_measured(
    guard: Guard, puppet: Puppet, voices: tuple[FloatArray, FloatArray], tmp_path: Path
) -> None:
    text = voices[0]
    late = np.concatenate([np.zeros(8000, np.float32), text])[: 18 * 16_000]
    report = guard.scan(write(tmp_path / "late.mp4", talking(puppet, text, 18.0), late))
    assert "av_mismatch" in raised(report)
    assert report.checks["lipsync"].measures["lag_ms"] == pytest.approx(500, abs=60)


@needs_voice
def test_a_matching_voice_raises_nothing_and_its_journal_replays_to_the_bit(
    guard: Guard, puppet: Puppet, voices: tuple[FloatArray, FloatArray], tmp_path: Path
) -> None:
    text = voices[0][: 10 * 16_000]
    clip, journal = write(tmp_path / "sync.mp4", talking(puppet, text, 10.0), text), tmp_path / "sync.lgj"
    report = guard.scan(clip, journal=journal)
    assert not report.alerts
    llr, why = check(report, "lipsync")
    assert llr is not None
    assert llr < 0, why
    assert abs(report.checks["lipsync"].measures["lag_ms"]) <= 80
    assert replay(journal, guard.detectors).differences == ()


def test_a_journal_is_never_written_over_the_recording(guard: Guard, puppet: Puppet, tmp_path: Path) -> None:
    clip = write(tmp_path / "call.mp4", photo(puppet, 1.0))
    before = clip.read_bytes()
    with pytest.raises(JournalError, match="exists already"):
        guard.scan(clip, journal=clip)
    assert clip.read_bytes() == before


@pytest.mark.parametrize("opens", [True, False])
def test_the_demo_shows_the_page_where_there_is_a_camera_and_else_guards_clips(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], opens: bool
) -> None:
    def run(arguments: argparse.Namespace) -> int:
        assert (arguments.open, arguments.host, arguments.token) == (True, "127.0.0.1", "")
        if not opens:
            raise ConfigError("cannot listen on 127.0.0.1 port 8765: address already in use")
        return 1

    monkeypatch.setattr(demo_main, "list_cameras", lambda: [CameraInfo(2, "/dev/video2", "cam")])
    monkeypatch.setattr(demo_main, "guard_clips", lambda _: 0)
    monkeypatch.setattr(serve, "run", run)
    monkeypatch.setattr(sys, "argv", ["demo"])
    assert demo_main.main() == (1 if opens else 0)
    said = "No live page: cannot listen on 127.0.0.1 port 8765: address already in use\n"
    assert capsys.readouterr().out == ("" if opens else said)


def shrink(frame: VideoFrame) -> VideoFrame:
    small = cv2.resize(frame.image, (96, 54), interpolation=cv2.INTER_AREA)
    image = np.full_like(frame.image, 128)
    image[300:354, 600:696] = small
    return VideoFrame(frame.t_us, image)


BAD_PICTURES: dict[str, Callable[[VideoFrame], VideoFrame]] = {
    "no face": lambda f: VideoFrame(f.t_us, np.full_like(f.image, 90)),
    "face 20 px": shrink,
    "black": lambda f: VideoFrame(f.t_us, np.zeros_like(f.image)),
    "dark": lambda f: VideoFrame(f.t_us, (f.image // 12).astype(np.uint8)),
}


@pytest.mark.parametrize("what", BAD_PICTURES)
def test_what_cannot_be_judged_is_said_so(guard: Guard, puppet: Puppet, tmp_path: Path, what: str) -> None:
    frames = (BAD_PICTURES[what](frame) for frame in film(puppet, 4.0, FPS))
    report = guard.scan(write(tmp_path / "bad.mp4", frames))
    assert report.verdict == "cannot_judge"
    assert report.risk is None
    assert not report.alerts
    for name in ("mesh", "texture", "blink", "lipsync"):
        llr, why = check(report, name)
        assert llr is None, (name, why)
        assert why


def test_one_picture_a_second_cannot_be_judged(guard: Guard, puppet: Puppet, tmp_path: Path) -> None:
    slow = [f for k, f in enumerate(film(puppet, 8.0, FPS)) if k % FPS == 0]
    report = guard.scan(write(tmp_path / "slow.mp4", slow))
    assert report.verdict == "cannot_judge"
    assert "fps" in " ".join(report.why)


@pytest.mark.parametrize("sound", ["silent", "clipped"])
def test_silent_and_clipped_sound_raise_nothing(guard: Guard, puppet: Puppet, tmp_path: Path, sound: str) -> None:
    noise = np.random.default_rng(0).normal(0, 4.0, 5 * 16_000)
    pcm = np.zeros(5 * 16_000, np.float32) if sound == "silent" else np.clip(noise, -1, 1).astype(np.float32)
    report = guard.scan(write(tmp_path / "sound.mp4", film(puppet, 5.0, FPS), pcm))
    assert not report.alerts
    assert check(report, "lipsync")[0] is None


def test_a_portrait_on_the_wall_is_neither_a_person_nor_judged(guard: Guard, puppet: Puppet, tmp_path: Path) -> None:
    def both() -> Iterator[VideoFrame]:
        wall = cv2.resize(puppet.still[:, 200:900], (350, 360), interpolation=cv2.INTER_AREA)
        for frame in film(puppet, 10.0, FPS):
            image = frame.image.copy()
            image[20:380, 900:1250] = wall
            yield VideoFrame(frame.t_us, image)

    report = guard.scan(write(tmp_path / "wall.mp4", both()))
    assert report.faces == 1, "a portrait is no person"
    assert "picture on the wall" not in report.checks["mesh"].why
    assert not [alert for alert in report.alerts if alert.hypothesis == "face_manipulated"]
    assert not report.faults


@pytest.mark.parametrize(
    "content", [None, b"", b"this is no film " * 100, "folder"], ids=["missing", "empty", "text", "folder"]
)
def test_bad_files_are_one_line_and_status_2(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "bad.mp4"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "liveguard", "scan", "--json", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("liveguard: ")
    assert done.stderr.count("\n") == 1


def test_scan_prints_the_json_that_others_rely_on(puppet: Puppet, tmp_path: Path) -> None:
    clip = write(tmp_path / "live.mp4", film(puppet, 4.0, FPS))
    assert SIZE == (1280, 720)
    done = subprocess.run(
        [sys.executable, "-m", "liveguard", "scan", "--json", str(clip)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert set(record) >= {"file", "seconds", "verdict", "risk", "why", "alerts", "checks", "faces", "compute_s"}
    assert record["seconds"] == pytest.approx(4.0, abs=0.1)
    assert set(record["checks"]) >= {
        "camera",
        "mesh",
        "texture",
        "blink",
        "lipsync",
        "pulse",
        "voice",
        "swap",
        "replay",
    }
    for one in record["checks"].values():
        assert set(one) >= {"llr", "coverage", "measures", "why"}
    assert done.stderr == ""
