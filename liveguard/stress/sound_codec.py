"""Sound coded and decoded again, as on the way through a call: band, ringing, and what packet loss leaves of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal, cast

import av
import numpy as np
from av.codec.context import Flags2

from liveguard.audio.resample import frame_samples, mix_down
from liveguard.stress.packet_loss import lost_packets
from liveguard.stress.pcm import fitted, resampled
from liveguard.stress.variant import SoundEffect
from liveguard.types import SAMPLE_RATE_HZ, FloatArray

_DECODERS = {"libopus": "libopus", "pcm_mulaw": "pcm_mulaw", "g722": "g722", "libmp3lame": "mp3", "aac": "aac"}
_OPUS_KBPS = (6.0, 48.0)
_ONE_FRAME = 0xFC  # of the first byte of an Opus packet: keeps mode and band, says that there is one frame


def opus(kbps: float, loss: float = 0.0, burst_packets: float = 1.5) -> SoundEffect:
    """Opus as calls use it (20 ms packets, voice, 16 kHz) at `kbps` (6 to 48), with a share `loss` of its packets lost.

    They are lost in runs of `burst_packets` on average. libopus conceals them as in a call, but without what packets may
    tell about the one before them: FFmpeg's decoder does not use that, so this is harsher than a browser at the same loss.
    Raises `ValueError` outside of these ranges, av.error.FFmpegError where PyAV came without libopus.
    """
    low, high = _OPUS_KBPS
    if not low <= kbps <= high:
        raise ValueError(f"Opus at {kbps} kbit/s; allowed is {low:g} to {high:g}")
    lost_packets(0, loss, burst_packets, np.random.default_rng(0))  # raises now rather than in the middle of a run
    options = {"application": "voip", "frame_duration": "20", "packet_loss": str(round(100 * loss))}

    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:
        coder = _Coder("libopus", kbps, options=options)
        packets = coder.encode(pcm)
        for k in np.flatnonzero(lost_packets(len(packets), loss, burst_packets, rng)):
            # libopus takes a frame without bytes for one that is lost (RFC 6716, 3.2.1), and FFmpeg gives it such a one.
            packets[k] = av.Packet(bytes([bytes(packets[k])[0] & _ONE_FRAME]))
        return coder.decode(packets, len(pcm))

    return effect


def g711() -> SoundEffect:
    """The telephone: mu-law at 8 kHz, so that nothing above 4 kHz is left."""
    return _coded("pcm_mulaw", rate_hz=8_000)


def g722() -> SoundEffect:
    """The better telephone: sub-band ADPCM of 64 kbit/s at 16 kHz."""
    return _coded("g722")


def mp3(kbps: float) -> SoundEffect:
    """MP3 at `kbps` (at 16 kHz LAME takes the nearest of 8 to 160), as old recordings are kept."""
    return _coded("libmp3lame", kbps)


def aac(kbps: float) -> SoundEffect:
    """AAC-LC at `kbps`, as films and broadcasts have it."""
    return _coded("aac", kbps)


def _coded(encoder: str, kbps: float | None = None, rate_hz: int = SAMPLE_RATE_HZ) -> SoundEffect:
    def effect(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG001
        coder = _Coder(encoder, kbps, rate_hz)
        return coder.decode(coder.encode(pcm), len(pcm))

    return effect


class _Coder:
    """An encoder and its decoder, once for one sound of 16 kHz."""

    def __init__(
        self,
        encoder: str,
        kbps: float | None = None,
        rate_hz: int = SAMPLE_RATE_HZ,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._rate_hz = rate_hz
        self._encoder = _context(encoder, "w")
        self._decoder = _context(_DECODERS[encoder], "r")
        self._encoder.sample_rate = self._decoder.sample_rate = rate_hz
        self._encoder.layout = self._decoder.layout = "mono"
        formats = [form.name for form in self._encoder.codec.audio_formats or ()]
        self._encoder.format = next(name for name in ("flt", "fltp", "s16") if name in formats)
        if kbps is not None:
            self._encoder.bit_rate = round(kbps * 1000)
        self._encoder.options = dict(options or {})
        self._encoder.open()
        self._decoder.extradata = self._encoder.extradata if encoder == "aac" else None
        # Some decoders would take the delay out themselves and others not.
        self._decoder.flags2 |= Flags2.skip_manual
        self._delay = Fraction(0)

    def encode(self, pcm: FloatArray) -> list[av.Packet[Any]]:
        size = self._encoder.frame_size or self._rate_hz // 50
        pcm = resampled(pcm, SAMPLE_RATE_HZ, self._rate_hz)
        # One frame more than the sound fills: the delay of a codec that holds nothing back pushes its end out.
        pcm = fitted(pcm, (len(pcm) // size + 2) * size)
        packets: list[av.Packet[Any]] = []
        for at in range(0, len(pcm), size):
            packets += self._encoder.encode(self._frame(pcm[at : at + size], at))
        packets += self._encoder.encode(None)
        first = packets[0]
        if first.pts is not None and first.time_base is not None:
            self._delay = -first.pts * first.time_base
        return packets

    def decode(self, packets: Iterable[av.Packet[Any]], n: int) -> FloatArray:
        """The first `n` samples at 16 kHz of what was encoded, in their place."""
        frames = [frame for packet in [*packets, None] for frame in self._decoder.decode(packet)]
        pcm = np.concatenate([mix_down(frame_samples(frame))[0] for frame in frames])
        rate_hz = frames[0].sample_rate
        return fitted(resampled(pcm[round(self._delay * rate_hz) :], rate_hz, SAMPLE_RATE_HZ), n)

    def _frame(self, pcm: FloatArray, at: int) -> av.AudioFrame:
        name = self._encoder.format.name
        samples = np.round(pcm * 32767).astype(np.int16) if name == "s16" else pcm
        frame = av.AudioFrame.from_ndarray(samples[None], format=name, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = self._rate_hz, at, Fraction(1, self._rate_hz)
        return frame


def _context(codec: str, mode: Literal["r", "w"]) -> av.AudioCodecContext:
    return cast(av.AudioCodecContext, av.CodecContext.create(codec, mode))
