"""The small face models that ship, of figures of faces: `swap` from single pictures, `animation` from some seconds.

    python models/crops/measured.py DATA OUT
    python models/crops/small.py DATA OUT                # five minutes on two cores

`swap` learns from DFDC stills alone, of which each swapped face stands beside the genuine ones of hundreds of people in the same
rooms: clips of other sources in the training taught it their looks. So what it says of clips is measured with the very model
that ships, but for the few clips of DFDC, which are left out; and DFDC stills with models that have not seen the original video.
`animation` learns from re-enacted and talking heads beside genuine clips, and is measured by a model for each source without it.

Writes liveguard/models/<check>/; the models that have not seen a source, each calibrated without it, to OUT/small, with
left_out.json for `liveguard evaluate --held-out`, those of `animation` to models/animation, too; and OUT/small/results.json.
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
from corpus import COUNT, SPLIT_BY_SUBJECT, Item, fold_of, may_teach, read_items
from dense import Array, Dense, Recipe, Standard, export, fitted, halved
from figures import Scored, figures, swap_slices
from measure import VIEWS, calibrated, card
from measured import MIRRORED, Measured, load
from sklearn.linear_model import LogisticRegression

from liveguard.detectors.animation import course
from liveguard.detectors.face_figures import ZONE_COUNT
from liveguard.evaluate.metrics import ece, posterior

SHIPPED, LEFT_OUT = Path("liveguard/models"), Path("models/animation")
SEED = 1
STRENGTH = 0.003  # C of scikit-learn, on weights that sum to a tenth of the clips
MOST_NATS = 3.0
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Material:
    """All that is learned from and measured on. `clips`: as they are, and after VP8."""

    items: Sequence[Item]
    stills: Measured
    mirrored: Measured
    clips: tuple[Measured, ...]

    def attacks(self, some: Measured) -> Mask:
        return np.array([self.items[k].attack for k in some.item], bool)

    def courses(self) -> dict[tuple[int, int], npt.NDArray[np.float32]]:
        """By number of the clip and of the view."""
        return {
            (int(k), view): course(rows[:, :ZONE_COUNT], rows[:, ZONE_COUNT:])
            for view, seen in enumerate(self.clips)
            for k in np.unique(seen.item)
            if len(rows := seen.x[seen.item == k])
        }


def read_material(data: Path, out: Path) -> Material:
    stills, mirrored = (load(out / f"figures-stills-{view}.npz") for view in ("clean", MIRRORED))
    return Material(
        read_items(data), stills, mirrored, tuple(load(out / f"figures-clips-{view}.npz") for view in ("clean", "vp8"))
    )


def swap_model(of: Material, fold: int | None, recipe: Recipe) -> Dense:
    """Learns from the DFDC stills of other folds (of all, for None), as they are and in the mirror."""
    some = [(seen, _taught(of, seen, fold)) for seen in (of.stills, of.mirrored)]
    x, attack = (
        np.concatenate(each) for each in zip(*((seen.x[use], of.attacks(seen)[use]) for seen, use in some), strict=True)
    )
    return fitted(x, attack, recipe, SEED if fold is None else SEED + 1 + fold)


def _taught(of: Material, seen: Measured, fold: int | None) -> Mask:
    return np.array([
        of.items[k].source == SPLIT_BY_SUBJECT and (fold is None or fold_of(of.items[k]) != fold) for k in seen.item
    ], bool)  # fmt: skip


def swap_scores(of: Material, model: Dense, items: set[int]) -> list[Scored]:
    """What the model says of these of the stills and clips, by their numbers."""
    found = []
    for view, seen in ((0, of.stills), *enumerate(of.clips)):
        said = model.score(seen.x)
        for k in sorted(items.intersection(seen.item.tolist())):
            item, here = of.items[k], seen.item == k
            px = float(seen.face_px[here].mean())
            found.append(Scored(item, fold_of(item), view, px, float(said[here].mean()), 0.0))
    return found


def of_dfdc(item: Item) -> bool:
    """Whether it may show a video that swap models learned from."""
    return item.source == SPLIT_BY_SUBJECT or item.subject.startswith(SPLIT_BY_SUBJECT)


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
    slopes = halved(model.coef_.T)[None]
    return Dense(standard, ((slopes, np.float32(model.intercept_).reshape(1, 1, 1)),))


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
    whole = swap_model(of, None, recipe)
    apart = {fold: swap_model(of, fold, recipe) for fold in range(COUNT)}
    scored = swap_scores(of, whole, {k for k, item in enumerate(of.items) if not of_dfdc(item)})
    clips = [one for one in scored if one.item.video]
    for fold, model in apart.items():
        tested = {k for k, item in enumerate(of.items) if of_dfdc(item) and not item.video and fold_of(item) == fold}
        scored += swap_scores(of, model, tested)
    lines = {fold: line_of([one for one in clips if one.fold != fold] or clips) for fold in apart}
    takes, left_out = "figures of liveguard.detectors.face_figures", {}
    sources = {item.source: item for item in of.items if item.video}
    for fold, model in apart.items():
        for name, which, known in ((f"swap{fold}", whole, False), (f"swap{fold}dfdc", model, True)):
            of_fold = sorted(s for s, item in sources.items() if fold_of(item) == fold and of_dfdc(item) == known)
            if of_fold:
                left_out[name] = of_fold
                about = f"has not seen fold {fold}, to be measured on it"
                write(which, out / name, f"swap, fold {fold}", lines[fold], about, takes)
    about = "models/swap/README.md"
    write(whole, out / "swap", "liveguard swap", line_of(clips), about, takes)
    return left_out, table(scored, lambda one: _llr(lines[one.fold], one.score))


def animation(of: Material, out: Path) -> tuple[dict[str, list[str]], dict[str, object]]:
    """The same as `swap`, with a model for each source."""
    courses, takes = of.courses(), "liveguard.detectors.animation.course"
    number = np.array([k for k, _ in courses])
    x, attack = np.stack(list(courses.values())), np.array([of.items[k].attack for k in number], bool)
    source = np.array([of.items[k].source for k in number])
    px = {int(k): float(np.median(of.clips[0].face_px[of.clips[0].item == k])) for k in np.unique(number)}
    models: dict[str, Dense] = {}
    scored = []
    for name in sorted(set(source)):
        use = np.array(may_teach(of.items, name))[number]
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
    use = np.array(may_teach(of.items, None))[number]
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
