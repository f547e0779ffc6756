"""What a liveness session asks for, how many tries it gives, and how sure it must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from liveguard.errors import ConfigError
from liveguard.words import plain

Kind: TypeAlias = Literal["light", "pose", "occlusion", "rhythm", "digits", "distance"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Ability: TypeAlias = Literal["no_flashes", "no_head_turns", "no_hands", "no_blinks", "no_speech", "no_moving"]
"""What a person cannot do, or would rather not."""
SPARES: Final[Mapping[Ability, Kind]] = {
    "no_flashes": "light",
    "no_head_turns": "pose",
    "no_hands": "occlusion",
    "no_blinks": "rhythm",
    "no_speech": "digits",
    "no_moving": "distance",
}
DEPTH: Final[frozenset[Kind]] = frozenset({"pose", "distance"})
"""Kinds that tell a head from a flat picture."""
UNFILMED: Final[frozenset[Kind]] = frozenset({"light", "occlusion", "digits"})
"""Kinds that no film from before answers by having its pictures picked as the script goes: turns, sizes, blinks and open mouths
are all in one of somebody who looked around. Light, a hand or a voice have to be added to its pictures, or be there."""
MOST_OWN_NEEDS: Final = 2
"""Whoever leaves out more kinds by their own word has chosen what they are examined by."""
LANGUAGE_OF_DIGITS: Final = "en"


@dataclass(frozen=True, slots=True)
class ProofPolicy:
    """Settings of a liveness session.

    `kinds`: what may be drawn; `steps`: how many are. `live_nats`: evidence for a live person, and `not_live_nats` for an
    attack, at which that is said; between the two nothing can be said. `answer_s`: how long the person may take from the
    page's opening to the last step; `tries`: failures within `lock_window_s` after which the subject is locked out for
    `lock_out_s` (`liveguard.kyc.lockout` says what counts). `keep_days`: after so long a session's report is erased.
    `lag_most_ms`: answers that come later are late.
    """

    kinds: tuple[Kind, ...] = KINDS
    steps: int = 3
    live_nats: float = 4.0
    not_live_nats: float = 3.0
    answer_s: float = 180.0
    tries: int = 5
    lock_window_s: float = 86_400.0
    lock_out_s: float = 21_600.0
    keep_days: float = 30.0
    lag_most_ms: float = 1000.0

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds) or not set(self.kinds) <= set(KINDS):
            raise ConfigError(f"proof.kinds: some of {', '.join(KINDS)} are expected, each once")
        for name, low, high in (
            ("steps", 2, len(KINDS)),
            ("live_nats", 1.0, 50.0),
            ("not_live_nats", 1.0, 50.0),
            ("answer_s", 30.0, 3600.0),
            ("tries", 1, 100),
            ("lock_window_s", 1.0, 1e6),
            ("lock_out_s", 1.0, 1e7),
            ("keep_days", 0.0, 3650.0),
            ("lag_most_ms", 300.0, 5000.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # nor is NaN; a whole number may have more digits than a float
                raise ConfigError(f"proof.{name} is {plain(str(value), 24)}: allowed are {low:g} to {high:g}")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ProofPolicy:
        """From a table of a settings file. Raises ConfigError that names what is wrong."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ConfigError(f"proof.{unknown[0]}: there are {', '.join(sorted(known))}")
        given: dict[str, Any] = {}
        for name, value in settings.items():
            if name == "kinds":
                if not isinstance(value, list) or not all(isinstance(kind, str) for kind in value):
                    raise ConfigError("proof.kinds: a list of names is expected")
                given[name] = tuple(value)
            elif isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"proof.{name}: a number is expected")
            elif name in ("steps", "tries") and not isinstance(value, int):
                raise ConfigError(f"proof.{name}: a whole number is expected")
            else:
                given[name] = value
        return cls(**given)

    def in_language(self, locale: str) -> ProofPolicy:
        """What of it can be asked in a locale (BCP 47): of digits only English ones are recognised."""
        if locale.split("-")[0].lower() == LANGUAGE_OF_DIGITS:
            return self
        return replace(self, kinds=tuple(kind for kind in self.kinds if kind != "digits"))

    def without(self, kinds: Iterable[Kind]) -> ProofPolicy:
        """The same without these kinds. Raises ConfigError where fewer than two are left."""
        gone = set(kinds)
        left = tuple(kind for kind in self.kinds if kind not in gone)
        if len(left) < 2:
            raise ConfigError(f"proof.kinds: without {', '.join(sorted(gone))} fewer than two challenges are left")
        return replace(self, kinds=left)

    def spared(self, cannot: Iterable[str]) -> tuple[Kind, ...]:
        """The kinds that are left out for a person who cannot do some. Raises ConfigError for what is not known."""
        needs = set(cannot)
        if unknown := sorted(needs - set(SPARES)):
            raise ConfigError(f"needs: {unknown[0]!r} is not known: there are {', '.join(SPARES)}")
        return tuple(kind for kind in self.kinds if any(SPARES[cast("Ability", need)] == kind for need in needs))

    def leaves_too_much(self, needs: Iterable[str], own_needs: Iterable[str]) -> bool:
        """Whether a session cannot be live, because of what the person's own word takes from what the caller asks for.

        `needs`: what the caller said that the person cannot do; `own_needs`: what only they themselves did. Only a caller can do
        without a whole sort of evidence: whoever is examined does not choose to be examined less.
        """
        asked = set(self.kinds) - set(self.spared(needs))
        own = asked & set(self.spared(own_needs))
        gone = any(sort & asked and sort & asked <= own for sort in (DEPTH, UNFILMED))
        return gone or len(own) > MOST_OWN_NEEDS

    def too_much(self, needs: Iterable[str]) -> tuple[tuple[Ability, ...], ...]:
        """The smallest sets of what a person may not leave out together by their own word: with any more it is the same."""
        asked = set(self.kinds) - set(self.spared(needs))
        abilities = [ability for ability, kind in SPARES.items() if kind in asked]
        found: list[tuple[Ability, ...]] = []
        for own in (some for size in range(1, len(abilities) + 1) for some in combinations(abilities, size)):
            if self.leaves_too_much(needs, own) and not any(set(fewer) <= set(own) for fewer in found):
                found.append(own)
        return tuple(found)

    def kinds_for(self, cannot: Iterable[str]) -> tuple[Kind, ...]:
        """The kinds that are left for a person who cannot do some. Raises ConfigError where fewer than two are."""
        spared = self.spared(cannot)
        left = tuple(kind for kind in self.kinds if kind not in spared)
        if len(left) < 2:
            raise ConfigError(
                "needs: fewer than two challenges would be left, which proves too little: ask a person to check"
            )
        return left
