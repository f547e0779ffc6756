"""Calibrate the untrained face checks on recorded clips, and say how well it carries over to other sources.

    python models/face_checks/fit.py MANIFEST.csv CACHE_FOLDER [--jobs 1] [--out WEIGHTS.toml]

The manifest needs `path, media, label (bonafide|attack), kind, source`. Every clip goes through the real
Observer three times: as it is, as VP8 at 400 kbit/s, and as VP8 at 200 kbit/s and 15 fps, because calls look
like that; all three train. What the Observer keeps is cached in CACHE_FOLDER (landmarks and figures, no
pixels); delete it after changing a probe.

Per check and kind of attack: each measure is taken relative to what genuine faces show under the same
movement and size (a line fitted on genuine clips), then a logistic regression with signs fixed beforehand and
a quadratic penalty, sources balanced within each label. Scores of left-out sources set the scale (Platt), so
weights shrink to what carries over.
"""

from __future__ import annotations

import argparse
import csv
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from clips import VARIANTS, observe, samples_of, windows
from scipy.optimize import minimize
from tables import Table, auc, matched, per_clip

from liveguard.detectors.blink import Blink, blink_measures
from liveguard.detectors.calibration import Part, Term
from liveguard.detectors.mesh import Mesh, mesh_measures
from liveguard.detectors.pulse import Pulse, pulse_measures
from liveguard.detectors.series import FaceSeries, face_series
from liveguard.detectors.texture import Texture, texture_measures
from liveguard.types import Need

PENALTY = 0.05
LEAST_SLOPE = 0.1
MOVEMENT = ("head_turn_db", "head_shift_db", "mouth_motion_db", "face_octaves")
SWAP, ANIMATED = ("faceswap",), ("reenact", "talkinghead")


@dataclass(frozen=True)
class Plan:
    """What a check may use: per part the kinds it is fitted on and its measures with their signs."""

    measure: Callable[[FaceSeries], dict[str, float]]
    need: Need
    least_s: float
    limit_nats: float
    conditions: tuple[str, ...]
    parts: dict[str, tuple[tuple[str, ...], dict[str, int]]]


KINDS = ("faceswap", "reenact", "lipsync", "talkinghead")
PLANS = {
    "mesh": Plan(mesh_measures, Mesh.need, 1.8, 3.0, MOVEMENT, {
        "swap": (SWAP, {"fast_share_db": 1}),
        "animated": (ANIMATED, {"shape_drift_db": -1, "jitter_outline_db": -1}),
    }),
    "texture": Plan(texture_measures, Texture.need, 1.8, 3.0, (*MOVEMENT, "detail_outside_db"), {
        "any": (KINDS, {"detail_inner_db": -1, "detail_slope_db": -1, "boil_over_ring_db": -1}),
    }),
    "blink": Plan(blink_measures, Blink.need, 3.0, 1.0, MOVEMENT, {
        "animated": (ANIMATED, {"gaze_motion_db": -1, "lid_difference_db": -1}),
    }),
    "pulse": Plan(pulse_measures, Pulse.need, 4.0, 0.5, MOVEMENT, {
        "any": (KINDS, {"pulse_snr_db": -1, "pulse_agreement": -1}),
    }),
}  # fmt: skip


def measure_clip(clip: Path, caches: dict[str, Path]) -> list[tuple[str, str, dict[str, float]]]:
    """(check, variant, measures) of every window of a clip."""
    found = []
    for variant, cache in caches.items():
        if not cache.exists():
            observe(clip, variant, cache)
        samples, end_us = samples_of(cache)
        for check, plan in PLANS.items():
            for window in windows(samples, end_us, plan.need):
                series: FaceSeries = face_series(window)
                if len(series.t_s) > 12 and np.ptp(series.t_s) >= plan.least_s - 0.1:
                    found.append((check, variant, plan.measure(series)))
    return found


# --- fitting ---------------------------------------------------------------------------------------


def usable(table: Table, signs: dict[str, int]) -> np.ndarray:
    """Windows that have one of the measures at least: the fastest band is missing at 15 fps, and says nothing
    there.
    """
    return np.any([np.isfinite(table.x[name]) for name in signs], axis=0)


Ranges = dict[str, tuple[float, float]]


