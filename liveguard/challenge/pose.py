"""The head turns where it is asked to, when it is asked to, and what turns is a head rather than a flat picture."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from liveguard.challenge.check import LONGEST_US, MIRRORED, Verdict, cannot_judge, its_cue, reading
from liveguard.challenge.follow import GRID_S, Axis, Floats, Followed, followed, on_grid
from liveguard.challenge.planar import Depth, against_attacks, depth_between, depth_share, flat_nats, furthest, stretch
from liveguard.challenge.script import NODS_DEG, TURNS_DEG, cue_name
from liveguard.challenge.seen import LEAST_BEFORE, Seen, seen_around
from liveguard.detectors.series import RIGID_POINTS, head_angles_deg
from liveguard.types import Cue, Hypothesis, Need, Reading, Window

MOVE_S: Final = 0.7
STRAIGHT_UNTIL_S: Final = 0.2
HELD_S: Final = (0.7, 0.6)
"""A target is looked at some time from so long after it was shown until so long after the next one."""
TURNED_FOR_S: Final = 0.4
GAINS: Final = np.linspace(0.5, 1.5, 9)
OTHER_SIDE: Final = np.array([-1.0, 1.0])
# People nod less than they are asked to, and the tracker sees less of it.
NOD_GAINS: Final = np.linspace(0.3, 1.5, 9)
DEVIATES_DEG: Final = (5.0, 4.0)  # yaw, pitch
OFFSET_DEG: Final = (4.0, 5.0)
MIRRORED_NATS: Final = 2.0
"""So clearly a turn must fit the script to the other side, and not the script, before the camera is said to mirror. Whoever
does another script that was drawn the same way looks like that in 5 % of 150."""


class PoseChallenge:
    """See the module. Sees neither a mask nor a face that is repainted on a living head, as it turns like a head."""

    name = "pose"
    hypothesis: Hypothesis = "feed_injected"
    about = "Does the head turn as asked, and is it a head rather than a flat picture?"
    need = Need(step_us=LONGEST_US, video_us=LONGEST_US, cue=cue_name("pose"))

    def evaluate(self, window: Window) -> Reading:
        cue = its_cue(window, "pose")
        seen = seen_around(window, cue)
        if seen.why:
            return cannot_judge(self.name, window, seen.why, _rounded(seen.measures))
        targets, each_s = targets_deg(cue), float(cue.params["each_us"]) / 1e6
        answer = compliance(seen, targets, each_s)
        turns = turns_of(seen, len(targets) - 1, each_s)
        artefact_nats, found = against_attacks(flat_nats(turns)), _rounded(_measures(seen, answer, turns))
        mirrored = answer.nats > MIRRORED_NATS and compliance(seen, targets * OTHER_SIDE, each_s).nats < -MIRRORED_NATS
        if mirrored and (artefact_nats or 0.0) <= 0:
            return cannot_judge(self.name, window, MIRRORED, found)
        return reading(self.name, window, Verdict(answer.nats, artefact_nats, _why(answer, turns), found))


def targets_deg(cue: Cue) -> Floats:
    """Yaw and pitch (k, 2) of the cue's targets in degrees."""
    return np.array([[float(angle) for angle in target.split(",")] for target in str(cue.params["targets"]).split()])


def compliance(seen: Seen, targets: Floats, each_s: float) -> Followed:
    """How well yaw and pitch follow the targets (k, 2), against all other scripts and none."""
    angles = head_angles_deg(seen.points, RIGID_POINTS)
    before = seen.t_s < STRAIGHT_UNTIL_S
    straight = np.median(angles[before], axis=0) if np.count_nonzero(before) >= LEAST_BEFORE else np.zeros(3)
    grid = np.arange(0.0, len(targets) * each_s, GRID_S)
    axes = [
        Axis(
            track=on_grid(seen.t_s, angles[:, axis] - straight[axis], grid),
            true=targets[None, :, axis],
            others=scripts,
            gains=gains,
            deviates=DEVIATES_DEG[axis],
            offset=OFFSET_DEG[axis],
        )
        for axis, (scripts, gains) in enumerate(((yaws_deg(), GAINS), (pitches_deg(), NOD_GAINS)))
    ]
    return followed(grid, [k * each_s for k in range(len(targets))], MOVE_S, axes)


def yaws_deg() -> Floats:
    """Every yaw course (m, 3) that `script` may draw, all equally likely."""
    courses = product((-1, 1), TURNS_DEG, TURNS_DEG)
    return np.array([[side * first, -side * second, 0] for side, first, second in courses], np.float64)


def pitches_deg() -> Floats:
    """Every pitch course (m, 3) that `script` may draw, all equally likely."""
    return np.array([[first, second, 0] for first, second in product(NODS_DEG, NODS_DEG)], np.float64)


def turns_of(seen: Seen, count: int, each_s: float) -> list[Depth]:
    """What differs between straight ahead and each of `count` targets; empty where no picture shows the head straight."""
    after_s, until_s = HELD_S
    straight = seen.between(-np.inf, STRAIGHT_UNTIL_S)
    if len(straight) < LEAST_BEFORE:  # the session began with this cue: afterwards the head is straight again
        straight = seen.between(float(seen.t_s[-1]) - TURNED_FOR_S, np.inf)
    held = [seen.between(k * each_s + after_s, (k + 1) * each_s + until_s) for k in range(count)]
    if any(len(pictures) < LEAST_BEFORE for pictures in (straight, *held)):
        return []
    first, for_so_many = stretch(straight), max(round(TURNED_FOR_S * seen.measures["frame_rate_hz"]), LEAST_BEFORE)
    return [depth_between(first, stretch(furthest(pictures, first, for_so_many))) for pictures in held]


def _why(answer: Followed, turns: list[Depth]) -> str:
    share = depth_share(turns)
    did = "the head did not turn as asked"
    if answer.nats <= 0:
        did = f"the head followed after {answer.lag_s * 1000:.0f} ms"
    if share is None:
        return f"{did}; too little was turned to tell a head from a picture"
    what = "it turned as a head does" if (flat_nats(turns) or 0.0) <= 0 else "it turned as a flat picture does"
    return f"{did}; {what} ({share:.0%} of the turn shows depth)"


def _measures(seen: Seen, answer: Followed, turns: list[Depth]) -> dict[str, float]:
    found = dict(seen.measures) | {
        "lag_ms": answer.lag_s * 1000,
        "yaw_gain": answer.gains[0],
        "pitch_gain": answer.gains[1],
    }
    for name in ("depth_turn_deg", "foreshortening_deg", "planarity_residual_iod", "rigid_residual_iod"):
        if turns:
            found[name] = float(np.mean([getattr(turn, name) for turn in turns]))
    share = depth_share(turns)
    return found if share is None else found | {"depth_share": share}


def _rounded(measures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in measures.items()}
