"""Whether the skin pulses, and whether its regions pulse together.

Plane-orthogonal-to-skin (Wang et al. 2017, doi:10.1109/TBME.2016.2609282) in each region of the face. Fakes
can carry the pulse of the person who drives them (Seibold et al. 2025), and compression wipes it out of real
calls: this check is weak both ways. At present it has no weight (`weights.toml`): it measures, and cannot judge.
"""

from __future__ import annotations

import numpy as np

from liveguard.detectors.face_probes import FACE_CELLS, cell_share
from liveguard.detectors.quality import Limits, judge
from liveguard.detectors.series import FaceSeries, conditions, db, on_grid
from liveguard.types import FloatArray, Hypothesis, Need, Reading, Window

LIMITS = Limits(seconds=8.0, fps=14.0, face_px=90, light=60, yaw_deg=30, speed_per_s=0.5, coverage=0.8)
PULSE_HZ = (0.7, 3.0)  # 42 to 180 beats a minute
SPAN_S = 1.6  # the window of the paper: one heart beat at least
PEAK_HZ = 0.12
# Rows and columns of the canonical texture's 12 by 12 cells; regions of bare skin away from lids and lips.
REGIONS = (
    (slice(0, 3), slice(3, 9)),  # forehead
    (slice(5, 8), slice(1, 4)),  # cheeks
    (slice(5, 8), slice(8, 11)),
    (slice(4, 7), slice(5, 7)),  # nose
    (slice(9, 11), slice(4, 8)),  # chin
)
WORDS = {
    "pulse_snr_db": ("no pulse in the skin", "the skin pulses"),
    "pulse_agreement": (
        "the regions of the face do not pulse together",
        "the regions of the face pulse together",
    ),
}


class Pulse:
    """See the module. Cannot clear anybody: a fake may pulse."""

    name = "pulse"
    hypothesis: Hypothesis = "face_manipulated"
    about = "Do the regions of the face pulse together, as blood does? (weak)"
    need = Need(step_us=5_000_000, video_us=10_000_000, probes=(FACE_CELLS,))

    def evaluate(self, window: Window) -> Reading:
        return judge(self.name, window, LIMITS, pulse_measures, WORDS)


def pulse_measures(series: FaceSeries) -> dict[str, float]:
    """The figures of a series: rate, signal over noise of the common pulse, agreement between regions."""
    fresh = series.fresh(FACE_CELLS.name)
    colours = region_colours(series.probe(FACE_CELLS.name)[fresh])
    grid, rate = on_grid(series.t_s[fresh], colours.reshape(len(colours), -1))
    waves = _in_band(pulse_waves(grid.reshape(len(grid), -1, 3), rate), rate)
    waves = (waves - waves.mean(axis=0)) / np.maximum(waves.std(axis=0), 1e-9)
    together = waves.T @ waves / len(waves)  # correlations; those of regions that do not change at all are 0
    pairs = together[np.triu_indices(len(together), 1)]
    bpm, snr_db = _peak(waves.mean(axis=1), rate)
    return conditions(series) | {
        "pulse_per_min": bpm,
        "pulse_snr_db": snr_db,
        "pulse_agreement": float(np.median(pairs)),
    }


def region_colours(cells: FloatArray) -> FloatArray:
    """Mean RGB (n, regions, 3) of the regions, from the cells (n, 12, 12, 3)."""
    share = cell_share()[:, :, None]
    means = [(cells[:, r, c] * share[r, c]).sum(axis=(1, 2)) / share[r, c].sum() for r, c in REGIONS]
    return np.asarray(np.stack(means, axis=1), np.float32)


def pulse_waves(colours: FloatArray, rate_hz: float) -> FloatArray:
    """The blood-volume signal (n, regions) of mean colours (n, regions, 3): algorithm 1 of the paper,
    overlap-added.
    """
    n, span = len(colours), max(round(SPAN_S * rate_hz), 4)
    waves = np.zeros(colours.shape[:2], np.float32)
    if n < span:
        return waves
    stretches = np.lib.stride_tricks.sliding_window_view(colours, span, axis=0)  # (n - span + 1, regions, 3, span)
    steady = stretches / np.maximum(stretches.mean(axis=-1, keepdims=True), 1e-3)
    red, green, blue = (steady[:, :, i] for i in range(3))
    first, second = green - blue, green + blue - 2 * red
    ratio = first.std(axis=-1, keepdims=True) / np.maximum(second.std(axis=-1, keepdims=True), 1e-9)
    pulse = first + ratio * second
    pulse = pulse - pulse.mean(axis=-1, keepdims=True)
    for k in range(span):
        waves[k : k + len(pulse)] += pulse[:, :, k]
    return waves


def _in_band(waves: FloatArray, rate_hz: float) -> FloatArray:
    """Only the frequencies at which hearts beat."""
    spectrum = np.fft.rfft(waves - waves.mean(axis=0), axis=0)
    hz = np.fft.rfftfreq(len(waves), 1 / rate_hz)
    spectrum[(hz < PULSE_HZ[0]) | (hz > PULSE_HZ[1])] = 0
    return np.asarray(np.fft.irfft(spectrum, len(waves), axis=0), np.float32)


def _peak(wave: FloatArray, rate_hz: float) -> tuple[float, float]:
    """Beats a minute of the strongest line, and its power with the first harmonic over the rest of the band,
    in dB.
    """
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 4 * len(wave))) ** 2
    hz = np.fft.rfftfreq(4 * len(wave), 1 / rate_hz)
    band = (hz >= PULSE_HZ[0]) & (hz <= PULSE_HZ[1])
    peak_hz = float(hz[band][power[band].argmax()])
    line = band & ((np.abs(hz - peak_hz) < PEAK_HZ) | (np.abs(hz - 2 * peak_hz) < PEAK_HZ))
    return 60 * peak_hz, db(float(power[line].sum() / max(float(power[band & ~line].sum()), 1e-12)))
