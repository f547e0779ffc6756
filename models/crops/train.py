"""Train a crop model: `swap` tells faces that were blended in, `replay` screens and prints held to the camera.

    make -C models swap DATA=FOLDER                                # all of it, from the research recordings on
    python models/crops/train.py swap DATA STORE OUT               # the model that ships
    python models/crops/train.py swap DATA STORE OUT --folds       # those that have not seen a fold, for the figures
    python models/crops/train.py swap DATA STORE OUT --base        # a start for all, from pictures that no fold tests

STORE is what store.py made. Trains for `--steps`, or for `--seconds` where that is given: a quarter of an hour on a graphics
processor for all, or as long as patience lasts on a CPU.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from batches import Batch, Batches, Recipe
from corpus import CHECKS, COUNT, Check, Item, concerns, fold_of, may_train, read_items
from draws import Draws
from network import MAP, CropNet, export
from store import SEEN, SIDE, load
from torch import Tensor, nn

SEED = 5
CROP_OF: dict[Check, str] = {"swap": "face", "replay": "scene"}
WARM_UP = 0.06  # share of the training


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


def rate_at(share: float) -> float:
    """Learning rate over its highest: a short rise, then half a cosine (arXiv:1608.03983)."""
    if share < WARM_UP:
        return 0.05 + 0.95 * share / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min((share - WARM_UP) / (1 - WARM_UP), 1)))


def loss_of(net: CropNet, batch: Batch, recipe: Recipe) -> Tensor:
    with torch.autocast(batch.x.device.type, torch.bfloat16):
        score, where = net.both(batch.x.contiguous(memory_format=torch.channels_last))
    genuine, attack = score.float()[:, 0].chunk(2)
    target = torch.full_like(genuine, recipe.smooth)
    loss = F.binary_cross_entropy_with_logits(genuine, target) / 2
    loss = loss + F.binary_cross_entropy_with_logits(attack, 1 - target) / 2
    loss = loss + recipe.apart * F.softplus(2 - (attack - genuine)).mean()
    truth = F.adaptive_avg_pool2d(batch.where, MAP).clamp(0, 1)
    each = F.binary_cross_entropy_with_logits(where.float(), truth, reduction="none").mean((1, 2, 3))
    return loss + recipe.where * (each * batch.told).sum() / batch.told.sum()


def train(batches: Batches, recipe: Recipe, clock: Clock, start: CropNet | None = None, say: str = "") -> CropNet:
    """A trained network, its weights averaged over the last part of the training."""
    torch.manual_seed(SEED)
    net = (copy.deepcopy(start) if start else CropNet()).to(batches.device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay)
    averaged = copy.deepcopy(net)
    while (share := clock.share) < 1:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * rate_at(share)
        loss = loss_of(net, batches.next(), recipe)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        average(averaged, net, min(recipe.average, clock.step / (clock.step + 10)))
        clock.step += 1
        if clock.step in (20, 100) or clock.step % 500 == 0:
            each = (time.monotonic() - clock.begun) / clock.step
            print(f"{say} step {clock.step}, {share:.0%}, loss {float(loss):.3f}, {1000 * each:.0f} ms a step", flush=True)
    print(f"{say} done: {clock.step} steps of {2 * recipe.pairs} crops", flush=True)
    return averaged.eval()


@torch.no_grad()
def average(into: nn.Module, net: nn.Module, keep: float) -> None:
    for old, new in zip(into.state_dict().values(), net.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)


@torch.no_grad()
def scores(net: CropNet, images: Tensor, batch: int = 256) -> npt.NDArray[np.float32]:
    """Raw scores (n,) of the middle of crops (n, 3, SIDE, SIDE) uint8."""
    edge = (SIDE - SEEN) // 2
    middle = images[:, :, edge : edge + SEEN, edge : edge + SEEN]
    out = [net(middle[k : k + batch].float() / 255)[:, 0].float().cpu() for k in range(0, len(images), batch)]
    return torch.cat(out).numpy() if out else np.zeros(0, np.float32)


def read_net(path: Path) -> CropNet:
    net = CropNet()
    net.load_state_dict({name: value.float() for name, value in torch.load(path, map_location="cpu").items()})
    return net.eval()


def write_net(net: CropNet, path: Path) -> None:
    """The weights with half precision, which scores do not notice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = {name: value.half() if value.dtype.is_floating_point else value for name, value in net.state_dict().items()}
    torch.save(half, path)


def usable_for(items: Sequence[Item], check: Check, fold: int | None, base: bool) -> list[bool]:
    if base:
        return [concerns(item, check) and fold_of(item) < 0 for item in items]
    return may_train(items, check, fold)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("data", type=Path)
    parser.add_argument("store", type=Path, nargs="+", help="folders of stores, then OUT")
    parser.add_argument("--folds", type=int, nargs="*", help="train without these, one after the other; none named: all")
    parser.add_argument("--base", action="store_true", help="only a start, from what no fold tests")
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seconds", type=float, help="for each training, instead of steps")
    parser.add_argument("--pairs", type=int, default=Recipe().pairs)
    parser.add_argument("--rate", type=float, default=Recipe().rate)
    parser.add_argument("--found", type=float, default=Recipe().found)
    parser.add_argument("--foreign", type=float, default=Recipe().foreign)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    *folders, out = given.store
    check: Check = given.check
    device = torch.device(given.device)
    recipe = replace(Recipe(), pairs=given.pairs, rate=given.rate, found=given.found, foreign=given.foreign)
    items = read_items(given.data)
    kinds = ("stills",) if given.base else ("stills", "clips")
    paths = [folder / f"{CROP_OF[check]}-{kind}-clean.npz" for folder in folders for kind in kinds]
    pictures = read_pictures([p for p in paths if p.is_file()], [concerns(item, check) for item in items], device)
    start = read_net(given.start) if given.start else None
    wanted: list[int | None] = [None] if given.folds is None else list(given.folds or range(COUNT))
    for fold in wanted:
        name = "base" if given.base else "model" if fold is None else f"fold{fold}"
        begun = time.monotonic()
        draws = Draws(items, pictures.item, usable_for(items, check, fold, given.base), SEED)
        batches = Batches(check, pictures.images, pictures.points, draws, recipe, SEED)
        net = train(batches, recipe, Clock(given.steps, given.seconds, begun), start, f"{check} {name}")
        write_net(net, out / check / f"{name}.pt")
        if fold is not None:
            which = np.array([k for k, i in enumerate(pictures.item) if fold_of(items[i]) == fold], np.int64)
            said = scores(net, pictures.images[torch.from_numpy(which).to(device)])
            np.savez(out / check / f"{name}-glance.npz", item=pictures.item[which], score=said)
        if not given.base:
            export(net, str(out / check / f"{name}.onnx"))


if __name__ == "__main__":
    main()
