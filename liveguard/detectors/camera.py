"""Camera (injection): is this the picture of a camera that is looking at somebody now?

A living face is never still: it breathes, blinks and speaks. A feed in which no face moves, apart from what noise and
light do to a still picture, is frozen or a photo; one that repeats what it has shown is a loop. The only face in view
must move itself: a clock or a backdrop does not do it for it, and a photo that sways is not credited with life. Limits:
a rendered or swapped face moves and is not seen here; a frozen face beside anybody who moves is taken for a picture in
the room; a puppet that never repeats is not a loop; a photo in strong noise, as of a dark room, cannot be told from a
person who keeps still, and is not judged. Measured on 122 genuine clips, as they are, coded, in low light and at 80 px
in a shared window of 1080p: within 1 s each changes its face's cells by 3 grey and more, in full light by 5.9; photos
by 0.1 to 1.7 unless noise exceeds that of a webcam in full light. The features of a face alone never keep still for
more than 0.8 s on any of 130 in five forms down to VP8 at 80 kbit/s and 80 px, where 4 s are asked for; one more clip
is a picture that stands for 3 s. Nobody who only listens is among them: whoever keeps the head to within a millimetre
and does not blink for seconds is taken for a photo. Noise that no sensor makes is weak evidence, as encoders and
drivers smooth it, and so is what the camera calls itself and how it answers: they take away what a moving picture is
credited with, no more, so that they cannot add up to an alert by lasting.
"""

from __future__ import annotations

import numpy as np

from liveguard.detectors.camera_facts import label_oddities, probe_oddities
from liveguard.detectors.camera_loop import Match, best_match
from liveguard.detectors.camera_series import face_series, picture_series
from liveguard.detectors.camera_still import any_lives, face_still_s, still_s
from liveguard.detectors.series import picture_rate_hz, seen_s
from liveguard.types import FrameSample, Hypothesis, Need, Reading, Window

STILL_FROM_S, STILL_FULL_S = 1.0, 2.0  # genuine talkers hold for less than the first; the second is full evidence
# The same of a face that does not change while the rest of the picture does. Weaker and slower, as less of the picture says it.
FACE_STILL_FROM_S, FACE_STILL_FULL_S, FACE_STILL_NATS = 4.0, 6.0, 3.0
FACE_STILL_PX = 80  # along a face's square; how little smaller ones change was not measured
# None and full evidence for a loop, by each figure of a match.
LOOP_RATIO = (0.06, 0.03)  # genuine clips stay above 0.14
AGAINST_NEAR = (0.8, 0.5)  # flickering lamps 1.4 and more; loops mostly 0.05 to 0.3, also where pictures come unevenly
FACE_RATIO = (0.25, 0.12)  # people before what repeats 0.4 and more; loops up to 0.09
CELLS_RATIO = (0.25, 0.12)  # people before what repeats 0.9 and more; loops up to 0.06, more where they come unevenly
LARGE_CELLS = 1.5
LEAST_NATS, MOST_NATS = 1.0, 6.0  # less is a mere moment of keeping still, and says nothing
GENUINE_NATS = -0.2  # passing proves little: most attacks move
WEAK_NATS, MOST_WEAK = 0.1, 2  # for each oddity, and how many count
NO_NOISE_GREY = 0.02  # a camera without light has more, a rendered picture has none
MANY_DUPLICATES = 0.3
MIN_S, MIN_FPS = 1.5, 4.0


