"""What a person may be told after "cannot judge": what to change, as names that the page has words for in its language.

Never what spoke against them, nor by how much: whoever prepares an attack would learn what to mend. That is for the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, get_args

Hint: TypeAlias = Literal[
    "alone", "view", "pictures", "closer", "brighter", "softer", "still", "open", "louder", "lower", "quieter", "when_asked",
    "left_out", "mirror",
]  # fmt: skip
HINTS: Final[tuple[Hint, ...]] = get_args(Hint)

# By what the reasons of the checks say, the first that fits; `when_asked` is for all that went well but told too little.
# `left_out` is no check's: it is given where the person has left out what it takes (see `decision`).
_PHRASES: Final[tuple[tuple[Hint, tuple[str, ...]], ...]] = (
    ("alone", ("more than one face", "still picture in the room", "picture on the wall")),
    ("mirror", ("mirrors its picture",)),
    ("quieter", ("too noisy", "music", "several people talk")),
    ("louder", ("too quiet",)),
    ("lower", ("overdriven",)),
    ("pictures", ("frame rate", "too few pictures", "no pictures came", "did not show it in time")),
    ("closer", ("too small",)),
    ("brighter", ("too dark",)),
    ("softer", ("overexposed", "too bright")),
    ("still", ("hold still", "blurred")),
    ("open", ("eyes cannot be seen", "mouth is covered")),
    ("view", ("in view", "no face", "was lost", "out of sight", "was seen for", "of face seen", "turned away")),
    ("view", ("lips and sound together",)),
)


def hint(why: str) -> Hint:
    """For one reason why a challenge could not be judged."""
    return next((name for name, phrases in _PHRASES if any(phrase in why for phrase in phrases)), "when_asked")


def hints(whys: Iterable[str]) -> tuple[Hint, ...]:
    """For all of them, each once; where every challenge was judged, that each should be done when it is asked for."""
    return tuple(dict.fromkeys(map(hint, whys))) or ("when_asked",)
