"""What a session is decided on: evidence adds up, and nothing is never taken for a pass."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.challenge.check import MIRRORED
from liveguard.challenge.policy import DEPTH, KINDS, UNFILMED, Kind, ProofPolicy
from liveguard.kyc.decision import ASK_A_PERSON, StepResult, decide
from liveguard.types import HYPOTHESES, Reading

POLICY = ProofPolicy(live_nats=4.0, not_live_nats=3.0)
NATS = st.none() | st.floats(-7, 7) | st.just(math.nan)
MEASURES = st.fixed_dictionaries({}, optional={"artefact_nats": st.floats(-6, 6)})
RESULTS = st.lists(st.builds(StepResult, st.sampled_from(KINDS), NATS, st.just("why"), MEASURES), max_size=6)
PASSIVE = st.dictionaries(st.sampled_from(HYPOTHESES), st.floats(), max_size=4)


def results(**nats: float | None) -> list[StepResult]:
    """Steps that went so, depth as clearly as all of it where it is one of depth."""
    return [step(kind, each, each) for kind, each in nats.items()]  # type: ignore[arg-type]


def step(kind: Kind, nats: float | None, depth_nats: float | None = None) -> StepResult:
    seen = kind in DEPTH and depth_nats is not None
    return StepResult(
        kind, nats, f"why {kind}", {"artefact_nats": depth_nats} if seen and depth_nats is not None else {}
    )


@pytest.mark.parametrize(
    ("steps", "passive", "verdict"),
    [
        ({"pose": -2.5, "light": -1.5}, {}, "live"),
        ({"pose": -2.5, "light": -1.4}, {}, "cannot_judge"),  # too little in all
        ({"pose": -2.5, "light": -1.5}, {"feed_injected": 0.1}, "cannot_judge"),
        ({"pose": -6.0, "light": None}, {}, "cannot_judge"),  # one alone
        ({"pose": -6.0, "light": None, "rhythm": -1.0}, {}, "cannot_judge"),  # all of it is in a film
        ({"pose": -6.0, "light": None, "digits": -1.0}, {}, "live"),
        ({"pose": -6.0, "distance": -6.0, "rhythm": -6.0, "occlusion": 0.0}, {}, "cannot_judge"),
        ({"pose": -6.0, "light": -6.0, "rhythm": 1.9}, {}, "live"),
        ({"pose": -6.0, "light": -6.0, "rhythm": 2.0}, {}, "cannot_judge"),  # not outweighed
        ({"pose": -6.0, "light": -6.0, "rhythm": 4.0}, {}, "not_live"),  # decides by itself
        ({"pose": 0.1, "light": -6.0, "rhythm": -6.0}, {}, "cannot_judge"),  # flat
        ({"pose": None, "light": -6.0, "rhythm": -6.0}, {}, "cannot_judge"),  # flat for all that is known
        ({"pose": None, "distance": -6.0, "occlusion": -2.0}, {}, "live"),
        ({"pose": -6.0, "distance": 0.5, "rhythm": -6.0}, {}, "cannot_judge"),
        ({"light": -3.0, "rhythm": -3.0}, {}, "cannot_judge"),  # nothing of depth was asked
        ({"light": 1.5, "rhythm": 1.5}, {}, "not_live"),
        ({"light": None, "rhythm": None}, {"av_mismatch": 9.0}, "not_live"),
        ({"light": 1.0, "rhythm": None}, {"av_mismatch": 1.0, "feed_injected": 1.9}, "cannot_judge"),  # the strongest
        ({"pose": -6.0, "light": -6.0}, {"feed_injected": 99.0}, "live"),  # no more than 4 of it
        ({"light": -2.0, "rhythm": -1.0}, {"feed_injected": -99.0}, "cannot_judge"),  # nobody is live by it
        ({}, {}, "cannot_judge"),
    ],
)
def test_the_rules(steps: dict[str, float | None], passive: dict[str, float], verdict: str) -> None:
    assert decide(POLICY, results(**steps), passive).verdict == verdict


@pytest.mark.parametrize("kind", sorted(DEPTH))
def test_whoever_moves_too_little_for_depth_to_show_is_no_head_yet(kind: Kind) -> None:
    """A flat picture on a tablet can be brought nearer by 1.18 times, or turned by 10 degrees, as well as a head."""
    decided = decide(POLICY, [step(kind, -1.5), *results(light=-3.4)], {})
    assert decided.verdict == "cannot_judge"
    assert decided.reasons[0] == "nothing has shown that this is a head and no flat picture"
    assert any("showed no depth: why" in reason for reason in decided.reasons)
    assert decide(POLICY, [step(kind, -1.5, -0.7), *results(light=-3.4)], {}).verdict == "live"


def test_what_looked_flat_is_not_outweighed_by_doing_it_well() -> None:
    decided = decide(POLICY, [step("pose", -2.0, 1.0), *results(rhythm=-3.4)], {})
    assert (decided.verdict, decided.reasons[0]) == ("cannot_judge", "what should show a head looked flat")


def test_a_step_that_speaks_neither_way_is_not_one_of_the_two() -> None:
    decided = decide(POLICY, results(pose=-5.2, digits=0.0, light=None), {})
    assert decided.verdict == "cannot_judge"
    assert decided.reasons[0] == "1 of 3 challenges speak for a person, at least 2 must"


DEPTHLESS = ("no_head_turns", "no_moving")
NO_FILM_ANSWERS = ("no_flashes", "no_hands", "no_speech")


@pytest.mark.parametrize(
    ("by_caller", "by_person", "verdict"),
    [
        (DEPTHLESS, (), "live"),
        ((), DEPTHLESS, "cannot_judge"),
        (DEPTHLESS[:1], DEPTHLESS[1:], "cannot_judge"),
        (DEPTHLESS, ("no_flashes",), "live"),
    ],
)
def test_only_the_caller_can_do_without_depth(by_caller: Sequence[str], by_person: Sequence[str], verdict: str) -> None:
    """Whoever is examined could drop what would expose them, and pass on the rest."""
    decided = decide(POLICY, results(rhythm=-3.4, digits=-3.0), {}, by_caller, by_person)
    assert decided.verdict == verdict
    assert decided.final == (verdict == "cannot_judge")
    assert (ASK_A_PERSON in decided.reasons, decided.hints == ("left_out",)) == (decided.final, decided.final)
    attack = decide(POLICY, results(rhythm=1.8, digits=3.0), {}, by_caller, by_person)
    assert (attack.verdict, attack.final) == ("not_live", False)


@pytest.mark.parametrize(
    ("by_caller", "by_person", "verdict"),
    [
        (NO_FILM_ANSWERS, (), "live"),
        ((), NO_FILM_ANSWERS, "cannot_judge"),
        (NO_FILM_ANSWERS[:2], NO_FILM_ANSWERS[2:], "cannot_judge"),
        (NO_FILM_ANSWERS, ("no_blinks",), "live"),
        ((), ("no_blinks", "no_moving", "no_flashes"), "cannot_judge"),  # more than two, whichever
    ],
)
def test_only_the_caller_can_do_without_what_no_film_answers(
    by_caller: Sequence[str], by_person: Sequence[str], verdict: str
) -> None:
    """Somebody with pictures of every turn and size of a face would leave out all but these."""
    left = POLICY.kinds_for([*by_caller, *by_person])
    decided = decide(POLICY, [step(kind, -3.0, -3.0) for kind in left], {}, by_caller, by_person)
    assert decided.verdict == verdict
    assert decided.final == (ASK_A_PERSON in decided.reasons) == (verdict == "cannot_judge")


def test_one_of_what_no_film_answers_must_have_been_done_well() -> None:
    """Whoever answers from a film would see to it that the rest cannot be judged."""
    decided = decide(POLICY, results(pose=-6.0, distance=-6.0, digits=None), {})
    assert decided.verdict == "cannot_judge"
    assert decided.reasons[0] == "nothing was done well that pictures from before could not have shown"
    assert not decided.final


def test_what_a_policy_never_asks_for_is_not_missing() -> None:
    policy = ProofPolicy(kinds=("pose", "rhythm"))
    assert decide(policy, results(pose=-3.0, rhythm=-3.0), {}).verdict == "live"
    policy = ProofPolicy(kinds=("light", "rhythm"))
    assert decide(policy, results(light=-3.0, rhythm=-3.0), {}).verdict == "live"


@pytest.mark.parametrize("nats", [-3.0, 0.0, 3.0])
def test_the_reasons_say_what_was_left_out_and_by_whom(nats: float) -> None:
    decided = decide(POLICY, results(pose=nats, light=nats), {}, ["no_speech"], ["no_moving", "no_hands"])
    assert decided.reasons[-2:] == (
        "left out by the caller: the spoken digits",
        "left out by the person: the hand before the face, coming nearer",
    )


def test_what_was_done_to_the_other_side_accuses_nobody_and_clears_nobody() -> None:
    """A camera may mirror; a replay that happens to look like it must not be better off than one that does not."""
    others = results(distance=-3.0, light=-3.4)
    decided = decide(POLICY, [*others, StepResult("pose", None, MIRRORED)], {})
    assert (decided.verdict, decided.final, decided.hints) == ("cannot_judge", False, ("mirror",))
    assert "to the other side" in decided.reasons[0]
    assert decide(POLICY, [*others, StepResult("pose", None, "too dark")], {}).verdict == "live"
    attack = decide(POLICY, [*results(light=4.0), StepResult("occlusion", None, MIRRORED)], {})
    assert attack.verdict == "not_live"


@settings(max_examples=50)
@given(results=RESULTS, passive=PASSIVE)
def test_live_is_said_of_nothing_less(results: list[StepResult], passive: dict[str, float]) -> None:
    decided = decide(POLICY, results, passive)
    judged = [it.nats for it in results if it.nats is not None and not math.isnan(it.nats)]
    if decided.verdict == "live":
        assert sum(nats < 0 for nats in judged) >= 2
        assert sum(judged) <= -4 + 1e-9
        assert max(judged) < 2
        assert min(it.nats or 0.0 for it in results if it.kind in UNFILMED) < 0
    assert math.isfinite(decided.nats)
    assert decided.reasons or (decided.verdict == "live" and not judged)


@settings(max_examples=50)
@given(results=RESULTS, passive=PASSIVE, kind=st.sampled_from(KINDS))
def test_a_step_that_cannot_be_judged_makes_nobody_live(
    results: list[StepResult], passive: dict[str, float], kind: Kind
) -> None:
    without, with_it = (decide(POLICY, [*results, *more], passive) for more in ([], [StepResult(kind, None, "dark")]))
    assert with_it.nats == without.nats
    assert (with_it.verdict == "live") <= (without.verdict == "live")
    assert (with_it.verdict == "not_live") == (without.verdict == "not_live")


@settings(max_examples=50)
@given(results=RESULTS.filter(len), passive=PASSIVE, more=st.floats(0, 5), at=st.integers(0, 5))
def test_more_evidence_of_an_attack_is_never_better(
    results: list[StepResult], passive: dict[str, float], more: float, at: int
) -> None:
    rank = ("live", "cannot_judge", "not_live")
    at %= len(results)
    nats = results[at].nats
    worse = [*results]
    if nats is not None:
        worse[at] = dataclasses.replace(results[at], nats=nats + more)
    before, then = decide(POLICY, results, passive), decide(POLICY, worse, {**passive, "feed_injected": math.inf})
    assert rank.index(then.verdict) >= rank.index(before.verdict)


def test_reasons_are_words_the_weightiest_first() -> None:
    live = decide(POLICY, results(light=-2.0, pose=-3.0), {})
    assert live.reasons == ("turning the head: why pose", "the coloured light: why light")
    attack = decide(POLICY, results(light=1.0, pose=4.5), {"feed_injected": 2.0, "face_manipulated": 1.0})
    assert attack.reasons == (
        "turning the head: why pose",
        "during the whole session: the picture does not come from a live camera",
        "the coloured light: why light",
    )
    assert attack.nats == pytest.approx(7.5)
    unsure = decide(POLICY, results(light=None, pose=-3.0), {})
    assert unsure.reasons == (
        "1 of 2 challenges speak for a person, at least 2 must",
        "nothing was done well that pictures from before could not have shown",
        "the evidence adds up to -3.0 nats; -4 or less would say live",
        "the coloured light could not be judged: why light",
        "try again in even light, alone in the picture, with the face large and the camera still",
    )


def test_a_result_is_what_the_check_read() -> None:
    reading = Reading("pose", 1, 0, 5, -1.5, 1.0, "in time", {"lag_ms": 300.0})
    assert StepResult.of("pose", reading) == StepResult("pose", -1.5, "in time", {"lag_ms": 300.0})


@given(results=RESULTS, passive=PASSIVE)
def test_only_who_could_not_be_judged_is_told_what_to_change(
    results: list[StepResult], passive: dict[str, float]
) -> None:
    decided = decide(POLICY, results, passive)
    assert bool(decided.hints) == (decided.verdict == "cannot_judge")
