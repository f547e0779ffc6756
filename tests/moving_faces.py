"""Made-up faces in motion for the untrained face checks: the mean mesh, turned, blinking, speaking,
trembling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from liveguard.detectors.face_probes import CELLS, DETAIL, FACE_CELLS, SURROUND, SURROUND_CELLS, ZONES
from liveguard.face.geometry import box_of
from liveguard.face.texture import canonical_face
from liveguard.timeline import Timeline
from liveguard.types import FaceSample, FeedInfo, FloatArray, FrameSample, Need, Observation, Window

UPPER_LIDS = [160, 158, 159, 387, 385, 386]
LOWER_LIDS = [144, 153, 145, 373, 380, 374]
LOWER_LIP = [14, 17, 87, 317, 152]
GAZE = [*range(468, 478)]


@dataclass(frozen=True)
class Person:
    """How a made-up person moves; amplitudes in permille of the eye distance unless said otherwise."""

    eyes_px: float = 130.0
    turn_deg: float = 8.0
    shift: float = 60.0
    speech: float = 60.0
    gaze: float = 12.0
    tremble: float = 3.0  # white, of every point on its own
    breathing: float = 8.0  # slow change of the shape
    blinks_per_min: float = 18.0
    shape_hz: float = 0.5
    light: float = 120.0
    yaw_deg: float = 0.0
    seed: int = 1


def landmarks(person: Person, t_s: FloatArray) -> FloatArray:
    """The meshes (n, 478, 3) in pixels at times `t_s` (n,)."""
    rng, n = np.random.default_rng(person.seed), len(t_s)
    mesh = np.repeat(canonical_face().mean[None], n, axis=0).astype(np.float64)
    ways = rng.normal(0, 1, mesh.shape[1:])
    mesh += person.breathing / 1000 * ways * np.sin(2 * np.pi * person.shape_hz * t_s)[:, None, None]
    mesh[:, LOWER_LIP, 1] += person.speech / 1000 * np.maximum(np.sin(2 * np.pi * 3.3 * t_s), 0)[:, None]
    mesh[:, GAZE, 0] += person.gaze / 1000 * np.sign(np.sin(2 * np.pi * 0.9 * t_s + 0.3))[:, None]
    shut = np.zeros(n)
    if person.blinks_per_min > 0:
        for middle in np.arange(1.1, t_s[-1] + 1, 60 / person.blinks_per_min):
            shut = np.maximum(shut, np.clip(1.6 - np.abs(t_s - middle) / 0.08, 0, 1))
    half = (mesh[:, LOWER_LIDS, 1] - mesh[:, UPPER_LIDS, 1]) / 2 * 0.9 * shut[:, None]
    mesh[:, UPPER_LIDS, 1] += half
    mesh[:, LOWER_LIDS, 1] -= half
    mesh += person.tremble / 1000 * rng.normal(0, 1, mesh.shape)
    yaw = np.radians(person.yaw_deg + person.turn_deg * np.sin(2 * np.pi * 0.4 * t_s))
    turn = np.zeros((n, 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(yaw)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = np.sin(yaw), -np.sin(yaw), 1
    mesh = mesh @ np.swapaxes(turn, 1, 2)
    mesh[:, :, 0] += person.shift / 1000 * np.sin(2 * np.pi * 0.3 * t_s + 1)[:, None]
    return np.asarray(mesh * person.eyes_px + np.array([640, 360, 0]), np.float32)


def probes(n: int, seed: int = 1, flicker: float = 0.0, blur: float = 1.0) -> list[Mapping[str, FloatArray]]:
    """Figures of a plain face for each of `n` pictures; `flicker` of the inner cells in grey levels."""
    rng = np.random.default_rng(seed)
    skin = rng.uniform(90, 150, (CELLS, CELLS, 3))
    around = rng.uniform(40, 90, (SURROUND_CELLS, SURROUND_CELLS))
    found: list[Mapping[str, FloatArray]] = []
    for _ in range(n):
        cells = skin + rng.normal(0, 0.4, skin.shape)
        cells[3:9, 3:9] += flicker * rng.normal(0, 1, (6, 6, 1))
        figures = rng.normal(1, 0.05, 2 * len(ZONES) + 7) * 4.0
        figures[0] *= blur
        found.append(
            {
                FACE_CELLS.name: cells.astype(np.float32),
                SURROUND.name: (around + rng.normal(0, 0.4, around.shape)).astype(np.float32),
                DETAIL.name: figures.astype(np.float32),
            }
        )
    return found


def faces(person: Person, seconds: float, fps: float = 25.0, **kinds: float) -> list[FaceSample]:
    """Samples of one tracked face, from 0 on."""
    t_us = [round(k * 1e6 / fps) for k in range(round(seconds * fps))]
    meshes = landmarks(person, np.array(t_us) / 1e6)
    figures = probes(len(t_us), person.seed, **kinds)
    return [
        FaceSample(t, 1, mesh, box_of(mesh), sharpness=60.0, light=person.light, probes=extra)
        for t, mesh, extra in zip(t_us, meshes, figures, strict=True)
    ]


def window(samples: list[FaceSample], need: Need, end_us: int | None = None, shift_us: int = 0) -> Window:
    """What the scheduler would hand to a check at the end of `samples`, all of it `shift_us` later."""
    timeline = Timeline(FeedInfo("test", frozenset({"video"})), need.video_us, wants_audio=False)
    for sample in samples:
        moved = replace(sample, t_us=sample.t_us + shift_us)
        frame = FrameSample(moved.t_us, 1280, 720, moved.t_us, np.zeros((9, 16), np.float32), 0.5)
        timeline.add(Observation(frame, (moved,)))
    last = samples[-1].t_us + 1 if end_us is None else end_us
    return timeline.window(need, last + shift_us, 1)
