"""Whether the face changes colour with the person's own screen: in time, with this code, and more than the room behind.

The screen shows a random code of colours, alike in brightness. It lights a face that is before it, and hardly the room
behind: so a recording or a face that is made elsewhere does not answer, a relay answers late, and a picture that is tinted
as a whole answers everywhere. After Tang et al. 2018 (Face Flashing, arXiv 1801.01949) and Liu et al. 2020 (LiveScreen,
doi:10.1109/INFOCOM41043.2020.9155400); that hue alone is changed, and the odds, are ours.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liveguard.challenge.check import LONGEST_US, SEVERAL, Verdict, cannot_judge, its_cue, reading, since
from liveguard.challenge.colour_code import (
    LAG_LEAST_S,
    LAG_STEP_S,
    SHAPE,
    Match,
    Steps,
    binned,
    chroma,
    linear_colours,
    response,
)
from liveguard.challenge.light_odds import SCREEN_LEAST, Ratio, code_nats, expected_z, found, look_nats, screen_of
from liveguard.challenge.script import cue_name
from liveguard.challenge.skin import BESIDE_LEFT, LEFT, MIDDLE, RIGHT, SKIN_LIGHT
from liveguard.detectors.series import face_widths_per_eye_distance
from liveguard.face.geometry import inter_ocular_px
from liveguard.types import Cue, FaceSample, FloatArray, Hypothesis, Need, Reading, Window

LEAST_FPS: Final = 8.0
LEAST_FACE_PX: Final = 70.0
LEAST_SEEN: Final = 0.75  # of the time
LEAST_LIGHT: Final = 0.004  # linear, of the skin's darkest colour
MOST_CLIPPED, MOST_CLIPPED_SHAPE = 0.6, 0.03  # shares of the middle of the face; what is clipped does not answer
LEAST_SHAPE: Final = 0.04  # log chroma: codecs take more of a response that is weaker, and so of the sides
BESIDE_LEAST_LIGHT: Final = 0.004
LATE_MOST_S: Final = 3.0  # of a code of four seconds, so that enough of it is left
DECIDED_NATS: Final = 1.8  # where nothing is found, less does not tell an attack from a bright room


class LightChallenge:
    """See the module. Cannot see an attacker who lights a made-up face with the right colours in time."""

    name = "light"
    hypothesis: Hypothesis = "feed_injected"
    about = "Does the face change colour with the person's own screen, in time and more than the room behind?"
    need = Need(step_us=LONGEST_US, video_us=LONGEST_US, probes=(SKIN_LIGHT,), cue=cue_name("light"))

    def __init__(self, lag_most_ms: float = 1000.0) -> None:
        self._lag_most_s = lag_most_ms / 1000

    def evaluate(self, window: Window) -> Reading:
        cue = its_cue(window, "light")
        faces = since(window, cue.t_us)
        why = shortfall(window, faces, cue)
        if why:
            return cannot_judge(self.name, window, why)
        t_s = np.array([(face.t_us - cue.t_us) / 1e6 for face in faces], np.float32)
        light = np.stack([face.probes[SKIN_LIGHT.name] for face in faces])
        verdict = judged(t_s, light, cue, self._lag_most_s)
        if verdict.compliance_nats is None:
            return cannot_judge(self.name, window, verdict.why, verdict.measures)
        return reading(self.name, window, verdict)


def shortfall(window: Window, faces: tuple[FaceSample, ...], cue: Cue) -> str:
    """Why it cannot be judged, in words that tell what to change; empty where it can."""
    if not window.alone:
        return SEVERAL
    if len(faces) < 3:
        return "no face in view: face the camera"
    seconds = (window.end_us - cue.t_us) / 1e6
    steps_s = np.diff([face.t_us for face in faces] + [window.end_us]) / 1e6
    fps = 1 / max(float(np.median(steps_s)), 1e-3)
    seen = float(steps_s[steps_s < 0.5].sum()) / seconds
    face_px = float(np.median([inter_ocular_px(face.landmarks) for face in faces])) * face_widths_per_eye_distance()
    *light, clipped = np.median([face.probes[SKIN_LIGHT.name][MIDDLE] for face in faces], axis=0).tolist()
    if fps < LEAST_FPS:
        return f"frame rate {fps:.3g} fps, {LEAST_FPS:.0f} needed"
    if seen < LEAST_SEEN:
        return f"face in view {seen:.0%} of the time, {LEAST_SEEN:.0%} needed: stay in view"
    if face_px < LEAST_FACE_PX:
        return f"face too small: {face_px:.0f} px wide, {LEAST_FACE_PX:.0f} px needed: come closer"
    if clipped > MOST_CLIPPED:
        return "the face is overexposed: turn the lamp away"
    if min(light) < LEAST_LIGHT:
        return "too dark to see the colour of the skin: switch on a light beside you"
    if any(face.picture for face in faces):
        return "this face is a still picture in the room, not a person"
    return ""


def judged(t_s: FloatArray, light: FloatArray, cue: Cue, lag_most_s: float) -> Verdict:
    """The verdict on the parts' light (n, 5, 4) at times from the cue on; no compliance: cannot judge."""
    code = response(linear_colours(str(cue.params["colours"]).split()), SHAPE)
    each_s = int(cue.params["each_us"]) / 1e6
    at_s, skin = binned(t_s, chroma(light[:, MIDDLE, :3]))
    steps = Steps(at_s, each_s, len(code), np.arange(LAG_LEAST_S, lag_most_s + 1e-6, LAG_STEP_S))
    match = steps.match(skin, code)
    late = None
    if lag_most_s + 0.2 < LATE_MOST_S:
        late = Steps(at_s, each_s, len(code), np.arange(lag_most_s + 0.1, LATE_MOST_S, 2 * LAG_STEP_S)).match(
            skin, code
        )
    nats = code_nats(match, late)
    beside = _ratio(steps, match, t_s, light, code, beside=True)
    sides = _ratio(steps, match, t_s, light, code, beside=False)
    measures = _measures(match, late, beside, sides)
    if found(match):
        look = look_nats(beside, sides)
        return Verdict(nats, look, _words(nats + (look or 0.0), match, late, beside), measures)
    if nats < DECIDED_NATS:
        return Verdict(None, None, _unclear(match), measures)
    return Verdict(nats, None, _words(nats, match, late, beside), measures)


