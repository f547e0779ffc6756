"""The fit of the lip-sync filter: stretches cover a clip, and a filter learned on made-up speakers finds another's lag."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from liveguard.detectors import lipsync_lag as lag

pytest.importorskip("scipy", reason="the fit needs liveguard[evaluate]")

STEPS = 200  # of 20 ms


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "bench"))
        yield importlib.import_module("lipsync_fit")


def speaker(seed: int, late: int) -> tuple[lag.Array, lag.Mask, lag.Array, lag.Mask]:
    """Mouth signals (200, 5), and band levels (200, 5) that follow the first of them `late` steps later."""
    rng = np.random.default_rng(seed)
    moving = lag.smooth(rng.normal(0, 1, (STEPS + 80, 5)), 3.0)
    sound = np.repeat(30 * moving[40 - late : 40 - late + STEPS, :1], 5, axis=1) + rng.normal(0, 1, (STEPS, 5))
    known = np.ones(STEPS, bool)
    return 0.1 * moving[40 : 40 + STEPS], known, sound, known


def test_a_filter_learned_from_speakers_finds_the_lag_of_another(bench: ModuleType) -> None:
    late = np.array([-12, -4, 0, 6, 10, 20])
    designs = np.stack([bench.design(*speaker(seed, int(steps))) for seed, steps in enumerate(late)])
    lessons = bench.Lessons(designs, np.arange(6), np.ones(6))
    learned = bench.fit(lessons, late * 20.0, 40.0).reshape(lag.FORECAST.shape)
    for steps in (-18, 2, 15):
        assert lag.weigh(*speaker(50, steps), learned).lag_ms == pytest.approx(20 * steps, abs=20)
    np.testing.assert_array_equal(learned, bench.fit(lessons, late * 20.0, 40.0).reshape(lag.FORECAST.shape))


def test_stretches_cover_a_clip_evenly(bench: ModuleType) -> None:
    parts = bench.stretches(250, 3.0)
    assert (parts[0].start, parts[-1].stop) == (0, 250)
    assert {part.stop - part.start for part in parts} == {150}
    assert max(b.start - a.start for a, b in pairwise(parts)) <= 50
    assert len(bench.stretches(100, 3.0)) == 1


def test_a_clip_left_out_teaches_nothing(bench: ModuleType) -> None:
    lessons = bench.Lessons(np.arange(4.0)[:, None, None], np.array([0, 0, 1, 2]), np.arange(4.0))
    left = lessons.only(np.array([True, False, True]))
    np.testing.assert_array_equal(left.clip, [0, 0, 2])
    np.testing.assert_array_equal(left.weight, [0, 1, 3])
    np.testing.assert_array_equal(left.designs[:, 0, 0], [0, 1, 3])
