"""Made-up liveness sessions: their results, entries and signed reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import draw
from liveguard.kyc import entries
from liveguard.kyc.decision import StepResult, decide
from liveguard.kyc.entries import Entry
from liveguard.kyc.report import build, sign

T0 = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc)
POLICY = ProofPolicy()
NONCE = bytes(range(16))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MEASURES = {
    "light": {"response": 0.7312, "wrong_codes": 0.118, "lag_ms": 231.25},
    "pose": {"yaw_deg": 21.375, "error_deg": 3.25, "lag_ms": 412.0, "artefact_nats": -0.69},
    "occlusion": {"covered_share": 0.94, "hidden_points": 61.0},
    "rhythm": {"hits": 4.0, "off_ms": 118.0},
    "digits": {"heard_of_4": 4.0},
    "distance": {"nearer": 1.47, "artefact_nats": -0.68},
}


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def session(
    nats: Sequence[float | None] = (-2.75, -3.125, -1.5), policy: ProofPolicy = POLICY, seen_nats: float = 0.0
) -> list[Entry]:
    """The entries of a session whose steps went like that."""
    steps = draw(NONCE, policy)
    results = [
        StepResult(
            step.kind, each, "too dark to tell: turn on a light" if each is None else "as asked", MEASURES[step.kind]
        )
        for step, each in zip(steps, nats, strict=True)
    ]
    passive = {"feed_injected": seen_nats}
    return [
        entries.opened(T0, policy, (), "en", {"liveguard": "0.1.0"}),
        entries.consent(after(4.5), "I agree that my camera is looked at once, to see that I am a live person."),
        entries.script(after(5), NONCE, steps),
        *(entries.step(after(12 + 6 * n), result, (7 + 6 * n) * 1_000_000) for n, result in enumerate(results)),
        entries.injection(
            after(30), {"label": "Integrated Camera <b>", "width_px": 1280, "torch": False}, {"label": 0.25}, ()
        ),
        entries.decision(after(31), decide(policy, results, passive), passive),
    ]


def signed(nats: Sequence[float | None] = (-2.75, -3.125, -1.5), proof: str = "3f9a0b") -> bytes:
    return sign(build(proof, session(nats)), KEY)
