"""How soon a live feed that broke off is asked for again: at first after a second, then ever less often, but for ever."""

from __future__ import annotations

import random

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
STEADY_S = 10.0
"""A connection that brought something for so long begins with short pauses again; what breaks off again and again should not
be called every second."""


def pause_s(pauses: int) -> float:
    """How long to wait after so many pauses: 1 to 30 s, doubled each time, and spread so that not all come back at once."""
    return float(min(FIRST_PAUSE_S * 2.0 ** min(pauses, 10), LONGEST_PAUSE_S) * random.uniform(0.75, 1.0))
