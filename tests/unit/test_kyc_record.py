"""What goes into a report: of a camera what it is, and not whose."""

from __future__ import annotations

from datetime import timedelta

import pytest

from liveguard.challenge.script import draw
from liveguard.kyc.camera_kind import camera_kind
from liveguard.kyc.decision import Decision, StepResult
from liveguard.kyc.record import Record
from liveguard.kyc.report import verify
from liveguard.kyc.tables import Proof
from liveguard.server.messages import Camera, Format
from tests.proof_parts import KEY, NONCE, POLICY, T0, after

PROOF = Proof(
    "p1", "running", None, POLICY, "en", (), (), NONCE, T0, T0 + timedelta(hours=1), T0, "en.sound", None, None
)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Anna Schmidts iPhone Kamera", "other"),
        ("OBS Virtual Camera", "virtual (obs)"),
        ("Anna's Snap Camera", "virtual (snap camera)"),
        ("Dummy video device (0x0000)", "virtual (dummy video device)"),
        ("Integrated Camera (04f2:b6dd)", "built-in"),
        ("FaceTime HD Camera (Built-in)", "built-in"),
        ("camera2 1, facing front", "built-in"),
        ("Frontkamera", "built-in"),
        ("Logitech BRIO", "other"),
        ("", "none"),
        (None, "none"),
    ],
)
def test_what_sort_of_camera_it_is(label: str | None, kind: str) -> None:
    assert camera_kind(label) == kind


def test_no_label_of_a_camera_goes_into_the_report() -> None:
    steps = draw(NONCE, POLICY)
    record = Record(PROOF)
    record.begin(after(5), NONCE, steps)
    facts = Camera(label="Anna Schmidts iPhone Kamera", settings=Format(width=1280, height=720)).facts()
    results = [StepResult(step.kind, None, "too dark") for step in steps]
    record.result(after(20), results, [None] * len(steps), facts, Decision("cannot_judge", 0.0, ("too dark",)))
    data = record.close(after(21), Decision("cannot_judge", 0.0, ("too dark",)), KEY)
    assert b"Anna" not in data
    (told,) = (entry["body"]["facts"] for entry in verify(data).entries if entry["kind"] == "injection")
    assert told == {"camera": "other", "settings_width": 1280, "settings_height": 720, "attempts": 1}
