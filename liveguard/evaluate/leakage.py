"""Whether the labels can be told without looking at a face or listening to a voice: by container, size, rate and length.

Where they can, a check may have learned just that, and its figures say little. Two classifiers, each asked twice: with
whole sources left out (does it carry over, as a check's figure must?), and shuffled (is the slice confounded at all?).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from liveguard.evaluate import metrics
from liveguard.evaluate.facts import Facts
from liveguard.evaluate.figures import Figures, interval, number
from liveguard.evaluate.metrics import Array, Mask
from liveguard.evaluate.run import Run

NUMBERS = ("width", "height", "frame_rate_hz", "bitrate_kbps", "seconds", "audio_rate_hz", "leading_silence_s")
WORDS = ("container", "video_codec", "audio_codec")
FOLDS = 5
LEAST = 10  # of each label, before anything can be said
LEAKS_FROM = 0.6
"""AUC from which a slice is said to leak, if its interval does not reach down to a half either."""


def leakage(runs: Sequence[Run], seed: int = 0) -> Figures:
    """By slice ("all", then each kind of attack against the genuine): AUC of facts alone, and whether the slice leaks.

    `left_out`: on sources that the classifier has not seen; `shuffled`: on recordings that it has not seen.
    """
    usable = [run for run in runs if run.facts and not run.error]
    slices: dict[str, list[Run]] = {"all": usable}
    for kind in sorted({run.item.kind for run in usable if run.attack}):
        slices[kind] = [run for run in usable if not run.attack or run.item.kind == kind]
    return {name: found for name, part in slices.items() if (found := _slice(part, seed))}


def _slice(runs: Sequence[Run], seed: int) -> Figures:
    attack = np.array([run.attack for run in runs], bool)
    if min(attack.sum(), (~attack).sum()) < LEAST:
        return {}
    x, names = features([run.facts or {} for run in runs])
    source = np.array([run.item.source for run in runs])
    shuffled = [_auc(x, attack, source, _folds(attack, None, seed), model, seed) for model in ("line", "trees")]
    left_out = [_auc(x, attack, source, _folds(attack, source, seed), model, seed) for model in ("line", "trees")]
    best = max(left_out, key=lambda found: found["auc"] or 0.0)
    low = (best["auc_ci"] or [0.0])[0] or 0.0
    leaks = (best["auc"] or 0.0) >= LEAKS_FROM and low > 0.5
    confounded = max((found["auc"] or 0.0) for found in shuffled) >= LEAKS_FROM
    return {
        "left_out": dict(zip(("line", "trees"), left_out, strict=True)),
        "shuffled": dict(zip(("line", "trees"), shuffled, strict=True)),
        "leaks": bool(leaks),
        "confounded": bool(confounded),
        "facts": list(names),
        "n_bonafide": int((~attack).sum()),
        "n_attack": int(attack.sum()),
    }


def features(facts: Sequence[Facts]) -> tuple[Array, tuple[str, ...]]:
    """(n, k) float64, what is missing as -1, and the name of each column."""
    columns, names = [], []
    for name in NUMBERS:
        found = [fact.get(name, -1.0) for fact in facts]
        columns.append([float(value) if isinstance(value, int | float) else -1.0 for value in found])
        names.append(name)
    for name in WORDS:
        for word in sorted({str(fact.get(name, "none")) for fact in facts}):
            columns.append([float(str(fact.get(name, "none")) == word) for fact in facts])
            names.append(f"{name} {word}")
    varied = [i for i, column in enumerate(columns) if len(set(column)) > 1]
    table = np.array([columns[i] for i in varied], np.float64).T.reshape(len(facts), len(varied))
    return table, tuple(names[i] for i in varied)


def _folds(
    attack: Mask, source: npt.NDArray[np.str_] | None, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    if source is None:
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(attack, attack))
    count = len(set(source.tolist()))
    return list(GroupKFold(min(count, 2 * FOLDS)).split(attack, attack, source)) if count > 1 else []


def _auc(
    x: Array,
    attack: Mask,
    source: npt.NDArray[np.str_],
    folds: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
    model: str,
    seed: int,
) -> Figures:
    """AUC of ranks within each fold's own scale: scores of different classifiers cannot be compared raw, so log odds."""
    score = np.full(len(attack), np.nan)
    for train, test in folds:
        if x.shape[1] == 0 or attack[train].all() or not attack[train].any():
            continue
        if model == "line":
            fitted = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
        else:
            fitted = RandomForestClassifier(100, min_samples_leaf=3, class_weight="balanced", random_state=seed)
        chance = fitted.fit(x[train], attack[train]).predict_proba(x[test])[:, 1]
        score[test] = np.log((chance + 1e-3) / (1 - chance + 1e-3))
    known = np.isfinite(score)
    s, y, where = score[known], attack[known], source[known]
    found = metrics.auc(s, y)
    return {
        "auc": number(found),
        "auc_ci": interval(metrics.bootstrap(lambda w: metrics.auc(s, y, w), where.tolist(), 300) if len(s) else None),
    }
