"""What goes into a proof's report while it goes on. Of several attempts one is told whole, the others in a line.

That is the one that the decision is of: the last that came to a result, or the last of all where none did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from liveguard import __version__
from liveguard.challenge.script import Step
from liveguard.kyc.camera_kind import camera_kind
from liveguard.kyc.consent import TEXTS, TextId
from liveguard.kyc.decision import Decision, StepResult
from liveguard.kyc.entries import Entry, Fact, consent, decision, injection, opened, script, step
from liveguard.kyc.report import VERSION_NAME, build, sign
from liveguard.kyc.tables import Proof

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LABEL: Final = "label"
UNKNOWN_TEXT: Final = "a text of another version"


@dataclass(slots=True)
class Record:
    """One thread at a time. `passive`: nats of the checks that run all the time, by hypothesis, as they were decided on.
    `undecided`: how many scripts were seen, of which nothing came.
    """

    proof: Proof
    passive: Mapping[str, float] = field(default_factory=dict)
    closed: bool = False
    undecided: int = 0
    _script: Entry | None = None
    _whole: list[Entry] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _told: int = -1  # the number of the line whose attempt is told whole
    _came_to_something: bool = False
    _facts: dict[str, Fact] = field(default_factory=dict)

    def begin(self, at: datetime, nonce: bytes, steps: Sequence[Step]) -> None:
        """An attempt begins. What came of the one before it is known: `result` or `broke_off` was said of it."""
        self._script = script(at, nonce, steps)

    def result(
        self,
        at: datetime,
        results: Sequence[StepResult],
        cues_us: Sequence[int | None],
        facts: Mapping[str, Fact],
        decided: Decision,
    ) -> None:
        """What came of the attempt. `facts`: what the page says about the camera; of its label, which may
        name somebody, only the sort of camera is kept."""
        assert self._script is not None  # `begin` was called
        steps = [step(at, result, cue_us) for result, cue_us in zip(results, cues_us, strict=True)]
        self._whole, self._told, self._came_to_something = [self._script, *steps], len(self._lines), True
        self._facts = {name: fact for name, fact in facts.items() if name != LABEL}
        self._facts["camera"] = camera_kind(facts.get(LABEL))
        self.undecided += decided.verdict == "cannot_judge"
        self._add_line(f"{decided.verdict}, {'; '.join(decided.reasons)}")

    def broke_off(self, *, seen: bool) -> None:
        """Nothing came of the attempt, which was not finished. What an earlier one came to stays. `seen`: some of its script
        was."""
        assert self._script is not None  # `begin` was called
        if not self._came_to_something:
            self._whole, self._told = [self._script], len(self._lines)
        self.undecided += seen
        self._add_line("not finished")

    def _add_line(self, what: str) -> None:
        self._lines.append(f"attempt {len(self._lines) + 1}: {what}")

    def close(self, at: datetime, decided: Decision, key: Ed25519PrivateKey) -> bytes:
        """The signed report. Once."""
        assert not self.closed
        self.closed = True
        proof = self.proof
        assert proof.policy is not None  # of one that is not erased
        entries = [opened(proof.created_at, proof.policy, proof.needs, proof.locale, {VERSION_NAME: __version__})]
        if proof.consent_at is not None:
            agreed_to = TEXTS.get(cast("TextId", proof.consent_text), UNKNOWN_TEXT)
            entries.append(consent(proof.consent_at, agreed_to, proof.own_needs))
        entries += self._whole
        watched = {name: float(nats) for name, nats in self.passive.items()}
        others = [line for number, line in enumerate(self._lines) if number != self._told]
        entries.append(injection(at, {**self._facts, "attempts": len(self._lines)}, watched, others))
        entries.append(decision(at, decided, self.passive))
        return sign(build(proof.id, entries), key)
