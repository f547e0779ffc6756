"""Train the voice model: genuine or synthetic, from up to 4 s of speech without pauses.

    make -C models voice DATA=FOLDER                     # all of it, from the research recordings on
    python models/voice/train.py DATA/voice OUT          # the model that ships
    python models/voice/train.py DATA/voice OUT --folds  # those that have not seen a fold, for the figures

A small residual network on band powers, trained on balanced draws of genuine speech, published generators and copies of
genuine speech made here, through random calls. README.md beside this says what else was tried.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from augment import Augment
from corpus import FOLDS, Clip, may_train, read_clips
from network import HIGHEST_HZ, LOWEST_HZ, VoiceNet, export, shaped
from store import CLEAN, MEASURED, Store, frames_near_speech, joined, prepare
from torch import Tensor, nn

SEED = 5
FRAMES_A_S = 100
SHORTEST_S, LONGEST_S = 1.2, 2.8
WHOLE_S = 4.0  # of speech, that the running check hears at most
CALLS = 2  # random calls that each clip is heard through
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """What may be varied.

    `copies`: share of the pairs that are a genuine sound and a copy made of it, where its corpus has other synthetic speech,
    and `blend` how many of those have some bands of the origin left; `strangers`: share of the pairs whose synthetic sound
    is of another corpus; `clean`: share of the sounds that go through no call; `pairs`: weight of telling the two sounds of
    a pair apart; `average`: how much is kept of the averaged weights at each step.
    """

    steps: int = 4000
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.02
    copies: float = 0.4
    blend: float = 0.3
    strangers: float = 0.1
    clean: float = 0.25
    smooth: float = 0.03
    pairs: float = 0.5
    average: float = 0.998


class Draws:
    """Batches of pairs: a genuine sound, and a synthetic one of the same corpus or made of it.

    So each corpus, with its microphones and rooms, is genuine as often as it is synthetic, and does not tell.
    """

    def __init__(self, clips: Sequence[Clip], usable: Sequence[bool], store: Store, recipe: Recipe, seed: int) -> None:
        self.recipe = recipe
        self.rng = np.random.default_rng(seed)
        long_enough = np.diff(store.starts) > FRAMES_A_S // 2
        at = [k for k in range(len(clips)) if usable[k] and long_enough[k]]
        self.genuine = np.array([k for k in at if not clips[k].attack])
        self.genuine_share = shares([clips[k].source for k in self.genuine], 0.5)
        self.corpus = [clip.corpus for clip in clips]
        attacks = [k for k in at if clips[k].attack and not clips[k].origin]
        self.strangers = Pool(attacks, clips)
        self.attacks = {
            corpus: Pool([k for k in attacks if clips[k].corpus == corpus], clips)
            for corpus in {clips[k].corpus for k in attacks}
        }
        number = {clips[k].name: k for k in self.genuine}
        self.copies: dict[int, list[int]] = {}
        for k in at:
            if clips[k].origin in number:
                self.copies.setdefault(number[clips[k].origin], []).append(k)

    def batch(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Clips (batch,), the first half genuine and clip k of it with clip k of the second half; which pairs are copies."""
        half = self.recipe.batch // 2
        genuine = self.rng.choice(self.genuine, half, p=self.genuine_share)
        attacks, copies = np.zeros(half, np.int64), np.zeros(half, np.bool_)
        draws = self.rng.random((half, 2))
        for at, k in enumerate(genuine):
            pool = self.attacks.get(self.corpus[k])
            if draws[at, 0] < self.recipe.strangers or (k not in self.copies and pool is None):
                attacks[at] = self.strangers.draw(self.rng)
            elif k in self.copies and (pool is None or draws[at, 1] > (1 - self.recipe.copies) * pool.variety):
                attacks[at], copies[at] = self.copies[k][int(self.rng.integers(len(self.copies[k])))], True
            else:
                assert pool is not None
                attacks[at] = pool.draw(self.rng)
        return np.concatenate([genuine, attacks]), copies


class Pool:
    """Clips drawn by generator, so that the frequent ones do not drown the others."""

    def __init__(self, which: Sequence[int], clips: Sequence[Clip]) -> None:
        self.which = np.array(which)
        self.variety = min(len({clips[k].generator for k in which}) / 6, 1.0)  # of few generators, fewer draws
        self.edges = np.cumsum(shares([clips[k].generator for k in which], 0.5))

    def draw(self, rng: np.random.Generator) -> int:
        return int(self.which[min(np.searchsorted(self.edges, rng.random()), len(self.which) - 1)])


def shares(names: Sequence[str], power: float) -> npt.NDArray[np.float64]:
    """Chances (n,) that draw a group of n_g members with n_g ** power."""
    _, inverse, counts = np.unique(names, return_inverse=True, return_counts=True)
    share = counts[inverse] ** (power - 1.0)
    return np.asarray(share / share.sum())


