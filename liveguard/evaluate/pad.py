"""Error rates of liveness sessions in the terms of ISO/IEC 30107-3, from signed reports that a manifest puts labels to.

"Cannot judge" lets nobody in, and is no answer either. So each rate is given twice: with it as a non-response, as the
standard has it, and (`..._as_rejection`) as one of the answers that turn people away. APCER, for each attack instrument
(`species`): attacks taken for live, of those found live or not live (as a rejection: of all with a report). BPCER: bona fide
sessions found not live, of those found live or not live (as a rejection: not taken for live, of all with a report). APNRR
and BPNRR: cannot judge or no report (as a rejection: no report), of all. Intervals are 95 %, exact (Clopper & Pearson 1934,
doi:10.1093/biomet/26.4.404), and take sessions to be independent of each other.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import stats

from liveguard.challenge.policy import KINDS, ProofPolicy
from liveguard.errors import InputError, LiveguardError
from liveguard.evaluate import metrics
from liveguard.evaluate.figures import Figures, interval, number
from liveguard.evaluate.manifest import LABELS, MOST_ROWS
from liveguard.kyc.canonical import LONGEST_BYTES
from liveguard.kyc.decision import OUTCOMES, StepResult, decide
from liveguard.kyc.report import VERSION_NAME, Verified, needs_of, verify

COLUMNS: Final = ("report", "label", "species", "method")
NO_REPORT: Final = "no_report"
LEAST_AUC: Final = 5  # of each label
LOWEST_NATS, HIGHEST_NATS, STEP_NATS = 1.0, 50.0, 0.25  # a policy's `live_nats` may be from the first to the second


@dataclass(frozen=True, slots=True)
class Session:
    """One row of the manifest. `report`: None where it left none. `subject`: who has no name is one of its own."""

    line: int
    attack: bool
    species: str
    method: str
    subject: str
    source: str
    report: Verified | None

    def bodies(self, kind: str) -> list[Mapping[str, Any]]:
        entries = self.report.entries if self.report else ()
        return [entry["body"] for entry in entries if entry["kind"] == kind]

    @property
    def policy(self) -> ProofPolicy | None:
        return next((ProofPolicy.of(body["policy"]) for body in self.bodies("opened")), None)

    def nats_of(self, kind: str) -> list[float | None]:
        """What the challenge of this kind said; empty where it was not asked, or the session ended before."""
        return [step["nats"] for step in self.bodies("step") if step["kind"] == kind]

    @property
    def nats(self) -> float | None:
        """All evidence together; None where no challenge could be judged, so that there is none."""
        judged = [step for step in self.bodies("step") if step["nats"] is not None]
        return self.report.nats if self.report and judged else None

    @property
    def live_until_nats(self) -> float:
        """The highest `live_nats` at which it is taken for live, all else of its policy being as it was; -inf: at none."""
        if self.report is None or self.policy is None or self.report.verdict == "not_live":
            return -np.inf
        if self.report.verdict == "cannot_judge":
            steps = self.bodies("step")
            results = [StepResult(step["kind"], step["nats"], step["why"], step["measures"]) for step in steps]
            passive = self.bodies("decision")[0]["passive"]
            seen = {name: nats for name, nats in passive.items() if nats is not None}
            policy = replace(self.policy, live_nats=LOWEST_NATS)
            if decide(policy, results, seen, *needs_of(self.report.entries)).verdict != "live":
                return -np.inf
        return -self.report.nats


def read_sessions(path: Path) -> list[Session]:
    """The sessions of the manifest at `path`, each report verified. Raises InputError that names the line and the reason."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: has no column {missing[0]!r}; its first line must name {', '.join(COLUMNS)}")
            sessions = [_session(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} as CSV in UTF-8: {getattr(error, 'strerror', error)}") from error
    if not 0 < len(sessions) <= MOST_ROWS:
        raise InputError(f"{path}: {len(sessions)} rows; 1 to {MOST_ROWS} are allowed")
    first: dict[str, int] = {}  # by what is in the report: under another name it is the same session
    for session in sessions:
        if session.report and (line := first.setdefault(session.report.id, session.line)) != session.line:
            raise InputError(f"{path}, line {session.line}: its report is that of line {line} again")
    return sessions


def _session(manifest: Path, line: int, row: Mapping[str | None, str | list[str] | None]) -> Session:
    cells = {key: value.strip() for key, value in row.items() if key is not None and isinstance(value, str)}
    where, name, label, species = f"{manifest}, line {line}", *(cells.get(key, "") for key in COLUMNS[:3])
    if label not in LABELS:
        raise InputError(f"{where}: label is {label[:40]!r}; allowed are {' and '.join(LABELS)}")
    if (label == "attack") != bool(species):
        raise InputError(f"{where}: {label} of species {species[:40]!r}; each attack has one, bona fide sessions none")
    method, source = (cells.get(key) or "-" for key in ("method", "source"))
    try:
        report = _verified(manifest.parent / name) if name else None
    except (LiveguardError, OSError, ValueError) as error:  # ValueError: a zero byte is in the name
        raise InputError(f"{where}: {name[:200]!r} is refused: {getattr(error, 'strerror', error)}") from error
    return Session(line, bool(species), species or "-", method, cells.get("subject") or f"line {line}", source, report)


def _verified(path: Path) -> Verified:
    with path.open("rb") as file:
        found = verify(file.read(LONGEST_BYTES + 1))
    ProofPolicy.of(found.entries[0]["body"]["policy"])  # verified only where challenges were drawn
    return found


def pad_figures(sessions: Sequence[Session], manifest: str) -> Figures:
    """All figures, for `pad.json` and its page. What is not known is None there."""
    genuine, attacks = [s for s in sessions if not s.attack], [s for s in sessions if s.attack]
    species = _by(attacks, "species")
    found: Figures = {
        "conditions": {"manifest": manifest, **_conditions(sessions)},
        "bonafide": outcomes(genuine) if genuine else None,
        "species": {name: outcomes(own) for name, own in species.items()},
        "by_method": {
            method: {name: outcomes(some) for name, some in _by(own, "species").items()}
            for method, own in _by(attacks, "method").items()
        },
    }
    done = {kind: any(s.nats_of(kind) for s in sessions) for kind in KINDS}
    for way in ("", "_as_rejection"):
        worst = found[f"apcer_worst{way}"] = _worst(found["species"], f"apcer{way}")
        shares = [own["share"] for own in (worst, (found["bonafide"] or {}).get(f"bpcer{way}")) if own]
        found[f"acer{way}"] = number(sum(shares) / 2) if len(shares) == 2 and None not in shares else None
    found["challenges"] = {kind: _challenge(kind, genuine, species) for kind in KINDS if done[kind]}
    found["nats"] = {
        "bonafide": [s.nats for s in genuine if s.nats is not None],
        "species": {name: [s.nats for s in own if s.nats is not None] for name, own in species.items()},
    }
    found["curve"] = _curve(genuine, species)
    found["time"] = {name: _times(own) for name, own in (("bonafide", genuine), ("attack", attacks))}
    return found


def _by(sessions: Sequence[Session], column: str) -> dict[str, list[Session]]:
    names = sorted({getattr(s, column) for s in sessions})
    return {name: [s for s in sessions if getattr(s, column) == name] for name in names}


def rate(count: int, of: int) -> Figures:
    """A share with its exact interval; None where there is nothing to have a share of."""
    ends = stats.binomtest(count, of).proportion_ci(metrics.LEVEL, method="exact") if of else None
    both = None if ends is None else (float(ends.low), float(ends.high))
    return {"count": count, "of": of, "share": number(count / of) if of else None, "ci": interval(both)}


def outcomes(sessions: Sequence[Session]) -> Figures:
    """How sessions of one label ended, and the rates of that, counted both ways. At least one session is expected."""
    attack, counts = sessions[0].attack, Counter(s.report.verdict if s.report else NO_REPORT for s in sessions)
    letter, wrong = ("a", counts["live"]) if attack else ("b", counts["not_live"])
    n, answered = len(sessions), counts["live"] + counts["not_live"]
    return {
        "n": n,
        **{name: counts[name] for name in (*OUTCOMES, NO_REPORT)},
        f"{letter}pcer": rate(wrong, answered),
        f"{letter}pnrr": rate(n - answered, n),
        f"{letter}pcer_as_rejection": rate(wrong + (0 if attack else counts["cannot_judge"]), n - counts[NO_REPORT]),
        f"{letter}pnrr_as_rejection": rate(counts[NO_REPORT], n),
    }


def _worst(species: Mapping[str, Figures], key: str) -> Figures | None:
    """The species with the highest rate; of equal ones that of which less is known."""
    known = [{"species": name, **own[key]} for name, own in species.items() if own[key]["of"]]
    return max(known, key=lambda each: (each["share"], each["ci"][1]), default=None)


def _challenge(kind: str, genuine: Sequence[Session], species: Mapping[str, Sequence[Session]]) -> Figures:
    """What one kind of challenge said by itself."""
    against = {name: {**_spoken(kind, own), **_auc(kind, genuine, own)} for name, own in species.items()}
    return {"bonafide": _spoken(kind, genuine), "species": against}


def _spoken(kind: str, sessions: Sequence[Session]) -> Figures:
    """How often it spoke for an attack (more than 0 nats), against one, or could not judge."""
    said = [nats for session in sessions for nats in session.nats_of(kind)]
    judged = [nats > 0 for nats in said if nats is not None]
    counts = {"for_attack": judged.count(True), "against": judged.count(False), "cannot_judge": said.count(None)}
    return {"done": len(said), **{name: rate(count, len(said)) for name, count in counts.items()}}


def _auc(kind: str, genuine: Sequence[Session], attacks: Sequence[Session]) -> Figures:
    """Of its nats; the interval draws people anew, and who stands for both labels is drawn with both."""
    rows = [(s, nats) for s in (*genuine, *attacks) for nats in s.nats_of(kind) if nats is not None]
    scores, attack = np.array([nats for _, nats in rows]), np.array([s.attack for s, _ in rows], bool)
    if min(attack.sum(), (~attack).sum()) < LEAST_AUC:
        return {"auc": None, "auc_ci": None}
    ends = metrics.auc_interval(scores, attack, [s.subject for s, _ in rows])
    return {"auc": number(metrics.auc(scores, attack)), "auc_ci": interval(ends)}


def _curve(genuine: Sequence[Session], species: Mapping[str, Sequence[Session]]) -> list[Figures]:
    """The rates, cannot judge being a rejection, if each policy had this `live_nats`: it parts live from cannot judge."""
    own = np.array([s.live_until_nats for s in genuine if s.report])
    all_of = {name: np.array([s.live_until_nats for s in some if s.report]) for name, some in species.items()}
    others = {name: levels for name, levels in all_of.items() if len(levels)}
    if not len(own) or not others:
        return []
    top = min(max(LOWEST_NATS, *own, *np.concatenate([*others.values()])) + STEP_NATS, HIGHEST_NATS)
    found: list[Figures] = []
    for nats in np.arange(LOWEST_NATS, top + STEP_NATS / 2, STEP_NATS):
        apcer = {name: round(float((levels >= nats).mean()), 4) for name, levels in others.items()}
        rates = {"bpcer": number((own < nats).mean()), "apcer_worst": max(apcer.values()), "apcer": apcer}
        found.append({"live_nats": float(nats), **rates})
    return found


def _times(sessions: Sequence[Session]) -> Figures:
    """Seconds to the decision, since the consent (so with all tries), the script of the last try, and its last step's entry."""
    found: Figures = {}
    for name, kind in (("consent_s", "consent"), ("script_s", "script"), ("last_step_s", "step")):
        spans = []
        for entries in (s.report.entries for s in sessions if s.report):
            at = [datetime.fromisoformat(entry["at"][:-1]) for entry in entries if entry["kind"] in (kind, "decision")]
            spans += [(at[-1] - at[-2]).total_seconds()] if len(at) > 1 else []
        p50, p95 = np.percentile(spans, [50, 95]) if spans else (np.nan, np.nan)
        found[name] = {"n": len(spans), "p50": number(p50), "p95": number(p95)}
    return found


def _conditions(sessions: Sequence[Session]) -> Figures:
    """Of how many people and places, decided by which policies and versions, and whose signatures they are."""
    policies = Counter((own.live_nats, own.not_live_nats) for s in sessions if (own := s.policy))
    return {
        "sessions": len(sessions),
        "people": len({s.subject for s in sessions}),
        "sources": sorted({s.source for s in sessions} - {"-"}),
        "keys": Counter(s.report.fingerprint for s in sessions if s.report),
        "versions": Counter(body["versions"].get(VERSION_NAME, "-") for s in sessions for body in s.bodies("opened")),
        "policies": [{"live_nats": a, "not_live_nats": b, "sessions": n} for (a, b), n in policies.most_common()],
    }
