"""What the API takes in, checked and bounded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Pixels = Annotated[float, Field(ge=0, le=100_000)]
Rate = Annotated[float, Field(ge=0, le=1000)]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Format(Message):
    """A size and rate of pictures; browsers leave out what they do not know."""

    width: Pixels | None = None
    height: Pixels | None = None
    frame_rate: Rate | None = None


class CameraProbe(Message):
    """What a camera made of a wish, and how soon."""

    asked: Format
    got: Format
    response_ms: Annotated[float, Field(ge=0, le=60_000)]


class Camera(Message):
    """What a browser knows of its camera. Weak evidence: whoever controls the browser controls it."""

    label: Annotated[str, StringConstraints(max_length=200)] = ""
    settings: Format = Format()
    probes: Annotated[list[CameraProbe], Field(max_length=8)] = []

    def facts(self) -> dict[str, float | int | str]:
        """As a cue on the timeline carries them: of the probes, the last that changed something."""
        facts: dict[str, float | int | str] = {"label": self.label} if self.label else {}
        facts |= _flat("settings", self.settings)
        if self.probes:
            probe = self.probes[-1]
            facts |= _flat("asked", probe.asked) | _flat("got", probe.got) | {"response_ms": probe.response_ms}
        return facts


def _flat(prefix: str, what: Format) -> dict[str, float]:
    values = {"width": what.width, "height": what.height, "fps": what.frame_rate}
    return {f"{prefix}_{name}": value for name, value in values.items() if value is not None}


class OpenSession(Message):
    participant: Name | None = None
    kind: Literal["webcam", "meeting"] = "webcam"
    sdp: Annotated[str, StringConstraints(max_length=65_536)]
    camera: Camera | None = None


class Simulation(Message):
    """What the page makes of the person's own feed, to show the guard at work; None: the real feed again."""

    attack: Literal["freeze", "loop", "photo", "late_audio", "foreign_audio", "low_res_face"] | None


class Muted(Message):
    video: bool = False
    audio: bool = False


class Feedback(Message):
    verdict: Literal["false_alarm", "real"]
    note: Annotated[str, StringConstraints(max_length=500)] = ""