def train(
    clips: Sequence[Clip], store: Store, usable: Sequence[bool], recipe: Recipe, device: torch.device, say: str = ""
) -> VoiceNet:
    """A trained model, its weights averaged over the last part of the training; the same seed gives the same draws."""
    torch.manual_seed(SEED)
    draws, augment = Draws(clips, usable, store, recipe, SEED), Augment(device, SEED)
    names = [view for view in store.views if view != MEASURED]
    views = torch.stack([torch.from_numpy(store.views[view]) for view in names]).to(device)
    starts = torch.from_numpy(store.starts).to(device)
    net = VoiceNet().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.steps, pct_start=0.15)
    averaged = copy.deepcopy(net)
    begun = time.monotonic()
    for step in range(recipe.steps):
        power = cropped(views, starts, *draws.batch(), recipe, draws.rng, augment.rng)
        seen = augment.masked(shaped(augment(power)))
        with torch.autocast(device.type, torch.bfloat16):
            inside = net.embed(seen.contiguous(memory_format=torch.channels_last))
        genuine, synthetic = net.last(net.drop(inside.float()))[:, 0].chunk(2)
        target = torch.full_like(genuine, recipe.smooth)
        loss = F.binary_cross_entropy_with_logits(genuine, target) / 2
        loss = loss + F.binary_cross_entropy_with_logits(synthetic, 1 - target) / 2
        loss = loss + recipe.pairs * F.softplus(2.0 - (synthetic - genuine)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        average(averaged, net, min(recipe.average, step / (step + 10)))
        if step % 200 == 199:
            each = (time.monotonic() - begun) / (step + 1)
            print(
                f"{say} step {step + 1} of {recipe.steps}, loss {float(loss):.3f}, {1000 * each:.0f} ms a step",
                flush=True,
            )
    return averaged.eval()


@torch.no_grad()
def average(into: nn.Module, net: nn.Module, keep: float) -> None:
    for old, new in zip(into.state_dict().values(), net.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)


def cropped(
    views: Tensor, starts: Tensor, chosen: npt.NDArray[np.int64], copies: npt.NDArray[np.bool_], recipe: Recipe,
    rng: np.random.Generator, torch_rng: torch.Generator,
) -> Tensor:  # fmt: skip
    """Band powers (batch, bands, frames) of a stretch of each clip, as long for all. A copy and its origin are cut alike."""
    device, half = views.device, len(copies)
    frames = 8 * round(rng.uniform(SHORTEST_S, LONGEST_S) * FRAMES_A_S / 8)
    view = rng.integers(1, len(views), 2 * half) * (rng.random(2 * half) > recipe.clean)
    mixed = np.flatnonzero(copies & (rng.random(half) < recipe.blend))
    view[mixed] = view[mixed + half] = 0  # two calls cannot be mixed into one
    where = rng.random(2 * half).astype(np.float32)
    where[half:][copies] = where[:half][copies]
    which, share, seen, both = (torch.from_numpy(x).to(device) for x in (chosen, where, view, mixed))
    length = starts[which + 1] - starts[which]
    first = (share * (length - frames).clamp(min=1)).long()
    at = (first[:, None] + torch.arange(frames, device=device)) % length[:, None]  # what is too short goes round
    power = views[seen[:, None], starts[which][:, None] + at].float().exp().transpose(1, 2)
    if len(mixed):
        power[both + half] = blended(power[both + half], power[both], torch_rng)
    return power


def blended(made: Tensor, origin: Tensor, rng: torch.Generator) -> Tensor:
    """A copy with some bands of its origin as they were: a fainter trace than any vocoder of ours leaves."""
    at_hz = torch.linspace(LOWEST_HZ, HIGHEST_HZ, made.shape[1], device=made.device)[None, :, None]
    draws = torch.rand(2, len(made), 1, 1, generator=rng, device=made.device)
    share = torch.sigmoid((at_hz - 500 * torch.exp(2.3 * draws[0])) / 150)
    share = torch.where(draws[1] < 0.6, share, 1 - share)
    return made * share + origin * (1 - share)


@torch.no_grad()
def scores(net: VoiceNet, store: Store, view: str, which: Sequence[int]) -> npt.NDArray[np.float32]:
    """Raw scores (clips,) of the first 4 s of speech of each clip."""
    out = []
    for k in which:
        power = store.views[view][store.starts[k] : store.starts[k + 1]][: round(WHOLE_S * FRAMES_A_S)]
        seen = shaped(torch.from_numpy(np.exp(power.astype(np.float32)).T.copy())[None])
        out.append(float(net.last(net.embed(seen))))
    return np.array(out, np.float32)


def load(data: Path, out: Path, made: Sequence[Path]) -> tuple[list[Clip], Store]:
    """All clips and their band powers, kept in OUT; the real ones also as they are to be measured."""
    clips, parts = [], []
    calls = [CLEAN, *map(str, range(CALLS))]
    frames: dict[str, npt.NDArray[np.bool_]] = {}
    for number, folder in enumerate((data, *made)):
        some = read_clips([folder])
        frames |= frames_near_speech(some, out / f"heard-{number}")
        views = calls if number else [*calls, MEASURED]
        parts.append(prepare(some, frames, views, out / f"heard-{number}"))
        clips += some
    return clips, joined(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--made", type=Path, nargs="*", default=[], help="folders of made.py and vocoders.py")
    parser.add_argument(
        "--folds", type=int, nargs="*", help="train without these, one after the other; none named: all"
    )
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx", help="where the model that ships goes")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--batch", type=int, default=Recipe().batch)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    device, recipe = torch.device(given.device), replace(Recipe(), steps=given.steps, batch=given.batch)
    clips, store = load(given.data, given.out, given.made)
    if given.folds is None:
        net = train(clips, store, may_train(clips, None), recipe, device, "model")
        torch.save(net.state_dict(), given.out / "model.pt")
        export(net, str(given.model))
        return
    for fold in given.folds or range(len(FOLDS)):
        folder = given.out / f"fold{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        net = train(clips, store, may_train(clips, fold), recipe, device, f"fold {fold}").cpu()
        torch.save(net.state_dict(), folder / "model.pt")
        export(net, str(folder / "model.onnx"))
        which = [k for k, clip in enumerate(clips) if clip.fold == fold and not clip.made]
        both = {view: scores(net, store, view, which) for view in (CLEAN, MEASURED)}
        np.savez(folder / "scores.npz", which=which, **both)


if __name__ == "__main__":
    main()
