"""What the comparison prints: lags, and how well own sound is told from wrong sound, with 95 % intervals over people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from cases import WRONG, Case
from lipsync_lag import Clip, wilson
from towers import Array

from liveguard.detectors.lipsync import CERTAIN
from liveguard.detectors.lipsync_lag import Evidence
from liveguard.evaluate.metrics import auc, bootstrap

REPEATS = 1000


def report_lags(clips: list[Clip], cases: list[Case], found: list[dict[str, Evidence]], part: bool) -> None:
    """Genuine sound as it is and moved, against the median lag of the clip's corpus as each way sees it."""
    chosen = [k for k, case in enumerate(cases) if case.kind in ("own", "moved", WRONG[3]) and case.part == part]
    whole = [k for k, case in enumerate(cases) if case.kind == "own" and not case.part]
    for name in found[0]:
        corpora = {clips[cases[k].clip].corpus for k in whole}
        usual = {
            c: np.median([found[k][name].lag_ms for k in whole if clips[cases[k].clip].corpus == c]) for c in corpora
        }
        error = np.array(
            [found[k][name].lag_ms - cases[k].moved_ms - usual[clips[cases[k].clip].corpus] for k in chosen]
        )
        sure = np.array([found[k][name].certainty >= CERTAIN for k in chosen])
        near, people = np.abs(error), [clips[cases[k].clip].subject for k in chosen]
        shares = [f"{np.mean(hit):.2f} {_span(_mean_of(hit), people)}" for hit in (near <= 40, near <= 80, sure)]
        right = wilson(int((near[sure] <= 80).sum()), int(sure.sum()))
        print(
            f"  {name:<20} within 40 ms {shares[0]}, 80 ms {shares[1]}; sure {shares[2]}, right by 80 ms then {right}"
        )


def _mean_of(values: npt.NDArray[Any]) -> Callable[[Array], float]:
    return lambda weight: float(weight @ values / max(weight.sum(), 1e-9))


def _span(figure: Callable[[Array], float], people: list[str]) -> str:
    interval = bootstrap(figure, people, REPEATS)
    return f"[{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "[-]"


def _auc_of(score: Array, attack: npt.NDArray[np.bool_]) -> Callable[[Array], float]:
    def figure(weight: Array) -> float:
        both = weight[attack].sum() > 0 and weight[~attack].sum() > 0
        return auc(score, attack, weight) if both else float("nan")

    return figure


def report_auc(
    clips: list[Clip], cases: list[Case], ways: dict[str, Array], wrong: tuple[str, ...], part: bool
) -> None:
    """Own sound against `wrong`: the AUC of each way, and how far it is from that of the first."""
    chosen = np.array([k for k, c in enumerate(cases) if c.part == part and (c.kind == "own" or c.kind in wrong)])
    attack = np.array([cases[k].kind != "own" for k in chosen])
    people = [clips[cases[k].clip].subject for k in chosen]
    counts = f"{np.count_nonzero(~attack)}, {np.count_nonzero(attack)}"
    print(f"  {wrong[0] if len(wrong) == 1 else 'all of these'} ({counts})")
    first = next(iter(ways.values()))[chosen]
    for name, score in ways.items():
        figure, base = _auc_of(score[chosen], attack), _auc_of(first, attack)
        ones = np.ones(len(chosen))
        more = bootstrap(lambda w, f=figure, b=base: f(w) - b(w), people, REPEATS)  # type: ignore[misc]
        span = f"{figure(ones) - base(ones):+.3f} [{more[0]:+.3f}, {more[1]:+.3f}]" if more else "-"
        print(f"    {name:<34}{figure(ones):.3f} {_span(figure, people)}   difference to the first {span}")