def _ratio(
    steps: Steps, match: Match, t_s: FloatArray, light: FloatArray, code: FloatArray, *, beside: bool
) -> Ratio | None:
    """Response beside the head, or of the sides of the face, over that of its middle; None where it cannot be told."""
    if not found(match) or match.gain <= 0:
        return None
    if beside:
        shown = np.isfinite(light[:, BESIDE_LEFT:]).all(axis=(0, 2))
        if not shown.any():
            return None
        part = light[:, BESIDE_LEFT:][:, shown].mean(axis=1)
        if part[:, :3].mean(axis=0).min() < BESIDE_LEAST_LIGHT:
            return None
    else:
        part = light[:, (LEFT, RIGHT)].mean(axis=1)
        if match.size < LEAST_SHAPE or light[:, :BESIDE_LEFT, 3].mean(axis=0).max() > MOST_CLIPPED_SHAPE:
            return None
    gain, sd = steps.gain_at(binned(t_s, chroma(part[:, :3]))[1], code, match.lag_s)
    own, own_sd = steps.gain_at(binned(t_s, chroma(light[:, MIDDLE, :3]))[1], code, match.lag_s)
    ratio = screen_of(gain) / max(screen_of(own), 1e-3)
    return Ratio(ratio, float(np.hypot(sd, ratio * own_sd)) / max(own, 1e-3))


def _measures(match: Match, late: Match | None, beside: Ratio | None, sides: Ratio | None) -> dict[str, float]:
    found_ = {
        "fit_correlation": match.fit,
        "fit_over_other_codes_sd": match.z,
        "other_codes_better_share": match.better_share,
        "response_log_chroma": match.size,
        "disturbance_log_chroma": match.rest,
        "least_expected_sd": float(expected_z(match, np.array([SCREEN_LEAST]))[0]),
        "lag_ms": 1000 * match.lag_s,
        "lag_sd_ms": 1000 * match.lag_sd_s,
    }
    if late is not None:
        found_ |= {"late_fit_over_other_codes_sd": late.z, "late_lag_ms": 1000 * late.lag_s}
    for name, ratio in (("beside", beside), ("sides", sides)):
        if ratio is not None:
            found_ |= {f"{name}_response_ratio": ratio.value, f"{name}_response_ratio_sd": ratio.sd}
    return {name: round(float(value), 4) for name, value in found_.items()}


def _words(nats: float, match: Match, late: Match | None, beside: Ratio | None) -> str:
    if nats <= 0:
        beyond = "" if beside is not None else "; what lies behind cannot be compared"
        return f"the face took on the screen's colours {1000 * match.lag_s:.0f} ms after they were shown{beyond}"
    if found(match):
        if beside is not None and beside.value > 0.55:
            return "the whole picture changes colour alike: a screen lights the face more than the room behind"
        return "the face takes on the screen's colours as a flat picture does, not as a head"
    if late is not None and found(late):
        return f"the face took on the screen's colours only {late.lag_s:.1f} s after they were shown, as over a relay"
    if match.rest > 0.04:
        return "the face changes colour, but not as the screen does"
    return "the face did not take on the screen's colours, and they would have shown"


def _unclear(match: Match) -> str:
    if match.rest > 0.04:
        return "the colours of the face change for other reasons: hold still, and switch other screens off"
    return "the room is too bright for the screen's light to be seen: draw a curtain or turn the lamp off"
