"""Camera (injection): is this the picture of a camera that is looking at somebody now?

A camera's picture of a person is never still: the person breathes and the sensor is noisy. A feed that keeps delivering
equal pictures is frozen or a photo; one that repeats what it has shown is a loop. Limits: a rendered or swapped face
moves and is not seen here; a puppet that never repeats is not a loop. Noise and time stamps that no sensor makes are
weak evidence, as encoders and drivers smooth both, and so is what the camera calls itself and how it answers: they take
away what a moving picture is credited with, no more, so that they cannot add up to an alert by lasting.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liveguard.detectors.camera_facts import label_oddities, probe_oddities
from liveguard.types import BoolArray, FloatArray, FrameSample, Hypothesis, Need, Reading, Window

STILL_GREY: Final = 1.0  # largest change of any cell's mean luma that codec noise makes on a still picture
STILL_FROM_S, STILL_FULL_S = 0.6, 1.5  # genuine clips hold for less than the first; the second is full evidence
QUERY_S = 2.0
MIN_LAG_S = 1.0
LOOP_RATIO = (0.06, 0.03)  # residual over motion energy: none and full evidence; genuine clips stay above 0.14
MIN_MOTION_GREY2 = 0.3  # temporal variance below which any stretch matches any other
MOST_NATS = 6.0
GENUINE_NATS = -0.2  # passing proves little: most attacks move
WEAK_NATS, MOST_WEAK = 0.1, 2  # for each oddity, and how many count
NO_NOISE_GREY = 0.02  # a camera without light has more, a rendered picture has none
TOO_REGULAR_US = 20.0  # a driver's time stamps jitter by hundreds of microseconds
MANY_DUPLICATES = 0.3
MIN_S, MIN_FPS = 1.5, 4.0
GRID_HZ, QUERY_POINTS = 30, 15
MOST_STEP_S = 0.4  # between two pictures, to say what was between them


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
        t_s = np.array([frame.t_us - window.start_us for frame in frames]) / 1e6
        signatures = np.stack([frame.signature.ravel() for frame in frames])
        still_s, duplicates = _still_s(t_s, signatures), _duplicate_share(frames)
        ratio, lag_s = _loop(t_s, signatures)
        still_nats = MOST_NATS * _ramp(still_s, STILL_FROM_S, STILL_FULL_S)
        loop_nats = MOST_NATS * _ramp(ratio, *LOOP_RATIO)
        jitter_us, noise = _jitter_us(frames), float(np.median([frame.noise for frame in frames[-60:]]))
        measures = {
            "still_s": still_s,
            "duplicates_percent": 100 * duplicates,
            "loop_residual_ratio": ratio,
            "noise_grey": noise,
            "interval_jitter_us": jitter_us,
        }
        unlike_camera, answers = probe_oddities(window)
        measures |= answers
        if loop_nats > 0:
            measures["loop_period_s"] = lag_s
        if still_nats >= loop_nats and still_nats > 0:
            return self._reading(
                window, still_nats, f"pictures keep coming but nothing moves for {still_s:.1f} s", measures
            )
        if loop_nats > 0:
            return self._reading(
                window, loop_nats, f"the picture repeats what it showed {lag_s:.1f} s before", measures
            )
        odd = [*_oddities(window.feed.live, duplicates, noise, jitter_us), *label_oddities(window), *unlike_camera]
        why = "the picture moves and does not repeat" + "".join(f", but {what}" for what in odd)
        return self._reading(window, GENUINE_NATS + WEAK_NATS * min(len(odd), MOST_WEAK), why, measures)

    def _reading(self, window: Window, llr: float | None, why: str, measures: dict[str, float]) -> Reading:
        recent_s = min((window.end_us - window.start_us) / 1e6, MIN_S)
        seen_s = sum(1 for frame in window.frames if frame.t_us >= window.end_us - MIN_S * 1e6) / max(
            _fps(window), 1e-6
        )
        coverage = min(seen_s / max(recent_s, 1e-6), 1.0)
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
        return "no face in view: an empty room may be still"
    return None


def _fps(window: Window) -> float:
    """Median rate of the last pictures."""
    steps_us = np.diff([frame.t_us for frame in window.frames[-60:]])
    return 1e6 / max(float(np.median(steps_us)), 1.0) if len(steps_us) else 0.0


def _still_s(t_s: FloatArray, signatures: FloatArray) -> float:
    """For how long, up to the end, no cell (n, 144) has changed by more than codec noise."""
    backwards = signatures[::-1]
    spread = np.maximum.accumulate(backwards, axis=0) - np.minimum.accumulate(backwards, axis=0)
    moving = np.flatnonzero(spread.max(axis=1) > STILL_GREY)
    first_still = len(t_s) - (moving[0] if len(moving) else len(t_s))
    return float(t_s[-1] - t_s[min(first_still, len(t_s) - 1)])


def _duplicate_share(frames: tuple[FrameSample, ...]) -> float:
    digests = np.array([frame.digest for frame in frames[-90:]])
    return float(np.mean(digests[1:] == digests[:-1]))


def _jitter_us(frames: tuple[FrameSample, ...]) -> float:
    """Median deviation of the last intervals from their median: a camera's vary, a file's or a renderer's do not."""
    steps_us = np.diff([frame.t_us for frame in frames[-90:]])
    return float(np.median(np.abs(steps_us - np.median(steps_us))))


