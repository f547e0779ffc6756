"""Figures of merit: against scikit-learn, against textbooks, and worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from liveguard.evaluate import metrics
from liveguard.evaluate.metrics import Array, Mask

NONE, NOBODY = np.zeros(0), np.zeros(0, bool)

SCORE = st.integers(-6, 6).map(lambda quarter: quarter / 4) | st.floats(-50, 50)  # the first often ties
SAMPLE = st.tuples(SCORE, st.booleans(), st.floats(0.25, 4.0))


@st.composite
def samples(draw: st.DrawFn) -> tuple[Array, Mask, Array]:
    """Scores, labels (both are there) and weights."""
    rows = draw(st.lists(SAMPLE, max_size=30)) + [
        (draw(SCORE), label, draw(st.floats(0.25, 4.0))) for label in (True, False)
    ]
    scores, attack, weight = zip(*draw(st.permutations(rows)), strict=True)
    return np.array(scores, np.float64), np.array(attack, bool), np.array(weight, np.float64)


# Three attacks and four genuine ones that tie. From the top: 1 attack; 1 attack with 2 genuine; 1 attack with 2 genuine.
SCORES = np.array([3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0])
ATTACK = np.array([True, True, False, False, True, False, False])


# --- separation ----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=80)
@given(samples(), st.booleans())
def test_auc_and_roc_are_those_of_scikit_learn(rows: tuple[Array, Mask, Array], weighted: bool) -> None:
    scores, attack, weight = rows[0], rows[1], rows[2] if weighted else None
    assert metrics.auc(scores, attack, weight) == pytest.approx(
        roc_auc_score(attack, scores, sample_weight=weight), abs=1e-12
    )
    fpr, tpr, threshold = roc_curve(attack, scores, sample_weight=weight, drop_intermediate=False)
    curve = metrics.roc(scores, attack, weight)
    np.testing.assert_allclose(curve.fpr, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.tpr, tpr, atol=1e-12)
    np.testing.assert_array_equal(curve.threshold, threshold)


@settings(deadline=None)
@given(samples())
def test_a_weight_of_two_is_being_there_twice_and_of_none_not_at_all(rows: tuple[Array, Mask, Array]) -> None:
    scores, attack, weight = rows
    count = np.maximum(np.round(weight - 1).astype(int), 0)
    again = np.repeat(np.arange(len(scores)), count)
    for figure in (metrics.auc, metrics.eer):
        weighted, repeated = figure(scores, attack, count.astype(float)), figure(scores[again], attack[again])
        assert weighted == pytest.approx(repeated, abs=1e-9, nan_ok=True)


def test_one_label_alone_has_no_curve() -> None:
    for attack in (np.array([True, True]), np.array([False, False])):
        with pytest.raises(ValueError, match="both labels"):
            metrics.roc(np.array([1.0, 2.0]), attack)
        assert math.isnan(metrics.auc(np.array([1.0, 2.0]), attack))
        assert math.isnan(metrics.eer(np.array([1.0, 2.0]), attack))
        assert math.isnan(metrics.fpr_at_tpr(np.array([1.0, 2.0]), attack, 0.8))


@pytest.mark.parametrize(
    ("scores", "eer"), [([4.0, 3.0, 2.0, 1.0], 0.0), ([1.0, 2.0, 3.0, 4.0], 1.0), ([5.0, 5.0, 5.0, 5.0], 0.5)]
)
def test_eer_where_all_is_right_wrong_or_alike(scores: list[float], eer: float) -> None:
    assert metrics.eer(np.array(scores), np.array([True, True, False, False])) == pytest.approx(eer)


def test_eer_between_two_points() -> None:
    # FPR 0, 0, 1/2, 1 and FNR 1, 2/3, 1/3, 0: between the second and the third point the first rises by 1/2, the other
    # falls by 1/3, and they meet 4/5 of the way, at 4/5 * 1/2 = 2/3 - 4/5 * 1/3 = 0.4.
    assert metrics.eer(SCORES, ATTACK) == pytest.approx(0.4)


@settings(deadline=None)
@given(samples())
def test_eer_is_the_same_from_the_other_side(rows: tuple[Array, Mask, Array]) -> None:
    scores, attack, weight = rows
    assert 0 <= metrics.eer(scores, attack, weight) <= 1
    assert metrics.eer(scores, attack, weight) == pytest.approx(metrics.eer(-scores, ~attack, weight), abs=1e-9)


@pytest.mark.parametrize(("tpr", "fpr"), [(0.3, 0.0), (1 / 3, 0.0), (0.34, 0.5), (2 / 3, 0.5), (0.8, 1.0), (1.0, 1.0)])
def test_fpr_where_so_many_attacks_are_found(tpr: float, fpr: float) -> None:
    assert metrics.fpr_at_tpr(SCORES, ATTACK, tpr) == fpr


def test_rates_at_a_threshold_which_itself_is_not_flagged() -> None:
    assert metrics.rates_at(SCORES, ATTACK, 1.5) == (0.5, pytest.approx(1 / 3))
    assert metrics.rates_at(SCORES, ATTACK, 2.0) == (0.0, pytest.approx(2 / 3))
    assert metrics.rates_at(SCORES - 2, ATTACK) == (0.0, pytest.approx(2 / 3))
    fpr, fnr = metrics.rates_at(SCORES[ATTACK], ATTACK[ATTACK], 1.5)
    assert math.isnan(fpr)
    assert fnr == pytest.approx(1 / 3)


# --- calibration ---------------------------------------------------------------------------------------------------


def test_the_posterior_is_the_ratio_at_even_odds() -> None:
    assert metrics.posterior(np.array([0.0, math.log(3), -math.log(3), 1e4, -1e4])) == pytest.approx(
        [0.5, 0.75, 0.25, 1.0, 0.0]
    )


P, LABELS = np.array([0.1, 0.3, 0.6, 0.8]), np.array([False, True, False, True])


def test_ece_by_hand() -> None:
    # Up to a half 0.2 was said on average and 0.5 is true, above 0.7 and 0.5: (0.3 + 0.2) / 2.
    assert metrics.ece(P, LABELS, np.ones(4), bins=2) == pytest.approx(0.25)
    # By weight: (3 * 0.1 + 1 * 0.3) / 4 = 0.15 was said and 1/4 is true, then 0.7 and 1/2: (0.1 + 0.2) / 2.
    assert metrics.ece(P, LABELS, np.array([3.0, 1.0, 2.0, 2.0]), bins=2) == pytest.approx(0.15)


def test_ece_is_none_where_every_bin_says_what_is_true() -> None:
    p = np.repeat([0.25, 0.5, 0.75], 4)
    attack = np.array([True, False, False, False, True, True, False, False, True, True, True, False])
    assert metrics.ece(p, attack, np.ones(12), bins=4) == pytest.approx(0.0)


PROBABILITY = st.integers(0, 8).map(lambda eighth: eighth / 8) | st.floats(0, 1)
WEIGHT = st.integers(1, 4).map(float)  # adds up to the same in any order
SAID = st.lists(st.tuples(PROBABILITY, st.booleans(), WEIGHT), min_size=1, max_size=40)


@settings(deadline=None)
@given(SAID, st.integers(0, 1000))
def test_ece_does_not_depend_on_the_order_of_rows_even_where_they_tie(
    rows: list[tuple[float, bool, float]], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(rows))
    p, attack, weight = (np.array(column) for column in zip(*rows, strict=True))
    shuffled = metrics.ece(p[order], attack[order], weight[order])
    assert shuffled == pytest.approx(metrics.ece(p, attack, weight), abs=1e-9)


@settings(deadline=None)
@given(SAID, st.integers(1, 12))
def test_bins_hold_all_of_the_weight_and_said_and_true_rise_to_the_whole(
    rows: list[tuple[float, bool, float]], bins: int
) -> None:
    p, attack, weight = (np.array(column) for column in zip(*rows, strict=True))
    said, true, mass = metrics.reliability(p, attack, weight, bins)
    assert len(mass) <= bins
    assert (mass > 0).all()
    assert mass.sum() == pytest.approx(weight.sum())
    assert (mass * said).sum() == pytest.approx((weight * p).sum())
    assert (mass * true).sum() == pytest.approx((weight * attack).sum())
    assert (np.diff(said) > -1e-12).all()


def test_bins_are_of_equal_width_and_hold_both_ends() -> None:
    p = np.array([0.0, 0.05, 0.15, 0.95, 1.0])
    said, _, mass = metrics.reliability(p, p > 0.5, np.ones(5), 10)
    assert mass.tolist() == [2.0, 1.0, 2.0]
    assert said == pytest.approx([0.025, 0.15, 0.975])


def test_what_an_honest_check_shows_by_chance_is_the_ece_of_honest_labels() -> None:
    rng = np.random.default_rng(3)
    p, weight = rng.random(60), np.ones(60)
    expected = np.mean([metrics.ece(p, rng.random(60) < p, weight) for _ in range(200)])
    alone = metrics.ece_by_chance(p, weight, np.arange(60))
    assert alone == pytest.approx(expected, rel=0.1)
    # Where five windows share a label, twelve labels are all that there are.
    assert metrics.ece_by_chance(np.repeat(p[::5], 5), weight, np.repeat(np.arange(12), 5)) > 1.3 * alone
    assert metrics.ece_by_chance(p, weight, np.arange(60)) == alone, "the same seed gives the same"


# --- intervals -----------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=30)
    names = [f"person {k % 10}" for k in range(30)]

    def interval(seed: int) -> metrics.Interval | None:
        return metrics.bootstrap(lambda w: float(np.average(values, weights=w)), names, 50, seed)

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_whole_clusters_are_drawn_and_as_many_as_there_are() -> None:
    names = ["b", "a", "b", "c", "c", "c"]
    drawn: list[Array] = []
    metrics.bootstrap(lambda w: float(drawn.append(w) or 1.0), names, 100)
    assert len(drawn) == 100
    assert all(w[0] == w[2] and w[3] == w[4] == w[5] for w in drawn)
    assert {w[0] + w[1] + w[3] for w in drawn} == {3.0}
    assert len({tuple(w) for w in drawn}) > 5


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng, hits, tries = np.random.default_rng(11), 0, 150
    names = [str(k) for k in range(40)]
    for seed in range(tries):
        values = rng.normal(2.0, 1.0, 40)
        low, high = metrics.bootstrap(lambda w, v=values: float(w @ v / w.sum()), names, 150, seed)  # type: ignore[misc]
        hits += low <= 2.0 <= high
    assert 0.87 <= hits / tries <= 0.99


def test_an_interval_needs_two_clusters_and_figures_that_exist() -> None:
    assert metrics.bootstrap(lambda _: 1.0, ["a", "a"]) is None
    assert metrics.bootstrap(lambda _: math.nan, ["a", "b"], 20) is None
    some = iter([math.nan, 5.0] * 10)
    assert metrics.bootstrap(lambda _: next(some), ["a", "b"], 20) == (5.0, 5.0)


def people(attacks: int, genuine: int) -> tuple[Mask, list[str]]:
    attack = np.arange(attacks + genuine) < attacks
    return attack, [f"person {k}" for k in range(len(attack))]


@pytest.mark.parametrize(("attacks", "genuine"), [(4, 30), (30, 4), (1, 1), (0, 9)])
def test_of_fewer_than_five_people_of_a_label_there_is_no_interval_however_many_clips(
    attacks: int, genuine: int
) -> None:
    attack, who = people(attacks, genuine)
    scores = np.random.default_rng(0).normal(size=len(attack)) + attack
    for interval in (metrics.auc_interval, metrics.eer_interval):
        assert interval(scores, attack, who) is None
        assert interval(np.repeat(scores, 9), np.repeat(attack, 9), np.repeat(who, 9).tolist()) is None


def test_several_clips_of_a_person_prove_no_more_than_one() -> None:
    attack, who = people(20, 20)
    scores = np.random.default_rng(1).normal(size=40) + attack
    for interval in (metrics.auc_interval, metrics.eer_interval):
        once = interval(scores, attack, who)
        again = interval(np.repeat(scores, 4), np.repeat(attack, 4), np.repeat(who, 4).tolist())
        assert once is not None
        assert again == pytest.approx(once)
        alone = interval(np.repeat(scores, 4), np.repeat(attack, 4), [str(k) for k in range(160)])
        assert alone is not None
        assert alone[1] - alone[0] < 0.7 * (once[1] - once[0])


@pytest.mark.parametrize(("attacks", "genuine", "low"), [(5, 5, 0.6427), (20, 20, 0.8987), (100, 100, 0.9804)])
def test_labels_parted_without_fault_still_have_an_interval(attacks: int, genuine: int, low: float) -> None:
    attack, who = people(attacks, genuine)
    found, turned = (metrics.auc_interval(sign * attack, attack, who) for sign in (1.0, -1.0))
    assert found == pytest.approx((low, 1.0), abs=2e-3)
    assert turned == pytest.approx((0.0, 1 - low), abs=2e-3)
    assert metrics.eer_interval(attack * 1.0, attack, who) == metrics.share_interval(0, min(attacks, genuine))


def test_scores_that_are_all_the_same_prove_no_more_than_their_number() -> None:
    attack, who = people(10, 10)
    found = metrics.auc_interval(np.zeros(20), attack, who)
    assert found is not None
    assert found[0] == pytest.approx(1 - found[1])
    assert found[1] - found[0] > 0.4
    assert metrics.eer_interval(np.zeros(20), attack, who) == metrics.share_interval(5, 10)


def test_the_interval_by_number_alone_covers_the_truth_as_often_as_it_says() -> None:
    """Normal scores whose true AUC is 0.8, of 12 and 20 people."""
    rng, attack = np.random.default_rng(5), people(12, 20)[0]
    hits = 0
    for _ in range(400):
        scores = rng.normal(size=32) + 1.19 * attack
        low, high = metrics._score_interval(metrics.auc(scores, attack), 12, 20)
        hits += low <= 0.8 <= high
    assert 0.92 <= hits / 400 <= 0.99


def test_the_interval_of_a_ratio_is_over_people() -> None:
    part, who = np.array([1.0, 0, 0, 0, 0, 0, 0, 0]), list("abcdefgh")
    once = metrics.ratio_interval(part, np.ones(8), who)
    assert once is not None
    assert once[0] == 0.0 < 1 / 8 < once[1]
    assert metrics.ratio_interval(np.repeat(part, 5), np.ones(40), np.repeat(who, 5).tolist()) == pytest.approx(once)
    assert metrics.ratio_interval(part[:4], np.ones(4), who[:4]) is None, "of four people nothing is known"
    assert metrics.ratio_interval(np.zeros(3), np.ones(3), list("abc")) == metrics.share_interval(0, 3)
    halves = np.tile([1.0, 0.0], 6)
    assert metrics.ratio_interval(halves, np.ones(12), np.repeat(list("abcdef"), 2).tolist()) == (
        metrics.share_interval(3, 6)
    ), "everybody was caught half of the times: no draw shows any spread"


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_shares_have_the_interval_of_wilson(count: int, of: int, low: float, high: float) -> None:
    # The examples of Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, method 3.
    assert metrics.share_interval(count, of) == pytest.approx((low, high), abs=5e-5)


# --- nothing -------------------------------------------------------------------------------------------------------


def test_of_nothing_there_is_no_figure_and_no_error() -> None:
    figures = (
        metrics.auc(NONE, NOBODY),
        metrics.eer(NONE, NOBODY),
        metrics.fpr_at_tpr(NONE, NOBODY, 0.8),
        *metrics.rates_at(NONE, NOBODY),
        metrics.ece(NONE, NOBODY, NONE),
        metrics.ece_by_chance(NONE, NONE, np.zeros(0, np.int64)),
        metrics.ece(P, LABELS, np.zeros(4)),
    )
    assert all(map(math.isnan, figures)), figures
    assert [len(column) for column in metrics.reliability(NONE, NOBODY, NONE)] == [0, 0, 0]
    assert len(metrics.posterior(NONE)) == 0
    assert metrics.bootstrap(lambda _: 1.0, []) is None
    assert metrics.auc_interval(NONE, NOBODY, []) is None
    assert metrics.ratio_interval(NONE, NONE, []) is None
    assert metrics.share_interval(0, 0) is None
