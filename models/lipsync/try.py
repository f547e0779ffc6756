"""Does a trained lip-sync network earn its place beside the matched filter? The comparison, from the recordings on.

    PYTHONPATH=tests/bench python models/lipsync/try.py DATA [--out FOLDER] [--steps N]

Everything that is judged is judged by a filter and a network that have seen neither its source nor, of genuine clips, its
corpus. What was seen, heard and trained is kept in FOLDER and not made twice.
"""

from __future__ import annotations

import argparse
import csv
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lipsync_fit
import numpy as np
import numpy.typing as npt
import torch
from cases import FOLDS, WRONG, Case, cases_of, may_teach
from learning import Lesson, train
from lipsync_lag import Clip, read_clips, window_of
from scipy.optimize import minimize
from tables import report_auc, report_lags
from towers import Array, Stretch, Towers, stretch_of
from towers import weigh as weigh_by_net

from liveguard.detectors import lipsync, lipsync_lag
from liveguard.detectors.lipsync import consistency_sigma, mismatch_nats
from liveguard.detectors.lipsync_lag import STEP_S, Evidence, smooth

SAME_SOUND = 0.6  # correlation of the levels of two clips; strangers stay below 0.61, copies are at 1
FORMER = "filter, whole clips"
FILTER, NETWORK, BOTH = "filter, 3 s", "network", "both"


def alike(clips: list[Clip], stretches: list[Stretch]) -> npt.NDArray[np.bool_]:
    """(n, n): clips of one person, or with the same sound, as pages show what several generators make of one recording."""
    people = np.array([clip.subject for clip in clips])
    levels = [smooth(one.sound, 1.0) - smooth(one.sound, 25.0) for one in stretches]
    spectra = np.stack([np.fft.rfft(level / (level.std(axis=0) + 1e-6), 1024, axis=0) for level in levels])
    shorter = np.minimum.outer([len(level) for level in levels], [len(level) for level in levels])
    best = np.stack([np.fft.irfft((np.conj(one) * spectra).mean(axis=2), axis=1).max(axis=1) for one in spectra])
    return np.asarray((best / shorter > SAME_SOUND) | (people[:, None] == people[None]))


@dataclass
class Fold:
    former: Array
    filter: Array
    net: Towers


def learn(clips: list[Clip], stretches: list[Stretch], fold: str, steps: int) -> Fold:
    """What can be learned without a fold: the filter from whole clips and from stretches of 3 s, and the network."""
    kept = np.array([may_teach(clip, fold) for clip in clips])
    taught = [clip for clip, good in zip(clips, kept, strict=True) if good]
    shape = lipsync_lag.FORECAST.shape
    lessons = lipsync_fit.lessons_of(taught)
    lags = lipsync_fit.offsets(taught, lessons)
    true_ms = np.array([lags[clip.corpus] for clip in taught])
    new = lipsync_fit.SHARPEN * lipsync_fit.fit(lessons, true_ms, 40.0).reshape(shape)
    whole = lipsync_fit.lessons_of(taught, stretch_s=60.0)
    whole = replace(whole, weight=2 * whole.weight)  # as strong against the ridge as it was
    former_lags = lipsync_fit.offsets(taught, whole)
    former_ms = np.array([former_lags[clip.corpus] for clip in taught])
    former = 2.5 * lipsync_fit.fit(whole, former_ms, 40.0).reshape(shape)
    names = [clip.corpus for clip in taught]
    drawn = [
        names.count(name) ** -0.3 * (1.0 if clip.sync == "real" else 0.7)
        for name, clip in zip(names, taught, strict=True)
    ]
    parts = [one for one, good in zip(stretches, kept, strict=True) if good]
    own = [Lesson(one, ms / (1000 * STEP_S), w) for one, ms, w in zip(parts, true_ms, drawn, strict=True)]
    return Fold(former, new, train(own, alike(taught, parts), steps))


def evidence(case: Case, fold: Fold) -> dict[str, Evidence]:
    return {
        FILTER: lipsync_lag.weigh(*case.grid, fold.filter),
        FORMER: lipsync_lag.weigh(*case.grid, fold.former),
        NETWORK: weigh_by_net(fold.net, case.stretch),
    }


def sharpened(found: Evidence, line: Array) -> tuple[Evidence, float]:
    """The evidence on the scale that suits it, and how likely foreign sound is: `line` is logarithm of scale, slope on the
    spread of chance, and offset."""
    scale = float(np.exp(line[0]))
    return replace(found, log_likelihood=scale * found.log_likelihood), line[1] * scale * found.chance + line[2]


