"""Figures of the voice model on sources, generators and people that it has not seen; and the cards of the models.

    python models/voice/measure.py DATA/voice OUT        # after train.py --folds

Reads the scores that each fold's model gave to the recordings of its fold, clean and after Opus at 16 to 32 kbit/s with 5 %
of its packets lost; folds without a model are left out. Writes OUT/results.json, a card beside each fold's model,
OUT/networks_left_out.json for `liveguard evaluate --held-out`, and card.toml beside the model given. A model is calibrated on
the scores of the other folds; the one given, on all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from corpus import FOLDS, Clip, read_clips
from scipy.optimize import minimize

from liveguard.evaluate.metrics import auc, bootstrap, ece, eer, fpr_at_tpr, posterior

VIEWS = {"clean": "as they are", "measured": "Opus 16-32 kbit/s, 5 % lost"}
KINDS = ("tts", "vc", "vocoder")
MOST_NATS = 4.0
PENALTY = 1.0
HERE = Path(__file__).parent

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """`llr = slope * score + offset`."""

    slope: float
    offset: float


def calibrated(score: Array, attack: Mask) -> Line:
    """Logistic regression with both labels weighing the same (Platt 1999), and a slope that is never negative."""
    weight = np.where(attack, 1 / max(attack.sum(), 1), 1 / max((~attack).sum(), 1)) * len(score) / 2

    def loss(at: Array) -> float:
        margin = np.where(attack, 1, -1) * (at[0] * score + at[1])
        return float(np.sum(weight * np.logaddexp(0, -margin)) + PENALTY * at[0] ** 2)

    slope, offset = minimize(loss, np.array([0.3, 0.0])).x
    return Line(max(float(slope), 0.02), float(offset))


def card(model: Path, name: str, version: str, line: Line, about: str) -> str:
    """The text of a card for `model`."""
    return (
        f'name = "{name}"\nversion = "{version}"\nsha256 = "{hashlib.sha256(model.read_bytes()).hexdigest()}"\n'
        f'about = "{about}"\n'
        'data = "trained on research-only recordings, of which none is in this project"\n\n'
        f"[calibration]\nslope = {line.slope:.4f}\noffset = {line.offset:.4f}\nmost_nats = {MOST_NATS}\n"
    )


def figures(clips: Sequence[Clip], score: Array, llr: Array) -> dict[str, object]:
    """By kind of synthetic speech against all genuine clips, each with a 95 % interval over people."""
    attack = np.array([clip.attack for clip in clips])
    kind = np.array([clip.kind for clip in clips])
    people = np.array([clip.person for clip in clips])
    partial = np.array(["partial" in clip.generator for clip in clips])
    matched = np.array([clip.matched for clip in clips])
    chosen = {name: ~attack | (kind == name) & ~partial for name in KINDS}
    chosen |= {"all": np.ones(len(clips), np.bool_), "all, formats matched": matched}
    return {name: _one(score[at], llr[at], attack[at], people[at]) for name, at in chosen.items()}


def _one(score: Array, llr: Array, attack: Mask, people: npt.NDArray[np.str_]) -> dict[str, object]:
    def within(figure: Callable[[Array, Mask, Array], float]) -> list[float] | None:
        found = bootstrap(lambda weight: figure(score, attack, weight), people.tolist())
        return [round(x, 3) for x in found] if found else None

    weight = np.where(attack, 1 / max(attack.sum(), 1), 1 / max((~attack).sum(), 1))
    return {
        "n_genuine": int((~attack).sum()), "n_synthetic": int(attack.sum()), "people": len(set(people.tolist())),
        "auc": round(auc(score, attack), 3), "auc_ci": within(auc),
        "eer": round(eer(score, attack), 3), "eer_ci": within(eer),
        "fpr_at_95_tpr": round(fpr_at_tpr(score, attack, 0.95), 3),
        "ece": round(ece(posterior(llr), attack, weight), 3),
    }  # fmt: skip


def by_source(clips: Sequence[Clip], score: Array) -> dict[str, dict[str, object]]:
    """Genuine clips of each source: how many are taken for synthetic at the pooled equal error rate."""
    attack = np.array([clip.attack for clip in clips])
    limit = _limit(score, attack)
    found = {}
    for source in sorted({clip.source for clip in clips}):
        here = np.array([clip.source == source for clip in clips])
        genuine, synthetic = here & ~attack, here & attack
        found[source] = {
            "genuine": int(genuine.sum()), "flagged": int((score[genuine] > limit).sum()),
            "synthetic": int(synthetic.sum()), "missed": int((score[synthetic] <= limit).sum()),
        }  # fmt: skip
    return found


def _limit(score: Array, attack: Mask) -> float:
    levels = np.quantile(score, np.linspace(0, 1, 2001))
    gap = [abs((score[~attack] > x).mean() - (score[attack] <= x).mean()) for x in levels]
    return float(levels[int(np.argmin(gap))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx", help="the network that has learned from all")
    parser.add_argument("--version", default="1")
    given = parser.parse_args()
    folds = [number for number in range(len(FOLDS)) if (given.out / f"fold{number}" / "scores.npz").is_file()]
    clips = [clip for clip in read_clips([given.data]) if clip.fold in folds]
    fold = np.array([clip.fold for clip in clips])
    attack = np.array([clip.attack for clip in clips])
    score = {view: np.zeros(len(clips)) for view in VIEWS}
    for number in folds:
        with np.load(given.out / f"fold{number}" / "scores.npz") as file:
            for view in VIEWS:
                score[view][fold == number] = file[view]

    def line(which: Mask) -> Line:
        both = np.concatenate([score[view][which] for view in VIEWS])
        return calibrated(both, np.concatenate([attack[which]] * len(VIEWS)))

    llr = {view: np.zeros(len(clips)) for view in VIEWS}
    left_out: dict[str, list[str]] = {}
    for number in folds:
        fitted, folder = line(fold != number), given.out / f"fold{number}"
        for view in VIEWS:
            said = fitted.slope * score[view][fold == number] + fitted.offset
            llr[view][fold == number] = np.clip(said, -MOST_NATS, MOST_NATS)
        about = f"has not seen fold {number}, to be measured on it"
        text = card(folder / "model.onnx", f"voice, fold {number}", given.version, fitted, about)
        (folder / "card.toml").write_text(text, "utf-8")
        left_out[folder.name] = sorted({clip.source for clip in clips if clip.fold == number})
    (given.out / "networks_left_out.json").write_text(
        json.dumps({"models": {"voice": left_out}}, indent=1) + "\n", "utf-8"
    )
    results = {
        view: figures(clips, score[view], llr[view]) | {"by_source": by_source(clips, score[view])} for view in VIEWS
    }
    (given.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if given.model.is_file():
        text = card(
            given.model, "liveguard voice", given.version, line(np.ones(len(clips), np.bool_)), "models/voice/README.md"
        )
        given.model.with_name("card.toml").write_text(text, "utf-8")
    for view, about in VIEWS.items():
        print(about)
        for name in (*KINDS, "all", "all, formats matched"):
            found = results[view][name]
            print(f"  {name:22}", ", ".join(f"{key} {value}" for key, value in found.items()))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
