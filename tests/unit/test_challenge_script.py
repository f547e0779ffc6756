"""Scripts: drawn from a nonce, never the same twice, safe to look at, and what the policy and the person allow."""

from __future__ import annotations

import colorsys
import hashlib
import itertools
from collections import Counter

import pytest

from liveguard.challenge.policy import DEPTH, KINDS, SPARES, UNFILMED, ProofPolicy
from liveguard.challenge.script import COLOURS, DRAWING, Draws, draw, new_nonce
from liveguard.errors import ConfigError

POLICY = ProofPolicy()
NONCE = bytes(range(16))


def test_ten_thousand_scripts_are_all_different() -> None:
    assert len({repr(draw(new_nonce(), POLICY)) for _ in range(10_000)}) == 10_000


def test_a_nonce_gives_the_same_script_again() -> None:
    assert draw(NONCE, POLICY) == draw(NONCE, POLICY) != draw(NONCE[::-1], POLICY)


def test_whatever_changes_a_script_is_another_version_of_the_drawing() -> None:
    """Reports that are kept say by which version they were drawn: where this fails, `DRAWING` is one more, and its line here."""
    scripts = [draw(n.to_bytes(16, "big"), POLICY) for n in range(200)]
    scripts += [draw(n.to_bytes(16, "big"), ProofPolicy(steps=6)) for n in range(50)]
    said = hashlib.sha256(repr(scripts).encode()).hexdigest()[:16]
    assert (DRAWING, said) == (2, "15e046240d1b6360")


def test_a_session_lasts_ten_to_twenty_seconds() -> None:
    for n in range(500):
        steps = draw(n.to_bytes(16, "big"), POLICY)
        assert 10.0 <= sum((step.lasts_us + 1_000 * step.lead_ms) / 1e6 for step in steps) <= 20.0


def test_something_always_asks_for_depth_where_the_person_can_do_it() -> None:
    for n in range(200):
        kinds = [step.kind for step in draw(n.to_bytes(16, "big"), POLICY)]
        assert len(set(kinds)) == POLICY.steps
        assert DEPTH & set(kinds)


@pytest.mark.parametrize("steps", [2, 3, 5])
@pytest.mark.parametrize("cannot", [(), ("no_flashes", "no_hands"), ("no_head_turns",), ("no_blinks", "no_speech")])
def test_something_always_asks_for_what_no_film_from_before_answers(steps: int, cannot: tuple[str, ...]) -> None:
    policy = ProofPolicy(steps=steps)
    for n in range(200):
        kinds = {step.kind for step in draw(n.to_bytes(16, "big"), policy, cannot)}
        assert len(kinds) == min(steps, 6 - len(cannot))
        assert UNFILMED & kinds
        assert DEPTH & kinds


def test_of_the_scripts_that_may_be_all_are_equally_likely() -> None:
    """15 of 20 choices of three kinds have one of each sort; in six orders each they are 90."""
    count = Counter(tuple(step.kind for step in draw(n.to_bytes(16, "big"), POLICY)) for n in range(9000))
    assert len(count) == 90
    assert 60 < min(count.values()) < max(count.values()) < 150


def test_a_script_without_one_sort_is_drawn_where_none_of_it_is_left() -> None:
    assert {step.kind for step in draw(NONCE, POLICY, ["no_flashes", "no_hands", "no_speech"])} == {
        "pose",
        "rhythm",
        "distance",
    }
    assert {step.kind for step in draw(NONCE, ProofPolicy(kinds=("light", "digits")))} == {"light", "digits"}


def test_what_a_person_leaves_out_by_their_own_word_has_an_end() -> None:
    too_much = POLICY.leaves_too_much
    assert not too_much([], [])
    assert not too_much([], ["no_flashes", "no_speech"])
    assert too_much([], ["no_flashes", "no_speech", "no_hands"])
    assert too_much([], ["no_flashes", "no_speech", "no_blinks"]), "three, whatever they are"
    assert too_much([], ["no_moving", "no_head_turns"])
    assert too_much(["no_hands", "no_speech"], ["no_flashes"]), "the last one that the caller had left"
    assert not too_much(["no_hands", "no_speech", "no_flashes"], ["no_blinks"]), "the caller does without"
    assert not too_much(["no_flashes"], ["no_flashes", "no_hands", "no_blinks"]), (
        "what the caller said, too, is the caller's"
    )


