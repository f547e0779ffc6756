"""The pulse check on made-up skin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liveguard.detectors.pulse import PULSE_HZ, REGIONS, Pulse, pulse_waves, region_colours
from liveguard.types import FaceSample, Reading
from liveguard.words import NOT_WEIGHED
from tests.moving_faces import Person, faces, window

CALM = Person(turn_deg=2, shift=5)
PULSE = Pulse()
BLOOD = np.array([0.33, 0.77, 0.53])  # relative strength of the pulse in red, green and blue


def beating(bpm: float, percent: float, apart: bool = False) -> list[FaceSample]:
    """Faces whose skin pulses; `apart`: each region in its own time."""
    samples = []
    rng = np.random.default_rng(5)
    phases = rng.uniform(0, 2 * np.pi, len(REGIONS)) if apart else np.zeros(len(REGIONS))
    for sample in faces(CALM, 10, 30):
        cells = sample.probes["face_cells"].astype(np.float64)
        for (rows, columns), phase in zip(REGIONS, phases, strict=True):
            wave = percent / 100 * np.sin(2 * np.pi * bpm / 60 * sample.t_us / 1e6 + phase)
            cells[rows, columns] *= 1 + wave * BLOOD
        samples.append(replace(sample, probes={**sample.probes, "face_cells": cells.astype(np.float32)}))
    return samples


def read(samples: list[FaceSample], shift_us: int = 0) -> Reading:
    return PULSE.evaluate(window(samples, PULSE.need, shift_us=shift_us))


@pytest.mark.parametrize("bpm", [55.0, 75.0, 120.0])
def test_the_rate_is_found(bpm: float) -> None:
    assert read(beating(bpm, 1.0)).measures["pulse_per_min"] == pytest.approx(bpm, abs=4)


def test_a_common_pulse_agrees_between_regions_and_stands_out() -> None:
    none, common = read(beating(70, 0.0)).measures, read(beating(70, 1.0)).measures
    apart = read(beating(70, 1.0, apart=True)).measures
    assert common["pulse_agreement"] > 0.6
    assert common["pulse_agreement"] > apart["pulse_agreement"] + 0.3
    assert common["pulse_snr_db"] > none["pulse_snr_db"] + 3


def test_it_measures_and_does_not_judge() -> None:
    """No weight of it carried over to other sources, so that it may not be named among the checks that found nothing."""
    for samples in (beating(70, 0.0), beating(70, 1.0)):
        reading = read(samples)
        assert (reading.llr, reading.why) == (None, NOT_WEIGHED)
        assert "pulse_snr_db" in reading.measures


def test_light_that_changes_is_no_pulse() -> None:
    t = np.arange(300) / 30
    steady = np.ones((300, 1, 3), np.float32) * np.array([150, 110, 90], np.float32)
    lamp = steady * (1 + 0.02 * np.sin(2 * np.pi * 1.2 * t))[:, None, None]
    blood = steady * (1 + 0.02 * np.sin(2 * np.pi * 1.2 * t)[:, None, None] * BLOOD)
    waves = [pulse_waves(x.astype(np.float32), 30.0)[60:-60].std() for x in (lamp, blood)]
    assert waves[0] < 0.1 * waves[1]


def test_a_picture_that_never_changes_is_measured_by_figures_that_exist() -> None:
    still = beating(70.0, 0.0)
    frozen = [replace(sample, probes=still[0].probes) for sample in still]
    reading = read(frozen)
    assert reading.why == NOT_WEIGHED
    assert np.isfinite([*reading.measures.values()]).all()
    assert reading.measures["pulse_agreement"] == 0.0


def test_short_or_empty_series_give_no_wave() -> None:
    assert not pulse_waves(np.ones((10, 2, 3), np.float32), 30.0).any()
    assert region_colours(np.ones((4, 12, 12, 3), np.float32)).shape == (4, len(REGIONS), 3)
    assert PULSE_HZ[0] < PULSE_HZ[1]


def test_gates_say_why() -> None:
    assert "wait" in read(faces(CALM, 5, 30)).why
    assert "px" in read(faces(replace(CALM, eyes_px=30), 10, 30)).why
    assert "dark" in read(faces(replace(CALM, light=40), 10, 30)).why
    assert "fps" in read(faces(CALM, 10, 10)).why


def test_the_reading_does_not_depend_on_when() -> None:
    early, late = read(beating(70, 1.0)), read(beating(70, 1.0), shift_us=7_200_000_000)
    assert (early.llr, early.why, early.measures) == (late.llr, late.why, late.measures)
