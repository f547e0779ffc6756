"""What a report says: one entry for each thing that happened, in order. Names nobody, and holds no picture and no sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, get_args

from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import DRAWING, Step
from liveguard.kyc.canonical import MOST
from liveguard.kyc.decision import Decision, StepResult
from liveguard.words import plain

EntryKind: TypeAlias = Literal["opened", "consent", "script", "step", "injection", "decision"]
ENTRY_KINDS: Final[tuple[EntryKind, ...]] = get_args(EntryKind)
Fact: TypeAlias = str | float | bool | None

SENTENCE_LENGTH: Final = 300
CONSENT_LENGTH: Final = 4000
NAME_LENGTH: Final = 64
MOST_FIGURES: Final = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened at `at`, which is aware; `body` is ready for JSON."""

    kind: EntryKind
    at: datetime
    body: Mapping[str, Any]


def opened(at: datetime, policy: ProofPolicy, needs: Iterable[str], locale: str, versions: Mapping[str, str]) -> Entry:
    """The proof was opened. `needs`: what the person cannot do, as the caller says. `versions`: of our programs."""
    said = {_name(name): plain(version, NAME_LENGTH) for name, version in versions.items()}
    body = {"policy": policy_dict(policy), "needs": sorted(needs), "locale": plain(locale, 32), "versions": said}
    return Entry("opened", at, body)


def consent(at: datetime, text: str, own_needs: Iterable[str] = ()) -> Entry:
    """The person agreed to this text. `own_needs`: what they cannot do besides, as only they themselves say."""
    body = {"text": plain(text, CONSENT_LENGTH)}
    needs = sorted(own_needs)
    return Entry("consent", at, {**body, "needs": needs} if needs else body)


def script(at: datetime, nonce: bytes, steps: Sequence[Step]) -> Entry:
    """What was asked. Whoever has the nonce can draw the same again, by the same version of the drawing."""
    return Entry("script", at, {"nonce": nonce.hex(), "drawing": DRAWING, "steps": steps_list(steps)})


def step(at: datetime, result: StepResult, cue_us: int | None) -> Entry:
    """How one challenge went. `cue_us`: when it was seen, on the session's timeline; None: it never was."""
    body = {
        "kind": result.kind,
        "cue_us": cue_us,
        "nats": finite(result.nats),
        "why": plain(result.why, SENTENCE_LENGTH),
        "measures": figures(result.measures),
    }
    return Entry("step", at, body)


def injection(at: datetime, facts: Mapping[str, Fact], nats: Mapping[str, float | None], why: Iterable[str]) -> Entry:
    """What is said about the camera (`facts`, which name nobody), and the weak evidence in it: nats by name, > 0 for an
    attack."""
    told: dict[str, Fact] = {}
    for name, fact in list(facts.items())[:MOST_FIGURES]:
        told[_name(name)] = plain(fact, SENTENCE_LENGTH) if isinstance(fact, str) else _plain_number(fact)
    reasons = [plain(reason, SENTENCE_LENGTH) for reason in why]
    return Entry("injection", at, {"facts": told, "nats": figures(nats), "why": reasons})


def decision(at: datetime, decided: Decision, passive: Mapping[str, float]) -> Entry:
    """What all of it together says. `passive`: what `decide` was given of the checks that run all the time."""
    body = {
        "verdict": decided.verdict,
        "nats": decided.nats,
        "reasons": [plain(reason, SENTENCE_LENGTH) for reason in decided.reasons],
        "passive": figures(passive),
    }
    return Entry("decision", at, body)


def policy_dict(policy: ProofPolicy) -> dict[str, Any]:
    """The policy as `ProofPolicy.of` takes it."""
    return {**asdict(policy), "kinds": list(policy.kinds)}


def steps_list(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [{"kind": each.kind, "params": dict(each.params)} for each in steps]


def figures(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """A bounded number of them, by names that JSON sorts the same everywhere; null for what is no number."""
    return {_name(name): finite(value) for name, value in list(values.items())[:MOST_FIGURES]}


def finite(value: float | None) -> float | None:
    """As a plain number of Python, whatever kind it came as; None for what JSON has no number for."""
    return None if value is None or not abs(value) <= MOST else float(value)  # NaN compares false


def _plain_number(fact: float | bool | None) -> float | bool | None:
    return fact if isinstance(fact, bool) else finite(fact)


def _name(name: str) -> str:
    return plain(name.encode("ascii", "replace").decode("ascii"), NAME_LENGTH).replace("…", ".")
