"""Which crops stand beside each other in a batch: a genuine one, and an attack made of it or of the same source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from corpus import Item

Numbers = npt.NDArray[np.int64]
CANDIDATES = 16  # faces of others, of which the most alike is blended in
FRAMES_COUNT = 3  # pictures that a clip is worth, when sources are weighed


class Pool:
    """Crops drawn by group, then by item, so that large groups and long clips do not drown the others.

    A group of n items is drawn with n ** 0.5 as its share.
    """

    def __init__(self, which: Sequence[int], item: Numbers, items: Sequence[Item], group: Sequence[str]) -> None:
        crops: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for k, name in zip(which, group, strict=True):
            crops[name][int(item[k])].append(k)
        self.groups = [[np.array(some) for some in of.values()] for of in crops.values()]
        worth = [sum(FRAMES_COUNT if items[i].video else 1 for i in of) for of in crops.values()]
        share = np.sqrt(np.array(worth, float))
        self.edges = np.cumsum(share / max(share.sum(), 1e-9))

    def __len__(self) -> int:
        return len(self.groups)

    def draw(self, rng: np.random.Generator) -> int:
        group = self.groups[min(int(np.searchsorted(self.edges, rng.random())), len(self.groups) - 1)]
        some = group[int(rng.integers(len(group)))]
        return int(some[int(rng.integers(len(some)))])


class Draws:
    """Pairs for one training. `item` (crops,) says of which item each crop is; `usable` (items,) which may be learnt from."""

    def __init__(self, items: Sequence[Item], item: Numbers, usable: Sequence[bool], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.items, self.item = items, item
        at = [k for k in range(len(item)) if usable[item[k]]]
        genuine = [k for k in at if not items[item[k]].attack]
        attacks = [k for k in at if items[item[k]].attack]
        source = [items[i].source for i in item]
        self.genuine = Pool(genuine, item, items, [source[k] for k in genuine])
        self.attacks = Pool(attacks, item, items, [self._method(items[item[k]]) for k in attacks])
        self.of_subject: dict[str, list[int]] = defaultdict(list)
        self.of_source: dict[str, list[int]] = defaultdict(list)
        for k in genuine:
            self.of_subject[items[item[k]].subject].append(k)
            self.of_source[source[k]].append(k)
        if not len(self.genuine):
            raise ValueError("there is nothing genuine to learn from")

    @staticmethod
    def _method(item: Item) -> str:
        return f"{item.kind} {item.generator if item.generator != '-' else item.source}"

    def made(self, n: int) -> tuple[Numbers, Numbers]:
        """Genuine crops (n,) to make attacks of, and for each (n, CANDIDATES) genuine ones, for half of the same source."""
        drawn = np.array([self.genuine.draw(self.rng) for _ in range(n)], np.int64)
        others = np.empty((n, CANDIDATES), np.int64)
        for row, k in enumerate(drawn):
            if self.rng.random() < 0.5:
                others[row] = self.rng.choice(self.of_source[self.items[self.item[k]].source], CANDIDATES)
            else:
                others[row] = [self.genuine.draw(self.rng) for _ in range(CANDIDATES)]
        return drawn, others

    def found(self, n: int) -> tuple[Numbers, Numbers]:
        """Genuine crops (n,) and real attacks (n,): of the same person or video where there is one, else source, else any."""
        genuine, attacks = np.empty(n, np.int64), np.empty(n, np.int64)
        for row in range(n):
            attacks[row] = k = self.attacks.draw(self.rng)
            item = self.items[self.item[k]]
            near = self.of_subject.get(item.subject) or self.of_source.get(item.source)
            genuine[row] = near[int(self.rng.integers(len(near)))] if near else self.genuine.draw(self.rng)
        return genuine, attacks