def nats(found: Evidence, line: Array) -> float:
    """As `mismatch_nats`, with a line of its own for foreign sound."""
    sharp, foreign = sharpened(found, line)
    # The running check's line is on the filter's energy, which a network has none of.
    return mismatch_nats(replace(sharp, forecast_energy=(foreign - lipsync.FOREIGN_NATS) / lipsync.FOREIGN_PER_ENERGY))


def calibrated(cases: list[Case], found: list[Evidence]) -> Array:
    """The line with the least logistic loss, own sound against all that is wrong, each counting half."""
    own = [e for case, e in zip(cases, found, strict=True) if case.kind == "own"]
    wrong = [e for case, e in zip(cases, found, strict=True) if case.kind in WRONG]
    wrong = wrong[:: max(len(wrong) // 300, 1)]

    def loss(line: Array) -> float:
        genuine, attack = (np.array([nats(e, line) for e in some]) for some in (own, wrong))
        ridge = 0.01 * float((line[:2] ** 2).sum())
        return float(np.logaddexp(0, genuine).mean() + np.logaddexp(0, -attack).mean()) + ridge

    return np.asarray(minimize(loss, np.array([0.0, 0.5, 0.5]), method="Nelder-Mead", options={"maxiter": 80}).x)


def together(cases: list[Case], a: Array, b: Array) -> Array:
    """Weights of two scores and an offset: logistic regression, own sound against all that is wrong, each counting half."""
    used = np.array([case.kind == "own" or case.kind in WRONG for case in cases])
    attack = np.array([case.kind != "own" for case in cases])[used]
    x = np.stack([a, b, np.ones(len(a))], axis=1)[used]
    weight = np.where(attack, 1 / attack.sum(), 1 / (~attack).sum())
    sign = np.where(attack, -1.0, 1.0)
    return np.asarray(minimize(lambda w: float(weight @ np.logaddexp(0, sign * (x @ w))), np.array([0.5, 0.5, 0.0])).x)


def scored(cases: list[Case], found: list[dict[str, Evidence]]) -> dict[str, Array]:
    """The score (n,) of every case by every way, each calibrated on the other folds; 0 in folds without genuine clips."""
    folds = np.array([case.fold for case in cases])
    out = {name: np.zeros(len(cases)) for name in (FILTER, FORMER, NETWORK, BOTH)}
    for fold in {case.fold for case in cases if case.kind == "own"}:
        rest, here = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        others = [cases[k] for k in rest]
        told = {}
        for name in (FORMER, FILTER, NETWORK):
            line = calibrated(others, [found[k][name] for k in rest])
            told[name] = np.array([nats(one[name], line) for one in found])
            out[name][here] = told[name][here]
        w = together(others, told[FILTER][rest], told[NETWORK][rest])
        out[BOTH][here] = w[0] * told[FILTER][here] + w[1] * told[NETWORK][here] + w[2]
    return out


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """What `make` gives, from `path` where it was made before."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(make()))
    return pickle.loads(path.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that holds video/manifest.csv")
    parser.add_argument("--out", type=Path, default=Path("out/lipsync"))
    parser.add_argument("--steps", type=int, default=1500)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with (given.data / "video" / "manifest.csv").open(newline="") as stream:
        kinds = {row["path"]: row["kind"] for row in csv.DictReader(stream)}
    clips: list[Clip] = kept(given.out / "clips.pickle", lambda: read_clips(given.data, ("real", "generated")))
    stretches: list[Stretch] = [stretch_of(window_of(clip)) for clip in clips]
    cases: list[Case] = kept(given.out / "cases.pickle", lambda: list(cases_of(clips, kinds)))
    folds: dict[str, Fold] = {}
    for name in FOLDS:
        file = given.out / f"{name}-{given.steps}.pickle"
        folds[name] = kept(file, lambda name=name: learn(clips, stretches, name, given.steps))  # type: ignore[misc]
        print(f"learned without {name}", flush=True)
    found = [evidence(case, folds[case.fold]) for case in cases]
    nats_of = scored(cases, found)
    peaks = {
        name: np.array([-consistency_sigma(one[name], 0.0) for one in found]) for name in (FILTER, FORMER, NETWORK)
    }
    for part, words in ((False, "whole clips"), (True, "3 s")):
        print(f"\n{words}\n lag, genuine sound as it is and moved by 120, 240 and 480 ms:")
        report_lags(clips, cases, found, part)
        print(" AUC, own sound against wrong sound, by nats:")
        for wrong in (*((kind,) for kind in WRONG), WRONG):
            report_auc(clips, cases, nats_of, wrong, part)
        print(" AUC, own sound against wrong sound and recorded attacks, by consistency:")
        for wrong in (*((kind,) for kind in WRONG), WRONG, ("lipsync",), ("reenact",), ("talkinghead",)):
            report_auc(clips, cases, peaks, wrong, part)


if __name__ == "__main__":
    main()