class Camera:
    """Frozen, still and looped pictures over the last 30 s, twice a second."""

    name = "camera"
    hypothesis: Hypothesis = "feed_injected"
    about = "frozen, still, duplicated or looped pictures"
    # A design figure: a frozen or looped picture is to be answered within 6 s, also where a live link makes it ragged.
    need = Need(video_us=30_000_000, step_us=500_000, evidence_us=750_000, scope="feed")

    def evaluate(self, window: Window) -> Reading:
        frames = window.frames
        why_not = _why_not(window)
        if why_not:
            return self._reading(window, None, why_not, {})
        picture, faces = picture_series(frames, window.start_us), face_series(frames, window.start_us)
        if not faces:
            return self._reading(window, None, "no face can be looked at closely", {})
        still, duplicates, match = still_s(picture, faces), _duplicate_share(frames), best_match(picture, faces)
        still_nats = MOST_NATS * _ramp(still, STILL_FROM_S, STILL_FULL_S)
        loop_nats = MOST_NATS * _sureness(match, frames)
        tiny = any(square.side < FACE_STILL_PX for square in frames[-1].face_cells)
        face_still = 0.0 if tiny or window.unfollowed else face_still_s(faces, float(picture.t_s[-1]))
        face_nats = FACE_STILL_NATS * _ramp(face_still, FACE_STILL_FROM_S, FACE_STILL_FULL_S)
        noise = float(np.median([frame.noise for frame in frames[-60:]]))
        measures = {
            "still_s": still,
            "face_still_s": face_still,
            "duplicates_percent": 100 * duplicates,
            "loop_residual_ratio": match.residual,
            "noise_grey": noise,
        }
        unlike_camera, answers = probe_oddities(window)
        measures |= answers
        if loop_nats > 0:
            measures["loop_period_s"] = match.lag_s
        if still_nats >= max(loop_nats, LEAST_NATS):
            return self._reading(
                window, still_nats, f"pictures keep coming but nothing moves for {still:.1f} s", measures
            )
        if loop_nats >= LEAST_NATS:
            return self._reading(
                window, loop_nats, f"the picture repeats what it showed {match.lag_s:.1f} s before", measures
            )
        if face_nats >= LEAST_NATS:
            why = f"the face has not changed for {face_still:.1f} s while other things in the picture move"
            return self._reading(window, face_nats, why, measures)
        if not any_lives(faces, float(picture.t_s[-1])):
            why = "no face moves by more than noise, or a hand that sways a photo, may make a still one seem to"
            return self._reading(window, None, why, measures)
        odd = [*_oddities(window.feed.live, duplicates, noise), *label_oddities(window), *unlike_camera]
        why = "the picture moves and does not repeat" + "".join(f", but {what}" for what in odd)
        return self._reading(window, GENUINE_NATS + WEAK_NATS * min(len(odd), MOST_WEAK), why, measures)

    def _reading(self, window: Window, llr: float | None, why: str, measures: dict[str, float]) -> Reading:
        recent_s = min((window.end_us - window.start_us) / 1e6, MIN_S)
        recent = [frame.t_us for frame in window.frames if frame.t_us >= window.end_us - MIN_S * 1e6]
        coverage = min(seen_s(np.diff([*recent, window.end_us]) / 1e6) / max(recent_s, 1e-6), 1.0)
        return Reading(self.name, None, window.start_us, window.end_us, llr, coverage, why, measures)


def _why_not(window: Window) -> str | None:
    frames = window.frames
    if not frames or window.end_us - frames[-1].t_us > 1_000_000:
        return "no picture arrives"
    if frames[-1].t_us - frames[0].t_us < MIN_S * 1e6:
        return f"too short: {MIN_S:g} s of pictures are needed"
    if _fps(window) < MIN_FPS:
        return f"too few pictures: {_fps(window):.1f} fps, {MIN_FPS:g} are needed"
    if not window.peers:
        since_us = window.end_us - Camera.need.evidence_us
        pictured = any(frame.face_cells for frame in frames if frame.t_us >= since_us)
        return (
            "only a still picture of a face is in view" if pictured else "no face in view: an empty room may be still"
        )
    return None


def _fps(window: Window) -> float:
    """Rate of the last pictures."""
    return picture_rate_hz(np.diff([frame.t_us for frame in window.frames[-60:]]) / 1e6)


def _duplicate_share(frames: tuple[FrameSample, ...]) -> float:
    digests = np.array([frame.digest for frame in frames[-90:]])
    return float(np.mean(digests[1:] == digests[:-1]))


def _oddities(live: bool, duplicates: float, noise: float) -> list[str]:
    """What a camera's picture does not have. Files are smoothed by their encoder, so of them only duplicates are odd."""
    odd = ["many pictures come twice"] if duplicates > MANY_DUPLICATES else []
    if live and noise < NO_NOISE_GREY:
        odd.append("it has no sensor noise")
    return odd


def _sureness(match: Match, frames: tuple[FrameSample, ...]) -> float:
    """0 to 1, by the figure that speaks least for a loop.

    Where the faces' own cells do not tell, those of the picture do, if a face is large enough to change them: a small one
    may live beside what repeats.
    """
    cells = match.cells if _is_a_face_large(frames) else 1.0
    return min(
        _ramp(match.residual, *LOOP_RATIO),
        _ramp(match.against_near, *AGAINST_NEAR),
        _ramp(cells, *CELLS_RATIO) if match.face is None else _ramp(match.face, *FACE_RATIO),
    )


def _is_a_face_large(frames: tuple[FrameSample, ...]) -> bool:
    rows, columns = frames[-1].signature.shape
    cell_px = max(frames[-1].width / columns, frames[-1].height / rows)
    return any(square.side >= LARGE_CELLS * cell_px for frame in frames[-30:] for square in frame.face_cells)


def _ramp(value: float, none: float, full: float) -> float:
    """0 at `none`, 1 at `full`, straight between; the two may lie either way round."""
    return float(np.clip((value - none) / (full - none), 0.0, 1.0))
