"""Whether the lips said what was heard, over the few seconds of an answer: the lip-sync check's matched filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from liveguard.detectors.av_alignment import alignment
from liveguard.detectors.lipsync import FITS_NATS, MOST_NATS, common_grid, mismatch_nats
from liveguard.detectors.lipsync_lag import FORECAST, weigh
from liveguard.detectors.mouth_cover import MOST_COVERED, covered_share
from liveguard.detectors.quality import Limits, quality_of, shortfall
from liveguard.detectors.series import face_series
from liveguard.types import Speech, Window

LIMITS: Final = Limits(seconds=1.8, fps=9.5, face_px=60.0, light=25.0, yaw_deg=45.0)
AROUND_US: Final = 600_000  # before and after the answer: lips that begin to move with the sound tell most
LEAST_SHARED_S: Final = 1.8
STILL_MOTION: Final = 0.006  # eye distances, as in the lip-sync check
STILL_NATS: Final = 2.0

Judged = tuple[float | None, str, dict[str, float]]


def lips_nats(window: Window, start_us: int, end_us: int) -> Judged:
    """Log-likelihood ratio that other lips said what was heard between `start_us` and `end_us`, None where that cannot be
    told; what that means, in words; and the figures."""
    near = part(window, start_us - AROUND_US, end_us + AROUND_US)
    series = face_series(near)
    quality = quality_of(series)
    measures = quality.measures()
    why_not = shortfall(near, quality, LIMITS)
    if not why_not and covered_share(series.samples) > MOST_COVERED:
        why_not = "the mouth is covered: show it"
    if why_not:
        return None, f"the lips could not be judged: {why_not}", measures
    evidence = weigh(*common_grid(near, series), FORECAST)
    measures |= {"shared_s": round(evidence.seconds, 2), "mouth_motion_eyes": round(evidence.motion, 4)}
    if evidence.seconds < LEAST_SHARED_S:
        return (
            None,
            f"the lips could not be judged: lips and sound together for {evidence.seconds:.1f} s only",
            measures,
        )
    if evidence.motion < STILL_MOTION:
        return STILL_NATS, "the mouth hardly moves while a voice is heard", measures
    aligned = alignment(near)
    nats = mismatch_nats(evidence, aligned.sd_ms if aligned else 0.0)
    words = "the voice does not fit what the lips do" if nats > 0 else "lips and voice go together"
    return max(min(nats, MOST_NATS), FITS_NATS), words, measures


def part(window: Window, start_us: int, end_us: int) -> Window:
    """`window` without what lies outside of [start_us, end_us)."""
    start_us, end_us = max(start_us, window.start_us), min(end_us, window.end_us)
    speech = window.speech
    inside = (speech.t_us >= start_us) & (speech.t_us < end_us)
    return replace(
        window,
        start_us=start_us,
        end_us=end_us,
        faces=tuple(face for face in window.faces if start_us <= face.t_us < end_us),
        speech=Speech(
            speech.t_us[inside],
            speech.log_mel[inside],
            np.asarray(speech.voiced[inside]),
            speech.level_db[inside],
            speech.present[inside],
            speech.hop_us,
        ),
    )