def _oddities(live: bool, duplicates: float, noise: float, jitter_us: float) -> list[str]:
    """What a camera's picture does not have. Files are smoothed by their encoder and stamped by their writer, so of
    them only duplicates are odd."""
    odd = ["many pictures come twice"] if duplicates > MANY_DUPLICATES else []
    if live and noise < NO_NOISE_GREY:
        odd.append("it has no sensor noise")
    if live and jitter_us < TOO_REGULAR_US:
        odd.append("its time stamps are too regular for a camera")
    return odd


def _loop(t_s: FloatArray, signatures: FloatArray) -> tuple[float, float]:
    """Best match of the last 2 s with an earlier stretch: residual over motion energy, and how long ago, in s.

    1 for strangers, 0 for an exact repetition; (1, 0) where there is too little motion or past to say. On an even grid, as
    a live feed's pictures come unevenly, and a loop is not played in the rhythm in which it was taken.
    """
    grid, known = _on_grid(t_s, signatures)
    count, length, min_lag = len(grid), round(QUERY_S * GRID_HZ), round(MIN_LAG_S * GRID_HZ)
    if count < length + min_lag or not known[count - length :].all():
        return 1.0, 0.0
    chosen = np.arange(count - length, count, length // QUERY_POINTS)
    lags = np.arange(min_lag, count - length + 1)
    earlier = chosen[:, None] - lags[None, :]
    # Only how each cell changes counts: exposure, scaling and another way through an encoder shift its level.
    query = grid[chosen] - grid[chosen].mean(axis=0)
    energy = float(np.mean(query**2))
    if energy < MIN_MOTION_GREY2:
        return 1.0, 0.0
    cross = np.take_along_axis(query @ grid.T, earlier, axis=1).mean(axis=0)
    squares = np.einsum("nc,nc->n", grid, grid)[earlier].mean(axis=0)
    levels = sum(grid[row] for row in earlier) / len(chosen)  # (lags, cells)
    squares -= np.einsum("nc,nc->n", levels, levels)
    residual = energy + (squares - 2 * cross) / grid.shape[1]
    residual[~known[earlier].all(axis=0)] = np.inf
    best = int(np.argmin(residual))
    if not np.isfinite(residual[best]):
        return 1.0, 0.0
    return float(max(residual[best], 0.0) / (2 * energy)), float(lags[best] / GRID_HZ)


def _on_grid(t_s: FloatArray, signatures: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Signatures at even times up to the last picture, straight between pictures; False where these are too far apart."""
    at_s = t_s[-1] - np.arange(int((t_s[-1] - t_s[0]) * GRID_HZ), -1, -1) / GRID_HZ
    after = np.clip(np.searchsorted(t_s, at_s), 1, len(t_s) - 1)
    step_s = np.maximum(t_s[after] - t_s[after - 1], 1e-6)
    share = np.clip((at_s - t_s[after - 1]) / step_s, 0.0, 1.0)[:, None].astype(np.float32)
    grid = (1 - share) * signatures[after - 1] + share * signatures[after]
    return grid, step_s < MOST_STEP_S


def _ramp(value: float, none: float, full: float) -> float:
    """0 at `none`, 1 at `full`, straight between; the two may lie either way round."""
    return float(np.clip((value - none) / (full - none), 0.0, 1.0))
