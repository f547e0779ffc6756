"""When a face check must not judge, and how that is said to a person: what is wrong, how much, and what is
needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liveguard.detectors.calibration import Words, card, rounded
from liveguard.detectors.series import (
    RIGID_POINTS,
    FaceSeries,
    face_series,
    face_widths_per_eye_distance,
    head_angles_deg,
    picture_rate_hz,
    seen_s,
)
from liveguard.types import Reading, Window


@dataclass(frozen=True, slots=True)
class Limits:
    """What a check needs; a limit of 0 (or of infinity, where less is better) is not asked for."""

    seconds: float
    fps: float
    face_px: float
    light: float = 30.0  # mean luma of the face, 0..255
    yaw_deg: float = 40.0
    speed_per_s: float = 1.5  # of the head, in eye distances a second
    coverage: float = 0.0


@dataclass(frozen=True, slots=True)
class Quality:
    """The conditions of a window, medians over its pictures but for the first two; units as in `Limits`.

    `seconds` with pictures, so that absence is not taken for observation.
    """

    seconds: float
    fps: float
    face_px: float
    light: float
    yaw_deg: float
    speed_per_s: float
    pictures: int

    def measures(self) -> dict[str, float]:
        """The conditions by name and unit, for a Reading."""
        return {
            "seen_s": round(self.seconds, 2),
            "frame_rate_hz": round(self.fps, 1),
            "face_px": round(self.face_px, 1),
            "light_luma": round(self.light, 1),
            "yaw_deg": round(self.yaw_deg, 1),
            "head_speed_eyes_per_s": round(self.speed_per_s, 3),
        }


def quality_of(series: FaceSeries) -> Quality:
    """The conditions under which `series` was seen."""
    n = len(series.t_s)
    if n < 3:
        return Quality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, n)
    interval = np.diff(series.t_s)
    fps = picture_rate_hz(interval)
    middle = series.points[:, RIGID_POINTS].mean(axis=1)[:, :2] / series.unit_px
    speed = np.linalg.norm(np.diff(middle, axis=0), axis=1) / interval
    yaw = head_angles_deg(series.points[:: max(n // 20, 1)], RIGID_POINTS)[:, 0]
    return Quality(
        seconds=seen_s(interval) + 1.0 / fps,
        fps=fps,
        face_px=series.unit_px * face_widths_per_eye_distance(),
        light=float(np.median([sample.light for sample in series.samples])),
        yaw_deg=float(np.median(np.abs(yaw))),
        speed_per_s=float(np.median(speed)),
        pictures=n,
    )


def shortfall(window: Window, quality: Quality, limits: Limits) -> str:
    """Why the window cannot be judged, in words that tell what to change; empty when it can."""
    if quality.pictures < 3:
        return "no face in view: face the camera"
    checks = (
        (quality.fps < limits.fps, f"frame rate {quality.fps:.3g} fps, {limits.fps:.0f} needed"),
        (
            quality.seconds < limits.seconds,
            f"{quality.seconds:.1f} s of face seen, {limits.seconds:.1f} s needed: wait",
        ),
        (window.coverage < limits.coverage, f"face in view {window.coverage:.0%} of the time: stay in view"),
        (
            quality.face_px < limits.face_px,
            f"face too small: {quality.face_px:.0f} px wide, {limits.face_px:.0f} px needed: come closer",
        ),
        (
            quality.light < limits.light,
            f"too dark: face luma {quality.light:.0f} of 255, {limits.light:.0f} needed",
        ),
        (
            quality.yaw_deg > limits.yaw_deg,
            f"head turned away by {quality.yaw_deg:.0f} degrees, {limits.yaw_deg:.0f} at most: face the camera",
        ),
        (
            quality.speed_per_s > limits.speed_per_s,
            f"blurred by movement: head moves {quality.speed_per_s:.1f} eye distances a second, "
            f"{limits.speed_per_s:.1f} at most: hold still",
        ),
        (
            any(sample.picture for sample in window.faces),
            "this face is a still picture in the room, not a person",
        ),
    )
    return next((text for failed, text in checks if failed), "")


def judge(
    check: str,
    window: Window,
    limits: Limits,
    measure: Callable[[FaceSeries], dict[str, float]],
    words: Words,
) -> Reading:
    """The reading of `check`: None with a reason where the conditions fall short or nothing is weighed, else its ratio."""
    series = face_series(window)
    quality = quality_of(series)
    why, llr, measures = shortfall(window, quality, limits), None, quality.measures()
    if not why:
        measures |= measure(series)
        llr = rounded(card(check).llr(measures))
        why = card(check).reasons(measures, words)
    known = {name: round(float(value), 4) for name, value in measures.items() if np.isfinite(value)}
    return Reading(check, window.track, window.start_us, window.end_us, llr, window.coverage, why, known)
