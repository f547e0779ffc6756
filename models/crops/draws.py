"""Which crops stand beside each other in a batch: a genuine one, and an attack made of it or of the same source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from corpus import Item, fold_of

Numbers = npt.NDArray[np.int64]
CANDIDATES = 16  # faces of others, of which the most alike is blended in
STRANGERS = 0.1  # share of the real attacks that are of sources without anything genuine
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
    """Pairs for trainings that share them. `item` (crops,) says of which item each crop is, `usable` (items,) bool which may
    be learnt from. What is made into one attack is of one fold, or of no fold, so that other folds may learn from it."""

    def __init__(self, items: Sequence[Item], item: Numbers, usable: Sequence[bool], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.items, self.item = items, item
        at = [k for k in range(len(item)) if usable[item[k]]]
        genuine = [k for k in at if not items[item[k]].attack]
        of_subject: dict[str, list[int]] = defaultdict(list)
        of_source: dict[str, list[int]] = defaultdict(list)
        for k in genuine:
            of_subject[items[item[k]].subject].append(k)
            of_source[_place(items[item[k]])].append(k)
        self.of_subject = {name: np.array(some) for name, some in of_subject.items()}
        self.of_place = {name: np.array(some) for name, some in of_source.items()}
        self.genuine = Pool(genuine, item, items, [items[item[k]].source for k in genuine])
        attacks = [k for k in at if items[item[k]].attack]
        beside = [k for k in attacks if _place(items[item[k]]) in self.of_place]
        strangers = [k for k in attacks if _place(items[item[k]]) not in self.of_place]
        self.attacks, self.strangers = (
            Pool(some, item, items, [_method(items[item[k]]) for k in some]) for some in (beside, strangers)
        )
        everybody = [k for k in genuine if fold_of(items[item[k]]) < 0]
        self.everybody = np.array(everybody if everybody else genuine)
        if not len(self.genuine):
            raise ValueError("there is nothing genuine to learn from")

    def made(self, n: int) -> tuple[Numbers, Numbers]:
        """Genuine crops (n,) to make attacks of, and for each (n, CANDIDATES) genuine ones, for half of the same source."""
        drawn = np.array([self.genuine.draw(self.rng) for _ in range(n)], np.int64)
        others = np.empty((n, CANDIDATES), np.int64)
        near = self.rng.random(n) < 0.5
        for row, k in enumerate(drawn):
            pool = self.of_place[_place(self.items[self.item[k]])] if near[row] else self.everybody
            others[row] = pool[self.rng.integers(len(pool), size=CANDIDATES)]
        return drawn, others

    def found(self, n: int) -> tuple[Numbers, Numbers]:
        """Genuine crops (n,) and real attacks (n,): of the same person or video where there is one, else of the source.

        A few attacks are of sources that have nothing genuine, beside anybody.
        """
        genuine, attacks = np.empty(n, np.int64), np.empty(n, np.int64)
        for row in range(n):
            strange = len(self.strangers) and (not len(self.attacks) or self.rng.random() < STRANGERS)
            attacks[row] = k = (self.strangers if strange else self.attacks).draw(self.rng)
            item = self.items[self.item[k]]
            near = self.of_subject.get(item.subject, self.of_place.get(_place(item)))
            genuine[row] = self.genuine.draw(self.rng) if near is None else near[int(self.rng.integers(len(near)))]
        return genuine, attacks


def _place(item: Item) -> str:
    return f"{item.source} {fold_of(item)}"


def _method(item: Item) -> str:
    return f"{item.kind} {item.generator if item.generator != '-' else item.source}"
