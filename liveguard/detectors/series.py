"""A window of face samples as arrays on its own time axis, and the little signal processing that the face checks share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER, LIP_LOWER_INNER, LIP_UPPER_INNER, RIGID
from liveguard.face.texture import canonical_face
from liveguard.types import FaceSample, FloatArray, Window

IndexArray: TypeAlias = npt.NDArray[np.int64]
RIGID_POINTS: IndexArray = np.array(RIGID)
MOST_GRID_HZ = 30.0
GAP_STEPS = 1.7  # an interval of so many usual ones means that pictures are missing


@dataclass(frozen=True, slots=True)
class FaceSeries:
    """The usable samples of a window: `t_s` (n,) from its start, `points` (n, 478, 3) in pixels, `unit_px` eye distance."""

    samples: tuple[FaceSample, ...]
    t_s: FloatArray
    points: FloatArray
    unit_px: float

    @property
    def fps(self) -> float:
        """Pictures a second while there are pictures: from the median interval."""
        return 0.0 if len(self.t_s) < 3 else float(1.0 / np.median(np.diff(self.t_s)))

    def probe(self, name: str) -> FloatArray:
        """The probe `name` of every sample, stacked (n, ...)."""
        return np.stack([sample.probes[name] for sample in self.samples])


def face_series(window: Window) -> FaceSeries:
    """The samples of `window` whose landmarks are finite and whose time goes forward; may be empty."""
    kept: list[FaceSample] = []
    for sample in window.faces:
        if np.isfinite(sample.landmarks).all() and (not kept or sample.t_us > kept[-1].t_us):
            kept.append(sample)
    points = np.stack([sample.landmarks for sample in kept]) if kept else np.zeros((0, 478, 3), np.float32)
    # Time from the window's start, from integers: readings do not depend on how long the session has run.
    t_s = np.array([(sample.t_us - window.start_us) / 1e6 for sample in kept], np.float32)
    eyes = np.linalg.norm(points[:, EYE_LEFT_OUTER] - points[:, EYE_RIGHT_OUTER], axis=1)
    return FaceSeries(tuple(kept), t_s, points, max(float(np.median(eyes)), 1e-3) if kept else 0.0)


@cache
def face_widths_per_eye_distance() -> float:
    """Width of the mean face over the distance between its outer eye corners."""
    return float(np.ptp(canonical_face().mean[:, 0]))


def align(points: FloatArray, target: FloatArray, which: IndexArray) -> tuple[FloatArray, FloatArray]:
    """`points` (n, k, 3) carried onto `target` (k, 3) by the similarity that fits `which` best, and its rotations (n, 3, 3).

    The batched form of `geometry.similarity` (Umeyama 1991, doi:10.1109/34.88573).
    """
    source, goal = points[:, which].astype(np.float64), target[which].astype(np.float64)
    source_mean, goal_mean = source.mean(axis=1, keepdims=True), goal.mean(axis=0)
    a, b = source - source_mean, goal - goal_mean
    u, s, vt = np.linalg.svd(np.einsum("kc,nkd->ncd", b, a))
    s[:, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))
    u[:, :, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[:, None]
    rotation = u @ vt
    scale = s.sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    turned = (points - source_mean) @ np.swapaxes(rotation, 1, 2) * scale[:, None, None] + goal_mean
    return turned.astype(np.float32), rotation.astype(np.float32)


def head_angles_deg(points: FloatArray, which: IndexArray) -> FloatArray:
    """Yaw, pitch, roll (n, 3) of the heads as told by `which` points against the canonical face.

    Conventions of `geometry.yaw_pitch_roll_deg`.
    """
    _, to_canonical = align(points, canonical_face().mean, which)
    r = np.swapaxes(to_canonical, 1, 2)
    yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
    pitch = np.arcsin(np.clip(-r[:, 1, 2], -1.0, 1.0))
    roll = np.arctan2(r[:, 1, 0], r[:, 0, 0])
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)), np.float32)


def on_grid(t_s: FloatArray, values: FloatArray) -> tuple[FloatArray, float]:
    """`values` (n, k) at even times by linear interpolation, and the rate in Hz: that of the stream, 30 at most.

    Rates above 30 Hz are averaged down first, so that a 60 Hz camera does not look noisier than one of 30 Hz.
    """
    rate = 1.0 / float(np.median(np.diff(t_s)))
    merge = max(int(rate / MOST_GRID_HZ + 0.2), 1)
    if merge > 1:
        whole = len(t_s) // merge * merge
        t_s = t_s[:whole].reshape(-1, merge).mean(axis=1)
        values = values[:whole].reshape(-1, merge, values.shape[1]).mean(axis=1)
        rate /= merge
    count = max(int((t_s[-1] - t_s[0]) * rate + 1e-3) + 1, 2)
    grid = t_s[0] + np.arange(count) / rate
    after = np.clip(np.searchsorted(t_s, grid), 1, len(t_s) - 1)
    share = np.clip((grid - t_s[after - 1]) / np.maximum(t_s[after] - t_s[after - 1], 1e-6), 0.0, 1.0)[:, None]
    return np.asarray(values[after - 1] * (1 - share) + values[after] * share, np.float32), rate


def band_power(values: FloatArray, rate_hz: float, bands_hz: tuple[tuple[float, float], ...]) -> FloatArray:
    """Power (bands, k) of the columns of `values` (n, k) in each band, as variance per Hz; NaN beyond the Nyquist rate."""
    n = len(values)
    taper = np.hanning(n + 2)[1:-1].astype(np.float32)
    ramp = np.linspace(-1.0, 1.0, n, dtype=np.float32)[:, None]
    centred = values - values.mean(axis=0)
    centred = centred - ramp * (ramp * centred).sum(axis=0) / (ramp**2).sum()
    power = np.abs(np.fft.rfft(centred * taper[:, None], axis=0)) ** 2 * 2 / (rate_hz * (taper**2).sum())
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    found = np.full((len(bands_hz), values.shape[1]), np.nan, np.float32)
    for row, (low, high) in enumerate(bands_hz):
        inside = (hz >= low) & (hz < high)
        if inside.any() and low < rate_hz / 2 - 0.5:
            found[row] = power[inside].mean(axis=0)
    return found


def db(ratio: float) -> float:
    """10 log10 of a ratio of powers; NaN stays NaN."""
    return float(10 * np.log10(max(ratio, 1e-9))) if np.isfinite(ratio) else float("nan")


def conditions(series: FaceSeries) -> dict[str, float]:
    """What the measures are judged against: how much head and mouth move between 2 and 5 Hz, and the size of the face.

    `head_turn_db` re 1 degree^2 per Hz, `head_shift_db` and `mouth_motion_db` re 1 permille^2 of the eye distance per Hz,
    `face_octaves` re a face 100 px wide.
    """
    points = series.points / series.unit_px
    angles = head_angles_deg(series.points, RIGID_POINTS)
    middle = points[:, RIGID_POINTS, :2].mean(axis=1) * 1000
    lips = np.linalg.norm(points[:, LIP_UPPER_INNER] - points[:, LIP_LOWER_INNER], axis=1)[:, None] * 1000
    grid, rate = on_grid(series.t_s, np.concatenate([angles, middle, lips], axis=1))
    power = band_power(grid, rate, ((2.0, 5.0),))[0]
    return {
        "head_turn_db": db(float(power[:3].sum())),
        "head_shift_db": db(float(power[3:5].sum())),
        "mouth_motion_db": db(float(power[5])),
        "face_octaves": float(np.log2(max(series.unit_px * face_widths_per_eye_distance(), 1.0) / 100.0)),
    }