def fit_part(name: str, table: Table, signs: dict[str, int], ranges: Ranges) -> Part:
    """One kind of attack against the genuine windows of `table`."""
    weight, genuine = table.weights(), ~table.attack
    conditions = list(ranges)
    c = np.stack([np.clip(table.x[k], *ranges[k]) for k in conditions], axis=1)
    terms, columns = [], []
    for measure in signs:
        x = table.x[measure]
        fine = genuine & np.isfinite(x) & np.isfinite(c).all(axis=1)
        middle = np.average(c[fine], axis=0, weights=weight[fine])
        spread = c[fine].std(axis=0) + 1e-6
        a = np.c_[np.ones(fine.sum()), (c[fine] - middle) / spread]
        w = weight[fine] / weight[fine].sum()
        ridge = np.diag([0.0] + [0.1] * len(conditions))  # lines are drawn flat where the genuine clips do not insist
        beta = np.linalg.solve((a * w[:, None]).T @ a + ridge, (a * w[:, None]).T @ x[fine])
        slopes = beta[1:] / spread
        rest = x[fine] - a @ beta
        order = np.argsort(np.abs(rest))
        scale = 1.4826 * np.abs(rest)[order][np.searchsorted(np.cumsum(w[order]), 0.5)]
        centre = beta[0] - slopes @ middle
        terms.append((measure, centre, max(scale, 1e-3), dict(zip(conditions, slopes, strict=True))))
        columns.append(np.nan_to_num(np.clip((x - centre - c @ slopes) / max(scale, 1e-3), -2.5, 2.5)))
    z, sign = np.stack(columns, axis=1), np.array(list(signs.values()))
    goal = np.where(table.attack, 1.0, -1.0)

    def loss(v: np.ndarray) -> float:
        return float((weight * np.logaddexp(0, -goal * (z @ v[1:] + v[0]))).sum() / 2 + PENALTY * (v[1:] ** 2).sum())

    bounds = [(None, None), *[(0, None) if s > 0 else (None, 0) for s in sign]]
    best = minimize(loss, np.zeros(1 + len(sign)), method="L-BFGS-B", bounds=bounds).x
    found = tuple(Term(m, float(a), float(s), float(v), {k: float(x) for k, x in p.items()})
                  for (m, a, s, p), v in zip(terms, best[1:], strict=True))  # fmt: skip
    return Part(name, float(best[0]), found)


def part_scores(part: Part, ranges: Ranges, table: Table) -> np.ndarray:
    """What `Card.part_nats` gives, for all windows at once."""
    total = np.full(len(table.clip), part.bias)
    for term in part.terms:
        x = table.x[term.measure] - term.centre
        x = x - sum(slope * np.clip(table.x[name], *ranges[name]) for name, slope in term.slopes.items())
        total += term.weight * np.nan_to_num(np.clip(x / term.scale, -2.5, 2.5))
    return total


def platt(scores: np.ndarray, table: Table) -> tuple[float, float]:
    """Slope in 0..1 and shift that make the scores of left-out sources honest."""
    weight, goal = table.weights(), np.where(table.attack, 1.0, -1.0)
    fit = minimize(lambda v: float((weight * np.logaddexp(0, -goal * (v[0] * scores + v[1]))).sum()),
                   np.array([0.5, 0.0]), method="L-BFGS-B", bounds=[(0.0, 1.0), (-1.5, 1.5)])  # fmt: skip
    return float(fit.x[0]), float(fit.x[1])


def ranges_of(table: Table, plan: Plan) -> Ranges:
    """Where the conditions of genuine windows lie, without their rarest 3 % at either end."""
    genuine = table.kind == "real"
    return {c: tuple(np.nanpercentile(table.x[c][genuine], (3, 97))) for c in plan.conditions}


def leave_out(name: str, table: Table, kinds: tuple[str, ...], plan: Plan) -> np.ndarray:
    """Scores of every window by a part that has not seen its source. All variants of a source are left out
    together.
    """
    scores, ranges = np.zeros(len(table.clip)), ranges_of(table, plan)
    for source in sorted(set(table.source)):
        out = table.source == source
        signs = plan.parts[name][1]
        use = ~out & usable(table, signs) & ((table.kind == "real") | np.isin(table.kind, kinds))
        part = fit_part(name, table[use], signs, ranges)
        scores[out] = part_scores(part, ranges, table[out])
    return scores


def mix(parts: list[np.ndarray], limit: float) -> np.ndarray:
    return np.clip(np.log(np.mean(np.exp(parts), axis=0)), -limit, limit)


