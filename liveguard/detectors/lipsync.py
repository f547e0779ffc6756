"""Lip-sync: how late the sound is against the lips, and whether the two belong together at all.

Speaks for an attack: a lag clearly beyond what links and recorders bring about; a voice that does not fit what the
mouth clearly does, at any lag; a voice while the mouth keeps still. Limits: lip-sync and talking-head models are made
to pass this, so a fit is hardly evidence; another voice in the room, dubbing, chewing and a covered mouth look like
foreign sound; a link whose sound stays about 270 ms late, or 240 ms early, cannot be told from an attack;
in dim light a mouth that moves no more than the mesh trembles is not judged. Where a live feed's tracks have no
common clock, what its cues say of their alignment widens the lags that are taken for genuine.
"""

from __future__ import annotations

import contextlib
import math
from typing import Final

import numpy as np

from liveguard.audio.align import framed_sound
from liveguard.audio.features import no_speech
from liveguard.audio.voice_quality import no_voice, voice_quality
from liveguard.detectors.av_alignment import alignment
from liveguard.detectors.lipsync_lag import (
    FORECAST,
    LAGS_MS,
    STEP_S,
    Array,
    Evidence,
    Mask,
    band_levels,
    mouth_signals,
    on_grid,
    tremble,
    weigh,
)
from liveguard.detectors.mouth_cover import MOST_COVERED, SKIN, covered_share
from liveguard.detectors.quality import Limits, quality_of, shortfall
from liveguard.detectors.series import FaceSeries, face_series
from liveguard.types import Hypothesis, Need, Reading, Window

LIMITS: Final = Limits(seconds=2.8, fps=9.5, face_px=60.0, light=25.0, yaw_deg=45.0)
MIN_VOICED_S: Final = 2.0
CLIPPED_LEVEL, MOST_CLIPPED = 0.99, 0.02
MIN_SHARED_S: Final = 2.4  # of lips and sound together
CERTAIN: Final = 0.8  # posterior probability from which a lag is named
STILL_MOTION: Final = 0.006  # eye distances; speaking mouths move by 0.0096 and more, a still photo's mesh by 0.003
# In the dark the mesh of a mouth that keeps still trembles by more than this, up to 0.06, as a talker's mouth moves. But it does
# so anew in each picture, and the rest of the mesh does, too. See `_trembles`.
OF_MOUTH_TREMBLE, OF_RIGID_TREMBLE = (1.15, 1.4), 7.0
TREMBLE_FPS: Final = (12.5, 25.0)
# In dim light a codec carries the noise of one picture into the next, so that it jumps by less.
DIM_LUMA, OF_DIM = 100.0, 1.4
STEADY_RIGID: Final = (
    0.0021  # eye distances: a drawn face that speaks jumps by 0.0019, still ones in the dark by 0.0023 and more
)
# The voice may be somebody else's in the room, for as long as they talk: so weak that by the shipped calibration, fading by
# half in a minute, it comes to rest below what makes anybody suspicious.
STILL_NATS: Final = 0.2

# Lags of genuine feeds: corpora lie between -30 and +60 ms on the average and nearly all clips within 170 ms of 0;
# recorders and links add to that. Beyond, no lag is impossible, only rare.
GENUINE_LAG_MS, GENUINE_SD_MS, ODD_SHARE = 20.0, 100.0, 0.02
# Log-likelihood of foreign sound, on the scale of `Evidence.log_likelihood`: the more the lips had to say, the
# stranger it is that nothing was found. Logistic fit on genuine, shifted, exchanged and re-timed sound, whole corpora left
# out (0.13, 0.0), lowered to be careful.
FOREIGN_PER_ENERGY, FOREIGN_NATS = 0.08, 0.4
FITS_NATS, MOST_NATS = -0.5, 4.0  # passing proves little: lip-sync models pass
TELLING_NATS = 0.5  # without a lag, less evidence than this is none
MOST_MOVED_MS = 60.0  # within a window; beyond, its parts are no longer about one lag


