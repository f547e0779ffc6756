"""The model that ships: a logistic regression on the figures of speech (`liveguard.audio.voice_figures`), on strict folds.

    python models/voice/fit.py DATA/voice OUT

Takes the figures of every clip as it is, after Opus with loss, and after one random call of `channel.py`, and keeps them in
OUT/figures.npz. It learns from the first two; each corpus weighs as much by its genuine as by its synthetic speech. Prints
what comes of it on left-out folds, also added to the scores of the networks of `train.py --folds` where they are there.

Writes the model that has learned from all into liveguard/models/voice, and for each fold one that has not seen it into
OUT/figures-fold0 and so on, with OUT/left_out.json for `liveguard evaluate --held-out`. Each is calibrated on scores that
models gave to what they had not seen: that of a fold on the other folds', the one that ships on all. The same recordings
and libraries give the same files.
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
from measure import KINDS, MOST_NATS, Line, by_source, calibrated, card
from measure import figures as judged
from sklearn.linear_model import LogisticRegression
from store import CLEAN, MEASURED, frames_near_speech, speech_of

from liveguard.audio.voice_figures import NAMES, figures
from liveguard.detectors.voice_model import MOST_SPREADS, WEIGHTS
from liveguard.onnx import MODELS
from liveguard.types import BoolArray

CALL = "0"
VIEWS = (CLEAN, MEASURED, CALL)
TRAINED = (CLEAN, MEASURED)  # with random calls it learns less that carries over, also to them
VERSION = "1"
STRENGTH = 1.0  # C of scikit-learn, on weights that sum to a hundredth of the samples
ONE_LABEL = 0.1  # weight of a clip of a corpus that has only genuine or only synthetic speech

Array = npt.NDArray[np.float64]


def extracted(data: Path, out: Path) -> tuple[list[Clip], dict[str, Array]]:
    """Clips, and for each view their figures (clips, n)."""
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
        by_view, names = {view: file[view] for view in VIEWS}, tuple(file["names"].tolist())
    if len(by_view[CLEAN]) != len(clips) or names != NAMES:
        raise ValueError(f"{path} was made of other clips or has other figures: delete it")
    return clips, by_view


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
    """Figures in spreads of natural speech, so that each can say how it differs, their outliers held; and a logistic
    regression."""

    def __init__(self, values: Array, attack: Array, weight: Array) -> None:
        self.low, self.high = np.quantile(values, (0.01, 0.99), axis=0)
        held, natural = np.clip(values, self.low, self.high), weight * ~attack
        self.mean = natural @ held / natural.sum()
        self.spread = np.sqrt(natural @ (held - self.mean) ** 2 / natural.sum()) + 1e-9
        model = LogisticRegression(C=STRENGTH, max_iter=500)
        model.fit(self._standard(values), attack, sample_weight=weight / weight.sum() * len(weight) / 100)
        self.slopes, self.offset = model.coef_[0], float(model.intercept_[0])

    def _standard(self, values: Array) -> Array:
        held = np.clip(values, self.low, self.high)
        return np.clip((held - self.mean) / self.spread, -MOST_SPREADS, MOST_SPREADS)

    def score(self, values: Array) -> Array:
        """(clips,) above 0 for synthetic speech."""
        return np.asarray(self._standard(values) @ self.slopes + self.offset)

    def toml(self) -> str:
        """The text of `weights.toml`."""
        rows = zip(NAMES, self.low, self.high, self.mean, self.spread, self.slopes, strict=True)
        lines = [
            f"{name} = {{ low = {low:.6g}, high = {high:.6g}, mean = {mean:.6g}, spread = {spread:.6g}, slope = {slope:.5g} }}"
            for name, low, high, mean, spread, slope in rows
        ]
        head = "# Written by models/voice/fit.py; learned from research-only recordings, of which none is in this project.\n"
        return f"{head}offset = {self.offset:.6g}\n\n[figures]\n" + "\n".join(lines) + "\n"


def trained(clips: Sequence[Clip], by_view: dict[str, Array], usable: Array) -> Linear:
    attack, weight = np.array([clip.attack for clip in clips]), weights(clips, usable)
    values = np.concatenate([by_view[view][usable] for view in TRAINED])
    return Linear(values, *(np.tile(each[usable], len(TRAINED)) for each in (attack, weight)))


def calibration(score: dict[str, Array], attack: BoolArray, rows: BoolArray) -> Line:
    """By the scores of the clips in `rows` in all views."""
    said = np.concatenate([values[rows] for values in score.values()])
    return calibrated(said, np.tile(attack[rows], len(score)))


def write(model: Linear, folder: Path, name: str, line: Line, about: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_text(model.toml(), "utf-8")
    (folder / "card.toml").write_text(card(folder / WEIGHTS, name, VERSION, line, about), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path, default=MODELS / "voice", help="folder of the model that ships")
    given = parser.parse_args()
    clips, by_view = extracted(given.data, given.out)
    fold, attack = np.array([clip.fold for clip in clips]), np.array([clip.attack for clip in clips])
    models = [trained(clips, by_view, np.array(may_train(clips, number))) for number in range(len(FOLDS))]
    score = {view: np.zeros(len(clips)) for view in VIEWS}
    for number, model in enumerate(models):
        for view, into in score.items():
            into[fold == number] = model.score(by_view[view][fold == number])
    say("figures alone", clips, score, fold)
    networks = {view: _networks(given.out, view, fold) for view in TRAINED}
    if not np.isnan(networks[CLEAN]).any():
        say("network alone", clips, networks, fold)
        say("both", clips, {view: _spread(score[view]) + _spread(networks[view]) for view in networks}, fold)
    left_out = {}
    for number, model in enumerate(models):
        line, name = calibration(score, attack, fold != number), f"figures-fold{number}"
        write(
            model, given.out / name, f"voice, fold {number}", line, f"has not seen fold {number}, to be measured on it"
        )
        left_out[name] = sorted({clip.source for clip in clips if clip.fold == number})
    (given.out / "left_out.json").write_text(json.dumps({"models": {"voice": left_out}}, indent=1) + "\n", "utf-8")
    everything = np.ones(len(clips), np.bool_)
    line = calibration(score, attack, everything)
    write(trained(clips, by_view, everything), given.model, "liveguard voice", line, "models/voice/README.md")


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
        line = calibration(score, attack, fold != number)
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
