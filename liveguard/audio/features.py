"""Speech features on a fixed grid, each computed once however the sound was cut into chunks.

The grid starts at time 0 of the session. Work is done in blocks of ten frames whatever comes in, because a matrix product
of another shape may round otherwise: so the same sound gives the same bits for any chunking.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from liveguard.types import SAMPLE_RATE_HZ, BoolArray, FloatArray, Speech

HOP = 160  # samples: 10 ms
FRAME = 400  # samples: 25 ms
FFT = 512
MELS = 40
BLOCK = 10  # frames
BLOCK_NEEDS = HOP * (BLOCK - 1) + FRAME  # samples from the start of a block to the end of its last frame
HOP_US = 10_000
FLOOR_DB = -100.0
VOICE_FLOOR_DB = -60.0  # quieter than this is not speech into a microphone, whatever its shape
MIN_LOW_SHARE = 0.2  # share of the power below 4 kHz; hiss has less


class SpeechFeatures:
    """Takes samples by their index on the session's grid and keeps the features of the last `keep_us`.

    Owned by one thread. `voiced` comes from the WebRTC voice activity detector (mode 2), stepped once a hop in order.
    """

    def __init__(self, keep_us: int) -> None:
        import webrtcvad

        _tables()  # loads librosa now, rather than in the middle of a call
        self._vad = webrtcvad.Vad(2)
        self._keep_frames = keep_us // HOP_US + BLOCK
        self._first_frame = 0
        self._log_mel: FloatArray = np.zeros((0, MELS), np.float32)
        self._voiced: BoolArray = np.zeros(0, np.bool_)
        self._level_db: FloatArray = np.zeros(0, np.float32)
        self._present: BoolArray = np.zeros(0, np.bool_)

    @property
    def next_block_at(self) -> int:
        """Index of the sample at which the next block starts."""
        return (self._first_frame + len(self._voiced)) * HOP

    def skip_to(self, index: int) -> None:
        """After a hole longer than all that is kept: go on with the block that holds the sample `index`."""
        frame = index // (BLOCK * HOP) * BLOCK
        if frame > self._first_frame + len(self._voiced) + self._keep_frames:
            self._first_frame = frame
            self._log_mel, self._level_db = self._log_mel[:0], self._level_db[:0]
            self._voiced, self._present = self._voiced[:0], self._present[:0]

    def add_block(self, pcm: FloatArray, present: BoolArray) -> None:
        """One block: the `BLOCK_NEEDS` samples from `next_block_at`, and which of them were there."""
        frames = np.lib.stride_tricks.sliding_window_view(pcm, FRAME)[::HOP]
        here = np.lib.stride_tricks.sliding_window_view(present, FRAME)[::HOP].all(axis=1)
        log_mel, level_db, low_share = _spectra(frames)
        loud = (level_db > VOICE_FLOOR_DB) & (low_share > MIN_LOW_SHARE)
        pcm16 = np.clip(np.round(pcm[: BLOCK * HOP] * 32767), -32768, 32767).astype("<i2")
        speech = [self._vad.is_speech(pcm16[k * HOP : (k + 1) * HOP].tobytes(), SAMPLE_RATE_HZ) for k in range(BLOCK)]
        keep = slice(max(len(self._voiced) + BLOCK - self._keep_frames, 0), None)
        self._first_frame += keep.start
        self._log_mel = np.concatenate([self._log_mel, log_mel])[keep]
        self._level_db = np.concatenate([self._level_db, level_db])[keep]
        self._voiced = np.concatenate([self._voiced, np.array(speech, np.bool_) & loud & here])[keep]
        self._present = np.concatenate([self._present, here])[keep]

    def between(self, start_us: int, end_us: int) -> Speech:
        """The frames of the blocks that are complete by `end_us`, from `start_us` on.

        Whole blocks only: how much of the next one is there already depends on how the sound was cut into chunks.
        """
        first = max(-(-start_us // HOP_US) - self._first_frame, 0)
        blocks = (end_us * SAMPLE_RATE_HZ // 1_000_000 - BLOCK_NEEDS) // (BLOCK * HOP) + 1
        last = BLOCK * blocks - self._first_frame
        part = slice(first, max(min(last, len(self._voiced)), first))
        count = len(self._voiced[part])
        t_us = (np.arange(count, dtype=np.int64) + first + self._first_frame) * HOP_US + 12_500
        return Speech(t_us, self._log_mel[part], self._voiced[part], self._level_db[part], self._present[part], HOP_US)


def no_speech() -> Speech:
    """The features of a feed without sound."""
    none = np.zeros(0, np.float32)
    flags = np.zeros(0, np.bool_)
    return Speech(np.zeros(0, np.int64), np.zeros((0, MELS), np.float32), flags, none, flags, HOP_US)


def _spectra(frames: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log mel (n, 40) dB, level (n,) dB re full scale, and the share (n,) of the power below 4 kHz."""
    window, mel = _tables()
    power = np.abs(np.fft.rfft(frames * window, FFT, axis=1)).astype(np.float32) ** 2 / FRAME
    log_mel = 10 * np.log10(power @ mel.T + 1e-10)
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
    low_share = power[:, : FFT // 4].sum(axis=1) / (power.sum(axis=1) + 1e-12)
    return log_mel.astype(np.float32), np.maximum(level_db, FLOOR_DB).astype(np.float32), low_share.astype(np.float32)


@cache
def _tables() -> tuple[FloatArray, FloatArray]:
    import librosa.filters

    mel = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=FFT, n_mels=MELS, fmin=60.0, fmax=7600.0)
    return np.hanning(FRAME + 1)[:-1].astype(np.float32), np.asarray(mel, np.float32)
