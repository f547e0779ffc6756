"""What things are called when we talk to a person, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy, behind the types, must not be loaded before the command line has spoken
    from liveguard.types import Hypothesis, State


NO_MODEL = "no model"
"""Why a check that needs one cannot judge without."""
NOT_WEIGHED = "measured, not weighed"
"""Why a check cannot judge whose measures told nothing of sources that were left out of their calibration."""
OF_THE_CHECK = (NO_MODEL, NOT_WEIGHED)
"""Reasons that lie with the check: nobody in the call can change them."""
ONE_PICTURE = "one picture cannot show it"
"""Why a check that needs time cannot judge a still picture."""
HYPOTHESIS_WORDS: dict[Hypothesis, str] = {
    "face_manipulated": "the face looks manipulated",
    "voice_synthetic": "the voice sounds synthetic",
    "av_mismatch": "voice and mouth do not belong together",
    "feed_injected": "the picture does not come from a live camera",
}
NOT_RULED_OUT: dict[Hypothesis, str] = {
    "face_manipulated": "a swapped or animated face is not ruled out",
    "voice_synthetic": "a cloned voice is not ruled out",
    "av_mismatch": "a voice that is somebody else's is not ruled out",
    "feed_injected": "a picture that is played back is not ruled out",
}
"""What is said beside "genuine so far" of what the checks that judged could not have told."""
SETTLE: dict[Hypothesis, str] = {
    "face_manipulated": "ask for a slow turn of the head to both sides and a hand passed before the face",
    "voice_synthetic": "call back on a known number, or ask for a few random words",
    "av_mismatch": "ask for a few random digits, spoken facing the camera",
    "feed_injected": "ask for a random gesture, such as a number of fingers beside the face",
}
NOT_SETTLED = "the face left the picture before anything was settled"
"""What is said, instead of how to settle it, of an alert that is withdrawn because who it is about has gone."""
OTHERS = "other faces"
"""The label of all faces together that are in the picture and not followed."""


def nothing_came(for_us: int) -> str:
    """Why a feed cannot be judged in a hole."""
    return f"nothing came for {for_us / 1e6:.0f} s"


def unfollowed_words(count: int) -> str:
    """Why nothing can be said of faces that are not followed."""
    more = "1 more face is" if count == 1 else f"{count} more faces are"
    return f"{more} in the picture than may be followed, and nobody checks them: raise max_faces, or enlarge who speaks"


STATE_WORDS: dict[State, str] = {
    "genuine": "genuine so far",
    "suspicious": "suspicious",
    "alert": "alert",
    "cannot_judge": "cannot judge",
}
STATE_STYLE: dict[State, str] = {
    "genuine": "green",
    "suspicious": "yellow",
    "alert": "bold red",
    "cannot_judge": "cyan",
}
"""Styles of rich; the words are always there too, for whoever does not see colours."""


def plain(text: str, limit: int = 300) -> str:
    """Foreign text on one line without control characters: a label may come from the other end of a call."""
    shown = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return shown[: limit - 1] + "…" if len(shown) > limit else shown


def percent(risk: float) -> str:
    """A risk 0..1 for a person; nothing is ever quite certain."""
    return ">99 %" if risk > 0.99 else "<1 %" if risk < 0.01 else f"{100 * risk:.0f} %"
