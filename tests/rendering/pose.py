"""How a head is held before a camera, and how a person moves who only sits there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liveguard.types import FloatArray

_BLINK_EVERY_S = 3.7
_BLINK_S = 0.07  # standard deviation of the closure over time: a blink takes about 0.25 s


@dataclass(frozen=True, slots=True)
class HeadPose:
    """One moment of a head; also of a sheet that is held in its place.

    The angles are those that `liveguard.face.geometry.yaw_pitch_roll_deg` reads off the mesh: with yaw > 0 the nose points
    to the left of the picture, with pitch > 0 it points down, with roll > 0 the head is turned clockwise. Shifts are to the
    right and down; `distance_mm` is from the camera to the plane of the eye corners while the head is straight. `mouth`,
    `lids` (closure) and `brows` (raised) go from 0 to 1.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    distance_mm: float = 500.0
    shift_x_mm: float = 0.0
    shift_y_mm: float = 0.0
    mouth: float = 0.0
    lids: float = 0.0
    brows: float = 0.0


def rotation_of(pose: HeadPose) -> FloatArray:
    """The rotation (3, 3) from the head's axes to the camera's; x right, y down, z away from the camera."""
    (sin_y, cos_y), (sin_p, cos_p), (sin_r, cos_r) = (
        (math.sin(math.radians(angle)), math.cos(math.radians(angle)))
        for angle in (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    )
    yaw = np.array([[cos_y, 0, sin_y], [0, 1, 0], [-sin_y, 0, cos_y]])
    pitch = np.array([[1, 0, 0], [0, cos_p, -sin_p], [0, sin_p, cos_p]])
    roll = np.array([[cos_r, -sin_r, 0], [sin_r, cos_r, 0], [0, 0, 1]])
    return np.asarray(yaw @ pitch @ roll, np.float32)


def idle(t_s: float, seed: int = 0) -> HeadPose:
    """The pose of somebody who sits and looks at the screen: small sway, and a blink every few seconds.

    Sums of sines whose rates share no period, so it never comes back to where it was.
    """
    sway = [_wander(t_s, 7.1 * seed + 11.3 * axis) for axis in range(6)]
    return HeadPose(
        yaw_deg=2.2 * sway[0],
        pitch_deg=1.6 * sway[1],
        roll_deg=1.3 * sway[2],
        distance_mm=500 + 9 * sway[3],
        shift_x_mm=7 * sway[4],
        shift_y_mm=4 * sway[5],
        lids=_blink(t_s, seed),
    )


def shaken(pose: HeadPose, t_s: float, seed: int = 0, strength: float = 1.0) -> HeadPose:
    """`pose` as a hand holds something there: a tremor of some 5 to 9 Hz over slow drift."""
    drift = [_wander(1.7 * t_s, 3.3 * seed + 5.9 * axis) for axis in range(6)]
    tremor = [math.sin(math.tau * (5.3 + 0.83 * axis) * t_s + 1.9 * axis + seed) for axis in range(6)]
    angle = [strength * (0.9 * slow + 0.12 * fast) for slow, fast in zip(drift, tremor, strict=True)]
    return HeadPose(
        pose.yaw_deg + angle[0],
        pose.pitch_deg + angle[1],
        pose.roll_deg + 0.6 * angle[2],
        pose.distance_mm + 2.5 * angle[3],
        pose.shift_x_mm + 2.5 * angle[4],
        pose.shift_y_mm + 2.5 * angle[5],
        pose.mouth,
        pose.lids,
        pose.brows,
    )


def _wander(t_s: float, phase: float) -> float:
    """A smooth curve within about -1..1, another one for each `phase`."""
    rates = (0.53, 0.53 * math.sqrt(3.1), 0.53 * math.sqrt(11.7))
    return sum(math.sin(rate * t_s + phase * (1 + 0.37 * k)) / (1 + k) for k, rate in enumerate(rates)) / 1.5


def _blink(t_s: float, seed: int) -> float:
    """Lid closure 0..1: one blink in each stretch of time, at a place in it that only the seed knows."""
    stretch = math.floor(t_s / _BLINK_EVERY_S)
    closed = 0.0
    for number in (stretch - 1, stretch, stretch + 1):
        place = np.random.default_rng((seed & 0xFFFF, number & 0xFFFF)).uniform(0.1, 0.9)
        closed += math.exp(-(((t_s - (number + place) * _BLINK_EVERY_S) / _BLINK_S) ** 2) / 2)
    return min(closed, 1.0)
