"""A microphone: PortAudio's blocks to chunks on the clock that the camera uses too."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from statistics import median
from typing import NamedTuple

import numpy as np

from liveguard.audio.clock import JUMP_US
from liveguard.audio.resample import mix_down
from liveguard.audio.stream import AudioStream
from liveguard.errors import DeviceError
from liveguard.taps import portaudio
from liveguard.taps.capture import monotonic_us
from liveguard.taps.devices import MicrophoneInfo, find_again, find_microphone
from liveguard.taps.sample_queue import SampleQueue
from liveguard.types import AudioChunk, FloatArray, Gap, VideoFrame

SILENT_S = 1.0
"""No block for so long (3 s after the start): the device is taken for lost."""
_START_S = 3.0
_CLOSE_S = 2.0
_POLL_S = 0.1
_MAX_LATENCY_US = 100_000
_DRIFT_US = 2_000
_STRETCH_EVERY = 1_000
_START_US = 500_000


class Block(NamedTuple):
    """What the callback hands over: the time of the first sample, the samples, and whether some before it
    were lost.
    """

    t_us: int
    pcm: FloatArray
    broken: bool


class Start:
    """The first half second, which is held back until its time is known.

    The times of the first blocks are the least exact ones: PulseAudio's are up to 40 ms off. So the median over all of
    them says when the first sample was taken. For one thread at a time.
    """

    def __init__(self) -> None:
        self.length_us = 0
        self._parts: list[FloatArray] = []
        self._starts_us: list[int] = []

    def add(self, pcm: FloatArray, t_us: int, rate_hz: int) -> None:
        self._starts_us.append(t_us - self.length_us)
        self._parts.append(pcm)
        self.length_us = sum(map(len, self._parts)) * 1_000_000 // rate_hz

    def joined(self) -> tuple[FloatArray, int]:
        """All samples (n,) and the time of the first one in us."""
        return np.concatenate(self._parts), int(median(self._starts_us))


class Drift:
    """Keeps counted sound on the clock: the sound card's crystal and the computer's differ by up to 0.01 %.

    The time of a block is noisy by the scheduler, so the median of the last 200 blocks counts. A difference of more
    than 2 ms is taken back by one sample in 1000, more or less, which nobody hears. For one thread at a time.
    """

    def __init__(self) -> None:
        self._late_us: deque[int] = deque(maxlen=200)
        self._correcting = False
        self._untouched = 0

    def note(self, late_us: int) -> int:
        """Take in how much later than counted a block began; gives the median, 0 until there is enough to say."""
        self._late_us.append(late_us)
        return int(median(self._late_us)) if len(self._late_us) >= 50 else 0

    def stretch(self, pcm: FloatArray, late_us: int, rate_hz: float) -> FloatArray:
        """The block (n,), now and then with one sample more when the count is behind, one less when it is ahead."""
        self._correcting = abs(late_us) > (_DRIFT_US // 4 if self._correcting else _DRIFT_US)
        n = len(pcm)
        self._untouched += n
        if not self._correcting or self._untouched < _STRETCH_EVERY or n < 32:
            return pcm
        self._untouched = 0
        more = 1 if late_us > 0 else -1
        # The count moves by one sample, and with it all that was noted.
        self._late_us = deque((late - round(more * 1e6 / rate_hz) for late in self._late_us), maxlen=200)
        return np.interp(np.linspace(0, n - 1, n + more), np.arange(n), pcm).astype(np.float32)

    def clear(self) -> None:
        """Forget what was noted, after a jump."""
        self._late_us.clear()


class Microphone:
    """Reads one sound input into a queue until `closed` is set; a lost device is tried again until it
    returns.

    PortAudio's own thread only copies blocks into a bounded queue; one worker thread owns everything else.
    Raises `DeviceError` and `BackendError` when the device cannot be opened at first.
    """

    def __init__(
        self,
        device: int | str,
        *,
        closed: threading.Event,
        retry_s: tuple[float, float] = (0.25, 5.0),
        door: portaudio.PortAudio | None = None,
    ) -> None:
        self._door = portaudio.load() if door is None else door
        self._device = device
        self._opened: MicrophoneInfo | None = None
        self._closed = closed
        self._retry_s = retry_s
        self._origin_us = 0
        self._latency_us = 50_000
        self._stream: portaudio.InputStream | None = None
        self._blocks: queue.Queue[Block] = queue.Queue(maxsize=400)
        self._overrun = False
        self._sound, self._drift = AudioStream(), Drift()
        self._start: Start | None = Start()
        self.bad_samples = 0
        portaudio.count_user(1)
        try:
            self._open()
        except BaseException:
            portaudio.count_user(-1)
            raise

    def run(self, out: SampleQueue[VideoFrame], origin_us: int) -> None:
        """The worker thread: from now on until `closed`. `origin_us`: when the session began, on
        `monotonic_us`.
        """
        self._origin_us = origin_us
        try:
            while not self._closed.is_set():
                self._read(out)
                if not self._closed.is_set():
                    self._reopen(out)
        finally:
            self.release()

    def _open(self) -> None:
        before = self._opened
        info = find_again(before, self._door) if before else find_microphone(self._device, self._door)
        self.label, self._rate_hz = info.name, info.rate_hz
        why = ""
        for channels in dict.fromkeys((1, min(2, info.channels), info.channels)):
            try:
                self._stream = stream = self._door.InputStream(
                    device=info.index,
                    channels=channels,
                    samplerate=info.rate_hz,
                    dtype="float32",
                    callback=self._callback,
                )
                self._latency_us = round(stream.latency * 1e6)
                stream.start()
                if self._device != "default":  # which is whatever the system takes for it
                    self._opened = info
                return
            except self._door.PortAudioError as error:
                why = str(error).split("\n")[0]
                self._release()
        raise DeviceError(f"microphone {info.index} ({info.name}) cannot be opened, or is in use: {why}")

    def _callback(self, pcm: FloatArray, _n: int, time: portaudio.BufferTime, flags: portaudio.Flags) -> None:
        """On PortAudio's thread: no locks that are held for long, no work."""
        latency_us = round((time.currentTime - time.inputBufferAdcTime) * 1e6)
        # Some hosts leave the times at 0, and PulseAudio claims half a second for its first blocks.
        if not 0 <= latency_us <= max(_MAX_LATENCY_US, 2 * self._latency_us):
            latency_us = self._latency_us
        block = Block(monotonic_us() - latency_us, pcm.copy(), self._overrun or flags.input_overflow)
        try:
            self._blocks.put_nowait(block)
            self._overrun = False
        except queue.Full:
            self._overrun = True

    def _read(self, out: SampleQueue[VideoFrame]) -> None:
        """Pass on blocks until the device is lost or `closed`."""
        first, silent_s = True, 0.0
        while not self._closed.is_set():
            try:
                block = self._blocks.get(timeout=_POLL_S)
            except queue.Empty:
                silent_s += _POLL_S
                if silent_s > (_START_S if first else SILENT_S) or not self._alive():
                    return
                continue
            for sample in self._take(block):
                out.put(sample)
            first, silent_s = False, 0.0

    def _alive(self) -> bool:
        try:
            return self._stream is not None and self._stream.active
        except self._door.PortAudioError:
            return False

    def _take(self, block: Block) -> list[AudioChunk | Gap]:
        pcm, bad = mix_down(block.pcm)
        self.bad_samples += bad
        t_us = block.t_us - self._origin_us
        if self._start is not None:
            self._start.add(pcm, t_us, self._rate_hz)
            if self._start.length_us < _START_US:
                return []
            pcm, t_us = self._start.joined()
            self._start = None
            return self._sound.push(pcm, self._rate_hz, t_us)
        late_us = self._drift.note(t_us - self._sound.end_us)
        if block.broken or abs(late_us) > JUMP_US:
            self._drift.clear()
            return self._sound.push(pcm, self._rate_hz, t_us)
        return self._sound.push(self._drift.stretch(pcm, late_us, self._rate_hz), self._rate_hz)

    def _reopen(self, out: SampleQueue[VideoFrame]) -> None:
        """Say that sound is missing, again and again, until the device is back or `closed`."""
        self._release()
        for sample in self._sound.flush():
            out.put(sample)
        end_us, pause_s = self._sound.end_us, self._retry_s[0]
        while True:
            lost_us, end_us = end_us, max(end_us, monotonic_us() - self._origin_us)
            out.put(Gap("audio", lost_us, end_us, "lost"))
            if self._closed.wait(pause_s):
                return
            pause_s = min(2 * pause_s, self._retry_s[1])
            try:
                portaudio.refresh(self._door)
                self._open()
                break
            except (DeviceError, self._door.PortAudioError):
                continue
        self._sound, self._drift, self._start = AudioStream(end_us), Drift(), Start()

    def release(self) -> None:
        """Give the device back; `run` does it by itself at its end."""
        self._release()
        portaudio.count_user(-1)

    def _release(self) -> None:
        """Close the stream; a sound server that hangs must not hold the session."""
        # Forgotten first: PortAudio frees a stream when it is closed, and a second close would touch freed memory.
        stream, self._stream = self._stream, None
        if stream is not None:
            closer = threading.Thread(target=_close, args=(stream, self._door), daemon=True)
            closer.start()
            closer.join(_CLOSE_S)
        with contextlib.suppress(queue.Empty):
            while True:
                self._blocks.get_nowait()


def _close(stream: portaudio.InputStream, door: portaudio.PortAudio) -> None:
    with contextlib.suppress(door.PortAudioError):
        stream.abort()
    with contextlib.suppress(door.PortAudioError):
        stream.close()
