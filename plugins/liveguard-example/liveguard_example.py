"""An example plug-in: a check that notes a face which never turns, and a sink that counts.

A live person in a call looks aside now and then; a swap often breaks at high yaw, so its driver avoids it. This is weak
evidence, and so the check says little: it is here to show the shape of a plug-in, not to catch anybody.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from liveguard.face.geometry import NOSE_TIP
from liveguard.types import Event, Hypothesis, Need, Reading, Window

LEFT_CHEEK, RIGHT_CHEEK = 234, 454
MIN_PICTURES = 40


class TurnedAway:
    """How far the nose wanders between the cheeks in 10 s; `max_nats` bounds what it may say."""

    name = "turned_away"
    hypothesis: Hypothesis = "face_manipulated"
    about = "a face that never turns aside (example plug-in)"
    need = Need(video_us=10_000_000, step_us=2_000_000)

    def __init__(self, max_nats: float = 0.2) -> None:
        self._max_nats = max_nats

    def evaluate(self, window: Window) -> Reading:
        if len(window.faces) < MIN_PICTURES:
            return self._reading(window, None, f"{len(window.faces)} pictures of a face, {MIN_PICTURES} needed", {})
        points = np.stack([face.landmarks[[LEFT_CHEEK, NOSE_TIP, RIGHT_CHEEK], 0] for face in window.faces])
        place = (points[:, 1] - points[:, 0]) / np.maximum(points[:, 2] - points[:, 0], 1.0)
        turn_percent = float(100 * (np.percentile(place, 95) - np.percentile(place, 5)))
        llr = float(np.clip(0.02 * (10 - turn_percent), -self._max_nats, self._max_nats))
        why = f"the nose moved over {turn_percent:.0f} % of the face's width"
        return self._reading(window, llr, why, {"turn_percent": turn_percent})

    def _reading(self, window: Window, llr: float | None, why: str, measures: dict[str, float]) -> Reading:
        return Reading(self.name, window.track, window.start_us, window.end_us, llr, window.coverage, why, measures)


class Tally:
    """A sink that counts events by kind; `counts` can be read at any time."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def send(self, event: Event) -> None:
        self.counts[type(event).__name__] += 1

    def close(self) -> None:
        """Nothing to close."""
