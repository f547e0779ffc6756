"""Whether a part of the face is covered by the person's hand when it is asked for, and how that looks.

Live face swaps draw a face wherever the mesh is: through a hand, over it, or now and then. Mittal et al. 2022 (GOTCHA,
arXiv 2210.06186) found a hand before the face to be among the challenges that degrade real-time deepfakes most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import numpy as np

from liveguard.challenge.check import (
    BEFORE_US,
    LONGEST_US,
    MIRRORED,
    SEVERAL,
    Verdict,
    cannot_judge,
    its_cue,
    reading,
    since,
)
from liveguard.challenge.covering import Covering, Phases, covering
from liveguard.challenge.covering_odds import Region, artefact_nats, compliance_nats
from liveguard.challenge.patches import AROUND_FACE, FACE_PATCHES
from liveguard.challenge.script import REGIONS, cue_name
from liveguard.detectors.series import face_widths_per_eye_distance
from liveguard.face.geometry import inter_ocular_px
from liveguard.types import Cue, FaceSample, FloatArray, Hypothesis, Need, Reading, Window

LEAST_FPS: Final = 8.0
LEAST_FACE_PX: Final = 70.0
LEAST_LIGHT: Final = 25.0  # grey levels of the face
LEAST_BARE, LEAST_COVERED = 5, 5  # pictures
LEAST_COVERED_SHARE: Final = 0.3
REACTS_S: Final = 0.2  # nobody moves a hand sooner after a cue
SETTLED_S: Final = 0.3  # what is seen lags behind what is asked
GONE_S: Final = 0.75
OTHER_SIDE: Final[Mapping[Region, Region]] = {"left_cheek": "right_cheek", "right_cheek": "left_cheek"}
MIRRORED_NATS: Final = 0.5
"""So clearly the other cheek must be covered as asked before the camera is said to mirror; a covering says 0.9 at most."""


class OcclusionChallenge:
    """See the module. Cannot see a swap that leaves out what is covered, as slow ones with a mask for hands do."""

    name = "occlusion"
    hypothesis: Hypothesis = "face_manipulated"
    about = "Is the asked part of the face covered by a hand, in time, and does the face stay hidden behind it?"
    need = Need(step_us=LONGEST_US, video_us=LONGEST_US, probes=(FACE_PATCHES, AROUND_FACE), cue=cue_name("occlusion"))

    def evaluate(self, window: Window) -> Reading:
        cue = its_cue(window, "occlusion")
        faces = since(window, cue.t_us - BEFORE_US)
        phases, t_s = _phases(faces, cue)
        why = shortfall(window, faces, phases, cue)
        if why:
            return cannot_judge(self.name, window, why)
        patches = np.stack([face.probes[FACE_PATCHES.name] for face in faces])
        around = np.stack([face.probes[AROUND_FACE.name] for face in faces])
        name = cast("Region", str(cue.params["region"]))
        region = REGIONS.index(name)
        seen = covering(t_s, patches, around, phases, region)
        did = compliance_nats(seen, name)
        other = OTHER_SIDE.get(name)
        if did > 0 and other is not None:
            there = covering(t_s, patches, around, phases, REGIONS.index(other))
            if compliance_nats(there, other) < -MIRRORED_NATS and artefact_nats(there, other) <= 0:
                return cannot_judge(self.name, window, MIRRORED, _measures(seen))
        # Where nothing covers the face there is nothing that could look wrong about it.
        look = artefact_nats(seen, name) if did < 0 else None
        return reading(self.name, window, Verdict(did, look, _words(seen, did, look, region), _measures(seen)))


def _phases(faces: tuple[FaceSample, ...], cue: Cue) -> tuple[Phases, FloatArray]:
    """What is asked for at each sample, and their times from the cue on in seconds."""
    t_s = np.array([(face.t_us - cue.t_us) / 1e6 for face in faces], np.float32)
    covered_s, bare_s = int(cue.params["covered_us"]) / 1e6, int(cue.params["bare_us"]) / 1e6
    covered = (t_s >= covered_s + SETTLED_S) & (t_s < bare_s + REACTS_S / 2)
    return Phases(t_s < REACTS_S, covered, t_s >= bare_s + GONE_S), t_s


def shortfall(window: Window, faces: tuple[FaceSample, ...], phases: Phases, cue: Cue) -> str:
    """Why it cannot be judged, in words that tell what to change; empty where it can."""
    if not window.alone:
        return SEVERAL
    if len(faces) < 3:
        return "no face in view: face the camera"
    step_s = float(np.median(np.diff([face.t_us for face in faces]))) / 1e6
    if 1 / max(step_s, 1e-3) < LEAST_FPS:
        return f"frame rate {1 / step_s:.3g} fps, {LEAST_FPS:.0f} needed"
    bare = [face for face, is_bare in zip(faces, phases.bare, strict=True) if is_bare]
    if len(bare) < LEAST_BARE:
        return "the face was not in view before the cue: wait with bare face until you are asked"
    face_px = float(np.median([inter_ocular_px(face.landmarks) for face in bare])) * face_widths_per_eye_distance()
    if face_px < LEAST_FACE_PX:
        return f"face too small: {face_px:.0f} px wide, {LEAST_FACE_PX:.0f} px needed: come closer"
    light = float(np.median([face.light for face in bare]))
    if light < LEAST_LIGHT:
        return f"too dark: face luma {light:.0f} of 255, {LEAST_LIGHT:.0f} needed"
    if any(face.picture for face in faces):
        return "this face is a still picture in the room, not a person"
    seconds = (int(cue.params["bare_us"]) - int(cue.params["covered_us"])) / 1e6 - SETTLED_S + REACTS_S / 2
    count = int(np.count_nonzero(phases.covered))
    if count < max(LEAST_COVERED, LEAST_COVERED_SHARE * seconds / step_s):
        part = str(cue.params["region"]).replace("_", " ")
        return f"the face was lost while it was covered: cover the {part} only, and leave the eyes free"
    return ""


def _measures(seen: Covering) -> dict[str, float]:
    found = {
        "region_change_log": seen.change,
        "region_lead_log": seen.lead,
        "uncovered_again_log": seen.back,
        "in_time_share": seen.in_time,
        "outline_change_log": seen.edge,
        "flips_hz": seen.flips_hz,
    }
    found |= {f"{name}_change_log": change for name, change in zip(REGIONS, seen.by_region, strict=True)}
    if seen.ghost_told:
        found["shows_through_share"] = seen.ghost
    return {name: round(float(value), 4) for name, value in found.items() if np.isfinite(value)}


def _words(seen: Covering, did: float, look: float | None, region: int) -> str:
    part = REGIONS[region].replace("_", " ")
    if did >= 0:
        most = int(np.argmax(seen.by_region))
        if max(seen.by_region) < 0.7:
            return f"the {part} was not covered when it was asked for"
        if most != region:
            return f"something covered the {REGIONS[most].replace('_', ' ')}, not the {part}"
        return f"the {part} changed, but not as a hand covers it when asked"
    if look is not None and look > 0:
        if seen.ghost_told and seen.ghost > 0.4:
            return f"the {part} shows through what covers it"
        if seen.flips_hz > 1:
            return f"the {part} flickers between covered and bare"
        return f"what covers the {part} ends where the face ends"
    return f"a hand covered the {part} when it was asked for, and hid it"
