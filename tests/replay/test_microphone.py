"""A real PortAudio stream without hardware: the monitor of a null sink of a private PulseAudio."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from liveguard.errors import DeviceError
from liveguard.taps import portaudio
from liveguard.taps.camera import CameraTap, list_microphones
from liveguard.types import AudioChunk, FloatArray, Gap, TapSample

TONE_HZ, LEVEL, SECONDS = 440.0, 0.5, 1.5

pytestmark = [
    pytest.mark.replay,
    pytest.mark.skipif(
        not (shutil.which("pulseaudio") and shutil.which("paplay")),
        reason="needs pulseaudio and pulseaudio-utils (and libasound2-plugins) for a microphone without hardware",
    ),
]


class SoundServer:
    """A private PulseAudio with one null sink; PortAudio sees its monitor as the ALSA device `pulse`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "socket"
        self.process: subprocess.Popen[bytes] | None = None
        self.keeper: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
                *("--disable-shm=yes", "--realtime=no", "--high-priority=no"),
                *("-L", "module-null-sink sink_name=cable rate=48000"),
                *("-L", f"module-native-protocol-unix socket={self.socket} auth-anonymous=1"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.socket.exists)
        # A null sink works in blocks of 2 s unless somebody plays with a shorter latency: silence, then.
        with open("/dev/zero", "rb") as silence:
            self.keeper = subprocess.Popen(
                ["pacat", "--device=cable", "--latency-msec=10"], stdin=silence, stderr=subprocess.DEVNULL
            )

    def kill(self) -> None:
        for process in (self.keeper, self.process):
            if process is not None:
                process.kill()
                process.wait(5)
        self.socket.unlink(missing_ok=True)

    def play(self, path: Path) -> None:
        subprocess.run(["paplay", "--device=cable", "--latency-msec=50", str(path)], check=True, timeout=10)


