"""The other model: a logistic regression on the figures of `figures.py`, on the same folds, alone and beside the network's.

    python models/voice/fit.py DATA/voice OUT

Takes the figures of every clip as it is, after Opus with loss, and after one random call of `channel.py`, and keeps them in
OUT/figures.npz. It learns from the first two; each corpus weighs as much by its genuine as by its synthetic speech. Prints
what comes of it on left-out folds, also added to the scores of the networks of `train.py --folds` where they are there, and
writes OUT/linear.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from corpus import FOLDS, Clip, may_train, read_clips
from figures import figures
from measure import KINDS, MOST_NATS, Line, by_source, calibrated
from measure import figures as judged
from sklearn.linear_model import LogisticRegression
from store import CLEAN, MEASURED, frames_near_speech, speech_of

from liveguard.types import BoolArray

CALL = "0"
VIEWS = (CLEAN, MEASURED, CALL)
TRAINED = (CLEAN, MEASURED)  # with random calls it learns less that carries over, also to them
STRENGTH = 1.0  # C of scikit-learn, on weights that sum to a hundredth of the samples
MOST_SPREADS = 4.0
ONE_LABEL = 0.1  # weight of a clip of a corpus that has only genuine or only synthetic speech

Array = npt.NDArray[np.float64]


def extracted(data: Path, out: Path) -> tuple[list[Clip], dict[str, Array], list[str]]:
    """Clips, and for each view their figures (clips, n) and the names of those."""
    clips = read_clips([data])
    frames = frames_near_speech(clips, out / "heard-0")
    path = out / "figures.npz"
    if not path.is_file():
        tasks = [(view, clip.path, frames[clip.name], k) for view in VIEWS for k, clip in enumerate(clips)]
        values = []
        with get_context("spawn").Pool() as pool:
            for value in pool.imap(_figures, tasks, chunksize=16):
                values.append(value)
                if len(values) % 200 == 0 or len(values) == len(tasks):
                    print(f"\r{len(values)} of {len(tasks)} heard", end="", flush=True)
        print()
        rows = np.array([list(value.values()) for value in values]).reshape(len(VIEWS), len(clips), -1)
        np.savez(path, names=list(values[0]), **dict(zip(VIEWS, rows, strict=True)))  # type: ignore[arg-type]
    with np.load(path) as file:
        by_view, names = {view: file[view] for view in VIEWS}, file["names"].tolist()
    if len(by_view[CLEAN]) != len(clips):
        raise ValueError(f"{path} was made of other clips: delete it")
    return clips, by_view, names


def _figures(task: tuple[str, Path, BoolArray, int]) -> dict[str, float]:
    return figures(speech_of(*task))


def weights(clips: Sequence[Clip], usable: Array) -> Array:
    """How much each clip counts, (clips,): corpora by their rarer label, within them sources and generators by n ** 0.5."""
    weight = np.zeros(len(clips))
    corpora = np.array([clip.corpus for clip in clips])
    attack = np.array([clip.attack for clip in clips])
    group = np.array([clip.generator if clip.attack else clip.source for clip in clips])
    for corpus in set(corpora):
        sides = [np.flatnonzero(usable & (corpora == corpus) & (attack == side)) for side in (False, True)]
        both = 2 * len(sides[0]) * len(sides[1]) / max(len(sides[0]) + len(sides[1]), 1)
        for side in sides:
            if len(side):
                _, inverse, counts = np.unique(group[side], return_inverse=True, return_counts=True)
                share = counts[inverse] ** -0.5
                weight[side] = share / share.sum() * (both or ONE_LABEL * len(side))
    for side in (attack, ~attack):
        weight[side] *= 0.5 / weight[side].sum()
    return weight


class Linear:
    """Standardised figures, their outliers held, and a logistic regression."""

    def __init__(self, values: Array, attack: Array, weight: Array) -> None:
        self.low, self.high = np.quantile(values, (0.01, 0.99), axis=0)
        held = np.clip(values, self.low, self.high)
        self.mean = weight @ held / weight.sum()
        self.spread = np.sqrt(weight @ (held - self.mean) ** 2 / weight.sum()) + 1e-9
        model = LogisticRegression(C=STRENGTH, max_iter=500)
        model.fit(self._standard(values), attack, sample_weight=weight / weight.sum() * len(weight) / 100)
        self.slopes, self.offset = model.coef_[0], float(model.intercept_[0])

    def _standard(self, values: Array) -> Array:
        held = np.clip(values, self.low, self.high)
        return np.clip((held - self.mean) / self.spread, -MOST_SPREADS, MOST_SPREADS)

    def score(self, values: Array) -> Array:
        """(clips,) above 0 for synthetic speech."""
        return np.asarray(self._standard(values) @ self.slopes + self.offset)


def trained(clips: Sequence[Clip], by_view: dict[str, Array], usable: Array) -> Linear:
    attack, weight = np.array([clip.attack for clip in clips]), weights(clips, usable)
    values = np.concatenate([by_view[view][usable] for view in TRAINED])
    return Linear(values, *(np.tile(each[usable], len(TRAINED)) for each in (attack, weight)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    clips, by_view, names = extracted(given.data, given.out)
    fold = np.array([clip.fold for clip in clips])
    score = {view: np.zeros(len(clips)) for view in VIEWS}
    for number in range(len(FOLDS)):
        model = trained(clips, by_view, np.array(may_train(clips, number)))
        for view, into in score.items():
            into[fold == number] = model.score(by_view[view][fold == number])
    say("figures alone", clips, score, fold)
    networks = {view: _networks(given.out, view, fold) for view in TRAINED}
    if not np.isnan(networks[CLEAN]).any():
        say("network alone", clips, networks, fold)
        say("both", clips, {view: _spread(score[view]) + _spread(networks[view]) for view in networks}, fold)
    model = trained(clips, by_view, np.ones(len(clips), np.bool_))
    table = {name: round(float(slope), 4) for name, slope in zip(names, model.slopes, strict=True)}
    (given.out / "linear.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")


def _networks(out: Path, view: str, fold: npt.NDArray[np.int64]) -> Array:
    """Out-of-fold scores of the networks, NaN where there are none."""
    score = np.full(len(fold), np.nan)
    for number in range(len(FOLDS)):
        path = out / f"fold{number}" / "scores.npz"
        if path.is_file():
            with np.load(path) as file:
                score[fold == number] = file[view]
    return score


def _spread(score: Array) -> Array:
    return np.asarray((score - score.mean()) / score.std())


def say(what: str, clips: Sequence[Clip], score: dict[str, Array], fold: npt.NDArray[np.int64]) -> None:
    """Print the figures on left-out folds, each fold calibrated on the others."""
    attack = np.array([clip.attack for clip in clips])
    llr = {view: np.zeros(len(clips)) for view in score}
    for number in sorted(set(fold.tolist())):
        other = np.concatenate([fold != number] * len(score))
        line: Line = calibrated(
            np.concatenate(list(score.values()))[other], np.concatenate([attack] * len(score))[other]
        )
        for view, values in score.items():
            said = line.slope * values[fold == number] + line.offset
            llr[view][fold == number] = np.clip(said, -MOST_NATS, MOST_NATS)
    for view, values in score.items():
        print(f"{what}, {view}")
        found = judged(clips, values, llr[view])
        for name in (*KINDS, "all", "all, formats matched"):
            print(f"  {name:22}", ", ".join(f"{key} {value}" for key, value in found[name].items()))  # type: ignore[attr-defined]
    flagged = {
        source: f"{found['flagged']}/{found['genuine']}" for source, found in by_source(clips, score[MEASURED]).items()
    }
    print(f"{what}: genuine clips flagged at the equal error rate:", flagged)


if __name__ == "__main__":
    main()
