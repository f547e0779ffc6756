"""Fit what the `replay` check makes of a face's motion, on meshes kept by `meshes.py`, and measure it on sources left out.

    python models/replay/meshes.py MANIFEST.csv OUT
    python models/replay/motion.py OUT

Fitted are, on photos, how much of each sign of life the mesh shows on them (median and spread of the logarithm), and a
logistic regression from the strongest sign, in those spreads, to nats: photos against genuine clips, each half the weight and
each clip as much as any other; half of the genuine weight are the same windows without their mouth, as people listen, too,
which none of the recordings show. Photos of a source and its genuine clips are left out together.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from liveguard.detectors.planar_motion import LEAST_NATS, MOST_NATS, MOVED_IOD, SIGNS, Motion, Sign, motion, strongest
from liveguard.detectors.replay import LIMITS, Replay
from liveguard.detectors.series import FaceSeries, face_widths_per_eye_distance
from liveguard.face.geometry import EYE_LEFT_OUTER, EYE_RIGHT_OUTER
from liveguard.policy import Policy

TRAIN_GENUINE, TRAIN_PHOTOS = ("as is", "call", "hand-held"), ("flat", "call flat")
ATTACKS = ("flat", "call flat", "bent", "tablet")
STANDS_IOD = 0.003
FACE_PX = (60, 120, 200, 400)
DRAWS = 200
WINDOW_S = Replay().need.video_us / 1e6
EVIDENCE_S = Replay().need.evidence_us / 1e6
POLICY = Policy()
THRESHOLD_NATS = POLICY.threshold_nats("feed_injected")


@dataclass(frozen=True)
class Seen:
    """One window of one clip."""

    clip: str
    source: str
    face_px: float
    motion: Motion


def windows(path: Path) -> Iterator[Seen]:
    """Every second, as the guard does it."""
    with np.load(path) as kept:
        t_s, landmarks = (kept["t_us"] - kept["t_us"][0]) / 1e6 if len(kept["t_us"]) else np.zeros(0), kept["landmarks"]
        source = str(kept["source"])
    for end_s in np.arange(1.0, t_s[-1] + 0.5 if len(t_s) else 0.0, 1.0):
        inside = (t_s < end_s) & (t_s >= end_s - WINDOW_S)
        if np.count_nonzero(inside) < 3 or np.ptp(t_s[inside]) < LIMITS.seconds - 0.1:
            continue
        points = landmarks[inside]
        eyes = float(np.median(np.linalg.norm(points[:, EYE_LEFT_OUTER] - points[:, EYE_RIGHT_OUTER], axis=1)))
        series = FaceSeries((), t_s[inside].astype(np.float32), points, eyes)
        found = motion(series)
        if found is not None:
            face_px = eyes * face_widths_per_eye_distance()
            yield Seen(path.stem, source, face_px, found)


def fitted_signs(photos: Sequence[Seen]) -> dict[str, Sign]:
    """Of the photos that moved enough: how much of each sign their meshes show."""
    logs = {name: np.log([getattr(seen.motion, name) for seen in photos]) for name in SIGNS}
    return {name: Sign(float(np.exp(np.median(x))), float(np.std(x)), SIGNS[name].words) for name, x in logs.items()}


def without_mouth(signs: Mapping[str, Sign]) -> dict[str, Sign]:
    return {name: sign for name, sign in signs.items() if name != "mouth_permille"}


def signs_of_life(seen: Sequence[Seen], signs: Mapping[str, Sign]) -> np.ndarray:
    return np.array([strongest(each.motion, signs)[0] for each in seen])


def by_clip(seen: Sequence[Seen]) -> np.ndarray:
    """Weights that sum to 1, each clip as much as any other."""
    names, number, count = np.unique([each.clip for each in seen], return_inverse=True, return_counts=True)
    return 1 / count[number] / len(names)


@dataclass(frozen=True)
class Fit:
    """`nats = slope * (centre - strongest)`, before they are bounded."""

    signs: dict[str, Sign]
    slope: float
    centre: float

    def nats(self, seen: Sequence[Seen], silent: bool = False) -> np.ndarray:
        """Of windows that moved enough; `silent`: as if the mouth could not be seen."""
        life = signs_of_life(seen, without_mouth(self.signs) if silent else self.signs)
        nats = np.minimum(self.slope * (self.centre - life), MOST_NATS)
        least, full = MOVED_IOD
        trust = np.clip((np.array([each.motion.moved_iod for each in seen]) - least) / (full - least), 0, 1)
        return np.where(nats > 0, trust * nats, nats)


def fit(genuine: Sequence[Seen], photos: Sequence[Seen]) -> Fit:
    signs = fitted_signs(photos)
    parts = [
        (signs_of_life(genuine, signs), by_clip(genuine) / 2, 0),
        (signs_of_life(genuine, without_mouth(signs)), by_clip(genuine) / 2, 0),
        (signs_of_life(photos, signs), by_clip(photos), 1),
    ]
    x, weight = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    y = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    line = LogisticRegression(C=1e3).fit(x[:, None], y, 1000 * weight)
    slope = -float(line.coef_[0, 0])
    return Fit(signs, slope, float(line.intercept_[0]) / slope)


def moved(seen: Sequence[Seen]) -> list[Seen]:
    return [each for each in seen if each.motion.moved_iod > MOVED_IOD[0]]


def interval(hits: int, of: int) -> str:
    """Exact 95 % (Clopper and Pearson 1934)."""
    low = beta.ppf(0.025, hits, of - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1.0
    return f"{hits} of {of} [{low:.0%}, {high:.0%}]"


def report(name: str, all_seen: Sequence[Seen], fits: Mapping[str, Fit], *, silent: bool = False) -> np.ndarray:
    """Prints how far the nats of sources left out reach; returns those of the windows that moved enough."""
    found = moved(all_seen)
    nats = np.array([fits[each.source].nats([each], silent)[0] for each in found])
    clips = {each.clip for each in found}
    spread = ", ".join(f"{value:.1f}" for value in np.percentile(nats, [5, 50, 95]))
    print(f"{name}: moved enough in {len(found)} of {len(all_seen)} windows; nats 5, 50, 95 %: {spread}")
    for least in (0.0, 1.0, 2.0):
        above = {each.clip for each, value in zip(found, nats, strict=True) if value > least}
        print(
            f"  above {least:g}: {np.count_nonzero(nats > least)} windows of {interval(len(above), len(clips))} clips"
        )
    rising = [clip for clip in sorted(clips) if adds_up(clip, all_seen, found, nats)]
    alerts = interval(len(rising), len({each.clip for each in all_seen}))
    print(f"  played again and again an alert about {alerts} clips {rising[:9]}")
    return nats


def adds_up(clip: str, all_seen: Sequence[Seen], found: Sequence[Seen], nats: np.ndarray) -> bool:
    """Whether a clip that is played again and again for five minutes would raise an alert."""
    of_window = {id(each): max(value, LEAST_NATS) for each, value in zip(found, nats, strict=True)}
    # Windows are longer than a clip: played again and again they hold all of it, as the last one does.
    last = [of_window.get(id(each), 0.0) for each in all_seen if each.clip == clip][-1]
    evidence = 0.0
    for value in [last] * 300:
        evidence = max(evidence * 0.5 ** (1 / POLICY.half_life_s) + min(value / EVIDENCE_S, POLICY.most_nats), 0.0)
        if evidence >= THRESHOLD_NATS:
            return True
    return False


def compare(
    attack: str, photos: Sequence[Seen], a: np.ndarray, name: str, genuine: Sequence[Seen], g: np.ndarray
) -> None:
    """Prints how well windows of photos and genuine ones are told apart, of sources that have both; the intervals draw whole
    sources anew."""
    of_a, of_g = (np.array([each.source for each in seen]) for seen in (photos, genuine))
    sources, rng, drawn = sorted({*of_a} & {*of_g}), np.random.default_rng(0), []
    a, g = a[np.isin(of_a, sources)], g[np.isin(of_g, sources)]
    of_a, of_g = of_a[np.isin(of_a, sources)], of_g[np.isin(of_g, sources)]
    strict, easy = (1 - np.mean(a > np.quantile(g, 1 - bpcer)) for bpcer in (0.01, 0.05))
    for _ in range(DRAWS):
        picked = rng.choice(sources, len(sources))
        drawn.append(auc(*(np.concatenate([x[of == s] for s in picked]) for x, of in ((a, of_a), (g, of_g)))))
    low, high = np.percentile(drawn, [2.5, 97.5])
    figures = f"AUC {auc(a, g):.3f} [{low:.3f}, {high:.3f}], APCER {strict:.1%} at BPCER 1 %, {easy:.1%} at 5 %"
    print(f"{attack} against {name} ({len(sources)} sources): {figures}")


def auc(attacks: np.ndarray, genuine: np.ndarray) -> float:
    truth = np.concatenate([np.ones(len(attacks)), np.zeros(len(genuine))])
    return float(roc_auc_score(truth, np.concatenate([attacks, genuine])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    sets = {
        folder.name: [seen for path in sorted(folder.glob("*.npz")) for seen in windows(path)]
        for folder in sorted(args.out.iterdir())
    }
    # A recording whose picture stands still is a photo, whatever it was: nothing is to be learned of it, but it is reported.
    standing = {seen.clip for seen in sets["as is"] if seen.motion.moved_iod < STANDS_IOD}
    print(f"standing pictures: {sorted(standing)}")
    genuine = moved([seen for name in TRAIN_GENUINE for seen in sets.get(name, ()) if seen.clip not in standing])
    photos = moved([seen for name in TRAIN_PHOTOS for seen in sets.get(name, ())])
    sources = sorted({seen.source for found in sets.values() for seen in found})
    fits = {s: fit([g for g in genuine if g.source != s], [p for p in photos if p.source != s]) for s in sources}
    shipped = fit(genuine, photos)
    for name, sign in shipped.signs.items():
        print(f'    "{name}": Sign({sign.photo:.3g}, {sign.spread:.2f}, "{sign.words}"),')
    slopes = sorted(each.slope for each in fits.values())
    print(f"slope {shipped.slope:.3f} (left out {slopes[0]:.2f} to {slopes[-1]:.2f}), centre {shipped.centre:.3f}")
    nats: dict[str, np.ndarray] = {}
    for name, found in sets.items():
        nats[name] = report(name, found, fits)
        if name not in ATTACKS:
            nats[f"{name}, silent"] = report(f"{name}, silent", found, fits, silent=True)
    for attack in (name for name in ATTACKS if name in nats):
        for name in (name for name in nats if name not in ATTACKS):
            compare(attack, moved(sets[attack]), nats[attack], name, moved(sets[name.split(",")[0]]), nats[name])
    for low, high in itertools.pairwise(FACE_PX):
        shares = [
            f"{name} {interval(sum(value > 1 for value in part), len(part))}"
            for name, values in nats.items()
            if (
                part := [
                    v for s, v in zip(moved(sets[name.split(",")[0]]), values, strict=True) if low <= s.face_px < high
                ]
            )
        ]
        print(f"faces of {low} to {high} px, windows above 1: {'; '.join(shares)}")


if __name__ == "__main__":
    main()
