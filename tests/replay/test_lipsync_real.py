"""The lip-sync check on real talking heads: known shifts of the sound are found, or the check says it cannot tell.

The shipped coefficients were fitted on clips of the same corpora, so this guards the chain from file to lag; the
figures with whole corpora left out come from `tests/bench/lipsync_fit.py`.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from liveguard.detectors.lipsync import LipSync

pytest.importorskip("av")
pytest.importorskip("mediapipe")


def _bench() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "bench" / "lipsync_lag.py"
    spec = importlib.util.spec_from_file_location("lipsync_lag_bench", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


BENCH = _bench()
DATA: Path = BENCH.data_folder()
pytestmark = [
    pytest.mark.replay,
    pytest.mark.skipif(
        not (DATA / "video" / "manifest.csv").is_file(),
        reason=f"no real clips at {DATA}: set LIVEGUARD_DATA to a folder with video/manifest.csv",
    ),
]


@pytest.fixture(scope="module")
def clips() -> list[object]:
    return list(BENCH.read_clips(DATA))


@pytest.mark.parametrize("zeros", [False, True])
def test_known_shifts_are_recovered_where_the_check_is_willing_to_judge(clips: list[object], zeros: bool) -> None:
    check = LipSync()
    row = BENCH.measure(clips, lambda _: check, zeros)["all"]
    assert row.long_judged >= 0.6 * row.long_clips
    assert row.shifts >= 60
    assert row.recovered >= 0.9 * row.shifts


def test_exchanged_sound_stands_out_and_genuine_clips_rarely_look_like_attacks(clips: list[object]) -> None:
    check = LipSync()
    found = BENCH.exchange(clips, lambda _: check)
    key = "consistency_sigma"
    genuine = [-reading.measures[key] for reading in found["genuine"] if key in reading.measures]
    exchanged = [-reading.measures[key] for reading in found["exchanged"] if key in reading.measures]
    assert BENCH.auc(exchanged, genuine) > 0.9
    assert sum((reading.llr or 0.0) > 1.0 for reading in found["genuine"]) <= 0.05 * len(found["genuine"])
