"""Fit the weights of the untrained face checks on judged recordings, and once more for each source without it.

    liveguard evaluate MANIFEST.csv --out OUT --variants "VP8 300k,VP8 150k"     # judges; may be broken off and resumed
    python models/face_checks/fit.py MANIFEST.csv OUT

The measures are those of the readings that `evaluate` has kept in OUT: every clip as it is, as VP8 at 300 kbit/s, and as VP8
at 150 kbit/s and 15 fps, because calls look like that; all three train. What is not there is judged first. Two files
are written: `liveguard/detectors/weights.toml`, and `models/face_checks/left_out.json` with the weights that have not seen a
source, for `liveguard evaluate --held-out`.

Per check and kind of attack: each measure is taken relative to what genuine faces show under the same
movement and size (a line fitted on genuine clips), then a logistic regression with signs fixed beforehand and
a quadratic penalty, sources balanced within each label. Scores of left-out sources set the scale (Platt), so
weights shrink to what carries over; for the weights without a source, that one and all clips of its people and by its
generators are missing from both.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from table import Table

from liveguard.config import Config
from liveguard.detectors.calibration import Card, Part, Term
from liveguard.evaluate.collect import collect
from liveguard.evaluate.folds import was_measured
from liveguard.evaluate.manifest import read_manifest
from liveguard.evaluate.plan import plan
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import main_readings

VARIANTS = ("VP8 300k", "VP8 150k")
PENALTY = 0.05
LEAST_SLOPE = 0.1
LEAST_CLIPS = 20  # of each label
MOVEMENT = ("head_turn_db", "head_shift_db", "mouth_motion_db", "face_octaves")
KINDS = ("faceswap", "reenact", "lipsync", "talkinghead")
SWAP, ANIMATED = ("faceswap",), ("reenact", "talkinghead")
WEIGHTS = Path("liveguard/detectors/weights.toml")
LEFT_OUT = Path("models/face_checks/left_out.json")


@dataclass(frozen=True)
class Plan:
    """What a check may use: per part the kinds it is fitted on and its measures with their signs."""

    limit_nats: float
    conditions: tuple[str, ...]
    parts: dict[str, tuple[tuple[str, ...], dict[str, int]]]


PLANS = {
    "mesh": Plan(3.0, MOVEMENT, {
        "swap": (SWAP, {"fast_share_db": 1}),
        "animated": (ANIMATED, {"shape_drift_db": -1, "jitter_outline_db": -1}),
    }),
    "texture": Plan(3.0, (*MOVEMENT, "detail_outside_db"), {
        "any": (KINDS, {"detail_inner_db": -1, "detail_slope_db": -1, "boil_over_ring_db": -1}),
    }),
    "blink": Plan(1.0, MOVEMENT, {
        "animated": (ANIMATED, {"gaze_motion_db": -1, "lid_difference_db": -1}),
    }),
    "pulse": Plan(0.5, MOVEMENT, {
        "any": (KINDS, {"pulse_snr_db": -1, "pulse_agreement": -1}),
    }),
}  # fmt: skip


def table_of(check: str, runs: Sequence[Run]) -> Table | None:
    """The windows in which `check` measured, with all their measures; None where there are none."""
    rows = [(run, reading.measures) for run in runs for reading in main_readings(measured(run), check)]
    if not rows:
        return None
    names = sorted({name for _, measures in rows for name in measures})
    x = {name: np.array([measures.get(name, np.nan) for _, measures in rows]) for name in names}
    items = {run.item.name: run.item for run in runs}
    number = {name: k for k, name in enumerate(items)}
    clip = np.array([number[run.item.name] for run, _ in rows])
    kind = np.array([run.item.kind if run.attack else "real" for run, _ in rows])
    return Table(x, clip, kind, np.array([run.item.source for run, _ in rows]), tuple(items.values()))


def measured(run: Run) -> Run:
    """The run with what was measured and not weighed as if it had been weighed and told nothing."""
    readings = (replace(r, llr=0.0) if r.llr is None and was_measured(r) else r for r in run.readings)
    return replace(run, readings=tuple(readings))


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


def card_of(check: str, table: Table) -> Card:
    """The weights of a check, scaled to what carries over to sources that they have not seen."""
    plan, parts = PLANS[check], []
    if min(len(set(table.clip[table.attack == label])) for label in (False, True)) < LEAST_CLIPS:
        return Card((), plan.limit_nats)
    ranges = ranges_of(table, plan)
    for name, (kinds, signs) in plan.parts.items():
        use = usable(table, signs) & ((table.kind == "real") | np.isin(table.kind, kinds))
        if not (table.kind[use] != "real").any() or (table.kind[use] != "real").all():
            continue
        scores = leave_out(name, table, kinds, plan)
        slope, shift = platt(scores[use], table[use])
        if slope >= LEAST_SLOPE:
            part = fit_part(name, table[use], signs, ranges)
            parts.append(scaled(part, slope, shift))
    return Card(tuple(parts), plan.limit_nats, ranges)


def scaled(part: Part, slope: float, shift: float) -> Part:
    """A part with its weights shrunk by the Platt `slope`, in round figures."""
    terms = tuple(
        Term(t.measure, round(t.centre, 4), round(t.scale, 4), round(slope * t.weight, 4),
             {name: round(value, 5) for name, value in t.slopes.items()})
        for t in part.terms
    )  # fmt: skip
    return Part(part.name, round(slope * part.bias + shift, 4), terms)


def cards_left_out(check: str, table: Table, sources: Sequence[str]) -> Iterator[tuple[str, Card]]:
    """For each source the weights without it, its people and its generators, also where none of its windows could be judged."""
    for source in sources:
        yield source, card_of(check, table[table.apart_from(source)])


def toml_of(check: str, card: Card) -> str:
    """One check's tables of the weights file."""
    text = f"\n[{check}]\nlimit_nats = {card.limit_nats}\n\n[{check}.ranges]\n"
    text += "".join(f"{name} = [{low:.3f}, {high:.3f}]\n" for name, (low, high) in card.ranges.items())
    if not card.parts:
        text += "# Nothing carried over to sources that were left out: measured, not weighed.\n"
    for part in card.parts:
        text += f'\n[[{check}.parts]]\nname = "{part.name}"\nbias = {part.bias}\n'
        for t in part.terms:
            slopes = ", ".join(f"{name} = {value}" for name, value in t.slopes.items())
            text += f'\n[[{check}.parts.terms]]\nmeasure = "{t.measure}"\ncentre = {t.centre}\n'
            text += f"scale = {t.scale}\nweight = {t.weight}\nslopes = {{ {slopes} }}\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path, help="what liveguard evaluate was given as --out")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    tasks = plan(read_manifest(arguments.manifest), VARIANTS)
    runs = [run for run in collect(tasks, lambda _: Config(), arguments.out / "runs", arguments.jobs) if not run.error]
    clips = {run.item.name: run.attack for run in runs}
    text = (
        "# Written by models/face_checks/fit.py, which says how; do not edit by hand.\n"
        f"# {list(clips.values()).count(False)} genuine and {list(clips.values()).count(True)} attack clips from "
        f"{len({run.item.source for run in runs})} sources, as they are, and as {', '.join(VARIANTS)}.\n"
    )
    sources = sorted({run.item.source for run in runs})
    left_out: dict[str, dict[str, object]] = {}
    for check in PLANS:
        table = table_of(check, runs)
        if table is None:
            text += toml_of(check, Card((), PLANS[check].limit_nats))
            continue
        card = card_of(check, table)
        text += toml_of(check, card)
        if card.parts:
            left_out[check] = {source: asdict(without) for source, without in cards_left_out(check, table, sources)}
        print(f"{check}: {len(table.clip)} windows of {len(set(table.clip))} clips", flush=True)
    WEIGHTS.write_text(text)
    LEFT_OUT.write_text(json.dumps({"checks": left_out}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