@pytest.mark.parametrize("needs", [(), ("no_moving",), ("no_hands", "no_speech"), tuple(SPARES)[:4]])
def test_what_is_too_much_is_told_by_its_smallest_sets(needs: tuple[str, ...]) -> None:
    told = [set(some) for some in POLICY.too_much(needs)]
    for size in range(7):
        for own in itertools.combinations(SPARES, size):
            assert POLICY.leaves_too_much(needs, own) == any(some <= set(own) for some in told)
    assert not any(one < other for one in told for other in told)


@pytest.mark.parametrize(("ability", "kind"), SPARES.items())
def test_nobody_is_asked_for_what_they_cannot_do(ability: str, kind: str) -> None:
    for n in range(100):
        assert kind not in [step.kind for step in draw(n.to_bytes(16, "big"), POLICY, [ability])]


def test_too_little_left_is_said() -> None:
    with pytest.raises(ConfigError, match="proves too little"):
        draw(NONCE, POLICY, list(SPARES)[:5])
    with pytest.raises(ConfigError, match="'no_legs' is not known"):
        draw(NONCE, POLICY, ["no_legs"])


def test_every_kind_comes_first_about_as_often() -> None:
    first = [draw(n.to_bytes(16, "big"), POLICY)[0].kind for n in range(3000)]
    # One of the two kinds of depth is in every script, so they are drawn more often: 3 in 5 scripts each, one in 3 of them
    # first. The rhythm is in 2 in 5.
    assert min(first.count(kind) for kind in KINDS) > 3000 / 6 * 0.7


def test_draws_are_even_and_in_bounds() -> None:
    draws = Draws(NONCE)
    seen = [draws.between(3, 7) for _ in range(5000)]
    assert set(seen) == {3, 4, 5, 6, 7}
    assert all(900 < seen.count(n) < 1100 for n in range(3, 8))
    assert sorted(draws.shuffled("abc")) == ["a", "b", "c"]
    changing = draws.changing("abc", 300)
    assert len(changing) == 300
    assert {*itertools.pairwise(changing)} == {*itertools.permutations("abc", 2)}


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_colours_do_not_flash() -> None:
    """WCAG 2.3.1: a flash is a pair of opposing changes of luminance of a tenth or more; and no change is of saturated red."""
    light = [_luminance(colour) for colour in COLOURS]
    assert max(light) - min(light) < 0.1
    for colour in COLOURS:
        red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
        assert red / (red + green + blue) < 0.8  # saturated red, as WCAG 2.2 has it
        assert colorsys.rgb_to_hsv(red, green, blue)[1] > 0.3  # enough colour to be seen on a face
    for n in range(300):
        for step in draw(n.to_bytes(16, "big"), ProofPolicy(kinds=("light", "pose"), steps=2)):
            if step.kind == "light":
                shown = str(step.params["colours"]).split()
                assert int(step.params["each_us"]) >= 1_000_000 / 3
                assert all(a != b for a, b in itertools.pairwise(shown))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"steps": 1}, "proof.steps is 1: allowed are 2 to 6"),
        ({"steps": 2.5}, "proof.steps: a whole number"),
        ({"steps": True}, "proof.steps: a number"),
        ({"live_nats": float("nan")}, "proof.live_nats is nan"),
        ({"live_nats": float("inf")}, "proof.live_nats is inf"),
        ({"keep_days": 10**400}, "proof.keep_days is 10{22}…: allowed are 0 to 3650"),
        ({"steps": -(10**400)}, "proof.steps is -10{21}…"),
        ({"kinds": "light"}, "proof.kinds: a list"),
        ({"kinds": ["light", "light"]}, "proof.kinds: some of"),
        ({"kinds": ["dance"]}, "proof.kinds: some of"),
        ({"nothing": 1}, "proof.nothing: there are"),
    ],
)
def test_a_policy_that_cannot_be_says_why(settings: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        ProofPolicy.of(settings)
