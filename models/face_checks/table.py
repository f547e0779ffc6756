"""The windows of a check as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liveguard.evaluate.apart import apart_from
from liveguard.evaluate.manifest import Item


@dataclass
class Table:
    """The windows of one check: measures by name, and of which clip, kind and source each is. `items`: the clips, by number."""

    x: dict[str, np.ndarray]
    clip: np.ndarray
    kind: np.ndarray
    source: np.ndarray
    items: Sequence[Item]

    def __getitem__(self, which: np.ndarray) -> Table:
        x = {name: values[which] for name, values in self.x.items()}
        return Table(x, self.clip[which], self.kind[which], self.source[which], self.items)

    def apart_from(self, source: str) -> np.ndarray:
        """The windows of clips that share nothing with a source: neither people nor generators."""
        may_teach = apart_from(source, self.items)
        return np.array([may_teach(item) for item in self.items], bool)[self.clip]

    @property
    def attack(self) -> np.ndarray:
        return self.kind != "real"

    def weights(self) -> np.ndarray:
        """Both labels weigh the same; within a label a source by the root of its clips, a clip by 1."""
        out = np.zeros(len(self.clip))
        for label in (False, True):
            for source in set(self.source[self.attack == label]):
                rows = (self.attack == label) & (self.source == source)
                clips, counts = np.unique(self.clip[rows], return_counts=True)
                per = dict(zip(clips, counts, strict=True))
                out[rows] = [1 / per[c] / len(clips) ** 0.5 for c in self.clip[rows]]
            if (self.attack == label).any():
                out[self.attack == label] /= out[self.attack == label].sum()
        return out