class LipSync:
    """Lips against voice over the last 8 s, once a second."""

    name = "lipsync"
    hypothesis: Hypothesis = "av_mismatch"
    about = "lips and voice that do not belong together, or come at different times"
    # Syllables are over in a fifth of a second, so stretches 1.5 s apart are taken to speak for themselves. That is a design
    # figure: it awaits measurement on hours of genuine calls.
    need = Need(video_us=8_000_000, audio_us=8_000_000, step_us=1_000_000, evidence_us=1_500_000, probes=(SKIN,))

    def __init__(self, forecast: Array = FORECAST) -> None:
        self._forecast = forecast
        with contextlib.suppress(ImportError):  # an installation without liveguard[audio] gets no sound to judge
            voice_quality(np.zeros(0, np.float32), no_speech())  # loads scipy now, rather than in the middle of a call

    def evaluate(self, window: Window) -> Reading:
        series = face_series(window)
        quality = quality_of(series)
        measures = {"voiced_s": round(window.speech.voiced_s, 2), **quality.measures()}
        aligned = alignment(window)
        clock_sd_ms = aligned.sd_ms if aligned else 0.0
        if aligned:
            measures["av_clock_sd_ms"] = round(clock_sd_ms, 1)
        why_not = (
            _no_speech(window)
            or shortfall(window, quality, LIMITS)
            or _no_mouth(series, measures)
            or _no_voice(window, measures)
        )
        if why_not:
            return _reading(window, None, why_not, measures)
        evidence = weigh(*common_grid(window, series), self._forecast)
        measures |= {"shared_s": round(evidence.seconds, 2), "mouth_motion_eyes": round(evidence.motion, 4)}
        if evidence.seconds < MIN_SHARED_S:
            why_not = f"lips and sound together for {evidence.seconds:.1f} s, {MIN_SHARED_S:g} s needed: wait"
            return _reading(window, None, why_not, measures)
        if evidence.motion < STILL_MOTION:
            return _still_mouth(window, measures)
        if aligned and (aligned.moved_ms is None or aligned.moved_ms > MOST_MOVED_MS):
            why_not = "sound and picture were aligned anew: wait"
            return _reading(window, None, why_not, measures)
        measures |= {
            "consistency_sigma": round(consistency_sigma(evidence, clock_sd_ms), 2),
            "lag_certainty_share": round(evidence.certainty, 3),
        }
        return _verdict(window, series, evidence, clock_sd_ms, measures)


def _reading(window: Window, llr: float | None, why: str, measures: dict[str, float]) -> Reading:
    return Reading("lipsync", window.track, window.start_us, window.end_us, llr, window.coverage, why, measures)


def _no_speech(window: Window) -> str:
    voiced_s = window.speech.voiced_s
    if not window.speech.present.any():
        return "no sound arrives: unmute the microphone"
    clipped = np.count_nonzero(np.abs(window.pcm) >= CLIPPED_LEVEL) / max(len(window.pcm), 1)
    if clipped > MOST_CLIPPED:
        return f"the sound is overdriven: {clipped:.0%} of it is clipped: turn the microphone down"
    return "" if voiced_s >= MIN_VOICED_S else f"no speech: {voiced_s:.1f} s of voice, {MIN_VOICED_S:g} s needed: speak"


def _no_mouth(series: FaceSeries, measures: dict[str, float]) -> str:
    covered = covered_share(series.samples)
    measures["mouth_covered_share"] = round(covered, 3)
    return "" if covered <= MOST_COVERED else "the mouth is covered: show it"


def _no_voice(window: Window, measures: dict[str, float]) -> str:
    """Lips have nothing to do with keys and music, which the detector of voices takes for speech, too."""
    quality = voice_quality(framed_sound(window), window.speech)
    measures |= {"music_nats": round(quality.music_nats, 2), "pitch_share": round(quality.pitch_share, 3)}
    return no_voice(quality)


def common_grid(window: Window, series: FaceSeries) -> tuple[Array, Mask, Array, Mask]:
    """Mouth signals and band levels, each with where it is known, on one grid that begins with the window.

    Times count from the window's start, so that the result does not depend on how long the session has run.
    """
    grid_s = np.arange(0.0, (window.end_us - window.start_us) / 1e6, STEP_S)
    present = window.speech.present
    sound_s = (window.speech.t_us[present] - window.start_us) / 1e6
    lips, lips_known = on_grid(series.t_s.astype(np.float64), mouth_signals(series.points), grid_s)
    sound, sound_known = on_grid(sound_s, band_levels(window.speech.log_mel[present]), grid_s)
    seen = slice(*np.flatnonzero(lips_known)[[0, -1]]) if lips_known.any() else slice(0, 0)
    return lips[seen], lips_known[seen], sound[seen], sound_known[seen]


def consistency_sigma(evidence: Evidence, clock_sd_ms: float) -> float:
    """Height of the peak at lags that genuine feeds have, in standard deviations of chance; strangers reach about 1."""
    plausible = np.abs(LAGS_MS - GENUINE_LAG_MS) <= 2 * math.hypot(GENUINE_SD_MS, clock_sd_ms)
    return float(evidence.log_likelihood[plausible].max() / max(evidence.chance, 1e-9))


