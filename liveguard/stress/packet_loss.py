"""Which packets of a call are lost."""

from __future__ import annotations

import numpy as np

from liveguard.types import BoolArray


def lost_packets(n: int, loss: float, burst_packets: float, rng: np.random.Generator) -> BoolArray:
    """Which of `n` packets are lost, (n,) bool: a share `loss` in the long run, in runs of `burst_packets` on average.

    A Markov chain of two states (Gilbert 1960, doi:10.1002/j.1538-7305.1960.tb03959.x): one in which all packets arrive
    and one in which none do. Raises `ValueError` for a pair that no such chain has.
    """
    if not 0 <= loss < 1 or burst_packets < 1 or loss > burst_packets * (1 - loss):
        raise ValueError(f"a loss of {loss} in bursts of {burst_packets} packets is not possible")
    after_lost, after_arrived = 1 - 1 / burst_packets, loss / (burst_packets * (1 - loss))
    lost: BoolArray = np.zeros(n, np.bool_)
    chance = loss
    for k, draw in enumerate(rng.random(n)):
        lost[k] = draw < chance
        chance = after_lost if lost[k] else after_arrived
    return lost
