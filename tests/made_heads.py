"""Landmarks of made-up heads and flat pictures before a pinhole camera, for the challenges that tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from liveguard.challenge.follow import paths
from liveguard.challenge.phases import PHASES, spots
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.timeline import Timeline
from liveguard.types import Cue, Detector, FaceSample, FeedInfo, FloatArray, FrameSample, Observation, Reading

FOCAL_PX, MIDDLE_PX = 600.0, (320.0, 240.0)
EYES_MM = 90.0
CUE_US = 1_500_000


@dataclass(frozen=True)
class Held:
    """One moment of a head, or of a picture of one: degrees as `yaw_pitch_roll_deg` gives them, and mm to the camera."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    distance_mm: float = 500.0


def landmarks(held: Held, flat: bool, noise_px: float, rng: np.random.Generator) -> FloatArray:
    """The mesh (478, 3) px that a tracker would lay: for a flat picture, as if the face had its depth and looked ahead."""
    yaw, pitch = np.radians([held.yaw_deg, held.pitch_deg])
    turn_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn_p = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    mean = canonical_face().mean * EYES_MM
    shape = mean * np.array([1, 1, 0]) if flat else mean
    turned = shape @ (turn_y @ turn_p).T
    scale = FOCAL_PX / held.distance_mm
    seen = FOCAL_PX * turned[:, :2] / (held.distance_mm + turned[:, 2:]) + np.array(MIDDLE_PX)
    depth = (mean if flat else turned)[:, 2:] * scale
    mesh = np.concatenate([seen, depth], axis=1) + rng.normal(0, noise_px, (478, 3))
    return np.asarray(mesh, np.float32)


def follows(cue: Cue, lag_s: float = 0.5, gain: float = 1.0) -> Callable[[float], Held]:
    """Somebody who does what a pose or a distance cue asks for; the time is in seconds from the cue."""
    if cue.name.endswith("pose"):
        each_s = float(cue.params["each_us"]) / 1e6
        targets = np.array([target.split(",") for target in str(cue.params["targets"]).split()], np.float64)
        starts = [k * each_s for k in range(len(targets))]

        def pose(t_s: float) -> Held:
            yaw, pitch = gain * paths(np.array([t_s]), starts, targets.T, lag_s, 0.7)[:, 0]
            return Held(float(yaw), float(pitch))

        return pose
    starts = [0.0, float(cue.params["back_us"]) / 1e6]
    times = gain * (float(cue.params["nearer"]) - 1)

    def near(t_s: float) -> Held:
        return Held(
            distance_mm=500 / (1 + float(paths(np.array([t_s]), starts, np.array([[times, 0]]), lag_s, 1.0)[0, 0]))
        )

    return near


def keeps_still(_: float) -> Held:
    return Held()


def samples(
    cue: Cue,
    held: Callable[[float], Held],
    flat: bool = False,
    fps: float = 15.0,
    noise_px: float = 0.4,
    larger: float = 1.0,
    seed: int = 1,
) -> list[FaceSample]:
    """The face from 1 s before the cue until it is over."""
    rng = np.random.default_rng(seed)
    texture = rng.normal(0, 1, (4, len(spots())))  # it goes with the mesh wherever that goes
    over_us = int(cue.params["lasts_us"])
    found = []
    for k in range(int((over_us + 1_000_000) * fps / 1e6)):
        at_us = round(k * 1e6 / fps) - 1_000_000
        mesh = larger * landmarks(held(at_us / 1e6), flat, noise_px, rng)
        probes = {PHASES.name: (texture + rng.normal(0, noise_px / 20, texture.shape)).astype(np.float32)}
        found.append(FaceSample(cue.t_us + at_us, 1, mesh, box_of(mesh), sharpness=60.0, light=120.0, probes=probes))
    return found


def read(
    check: Detector, cue: Cue, faces: list[FaceSample], shift_us: int = 0, others: tuple[int, ...] = ()
) -> Reading:
    """What `check` says when the cue is over, all of it `shift_us` later; `others`: tracks that are seen beside this one."""
    timeline = Timeline(FeedInfo("test", frozenset({"video"})), check.need.video_us, wants_audio=False)
    timeline.add(replace(cue, t_us=cue.t_us + shift_us))
    for sample in faces:
        t_us = sample.t_us + shift_us
        beside = tuple(replace(sample, t_us=t_us, track=other) for other in others)
        frame = FrameSample(t_us, 640, 480, t_us, np.zeros((9, 16), np.float32), 0.5)
        timeline.add(Observation(frame, (replace(sample, t_us=t_us), *beside)))
    return check.evaluate(timeline.window(check.need, cue.t_us + shift_us + int(cue.params["lasts_us"]), 1))
