"""What of a stretch of sound can be judged as a voice: its bandwidth, its background, and whether it is one voice at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from liveguard.audio.dense import near_speech
from liveguard.audio.features import MELS
from liveguard.audio.partials import partials, percentiles, pitch_shares, still_share
from liveguard.types import FloatArray, Speech

LOUD_PERCENT, QUIET_PERCENT = 95, 10  # fricatives, which alone reach the top, make up a tenth of speech and less
REACH_DB = 55.0  # a band this far below the loudest holds at most what a codec or a filter leaks
LIVELY_DB = 7.0  # a band that changes less than this sounds on when the voice does not: noise, which reaches 5
LEAST_FRAMES = 20  # 0.2 s
MOST_DB = 80.0
FAINT_PERCENT = 5
DIP_DB = 12.0  # 99 of 100 windows of speech without noise dip by more, and half of them by 32 dB; by 10 dB in an echoing room

# Log-odds of music and tones against one voice, by a logistic regression that weighs both alike.
STILL_NATS, LEVEL_NATS_PER_DB, MUSIC_NATS = 15.5, 0.57, 4.7
MOST_MUSIC_NATS = 2.5  # of one voice 1 window in 100 is beyond; of music 9 in 10 (tests/bench/voice_limits.py)
# Noise, keys, claps and knocks, as the detector of voices takes for one, have 0.07 at most. Voices of half of the sources have
# 0.23 and more, of the other half 0.29; 10 dB above noise 2 of 216 windows fall below 0.3 and 1 below 0.1; 43 people who talk
# into a camera have 0.46, and 0.11 still 5 dB above noise. A whisper has none.
LEAST_PITCH_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class VoiceQuality:
    """`bandwidth_hz`: how far up speech reaches. `snr_db`: speech over its background, None where that is not known.

    `music_nats`: above 0 it is rather music, or a tone, than a voice. `pitch_share` and `second_pitch_share` 0..1: of the
    loud voiced time, how much has a pitch at all, and how much two.
    """

    bandwidth_hz: float
    snr_db: float | None
    music_nats: float
    pitch_share: float
    second_pitch_share: float


def voice_quality(pcm: FloatArray, speech: Speech) -> VoiceQuality:
    """The quality of `pcm` (n,) float32 at 16 kHz, whose 10 ms frames are `speech`, from its first sample on."""
    heard = partials(pcm, speech)
    pitched = pitch_shares(heard)
    return VoiceQuality(
        bandwidth_hz(speech),
        snr_db(speech),
        music_nats(still_share(heard), level_range_db(speech)),
        pitched.one,
        pitched.two,
    )


def no_voice(quality: VoiceQuality) -> str:
    """Why what sounds there is no voice, though the detector takes it for one; empty where it may be."""
    if quality.music_nats > MOST_MUSIC_NATS:
        return "this is music or a tone rather than a voice"
    if quality.pitch_share < LEAST_PITCH_SHARE:
        return "this is noise rather than a voice: hardly anything of it has a pitch"
    return ""


def bandwidth_hz(speech: Speech) -> float:
    """The upper edge of the highest band (of 40 mel bands, so within 7 %) in which speech is heard; 0 without any.

    That is where its loud moments are less than 55 dB below the loudest band, and stand out of the same band's quiet ones.
    """
    near = near_speech(speech.voiced) & speech.present
    if np.count_nonzero(near) < LEAST_FRAMES:
        return 0.0
    quiet, loud = percentiles(speech.log_mel[near].T.copy(), QUIET_PERCENT, LOUD_PERCENT)
    heard = np.flatnonzero((loud > loud.max() - REACH_DB) & (loud - quiet > LIVELY_DB))
    return float(_upper_edges_hz()[heard[-1]]) if len(heard) else 0.0


def snr_db(speech: Speech) -> float | None:
    """Level of the voiced frames over that of the background, at most 80 dB; None where it is not known.

    The background is what sounds in the pauses, from 80 ms after speech to 80 ms before. Without 0.2 s of these it is the
    quietest twentieth of the frames (minimum statistics: Martin 2001, doi:10.1109/89.928915), if that is less than 12 dB below:
    between syllables a voice alone falls by more.
    """
    voiced = speech.voiced & speech.present
    pause = speech.present & ~near_speech(speech.voiced)
    if np.count_nonzero(voiced) < LEAST_FRAMES:
        return None
    both = float(np.mean(10 ** (speech.level_db[voiced] / 10)))
    if np.count_nonzero(pause) >= LEAST_FRAMES:
        return min(_over_db(both, float(np.median(speech.level_db[pause]))), MOST_DB)
    (faint_db,) = percentiles(speech.level_db[speech.present], FAINT_PERCENT)
    least_db = _over_db(both, float(faint_db))
    return least_db if least_db < DIP_DB else None


def _over_db(both: float, background_db: float) -> float:
    """How far the one part of the power `both` is over the other, the background."""
    background = 10 ** (background_db / 10)
    return float(10 * np.log10(max(both / background - 1, 1e-3)))


def level_range_db(speech: Speech) -> float:
    """Between quiet and loud voiced frames (10th and 90th percentile): syllables come and go, music and tones sound on."""
    if not speech.voiced.any():
        return 0.0
    quiet, loud = percentiles(speech.level_db[speech.voiced], 10, 90)
    return float(loud - quiet)


def music_nats(still: float, range_db: float) -> float:
    """Log-odds that what stands still so much (`still_share`), over so small a range of levels, is no voice."""
    return STILL_NATS * still - LEVEL_NATS_PER_DB * range_db + MUSIC_NATS


@cache
def _upper_edges_hz() -> FloatArray:
    """Where each band (40,) ends and the next one is half as strong as at its own middle."""
    import librosa

    edges = librosa.mel_frequencies(MELS + 2, fmin=60.0, fmax=7600.0)
    return np.asarray((edges[1:-1] + edges[2:]) / 2, np.float32)
