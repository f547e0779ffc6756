"""A script: which challenges, in which order, with which parameters, all drawn from a nonce.

The same nonce and policy give the same script, so that a report can show that what was asked was really drawn. Whoever does
not know the nonce cannot tell what will be asked: it is drawn by HMAC-SHA256 in counter mode (NIST SP 800-108).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from liveguard.challenge.policy import DEPTH, Kind, ProofPolicy
from liveguard.types import LASTS

NONCE_BYTES: Final = 16
Params = Mapping[str, float | int | str]
T = TypeVar("T")

LEAD: Final = "lead_ms"
LEAD_MS: Final = (900, 1300)
"""For so long a step is announced before it begins: time to read it, and nobody knows the moment."""

# Alike in luminance, so that nothing flashes: what changes is the hue (WCAG 2.3.1 limits changes of luminance and of red).
COLOURS: Final = ("#e08a8a", "#7fb87f", "#9a9af5", "#b3a94e", "#5fb3bf", "#c98ad0")
COLOUR_US: Final = 400_000  # 2.5 changes a second; three flashes a second are the limit
LIGHT_STEPS: Final = 10
GAZE_US: Final = 1_600_000
TURNS_DEG: Final = (16, 19, 22, 25)
NODS_DEG: Final = (-12, -8, 0, 0, 8, 12)
REGIONS: Final = ("left_cheek", "right_cheek", "mouth", "forehead", "chin")
NEARER: Final = (1.35, 1.45, 1.55)
TENTH_US: Final = 100_000
# In tenths of a second: until the first beat, from beat to beat, and from coming near until going back.
FIRST_BEAT: Final = range(9, 13)
BEAT_APART: Final = range(8, 15)
BEATS: Final = 4
STAYS_NEAR: Final = range(8, 15)


def new_nonce() -> bytes:
    return secrets.token_bytes(NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class Step:
    """One challenge. `params` go into its cue, and to the page; `LASTS` and `LEAD` are among them.

    light: `colours` ("#rrggbb ...", one every `each_us`). pose: `targets` ("yaw,pitch ..." in degrees as
    `geometry.yaw_pitch_roll_deg` measures them in the camera's own picture, not mirrored, one every `each_us`; the last is
    straight ahead). occlusion: `region` of the face, left and right as in the camera's picture, `covered_us` when it should
    be covered and `bare_us` when no longer. rhythm: `action` (blink or mouth) at each of `beats_us` ("800000 ..."). digits:
    `digits` ("4 7 1 9"), to be read aloud. distance: `nearer`, how many times larger the face should look, between
    `near_us` and `back_us`.
    """

    kind: Kind
    params: Params = field(default_factory=dict)

    @property
    def cue(self) -> str:
        return cue_name(self.kind)

    @property
    def lead_ms(self) -> int:
        return int(self.params.get(LEAD, LEAD_MS[0]))

    @property
    def lasts_us(self) -> int:
        return int(self.params[LASTS])


def cue_name(kind: Kind) -> str:
    """What its cue is called on the timeline."""
    return f"challenge.{kind}"


class Draws:
    """Unpredictable, repeatable choices. Owned by one thread."""

    def __init__(self, nonce: bytes) -> None:
        self._nonce, self._count = nonce, 0

    def below(self, n: int) -> int:
        """A whole number in [0, n), all equally likely but for one part in 2^64 / n."""
        self._count += 1
        drawn = hmac.new(self._nonce, b"liveguard challenge" + self._count.to_bytes(4, "big"), hashlib.sha256).digest()
        return int.from_bytes(drawn[:16], "big") % n

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def one(self, of: Sequence[T]) -> T:
        return of[self.below(len(of))]

    def changing(self, of: Sequence[T], count: int) -> list[T]:
        """So many, at least one, none of which follows itself."""
        drawn = [self.one(of)]
        while len(drawn) < count:
            drawn.append(self.one([each for each in of if each != drawn[-1]]))
        return drawn

    def shuffled(self, of: Iterable[T]) -> list[T]:
        left = list(of)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]


def draw(nonce: bytes, policy: ProofPolicy, cannot: Iterable[str] = ()) -> tuple[Step, ...]:
    """The steps of a session. Raises ConfigError where the person's needs leave too few kinds."""
    draws, kinds = Draws(nonce), policy.kinds_for(cannot)
    deep = [kind for kind in kinds if kind in DEPTH]
    first: list[Kind] = [draws.one(deep)] if deep else []
    rest = [kind for kind in draws.shuffled(kinds) if kind not in first]
    chosen = draws.shuffled([*first, *rest][: policy.steps])
    return tuple(Step(kind, {**_MAKERS[kind](draws), LEAD: draws.between(*LEAD_MS)}) for kind in chosen)


def _light(draws: Draws) -> Params:
    """No colour follows itself, so that each change can be seen."""
    return {
        "colours": " ".join(draws.changing(COLOURS, LIGHT_STEPS)),
        "each_us": COLOUR_US,
        LASTS: LIGHT_STEPS * COLOUR_US,
    }


def _pose(draws: Draws) -> Params:
    """To one side, to the other, and back; which side is first is drawn."""
    side = draws.one((-1, 1))
    targets = [(turn * draws.one(TURNS_DEG), draws.one(NODS_DEG)) for turn in (side, -side)]
    targets.append((0, 0))
    return {
        "targets": " ".join(f"{yaw},{pitch}" for yaw, pitch in targets),
        "each_us": GAZE_US,
        LASTS: len(targets) * GAZE_US,
    }


def _occlusion(draws: Draws) -> Params:
    covered_us = 1_300_000
    bare_us = covered_us + draws.between(10, 16) * TENTH_US
    return {"region": draws.one(REGIONS), "covered_us": covered_us, "bare_us": bare_us, LASTS: bare_us + 1_000_000}


def _rhythm(draws: Draws) -> Params:
    beats_us = [draws.one(FIRST_BEAT) * TENTH_US]
    while len(beats_us) < BEATS:
        beats_us.append(beats_us[-1] + draws.one(BEAT_APART) * TENTH_US)
    action = draws.one(("blink", "mouth"))
    return {"action": action, "beats_us": " ".join(map(str, beats_us)), LASTS: beats_us[-1] + 900_000}


def _digits(draws: Draws) -> Params:
    """No digit twice in a row: recognisers, like people, run them together."""
    return {"digits": " ".join(map(str, draws.changing(range(10), 4))), LASTS: 5_000_000}


def _distance(draws: Draws) -> Params:
    near_us = 1_800_000
    back_us = near_us + draws.one(STAYS_NEAR) * TENTH_US
    return {"nearer": draws.one(NEARER), "near_us": near_us, "back_us": back_us, LASTS: back_us + 1_600_000}


_MAKERS: Mapping[Kind, Callable[[Draws], Params]] = {
    "light": _light,
    "pose": _pose,
    "occlusion": _occlusion,
    "rhythm": _rhythm,
    "digits": _digits,
    "distance": _distance,
}
