"""A window of face samples as arrays on its own time axis, and the little signal processing that the face
checks share.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from liveguard.face.geometry import (
    EYE_LEFT_OUTER,
    EYE_RIGHT_OUTER,
    LIP_LOWER_INNER,
    LIP_UPPER_INNER,
    POINTS,
    RIGID,
)
from liveguard.face.texture import canonical_face
from liveguard.types import FaceSample, FloatArray, Window

IndexArray: TypeAlias = npt.NDArray[np.int64]
RIGID_POINTS: IndexArray = np.array(RIGID)
MOST_GRID_HZ = 30.0
LEAST_FRESH = 12
GAP_STEPS = 1.7  # an interval of so many usual ones means that pictures are missing
# A picture tells of the time until the next, and of no more than this; no check takes fewer than 4 a second.
MOST_STEP_S = 0.3


@dataclass(frozen=True, slots=True)
class FaceSeries:
    """The usable samples of a window: `t_s` (n,) from its start, `points` (n, 478, 3) in pixels, `unit_px`
    eye distance.
    """

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

    def fresh(self, name: str) -> npt.NDArray[np.bool_]:
        """Which samples (n,) brought the probe `name` anew: in between, its last figures stand.

        All, where hardly any did: then it is the picture that stands still.
        """
        values = self.probe(name).reshape(len(self.samples), -1)
        anew = np.concatenate([[True], (values[1:] != values[:-1]).any(axis=1)])
        return anew if np.count_nonzero(anew) >= LEAST_FRESH else np.ones(len(anew), np.bool_)


def picture_rate_hz(steps_s: npt.NDArray[np.floating[Any]]) -> float:
    """Pictures a second while there are pictures, of the times from one to the next: their mean, as whoever sends pictures in
    pairs makes the median what he likes.
    """
    if not len(steps_s):
        return 0.0
    steady_s = steps_s[steps_s <= MOST_STEP_S]
    return 1.0 / max(float(steady_s.mean() if len(steady_s) else np.median(steps_s)), 1e-6)


def seen_s(steps_s: npt.NDArray[np.floating[Any]]) -> float:
    """For how long there were pictures, of the times from one to the next."""
    return float(np.minimum(steps_s, MOST_STEP_S).sum())


def face_series(window: Window) -> FaceSeries:
    """The samples of `window` whose landmarks are finite and whose time goes forward; may be empty."""
    forward = [sample for k, sample in enumerate(window.faces) if not k or sample.t_us > window.faces[k - 1].t_us]
    points = np.array([sample.landmarks for sample in forward], np.float32).reshape(-1, POINTS, 3)
    finite = np.isfinite(points.sum(axis=(1, 2)))
    kept = [sample for sample, good in zip(forward, finite, strict=True) if good]
    points = points if finite.all() else points[finite]
    # Time from the window's start, from integers: readings do not depend on how long the session has run.
    t_s = np.array([(sample.t_us - window.start_us) / 1e6 for sample in kept], np.float32)
    eyes = np.linalg.norm(points[:, EYE_LEFT_OUTER] - points[:, EYE_RIGHT_OUTER], axis=1)
    return FaceSeries(tuple(kept), t_s, points, max(float(np.median(eyes)), 1e-3) if kept else 0.0)


@cache
def face_widths_per_eye_distance() -> float:
    """Width of the mean face over the distance between its outer eye corners."""
    return float(np.ptp(canonical_face().mean[:, 0]))


def align(points: FloatArray, target: FloatArray, which: IndexArray) -> tuple[FloatArray, FloatArray]:
    """`points` (n, k, 3) carried onto `target` (k, 3) by the similarity that fits the points `which` best.

    With them come the rotations (n, 3, 3).
    """
    source = points[:, which]
    rotation, scale = rotations(source, target[which])
    x, y, z = np.moveaxis(points - source.mean(axis=1, keepdims=True), 2, 0)
    turn = (rotation * scale[:, None, None])[:, None]
    # Written out: numpy's products of many small matrices take several times as long.
    turned = [x * turn[..., row, 0] + y * turn[..., row, 1] + z * turn[..., row, 2] for row in range(3)]
    return np.asarray(np.stack(turned, axis=2) + target[which].mean(axis=0), np.float32), rotation


def align_to_mean(points: FloatArray, which: IndexArray) -> FloatArray:
    """`points` (n, k, 3) carried onto their own mean shape, which two dozen of them tell well enough."""
    few = points[:: max(len(points) // 24, 1)]
    mean = align(few, few[len(few) // 2], which)[0].mean(axis=0)
    return align(points, mean, which)[0]


def rotations(source: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rotations (n, 3, 3) and scales (n,) that carry each of `source` (n, k, 3) onto `target` (k, 3) best.

    The batched form of `geometry.similarity` (Umeyama 1991, doi:10.1109/34.88573).
    """
    a, b = source - source.mean(axis=1, keepdims=True), target - target.mean(axis=0)
    products = np.swapaxes(a, 1, 2).reshape(-1, source.shape[1]) @ b
    covariance = np.swapaxes(products.reshape(-1, 3, 3), 1, 2).astype(np.float64)
    u, s, vt = np.linalg.svd(covariance)
    sign = np.where(np.linalg.det(covariance) < 0, -1.0, 1.0)
    s[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    scale = s.sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    return (u @ vt).astype(np.float32), scale.astype(np.float32)


def head_angles_deg(points: FloatArray, which: IndexArray) -> FloatArray:
    """Yaw, pitch, roll (n, 3) of the heads as told by `which` points against the canonical face.

    Conventions of `geometry.yaw_pitch_roll_deg`.
    """
    return _angles_deg(rotations(points[:, which], canonical_face().mean[which])[0])


def _angles_deg(to_canonical: FloatArray) -> FloatArray:
    r = np.swapaxes(to_canonical, 1, 2)
    yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
    pitch = np.arcsin(np.clip(-r[:, 1, 2], -1.0, 1.0))
    roll = np.arctan2(r[:, 1, 0], r[:, 0, 0])
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)), np.float32)


def on_grid(t_s: FloatArray, values: FloatArray) -> tuple[FloatArray, float]:
    """`values` (n, k) at even times by linear interpolation, and the rate in Hz: that of the stream, 30 at
    most.

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
    """Power (bands, k) of the columns of `values` (n, k) in each band, as variance per Hz; NaN beyond the
    Nyquist rate.
    """
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
    """What the measures are judged against: how much head and mouth move between 2 and 5 Hz, and the size of
    the face.

    `head_turn_db` re 1 degree^2 per Hz, `head_shift_db` and `mouth_motion_db` re 1 permille^2 of the eye
    distance per Hz, `face_octaves` re a face 100 px wide.
    """
    rigid = series.points[:, RIGID_POINTS] / series.unit_px
    angles = _angles_deg(rotations(rigid, canonical_face().mean[RIGID_POINTS])[0])
    middle = rigid[:, :, :2].mean(axis=1) * 1000
    gap = series.points[:, LIP_UPPER_INNER] - series.points[:, LIP_LOWER_INNER]
    lips = np.linalg.norm(gap, axis=1)[:, None] * (1000 / series.unit_px)
    grid, rate = on_grid(series.t_s, np.concatenate([angles, middle, lips], axis=1))
    power = band_power(grid, rate, ((2.0, 5.0),))[0]
    return {
        "head_turn_db": db(float(power[:3].sum())),
        "head_shift_db": db(float(power[3:5].sum())),
        "mouth_motion_db": db(float(power[5])),
        "face_octaves": float(np.log2(max(series.unit_px * face_widths_per_eye_distance(), 1.0) / 100.0)),
    }
