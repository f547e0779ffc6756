"""Replay (presentation): a photo, print or screen held to the camera.

A photo moves as one plane, and nothing in it lives; that is measured, and needs no model. A film on a screen has life and
depth, so that only what a screen does to the picture gives it away: that takes a trained model, which does not ship.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from liveguard.detectors.crop_model import CropModel
from liveguard.detectors.cuts import cuts, stretches
from liveguard.detectors.planar_motion import MOVED_IOD, SIGNS, Motion, lifeless_nats, motion, photo_nats, strongest
from liveguard.detectors.quality import Limits, Quality, quality_of, shortfall
from liveguard.detectors.series import face_series
from liveguard.types import Hypothesis, Need, Reading, Window

LIMITS: Final = Limits(seconds=4.8, fps=9.5, face_px=60)  # in less, who listens may well not blink, either
OFTEN: Final = 2  # cuts in a window: a sender may change the size of its pictures once
PICTURES_US: Final = 1_000_000  # a model scores the crops of the last second
MOST_NATS: Final = 6.0
# Who neither speaks nor moves their face still blinks, 17 times a minute at rest and 4.5 times when they read (medians of
# Bentivoglio et al. 1997, doi:10.1002/mds.870120629): T seconds without a sign of life are worth no more than not blinking.
LISTENERS_BLINK_HZ: Final = 12 / 60
LIFELESS_FROM_S, LIFELESS_FACE_PX = 10.0, 100.0
"""What `lifeless_nats` takes: most who listen have blinked by then, and the mesh of such a face shows it."""


class Replay(CropModel):
    """See the module. Where both can judge, model and motion add up: what one sees is hidden from the other."""

    name: ClassVar[str] = "replay"
    hypothesis: ClassVar[Hypothesis] = "feed_injected"
    about: ClassVar[str] = "a photo that moves as one plane; with a model, traces of a screen or print, too"
    crop: ClassVar[str] = "scene"
    min_face_px: ClassVar[float] = 64.0
    attack_why: ClassVar[str] = "traces of a screen or print around the face"

    def __init__(self, model: str | Path | None = None) -> None:
        super().__init__(model)
        # Long, since who has blinked of late is no photo, and who listens may well not blink for 6 s. The pace is a design
        # figure: nobody who listens was measured, so nobody is accused before they kept from any sign of life for 20 s.
        watches = Need(video_us=12_000_000, step_us=1_000_000, evidence_us=2_500_000)
        if self._model is not None:
            watches = replace(watches, crops=self.need.crops, cost=self.need.cost, still=True)
        self.need = watches

    @property
    def has_model(self) -> bool:
        """True: it judges without a model of the pictures, too."""
        return True

    def evaluate(self, window: Window) -> Reading:
        """What the motion of the last 12 s says, and with a model the crops of the last one; None where neither can judge."""
        moves = self._motion(window)
        if self._model is None:
            return moves
        since_us = window.end_us - PICTURES_US
        recent = tuple(face for face in window.faces if face.t_us >= since_us)
        looks = super().evaluate(replace(window, faces=recent))
        told = [reading for reading in (looks, moves) if reading.llr is not None]
        llr = max(-MOST_NATS, min(MOST_NATS, sum(reading.llr or 0.0 for reading in told))) if told else None
        why = "; ".join(reading.why for reading in told or (looks, moves))
        # Where only the model can say something, a second is all that it wanted.
        asked = 1.0 if moves in told else self.need.video_us / PICTURES_US
        coverage = min(asked * window.coverage, 1.0)
        return replace(looks, llr=llr, coverage=coverage, why=why, measures={**moves.measures, **looks.measures})

    def _motion(self, window: Window) -> Reading:
        series = face_series(window)
        at = cuts(series.points)
        parts = stretches(series, at, LIMITS.face_px)
        quality = replace(quality_of(series), seconds=sum(quality_of(part).seconds for part in parts))
        llr, measures, why = None, quality.measures() | {"cuts": float(len(at))}, shortfall(window, quality, LIMITS)
        found = None if why else motion(*parts)
        if found is not None:
            life, sign = strongest(found)
            llr = _nats(window, quality, found)
            measures |= {name: round(figure, 4) for name, figure in asdict(found).items()} | {
                "life_spreads": round(life, 2)
            }
            if llr is None:
                why = (
                    f"the face moved by {found.moved_iod:.2f} eye distances, and {MOVED_IOD[0]:g} are needed to tell a picture "
                    "from a head: turn your head a little"
                )
            elif llr > 0 and found.moved_iod < MOVED_IOD[0]:
                why = f"nothing in the face has lived for {quality.seconds:.0f} s: no blink, no glance, no word"
            elif llr > 0:
                why = f"the face moved by {found.moved_iod:.2f} eye distances as a flat picture does, and nothing in it lives"
            else:
                why = f"no photo: {SIGNS[sign].words}"
        elif not why:
            why = "the mesh of the face cannot be followed"
        if llr is None and len(at) >= OFTEN:
            why += f"; the picture of the face jumps, {len(at)} times in {float(np.ptp(series.t_s)):.0f} s"
        llr = None if llr is None else round(llr, 4)
        return Reading(self.name, window.track, window.start_us, window.end_us, llr, window.coverage, why, measures)


def _nats(window: Window, quality: Quality, found: Motion) -> float | None:
    """The evidence for a photo, None where there is too little of anything.

    What does not move is looked at only where nobody else is in view, as pictures in a room and in a shared window keep still.
    """
    nats, lifeless = photo_nats(found), 0.0
    if window.alone and quality.seconds >= LIFELESS_FROM_S and quality.face_px >= LIFELESS_FACE_PX:
        lifeless = lifeless_nats(found)
    if lifeless > max(nats or 0.0, 0.0):
        return lifeless
    return None if nats is None else min(nats, LISTENERS_BLINK_HZ * quality.seconds)
