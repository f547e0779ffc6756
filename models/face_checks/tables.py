"""The windows of a check as columns, and figures over clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

SEED = 0


@dataclass
class Table:
    """The windows of one check: measures by name, and of which clip, kind, source and variant each is."""

    x: dict[str, np.ndarray]
    clip: np.ndarray
    kind: np.ndarray
    source: np.ndarray
    variant: np.ndarray

    def __getitem__(self, which: np.ndarray) -> Table:
        x = {name: values[which] for name, values in self.x.items()}
        return Table(x, self.clip[which], self.kind[which], self.source[which], self.variant[which])

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


def per_clip(values: np.ndarray, table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    clips = np.unique(table.clip)
    first = [np.flatnonzero(table.clip == c)[0] for c in clips]
    return np.array([values[table.clip == c].mean() for c in clips]), table.kind[first], table.source[first]


def auc(
    scores: np.ndarray, kind: np.ndarray, source: np.ndarray, kinds: tuple[str, ...]
) -> tuple[float, float, float, int]:
    """AUC of attacks of `kinds` against genuine, its 90 % interval by bootstrap over sources, and the attack
    count.
    """
    keep = (kind == "real") | np.isin(kind, kinds)
    scores, y, source = scores[keep], kind[keep] != "real", source[keep]
    rng, names, found = np.random.default_rng(SEED), np.unique(source), []
    groups = [np.flatnonzero(source == name) for name in names]
    for _ in range(400):
        rows = np.concatenate([groups[i] for i in rng.integers(0, len(names), len(names))])
        if 0 < y[rows].sum() < len(rows):
            found.append(roc_auc_score(y[rows], scores[rows]))
    low, high = np.percentile(found, (5, 95))
    return float(roc_auc_score(y, scores)), float(low), float(high), int(y.sum())


def matched(scores: np.ndarray, kind: np.ndarray, source: np.ndarray) -> tuple[float, int]:
    """AUC over pairs of one source only, where content and encoding are alike; and their number."""
    right, pairs = 0.0, 0
    for name in np.unique(source):
        real, fake = (scores[(source == name) & rows] for rows in (kind == "real", kind != "real"))
        right += float((fake[:, None] > real).sum() + 0.5 * (fake[:, None] == real).sum())
        pairs += real.size * fake.size
    return right / max(pairs, 1), pairs
