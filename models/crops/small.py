"""The small face models that ship, of figures of zones: `swap` from single pictures, `animation` from some seconds.

    python models/crops/zones.py DATA OUT
    python models/crops/small.py DATA OUT                # two minutes on two cores

`swap` learns from DFDC stills alone, of which each swapped face stands beside the genuine ones of hundreds of people in the same
rooms: clips of other sources in the training taught it their looks. `animation` learns from re-enacted and talking heads beside
genuine clips. Writes liveguard/models/<check>/; the models that have not seen a source to OUT/small, with left_out.json for
`liveguard evaluate --held-out`, those of `animation` to models/animation, too; and OUT/small/results.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from corpus import COUNT, SPLIT_BY_SUBJECT, Item, fold_of, read_items
from dense import Array, Dense, Recipe, Standard, export, fitted
from figures import Scored, figures, swap_slices
from measure import VIEWS, calibrated, card
from sklearn.linear_model import LogisticRegression
from zones import Zones, load

from liveguard.detectors.animation import course
from liveguard.evaluate.metrics import ece, posterior

SHIPPED, LEFT_OUT = Path("liveguard/models"), Path("models/animation")
SEED = 1
STRENGTH = 0.01  # C of scikit-learn, on weights that sum to a tenth of the clips
ANIMATED = ("reenact", "talkinghead")
MOST_NATS = 3.0
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Material:
    """All that is learned from and measured on. `clips`: as they are, and after VP8."""

    items: Sequence[Item]
    stills: Zones
    clips: tuple[Zones, ...]

    def attacks(self, zones: Zones) -> Mask:
        return np.array([self.items[k].attack for k in zones.item], bool)

    def courses(self) -> dict[tuple[int, int], npt.NDArray[np.float32]]:
        """By number of the clip and of the view."""
        return {
            (int(k), view): course(zones.x[zones.item == k])
            for view, zones in enumerate(self.clips)
            for k in np.unique(zones.item)
        }


def read_material(data: Path, out: Path) -> Material:
    clips = tuple(load(out / f"zones-clips-{view}.npz") for view in ("clean", "vp8"))
    return Material(read_items(data), load(out / "zones-stills-clean.npz"), clips)


def swap_model(of: Material, fold: int | None, recipe: Recipe) -> Dense:
    """Learns from the DFDC stills of other folds (of all, for None)."""
    use = np.array([
        of.items[k].source == SPLIT_BY_SUBJECT and (fold is None or fold_of(of.items[k]) != fold) for k in of.stills.item
    ])  # fmt: skip
    return fitted(of.stills.x[use], of.attacks(of.stills)[use], recipe, SEED if fold is None else SEED + 1 + fold)


def swap_scores(of: Material, model: Dense, fold: int) -> list[Scored]:
    """Of the stills and clips of a fold."""
    found = []
    for view, zones in ((0, of.stills), *enumerate(of.clips)):
        said = model.score(zones.x)
        for k in np.unique(zones.item):
            item, here = of.items[k], zones.item == k
            if fold_of(item) == fold:
                px = float(zones.face_px[here].mean())
                found.append(Scored(item, fold, view, px, float(said[here].mean()), 0.0))
    return found


def animation_model(x: Array, attack: Mask, source: npt.NDArray[np.str_]) -> Dense:
    """Logistic regression, sources weighing as the root of their clips within each label."""
    weight = np.zeros(len(x))
    for label in (False, True):
        here = attack == label
        _, inverse, counts = np.unique(source[here], return_inverse=True, return_counts=True)
        share = counts[inverse] ** -0.5
        weight[here] = share / share.sum()
    standard = Standard.of(x)
    model = LogisticRegression(C=STRENGTH, max_iter=500)
    model.fit(standard(x), attack, sample_weight=weight / weight.sum() * len(x) / 10)
    slopes = model.coef_.T.astype(np.float32)[None]
    return Dense(standard, ((slopes, np.float32(model.intercept_).reshape(1, 1, 1)),))


def may_teach(of: Material, source: str | None) -> Mask:
    """(items,) which clips a model may learn from that is tested on `source`: none of its people and generators either."""
    test = [item for item in of.items if item.video and item.source == source]
    people = {item.subject for item in test}
    generators = {item.generator for item in test if item.attack}
    return np.array([
        item.video and (not item.attack or item.kind in ANIMATED)
        and item.source != source and item.subject not in people and not (item.attack and item.generator in generators)
        for item in of.items
    ])  # fmt: skip


def line_of(some: Sequence[Scored]) -> tuple[float, float]:
    """Slope and offset of what was said of clips in both views; genuine clips and each kind of attack weigh alike."""
    return calibrated(np.array([one.score for one in some]), np.array([one.item.attack for one in some], bool))


def write(model: Dense, folder: Path, name: str, line: tuple[float, float], about: str, takes: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    export(model, str(folder / "model.onnx"))
    text = card(folder / "model.onnx", name, "1", line, about, takes, MOST_NATS)
    (folder / "card.toml").write_text(text, "utf-8")


def table(some: Sequence[Scored], llr: Callable[[Scored], float]) -> dict[str, object]:
    """Figures of each view by slices, and the calibration error of clips."""
    found: dict[str, object] = {}
    for view, about in enumerate(VIEWS):
        seen = [one for one in some if one.view == view or not one.item.video]
        slices = ((name, figures(part, lambda item: item.subject)) for name, part in swap_slices(seen))
        found[about] = {name: these for name, these in slices if these}
    clips = [one for one in some if one.item.video]
    attack = np.array([one.item.attack for one in clips], bool)
    weight = np.where(attack, 1 / max(attack.sum(), 1), 1 / max((~attack).sum(), 1))
    found["expected calibration error"] = round(
        ece(posterior(np.array([llr(one) for one in clips])), attack, weight), 3
    )
    return found


def swap(of: Material, out: Path, recipe: Recipe) -> tuple[dict[str, list[str]], dict[str, object]]:
    """Writes the models; gives for each of those of a fold the sources that it has not seen, and the figures of all."""
    models = {fold: swap_model(of, fold, recipe) for fold in range(COUNT)}
    scored = [one for fold, model in models.items() for one in swap_scores(of, model, fold)]
    clips = [one for one in scored if one.item.video]
    lines = {fold: line_of([one for one in clips if one.fold != fold] or clips) for fold in models}
    takes, left_out = "figures of liveguard.detectors.zone_figures", {}
    for fold, model in models.items():
        about = f"has not seen fold {fold}, to be measured on it"
        write(model, out / f"swap{fold}", f"swap, fold {fold}", lines[fold], about, takes)
        left_out[f"swap{fold}"] = sorted({one.item.source for one in clips if one.fold == fold})
    about = "models/swap/README.md"
    write(swap_model(of, None, recipe), out / "swap", "liveguard swap", line_of(clips), about, takes)
    return left_out, table(scored, lambda one: _llr(lines[one.fold], one.score))


def animation(of: Material, out: Path) -> tuple[dict[str, list[str]], dict[str, object]]:
    """The same as `swap`, with a model for each source."""
    courses, takes = of.courses(), "liveguard.detectors.animation.course of figures of zones"
    number = np.array([k for k, _ in courses])
    x, attack = np.stack(list(courses.values())), np.array([of.items[k].attack for k in number], bool)
    source = np.array([of.items[k].source for k in number])
    px = {int(k): float(np.median(of.clips[0].face_px[of.clips[0].item == k])) for k in np.unique(number)}
    models: dict[str, Dense] = {}
    scored = []
    for name in sorted(set(source)):
        use = may_teach(of, name)[number]
        models[name] = animation_model(x[use], attack[use], source[use])
        for at in np.flatnonzero(source == name):
            k, view = list(courses)[at]
            said = float(models[name].score(x[at : at + 1])[0])
            scored.append(Scored(of.items[k], fold_of(of.items[k]), view, px.get(k, np.nan), said, 0.0))
    lines = {name: line_of([one for one in scored if one.item.source != name] or scored) for name in models}
    left_out = {}
    for at, (name, model) in enumerate(models.items()):
        write(model, out / f"animation{at}", f"animation, {at}", lines[name], f"has not seen {name}", takes)
        left_out[f"animation{at}"] = [name]
    use = may_teach(of, None)[number]
    whole = animation_model(x[use], attack[use], source[use])
    write(whole, out / "animation", "liveguard animation", line_of(scored), "models/animation/README.md", takes)
    return left_out, table(scored, lambda one: _llr(lines[one.item.source], one.score))


def _llr(line: tuple[float, float], score: float) -> float:
    return float(np.clip(line[0] * score + line[1], -MOST_NATS, MOST_NATS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shipped", type=Path, default=SHIPPED, help="where the models that ship go")
    parser.add_argument("--left-out", type=Path, default=LEFT_OUT, help="where those that have not seen a source go")
    given = parser.parse_args()
    torch.set_num_threads(1)  # so that the same sums come out on any machine
    of, out = read_material(given.data, given.out), given.out / "small"
    left_out, results = {}, {}
    for check, trained in (("swap", swap(of, out, Recipe())), ("animation", animation(of, out))):
        left_out[check], results[check] = trained
        shutil.copytree(out / check, given.shipped / check, dirs_exist_ok=True)
    (out / "left_out.json").write_text(json.dumps({"models": left_out}, indent=1) + "\n", "utf-8")
    for folder in left_out["animation"]:  # small enough to be kept, so that figures can be made again without training
        shutil.copytree(out / folder, given.left_out / "left_out" / folder, dirs_exist_ok=True)
    kept = {f"left_out/{folder}": sources for folder, sources in left_out["animation"].items()}
    text = json.dumps({"models": {"animation": kept}}, indent=1) + "\n"
    (given.left_out / "left_out.json").write_text(text, "utf-8")
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results, indent=None).replace('}, "', '},\n"'))


if __name__ == "__main__":
    main()
