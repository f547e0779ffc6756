"""Figures of what `tests.bench.challenge_digits` heard: `python -m tests.bench.challenge_digits_report`."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from liveguard.challenge import digits as check
from liveguard.challenge.recogniser import Heard
from liveguard.evaluate.metrics import Array, Mask, auc, share_interval
from tests.bench.challenge_digits import FIT, OUT, SNR_DB


def main() -> None:
    """The fit on half of the voices (of speech without digits: of the sources), and what it does on the others."""
    rows = json.loads(OUT.read_text())
    for kind in ("asked", "other digits", "other speech", "music", "silence"):
        of = [row for row in rows if row["kind"] == kind]
        why = Counter(_outcome(row) for row in of)
        print(f"{kind:<13} {len(of):3}:", ", ".join(f"{count} {what}" for what, count in why.most_common()))
    speech = ("asked", "other digits", "other speech")
    rows = [row for row in rows if row["heard"] and not why_not(row) and row["kind"] in speech]
    kinds = np.array([row["kind"] for row in rows])
    attack = kinds != "asked"
    heard = [Heard(**row["heard"]) for row in rows]
    fitted = np.array([_fitted(row) for row in rows])
    weight = np.array([(2 if kind == "asked" else 1) / np.sum(kinds[fitted] == kind) for kind in kinds])
    model = LogisticRegression().fit(
        np.array([check.features(one) for one in heard])[fitted],
        attack[fitted],
        sample_weight=weight[fitted] * fitted.sum() / 4,
    )
    print(f"fit on {fitted.sum()}: bias {model.intercept_[0]:.2f}, weights {np.round(model.coef_[0], 2)}; shipped:")
    print(f"  {check.BIAS}, {check.PER_DIGITS}, {check.PER_SPEECH}, times {check.TRUSTED}")
    nats = np.array([check.compliance_nats(one) for one in heard])
    voices = np.array([row["voice"] for row in rows])
    families = np.array([voice.split(":")[0] for voice in voices])
    for kind in ("other digits", "other speech"):
        which = ~fitted & ((kinds == "asked") | (kinds == kind))
        names = np.unique(voices[which], return_inverse=True)[1]
        low, high = voice_interval(nats[which], attack[which], names)
        print(f"asked against {kind}: AUC {auc(nats[which], attack[which]):.4f} [{low:.4f}, {high:.4f}], by voices")
    for kind in ("asked", "other digits", "other speech"):
        for family in sorted(set(families[kinds == kind])) if kind != "other speech" else ("all sources",):
            which = ~fitted & (kinds == kind) & ((families == family) | (family == "all sources"))
            print(f"{kind:<13} {family:<12}", _line(nats[which], attack=kind != "asked"), _accuracy(rows, which))
    for snr_db in SNR_DB:
        for kind in ("asked", "other digits"):
            which = (kinds == kind) & np.array([row["snr_db"] == snr_db for row in rows])
            print(
                f"{kind:<13} SNR {snr_db or 'clean'} dB",
                _line(nats[which], attack=kind != "asked"),
                _accuracy(rows, which),
            )


def why_not(row: dict[str, Any]) -> str:
    """Why nothing would be said, by the limits of now rather than of when it was heard."""
    sound, other = row["sound"], str(row["why_not"]).split(":")[0]
    if other and other != "too noisy":
        return other
    audible = sound["voiced_s"] >= check.LEAST_VOICED_S or sound["level_db"] > check.LOUD_DB
    return "too noisy" if audible and sound["snr_db"] < check.LEAST_SNR_DB else ""


def _outcome(row: dict[str, Any]) -> str:
    if why := why_not(row):
        return f"cannot judge ({why})"
    if not row["heard"]:
        return "nothing said"
    return "not as asked" if check.compliance_nats(Heard(**row["heard"])) > 0 else "as asked"


def _fitted(row: dict[str, Any]) -> bool:
    return zlib.crc32(row["voice"].encode()) % 2 == 0 if row["kind"] == "other speech" else row["voice"] in FIT


def voice_interval(nats: Array, attack: Mask, voices: npt.NDArray[np.int64]) -> tuple[float, float]:
    """95 % of bootstraps over voices rather than answers: those of one voice are alike."""
    rng, found = np.random.default_rng(0), []
    for _ in range(500):
        picked = np.concatenate(
            [np.flatnonzero(voices == k) for k in rng.integers(voices.max() + 1, size=voices.max() + 1)]
        )
        found.append(auc(nats[picked], attack[picked]))
    return float(np.nanpercentile(found, 2.5)), float(np.nanpercentile(found, 97.5))


def _line(nats: Array, attack: bool) -> str:
    if not len(nats):
        return "none"
    wrong = int(np.sum(nats < 0)) if attack else int(np.sum(nats > 0))
    interval = share_interval(wrong, len(nats)) or (0.0, 1.0)
    share = f"{wrong} ({interval[0]:.1%} to {interval[1]:.1%})"
    return f"n {len(nats):3}, median {np.median(nats):+.2f} nats, on the wrong side {share}"


def _accuracy(rows: list[dict[str, Any]], which: Mask) -> str:
    pairs = [(rows[k]["heard"]["digits"], rows[k]["said"]) for k in np.flatnonzero(which) if "said" in rows[k]]
    right = [a == b for heard, said in pairs for a, b in zip(heard, said, strict=True)]
    return f"digits recognised {np.mean(right):.1%} of {len(right)}" if right else ""


if __name__ == "__main__":
    main()