def wait_for(condition: Callable[[], bool], limit_s: float = 10) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail("the sound server does not come up")
        time.sleep(0.02)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    # The path of a socket may have 108 characters at most, and tmp_path can be longer.
    folder = Path(os.path.realpath(f"/tmp/lg-{os.getpid()}-{threading.get_native_id()}"))
    folder.mkdir(mode=0o700)
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{folder / 'socket'}")
    monkeypatch.setenv("PULSE_SOURCE", "cable.monitor")
    server = SoundServer(folder)
    try:
        server.start()
        portaudio.refresh(portaudio.load())  # it may have looked before the server was there
        if not any(info.name == "pulse" for info in list_microphones()):
            pytest.skip("ALSA has no device 'pulse'; install libasound2-plugins")
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
        monkeypatch.undo()
        portaudio.refresh(portaudio.load())


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    t = np.arange(round(SECONDS * 48_000)) / 48_000
    pcm = np.round(LEVEL * 32_767 * np.sin(2 * np.pi * TONE_HZ * t)).astype("<i2")
    with wave.open(str(tmp_path / "tone.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes(pcm.tobytes())
    return tmp_path / "tone.wav"


class Listener:
    """Collects what a tap gives on a thread of its own."""

    def __init__(self, tap: CameraTap) -> None:
        self.tap = tap
        self.samples: list[TapSample] = []
        self.arrived_us: list[int] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.began = time.monotonic_ns() // 1_000
        self.thread.start()

    def _run(self) -> None:
        for sample in self.tap.samples():
            self.samples.append(sample)
            self.arrived_us.append(time.monotonic_ns() // 1_000 - self.began)

    def chunks(self) -> list[AudioChunk]:
        return [sample for sample in self.samples if isinstance(sample, AudioChunk)]

    def gaps(self) -> list[Gap]:
        return [sample for sample in self.samples if isinstance(sample, Gap)]

    def stop(self) -> None:
        self.tap.close()
        self.thread.join(5)
        assert not self.thread.is_alive()
        assert self.tap.join()


def tone_part(chunks: list[AudioChunk]) -> FloatArray:
    pcm = np.concatenate([chunk.pcm for chunk in chunks])
    loud = np.flatnonzero(np.abs(pcm) > 0.1)
    assert loud.size, "nothing of the tone arrived"
    return pcm[loud[0] : loud[-1] + 1]


def test_a_tone_arrives_whole(server: SoundServer, tone: Path) -> None:
    listener = Listener(CameraTap(None, "pulse"))
    assert listener.tap.info.tracks == {"audio"}
    assert listener.tap.info.live
    wait_for(lambda: len(listener.chunks()) > 3)
    server.play(tone)
    wait_for(lambda: listener.chunks()[-1].t_us - listener.chunks()[0].t_us > (SECONDS + 0.2) * 1e6)
    time.sleep(0.2)
    listener.stop()

    heard = tone_part(listener.chunks())
    assert heard.size / 16_000 == pytest.approx(SECONDS, abs=0.03)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    assert np.argmax(spectrum) * 16_000 / heard.size == pytest.approx(TONE_HZ, abs=1)
    middle = heard[1_600:-1_600]
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(LEVEL, rel=0.05)
    # A pure tone obeys x[n+1] + x[n-1] = 2 cos(w) x[n]; a sample lost or doubled breaks it.
    w = 2 * np.pi * TONE_HZ / 16_000
    assert np.max(np.abs(middle[2:] + middle[:-2] - 2 * np.cos(w) * middle[1:-1])) < 0.04


@pytest.mark.usefixtures("server")
def test_chunks_are_seamless_and_on_time() -> None:
    listener = Listener(CameraTap(None, "pulse"))
    wait_for(lambda: len(listener.chunks()) > 3)
    first = len(listener.samples)
    wait_for(lambda: listener.chunks()[-1].t_us - listener.chunks()[0].t_us > 600_000)
    listener.stop()
    chunks = listener.chunks()
    for before, after in itertools.pairwise(chunks):
        assert abs(before.t_us + before.pcm.size * 1_000_000 // 16_000 - after.t_us) <= 63
    assert all(gap.end_us <= chunks[0].t_us for gap in listener.gaps())
    # Sound is stamped with the time of its capture: it arrives later, but not by much.
    late_us = [
        at - sample.t_us - sample.pcm.size * 1_000_000 // 16_000
        for at, sample in zip(listener.arrived_us[first:], listener.samples[first:], strict=True)
        if isinstance(sample, AudioChunk)
    ]
    assert -60_000 < np.median(late_us) < 150_000


def test_a_lost_server_is_a_gap_and_its_return_is_sound(server: SoundServer) -> None:
    listener = Listener(CameraTap(None, "pulse", retry_s=(0.05, 0.1)))
    wait_for(lambda: len(listener.chunks()) > 3)
    before = len(listener.samples)
    server.kill()
    wait_for(lambda: any(isinstance(sample, Gap) for sample in listener.samples[before:]))
    lost = len(listener.samples)
    wait_for(lambda: len(listener.samples) > lost)  # it goes on saying so
    assert {gap.reason for gap in listener.gaps()} == {"lost"}
    again = len(listener.samples)
    server.start()
    wait_for(lambda: any(isinstance(sample, AudioChunk) for sample in listener.samples[again:]))
    listener.stop()
    end_us = 0
    for sample in listener.samples:
        start_us = sample.start_us if isinstance(sample, Gap) else getattr(sample, "t_us", 0)
        assert start_us >= end_us - 63
        end_us = start_us + sample.pcm.size * 62 if isinstance(sample, AudioChunk) else start_us


def test_closing_while_the_server_is_gone(server: SoundServer) -> None:
    listener = Listener(CameraTap(None, "pulse", retry_s=(5, 5)))
    wait_for(lambda: len(listener.chunks()) > 0)
    server.kill()
    began = time.monotonic()
    listener.stop()
    assert time.monotonic() - began < 4


@pytest.mark.usefixtures("server")
def test_a_missing_microphone_says_what_there_is() -> None:
    with pytest.raises(DeviceError, match=r"microphone 'studio' is not there; there is .*pulse"):
        CameraTap(None, "studio")


def test_a_server_that_refuses_is_one_line(server: SoundServer) -> None:
    assert server.process is not None
    index = next(info.index for info in list_microphones() if info.name == "pulse")
    server.kill()
    with pytest.raises(DeviceError, match=r"microphone \d+ \(pulse\) cannot be opened") as caught:
        CameraTap(None, index)
    assert "\n" not in str(caught.value)


def test_the_daemon_is_gone_after_a_test() -> None:
    """What the fixture promises: a killed server is no process any more."""
    server = SoundServer(Path(f"/tmp/lg-{os.getpid()}-x"))
    server.folder.mkdir(mode=0o700)
    try:
        server.start()
        assert server.process is not None
    finally:
        server.kill()
        shutil.rmtree(server.folder)
    with pytest.raises(ProcessLookupError):
        os.kill(server.process.pid, signal.SIGCONT)
