"""Figures of a crop model on sources, people and generators that it has not seen; and the cards of the models.

    python models/crops/measure.py swap DATA OUT         # after score.py

The score of a clip or picture is the mean over its crops. Writes OUT/<check>/results.json, a card beside each fold's model,
calibrated on the other folds, OUT/<check>/left_out.json for `liveguard evaluate --held-out`, and OUT/<check>/model/card.toml.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpus import CHECKS, COUNT, SPLIT_BY_SUBJECT, Check, Item, fold_of, read_items
from figures import Array, Mask, Scored, report
from scipy.optimize import minimize

from liveguard.evaluate.metrics import ece, posterior

VIEWS = ("as it is", "VP8 300 kbit/s")
MOST_NATS = 0.5  # what misleads a crop model stays all through a call, and adds up
PENALTY = 1.0


def read_scores(items: Sequence[Item], folder: Path) -> list[Scored]:
    found = []
    for fold in range(COUNT):
        path = folder / f"fold{fold}" / "scores.npz"
        if not path.is_file():
            continue
        with np.load(path) as file:
            number, view = file["item"], file["view"]
            for i, v in sorted({(int(i), int(v)) for i, v in zip(number, view, strict=True)}):
                here = (number == i) & (view == v)
                px, score, plain = (float(file[name][here].mean()) for name in ("face_px", "score", "sharpness"))
                found.append(Scored(items[i], fold, v, px, score, plain))
    return found


def calibrated(score: Array, attack: Mask) -> tuple[float, float]:
    """Slope and offset of a logistic regression with both labels weighing the same (Platt 1999)."""
    weight = np.where(attack, 1 / max(attack.sum(), 1), 1 / max((~attack).sum(), 1)) * len(score) / 2

    def loss(at: Array) -> float:
        margin = np.where(attack, 1, -1) * (at[0] * score + at[1])
        return float(np.sum(weight * np.logaddexp(0, -margin)) + PENALTY * at[0] ** 2)

    slope, offset = minimize(loss, np.array([0.3, 0.0])).x
    return max(float(slope), 0.02), float(offset)


def card(
    model: Path, name: str, version: str, line: tuple[float, float], about: str,
    takes: str = "crops of 224 x 224 pixels, RGB in 0..1", most_nats: float = MOST_NATS,
) -> str:  # fmt: skip
    """The text of a card for `model`."""
    return (
        f'name = "{name}"\nversion = "{version}"\nsha256 = "{hashlib.sha256(model.read_bytes()).hexdigest()}"\n'
        f'about = "{about}"\n'
        'data = "trained on research-only recordings, of which none is in this project"\n'
        'licence = "research use only, as the recordings"\n'
        f'input = "{takes}"\n\n'
        f"[calibration]\nslope = {line[0]:.4f}\noffset = {line[1]:.4f}\nmost_nats = {most_nats}\n"
    )


def judged(check: Check, some: Sequence[Scored]) -> list[Scored]:
    """What a model is calibrated on: clips in both views and stills of swaps; of presentations, pictures and genuine clips."""
    return (
        list(some)
        if check == "replay"
        else [one for one in some if one.item.video or one.item.source == SPLIT_BY_SUBJECT]
    )


def line_of(some: Sequence[Scored]) -> tuple[float, float]:
    return calibrated(np.array([one.score for one in some], float), np.array([one.item.attack for one in some], bool))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--version", default="1")
    given = parser.parse_args()
    check: Check = given.check
    folder, items = given.out / check, read_items(given.data)
    scored = read_scores(items, folder)
    fitted_on = judged(check, scored)
    left_out: dict[str, list[str]] = {}
    llr: dict[int, float] = {}
    for fold in sorted({one.fold for one in scored}):
        line = line_of([one for one in fitted_on if one.fold != fold] or fitted_on)
        place = folder / f"fold{fold}"
        about = f"has not seen fold {fold}, to be measured on it"
        (place / "card.toml").write_text(
            card(place / "model.onnx", f"{check}, fold {fold}", given.version, line, about), "utf-8"
        )
        left_out[place.name] = sorted({item.source for item in items if item.video and fold_of(item) == fold})
        llr |= {id(one): line[0] * one.score + line[1] for one in fitted_on if one.fold == fold}
    (folder / "left_out.json").write_text(json.dumps({"models": {check: left_out}}, indent=1) + "\n", "utf-8")
    results: dict[str, object] = {
        about: report(check, [one for one in scored if one.view == view or not one.item.video])
        for view, about in enumerate(VIEWS)
    }
    said = np.clip([llr[id(one)] for one in fitted_on], -MOST_NATS, MOST_NATS)
    attack = np.array([one.item.attack for one in fitted_on], bool)
    weight = np.where(attack, 1 / max(attack.sum(), 1), 1 / max((~attack).sum(), 1))
    results["expected calibration error"] = round(ece(posterior(said), attack, weight), 3)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    model = folder / "model" / "model.onnx"
    if model.is_file():
        text = card(model, f"liveguard {check}", given.version, line_of(fitted_on), f"models/{check}/README.md")
        model.with_name("card.toml").write_text(text, "utf-8")
    print(json.dumps(results, indent=None).replace('}, "', '},\n"'))


if __name__ == "__main__":
    main()
