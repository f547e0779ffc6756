"""Scripts: drawn from a nonce, never the same twice, safe to look at, and what the policy and the person allow."""

from __future__ import annotations

import colorsys
import hashlib
import itertools

import pytest

from liveguard.challenge.policy import DEPTH, KINDS, SPARES, ProofPolicy
from liveguard.challenge.script import COLOURS, Draws, draw, new_nonce
from liveguard.errors import ConfigError

POLICY = ProofPolicy()
NONCE = bytes(range(16))


def test_ten_thousand_scripts_are_all_different() -> None:
    assert len({repr(draw(new_nonce(), POLICY)) for _ in range(10_000)}) == 10_000


def test_a_nonce_gives_the_same_script_again() -> None:
    assert draw(NONCE, POLICY) == draw(NONCE, POLICY) != draw(NONCE[::-1], POLICY)


def test_a_session_lasts_ten_to_twenty_seconds() -> None:
    for n in range(500):
        steps = draw(n.to_bytes(16, "big"), POLICY)
        assert 10.0 <= sum((step.lasts_us + 1_000 * step.lead_ms) / 1e6 for step in steps) <= 20.0


def test_something_always_asks_for_depth_where_the_person_can_do_it() -> None:
    for n in range(200):
        kinds = [step.kind for step in draw(n.to_bytes(16, "big"), POLICY)]
        assert len(set(kinds)) == POLICY.steps
        assert DEPTH & set(kinds)


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
    # One of the two kinds of depth is in every script, so they are drawn more often: 3 in 5 scripts each, one in 3 of them first.
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


def test_the_same_nonces_give_the_scripts_that_they_gave_before() -> None:
    """Whoever checks a report draws its script again, years later."""
    policy = ProofPolicy(steps=len(KINDS))
    scripts = [draw(n.to_bytes(16, "big"), policy) for n in range(1000)]
    said = repr([(step.kind, sorted(step.params.items())) for steps in scripts for step in steps])
    assert hashlib.sha256(said.encode()).hexdigest()[:16] == "cba80444979619cc"


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
        ({"kinds": "light"}, "proof.kinds: a list"),
        ({"kinds": ["light", "light"]}, "proof.kinds: some of"),
        ({"kinds": ["dance"]}, "proof.kinds: some of"),
        ({"nothing": 1}, "proof.nothing: there are"),
    ],
)
def test_a_policy_that_cannot_be_says_why(settings: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        ProofPolicy.of(settings)
