"""Figures of a crop model, by slices of what it was measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from corpus import COUNT, SPLIT_BY_SUBJECT, Check, Item

from liveguard.evaluate.metrics import auc, bootstrap, eer, fpr_at_tpr

KINDS = ("faceswap", "reenact", "talkinghead", "lipsync")
SIZES = ((0, 130), (130, 200), (200, 10_000))  # pixels, width of the face
BPCER = 0.05

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """What was said of one clip or picture in one view."""

    item: Item
    fold: int
    view: int
    face_px: float
    score: float
    sharpness: float


def figures(some: Sequence[Scored], cluster: Callable[[Item], str], of: str = "score") -> dict[str, object] | None:
    """Counts, AUC and equal error rate with 95 % intervals over clusters, and genuine ones flagged where 80 % are caught."""
    score = np.array([getattr(one, of) for one in some], float)
    attack = np.array([one.item.attack for one in some], bool)
    if not attack.any() or attack.all():
        return None
    names = [cluster(one.item) for one in some]

    def within(figure: Callable[[Array, Mask, Array], float]) -> list[float] | None:
        found = bootstrap(lambda weight: figure(score, attack, weight), names)
        return [round(x, 3) for x in found] if found else None

    return {
        "n_genuine": int((~attack).sum()), "n_attack": int(attack.sum()), "clusters": len(set(names)),
        "auc": round(auc(score, attack), 3), "auc_ci": within(auc), "eer": round(eer(score, attack), 3),
        "eer_ci": within(eer), "fpr_at_80_tpr": round(fpr_at_tpr(score, attack, 0.8), 3),
    }  # fmt: skip


def swap_slices(some: Sequence[Scored]) -> Iterator[tuple[str, list[Scored]]]:
    """Clips by kind, generator, fold and size of the face; pairs of the same person; stills."""
    clips = [one for one in some if one.item.video]
    yield "clips", clips
    for kind in KINDS:
        yield f"clips, {kind}", [one for one in clips if not one.item.attack or one.item.kind == kind]
    yield "clips, pairs of the same person", [one for one in clips if one.item.subject.startswith("vf_")]
    for low, high in SIZES:
        yield f"clips, faces of {low} to {high} px", [one for one in clips if low <= one.face_px < high]
    for fold in range(COUNT):
        yield f"clips, fold {fold}", [one for one in clips if one.fold == fold]
    for name in sorted({one.item.generator for one in clips if one.item.attack}):
        yield f"clips, {name}", [one for one in clips if not one.item.attack or one.item.generator == name]
    for source in (SPLIT_BY_SUBJECT, "dina"):
        yield f"stills, {source}", [one for one in some if one.item.source == source]
    yield "stills, others", [one for one in some if one.item.source in ("yermandy", "mesonet")]


def replay_slices(some: Sequence[Scored]) -> Iterator[tuple[str, list[Scored]]]:
    shown = [one for one in some if one.item.presentation]
    yield "stills", shown
    for source in sorted({one.item.source for one in shown}):
        yield f"stills, {source}", [one for one in shown if one.item.source == source]
    for kind in ("replay", "print"):
        yield f"stills, {kind}", [one for one in shown if not one.item.attack or one.item.kind == kind]


def presentation(some: Sequence[Scored], clips: Sequence[Scored]) -> dict[str, object]:
    """ISO/IEC 30107-3: attacks missed (APCER) where 5 % of genuine pictures are flagged (BPCER), each source by itself and all
    by one threshold; and how many genuine clips of unseen sources that threshold would flag."""
    shown = [one for one in some if one.item.presentation]
    found: dict[str, object] = {}
    for source in ["all", *sorted({one.item.source for one in shown})]:
        here = [one for one in shown if source in ("all", one.item.source)]
        limit = np.quantile([one.score for one in here if not one.item.attack], 1 - BPCER)
        missed = [one.score <= limit for one in here if one.item.attack]
        found[source] = {"apcer": round(float(np.mean(missed)), 3), "n": len(missed)}
        if source == "all":
            flagged = [one.score > limit for one in clips if not one.item.attack]
            found["genuine clips flagged"] = {
                "share": round(float(np.mean(flagged)), 3) if flagged else None,
                "n": len(flagged),
            }
    return found


def report(check: Check, some: Sequence[Scored]) -> dict[str, object]:
    cluster = (lambda item: item.subject) if check == "swap" else (lambda item: item.source)
    slices = swap_slices if check == "swap" else replay_slices
    found: dict[str, object] = {}
    for name, part in slices(some):
        if entry := figures(part, cluster):
            found[name] = entry
            if check == "swap" and name in ("clips", *(f"clips, {kind}" for kind in KINDS), "stills, dfdc"):
                found[f"{name}: sharpness alone"] = figures(part, cluster, "sharpness")
    if check == "replay":
        found["presentation"] = presentation(some, [one for one in some if one.item.video])
    return found