def mismatch_nats(evidence: Evidence, clock_sd_ms: float = 0.0) -> float:
    """Log-likelihood ratio, unclipped: half any lag and half foreign sound, against the lags of genuine feeds.

    `clock_sd_ms`: how uncertain it is that sound and picture are aligned with each other at all.
    """
    score = evidence.log_likelihood
    uniform = np.full(len(LAGS_MS), 1 / len(LAGS_MS))
    usual = np.exp(-0.5 * ((LAGS_MS - GENUINE_LAG_MS) / math.hypot(GENUINE_SD_MS, clock_sd_ms)) ** 2)
    genuine = (1 - ODD_SHARE) * usual / usual.sum() + ODD_SHARE * uniform
    foreign = FOREIGN_PER_ENERGY * evidence.forecast_energy + FOREIGN_NATS
    top = max(float(score.max()), foreign)
    likelihood = np.exp(score - top)
    attack = 0.5 * float(likelihood @ uniform) + 0.5 * float(np.exp(foreign - top))
    return float(np.log(attack) - np.log(max(float(likelihood @ genuine), 1e-300)))


def _still_mouth(window: Window, measures: dict[str, float]) -> Reading:
    if not window.alone:
        return _reading(window, None, "this mouth keeps still: another person in the picture may be speaking", measures)
    why = f"{measures['voiced_s']:.1f} s of voice while the mouth hardly moves"
    return _reading(window, STILL_NATS, why, measures)


def _trembles(series: FaceSeries, light: float, motion: float, measures: dict[str, float]) -> bool:
    """Whether a mouth that moves by `motion` may as well keep still under a mesh that trembles.

    Limits from the tremble of single pictures of people in low light. With other people's voices, 428 windows of such still
    mouths (36 people, a quarter or an eighth of the light, 65 to 100 px, also as VP8) gave none above `TELLING_NATS` and 7 above
    0, alike on either half of the people, before the limit was raised for dim light, as VP8 at 80 kbit/s needs it. What it
    costs: of 168 windows of talkers in their own light with a foreign voice 11 are no longer judged, at 12.5 pictures a second
    21, and in a quarter of the light at 75 px 61. All this with 10 times the rigid points' tremble in any light; the limits
    were then narrowed in good light and for a steady mesh, as a drawn face, whose mouth jumps, was not judged any more.
    """
    mouth, rigid = tremble(series.points)
    measures |= {"mouth_tremble_eyes": round(mouth, 4), "mesh_tremble_eyes": round(rigid, 4)}
    of_mouth = float(np.interp(series.fps, TREMBLE_FPS, OF_MOUTH_TREMBLE))  # at low rates speech, too, jumps
    dim = OF_DIM if light < DIM_LUMA else 1.0
    return rigid > STEADY_RIGID and motion < of_mouth * dim * mouth and motion < OF_RIGID_TREMBLE * dim * rigid


def _verdict(
    window: Window, series: FaceSeries, evidence: Evidence, clock_sd_ms: float, measures: dict[str, float]
) -> Reading:
    nats = mismatch_nats(evidence, clock_sd_ms)
    lag_sd_ms = math.hypot(evidence.lag_sd_ms, clock_sd_ms)
    llr, sure = float(np.clip(nats, FITS_NATS, MOST_NATS)), evidence.certainty >= CERTAIN
    if sure:
        measures |= {"lag_ms": round(evidence.lag_ms, 1), "lag_sd_ms": round(lag_sd_ms, 1)}
    # Only what accuses is asked: lips that fit the voice have shown that they are followed.
    if nats >= TELLING_NATS and _trembles(series, measures["light_luma"], evidence.motion, measures):
        why = "whether the mouth moves cannot be told from how the picture trembles: more light, or come closer"
        return _reading(window, None, why, measures)
    if nats >= TELLING_NATS and not window.alone:
        why = "the voice does not fit this mouth: another person in the picture may be speaking"
        return _reading(window, None, why, measures)
    if not sure:
        if nats < TELLING_NATS:
            return _reading(window, None, "the lag cannot be told: too little clear speech facing the camera", measures)
        return _reading(window, llr, "the voice does not fit what the lips do, at any lag within 0.8 s", measures)
    lag_ms, side = evidence.lag_ms, "behind" if evidence.lag_ms >= 0 else "ahead of"
    what = f"sound {abs(lag_ms):.0f} ± {lag_sd_ms:.0f} ms {side} the lips"
    if nats < TELLING_NATS:
        return _reading(window, llr, f"lips and voice go together, {what}", measures)
    return _reading(window, llr, f"lips and voice do not go together: their best fit is with the {what}", measures)
