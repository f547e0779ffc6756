"""The lip-sync towers learn, tiny: made-up speakers, some steps, and the lag of one never met; and who teaches whom."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs liveguard[training]")

pytestmark = pytest.mark.replay

ROOT = Path(__file__).parents[2]
STEPS = 250  # grid steps of 20 ms: 5 s
LATE = 4  # grid steps that the sound follows the lips by


@pytest.fixture(scope="module", autouse=True)
def towers() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tests" / "bench"))
        patch.syspath_prepend(str(ROOT / "models" / "lipsync"))
        yield importlib.import_module("towers")


def speaker(towers: ModuleType, seed: int, late: int = LATE) -> object:
    """A stretch whose sound follows its lips; how much each signal and band does is the same for all speakers."""
    rng, ways = np.random.default_rng(seed), np.random.default_rng(99)
    knots = np.convolve(rng.normal(0, 1, 120), [0.25, 0.5, 0.25], mode="same")
    opening = np.interp(np.arange(STEPS + 40) / 6, np.arange(120), knots)
    lips = np.outer(opening[20 : 20 + STEPS], ways.uniform(0.02, 0.06, 11)) + rng.normal(0, 0.003, (STEPS, 11))
    sound = np.outer(opening[20 - late : 20 - late + STEPS], ways.uniform(6, 12, 20)) - 40
    sound += rng.normal(0, 2, sound.shape)
    return towers.Stretch(lips, np.ones(STEPS), sound, np.ones(STEPS))


@pytest.fixture(scope="module")
def net(towers: ModuleType) -> object:
    learning = importlib.import_module("learning")
    lessons = [learning.Lesson(speaker(towers, seed), float(LATE), 1.0) for seed in range(12)]
    torch.set_num_threads(1)
    return learning.train(lessons, np.eye(12, dtype=bool), steps=60, batch=8)


def test_the_lag_of_a_speaker_never_met_is_found_and_a_stranger_fits_less(towers: ModuleType, net: object) -> None:
    found = {late: towers.weigh(net, speaker(towers, 50, late)) for late in (-16, LATE, 20)}
    for late, evidence in found.items():
        assert evidence.lag_ms == pytest.approx(20 * late, abs=60)
        assert evidence.certainty > 0.9  # without training it is 0.14
    own, other = speaker(towers, 50), speaker(towers, 51)
    mixed = towers.weigh(net, towers.Stretch(own.lips, own.lips_known, other.sound, other.sound_known))
    assert mixed.log_likelihood.max() < 0.7 * found[LATE].log_likelihood.max()


def test_a_score_in_training_is_the_score_in_judging(towers: ModuleType, net: object) -> None:
    one, other = speaker(towers, 60), speaker(towers, 61)
    known = torch.ones(2, STEPS)
    with torch.no_grad():
        lips, sound = net(
            towers.lip_input(np.stack([one.lips, other.lips]), known.double().numpy()), known,
            towers.sound_input(np.stack([one.sound, other.sound]), known.double().numpy()), known,
        )  # fmt: skip
        every = towers.scores(lips, sound, 1).numpy()
    np.testing.assert_allclose(every[0, 0], towers.weigh(net, one).log_likelihood, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(every[1, 1], towers.weigh(net, other).log_likelihood, rtol=1e-3, atol=1e-2)


def test_what_lies_outside_a_clip_is_not_known(towers: ModuleType) -> None:
    whole = speaker(towers, 70)
    part = whole.cut(STEPS - 100, 150, later=20)
    assert part.lips_known.sum() == 100
    assert part.sound_known.sum() == 80
    np.testing.assert_array_equal(part.sound[:80], whole.sound[STEPS - 80 :])
    assert not part.sound[80:].any()


def test_no_fold_learns_from_a_source_or_corpus_that_it_judges() -> None:
    cases = importlib.import_module("cases")
    clip = importlib.import_module("lipsync_lag").Clip
    sources = {source for _, some in cases.FOLDS.values() for source in some}
    corpora = {corpus for some, _ in cases.FOLDS.values() for corpus in some}
    pcm = np.zeros(0, np.float32)
    genuine = [clip("", corpus, source, "", "real", (), pcm, 0, 0) for corpus in corpora for source in sources]
    made = [clip("", "made by somebody", source, "", "generated", (), pcm, 0, 0) for source in sources]
    for one in made:
        assert not cases.may_teach(one, cases.fold_of(one))
    for one in genuine:
        fold = cases.fold_of(one)
        assert one.corpus in cases.FOLDS[fold][0]
        teachers = [other for other in (*genuine, *made) if cases.may_teach(other, fold)]
        assert teachers
        assert not any(other.corpus == one.corpus for other in teachers)
