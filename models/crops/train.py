"""Train a crop model: `swap` tells faces that were blended in, `replay` screens and prints held to the camera.

    make -C models swap-crops DATA=FOLDER                    # all of it, from the research recordings on
    python models/crops/train.py swap DATA STORE OUT --base  # a start for all, from pictures that no fold tests
    python models/crops/train.py swap DATA STORE OUT --start OUT/swap/base/model.pt

STORE is what store.py made. Trains, side by side, the networks that have not seen a fold, for the figures, and the one that
ships; for `--steps`, or for `--seconds` where that is given.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from batches import Batches, Recipe
from corpus import CHECKS, COUNT, Check, concerns, fold_of, may_train, read_items
from draws import Draws
from learner import Learner, rate_at, read_net, write_net
from network import CropNet, export
from store import CROPS_OF, SEEN, SIDE, load
from torch import Tensor

SEED = 5


@dataclass(frozen=True)
class Pictures:
    """`images` (n, 3, SIDE, SIDE) uint8, `points` (n, k, 2) float32 in their pixels, `item` (n,) number of the item."""

    images: Tensor
    points: Tensor
    item: npt.NDArray[np.int64]


def read_pictures(stores: Sequence[Path], wanted: Sequence[bool], device: torch.device) -> Pictures:
    """The crops in `stores` of the wanted items (items,) bool."""
    images, points, item = [], [], []
    cv2.setNumThreads(1)
    for path in stores:
        store = load(path)
        which = [k for k in range(len(store)) if wanted[store.item[k]]]
        out = torch.empty((len(which), 3, SIDE, SIDE), dtype=torch.uint8)

        def put(row: int, k: int, store=store, out=out) -> None:  # type: ignore[no-untyped-def]
            out[row] = torch.from_numpy(store.image(k)).permute(2, 0, 1)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(len(which)), which))
        images.append(out.to(device))
        points.append(torch.from_numpy(store.points[which]).to(device))
        item.append(store.item[which])
    return Pictures(torch.cat(images), torch.cat(points), np.concatenate(item))


@dataclass
class Clock:
    """How far a training is, 0..1: by steps, or by seconds where they are limited."""

    steps: int
    seconds: float | None
    begun: float
    step: int = 0

    @property
    def share(self) -> float:
        if self.seconds is None:
            return self.step / self.steps
        return (time.monotonic() - self.begun) / self.seconds


def train(
    batches: Batches, usable: npt.NDArray[np.bool_], recipe: Recipe, clock: Clock, start: CropNet | None, say: str
) -> list[CropNet]:
    """Networks for each row of `usable` (networks, crops) bool: which crops it may learn from.

    They share the batches, of which each sees the pairs that it may: making them costs as much as learning from them.
    """
    torch.manual_seed(SEED)
    learners = [Learner(start, batches.device, recipe) for _ in usable]
    while (share := clock.share) < 1:
        batch, lost = batches.next(), []
        for learner, may in zip(learners, usable, strict=True):
            pairs = np.flatnonzero(may[batch.made_of].all(1))
            if len(pairs):
                lost.append(learner.learn(batch, pairs, rate_at(share)))
        clock.step += 1
        if clock.step in (10, 50) or clock.step % 250 == 0:
            each = (time.monotonic() - clock.begun) / clock.step
            said = " ".join(f"{float(one):.3f}" for one in lost)
            print(f"{say} step {clock.step}, {share:.0%}, loss {said}, {1000 * each:.0f} ms a step", flush=True)
    print(f"{say} done: {clock.step} steps of {2 * recipe.pairs} crops", flush=True)
    return [learner.averaged.eval() for learner in learners]


@torch.no_grad()
def scores(net: CropNet, images: Tensor, batch: int = 256) -> npt.NDArray[np.float32]:
    """Raw scores (n,) of the middle of crops (n, 3, SIDE, SIDE) uint8."""
    edge = (SIDE - SEEN) // 2
    middle = images[:, :, edge : edge + SEEN, edge : edge + SEEN]
    out = [net(middle[k : k + batch].float() / 255)[:, 0].float().cpu() for k in range(0, len(images), batch)]
    return torch.cat(out).numpy() if out else np.zeros(0, np.float32)


def fold_named(name: str) -> int | None:
    """The number in "fold2"; None for "model"."""
    return int(name.removeprefix("fold")) if name.startswith("fold") else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("data", type=Path)
    parser.add_argument("store", type=Path, nargs="+", help="folders of stores, then OUT")
    parser.add_argument(
        "--only", nargs="*", default=[*(f"fold{k}" for k in range(COUNT)), "model"], help="fold0, model, ..."
    )
    parser.add_argument("--base", action="store_true", help="only a start, from what no fold tests")
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seconds", type=float, help="instead of steps")
    parser.add_argument("--pairs", type=int, default=Recipe().pairs)
    parser.add_argument("--rate", type=float, default=Recipe().rate)
    parser.add_argument("--found", type=float, default=Recipe().found)
    parser.add_argument("--foreign", type=float, default=Recipe().foreign)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = (
        True  # an error of a tenth of a grey level
    )
    *folders, out = given.store
    check: Check = given.check
    device = torch.device(given.device)
    recipe = replace(Recipe(), pairs=given.pairs, rate=given.rate, found=given.found, foreign=given.foreign)
    items = read_items(given.data)
    wanted = [concerns(item, check) and (fold_of(item) < 0 or not given.base) for item in items]
    paths = [folder / f"{CROPS_OF[check]}-{kind}-clean.npz" for folder in folders for kind in ("stills", "clips")]
    pictures = read_pictures([path for path in paths if path.is_file()], wanted, device)
    names = ["base"] if given.base else given.only
    may = [wanted if given.base else may_train(items, check, fold_named(name)) for name in names]
    usable = np.array(may, np.bool_)[:, pictures.item]
    batches = Batches(check, pictures.images, pictures.points, Draws(items, pictures.item, wanted, SEED), recipe, SEED)
    clock = Clock(given.steps, given.seconds, time.monotonic())
    start = read_net(given.start) if given.start else None
    for name, net in zip(names, train(batches, usable, recipe, clock, start, check), strict=True):
        folder = out / check / name
        write_net(net, folder / "model.pt")
        if (fold := fold_named(name)) is not None:
            which = np.array([k for k, i in enumerate(pictures.item) if fold_of(items[i]) == fold], np.int64)
            said = scores(net, pictures.images[torch.from_numpy(which).to(device)])
            np.savez(folder / "glance.npz", item=pictures.item[which], score=said)
        if not given.base:
            export(net, str(folder / "model.onnx"))


if __name__ == "__main__":
    main()