def calibrate(check: str, table: Table) -> tuple[str, str]:
    """The check's tables for the file, and a report for people."""
    plan, ranges, left_out, report, body = PLANS[check], ranges_of(table, PLANS[check]), [], "", ""
    for name, (kinds, signs) in plan.parts.items():
        scores = leave_out(name, table, kinds, plan)
        use = usable(table, signs) & ((table.kind == "real") | np.isin(table.kind, kinds))
        slope, shift = platt(scores[use], table[use])
        score, low, high, _ = auc(*per_clip(scores[use], table[use]), kinds)
        report += f"  {name}: left-out AUC on its own kinds {score:.2f} [{low:.2f}, {high:.2f}]; "
        report += f"Platt slope {slope:.2f}\n"
        if slope < LEAST_SLOPE:
            body += f"# {name}: nothing carried over to left-out sources (AUC {score:.2f}): no weight.\n"
            left_out.append(np.zeros(len(scores)))
            continue
        left_out.append(slope * scores + shift)
        body += part_table(check, fit_part(name, table[use], signs, ranges), slope, shift)
    figures, lines = left_out_figures(mix(left_out, plan.limit_nats), table)
    head = f"\n[{check}]\nlimit_nats = {plan.limit_nats}\n\n[{check}.ranges]\n"
    head += "".join(f"{k} = [{low:.3f}, {high:.3f}]\n" for k, (low, high) in ranges.items())
    head += f"\n[{check}.left_out_auc]  # AUC, 90 % interval over sources, attack clips\n{figures}"
    return head + body, report + lines


def part_table(check: str, part: Part, slope: float, shift: float) -> str:
    """One part as text, its weights shrunk by the Platt `slope`."""
    text = f'\n[[{check}.parts]]\nname = "{part.name}"\nbias = {slope * part.bias + shift:.4f}\n'
    for t in part.terms:
        slopes = ", ".join(f"{k} = {v:.4g}" for k, v in t.slopes.items())
        text += f'\n[[{check}.parts.terms]]\nmeasure = "{t.measure}"\ncentre = {t.centre:.4f}\n'
        text += f"scale = {t.scale:.4f}\nweight = {slope * t.weight:.4f}\nslopes = {{ {slopes} }}\n"
    return text


def left_out_figures(scores: np.ndarray, table: Table) -> tuple[str, str]:
    """How the scores of left-out sources do, per variant and kind: for the file, and for people."""
    figures, lines = "", ""
    for variant in VARIANTS:
        rows = table.variant == variant
        if not rows.any():
            continue
        clip, kind, source = per_clip(scores[rows], table[rows])
        for label, kinds in [("all", KINDS), *[(k, (k,)) for k in KINDS]]:
            score, low, high, count = auc(clip, kind, source, kinds)
            figures += f"{variant}_{label} = [{score:.3f}, {low:.3f}, {high:.3f}, {count}]\n"
            lines += f"  {variant:15s} {label:12s} AUC {score:.2f} [{low:.2f}, {high:.2f}] n {count}\n"
        same, pairs = matched(clip, kind, source)
        figures += f"{variant}_same_source = [{same:.3f}, {pairs}]  # AUC, pairs\n"
        real, fake = clip[kind == "real"], clip[kind != "real"]
        worst = max(clip[(kind == "real") & (source == s)].mean() for s in set(source[kind == "real"]))
        lines += f"  {variant:15s} same source  AUC {same:.2f} over {pairs} pairs; mean llr: genuine "
        lines += f"{real.mean():+.2f} (worst source {worst:+.2f}, above 1 nat {np.mean(real > 1):.1%}), "
        lines += f"attack {fake.mean():+.2f}\n"
    return figures, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("liveguard/detectors/weights.toml"))
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    with args.manifest.open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["media"] == "video"]
    measures = args.cache / "measures.pkl"
    if not measures.exists():
        jobs = [(args.manifest.parent / row["path"], {v: args.cache / f"{i:04d}_{v}.npz" for v in VARIANTS})
                for i, row in enumerate(rows)]  # fmt: skip
        with ProcessPoolExecutor(args.jobs) as pool:
            found = list(pool.map(measure_clip, *zip(*jobs, strict=True)))
        measures.write_bytes(pickle.dumps(found))
    found = pickle.loads(measures.read_bytes())
    bonafide = sum(row["label"] == "bonafide" for row in rows)
    text = (
        "# Written by models/face_checks/fit.py, which says how; do not edit by hand.\n"
        f"# {bonafide} genuine and {len(rows) - bonafide} attack clips of 2 to 8 s from "
        f"{len({r['source'] for r in rows})} sources, as {', '.join(VARIANTS)}.\n"
        "# left_out_auc: whole sources left out of the fit, per clip.\n"
    )
    for check in PLANS:
        flat = [(i, v, m) for i, windows_ in enumerate(found) for c, v, m in windows_ if c == check]
        x = {name: np.array([m[name] for _, _, m in flat]) for name in flat[0][2]}
        clip = np.array([i for i, _, _ in flat])
        kind, source = (np.array([rows[i][key] for i in clip]) for key in ("kind", "source"))
        body, report = calibrate(check, Table(x, clip, kind, source, np.array([v for _, v, _ in flat])))
        text += body
        print(f"{check}: {len(flat)} windows of {len(set(clip))} clips\n{report}", flush=True)
    args.out.write_text(text)


if __name__ == "__main__":
    main()
