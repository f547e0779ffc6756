"""What a proof's page and its caller send, checked and bounded."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from liveguard.challenge.policy import Ability
from liveguard.errors import InputError
from liveguard.kyc.consent import TextId
from liveguard.server.messages import Camera, Message

Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Needs = Annotated[tuple[Ability, ...], Field(max_length=6)]
MOST_CHARS = 1024


class OpenProof(Message):
    """Of the caller: `subject` is any reference of the caller's own, kept as a salted hash, for the lock-out."""

    subject: Reference | None = None
    policy: Annotated[dict[str, Any], Field(default_factory=dict)]
    locale: Locale = "en"
    cannot: Needs = ()


class Redeem(Message):
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    token: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Consent(Message):
    """The person has agreed to the text that the page has shown."""

    agreed: Literal[True]
    text: TextId
    cannot: Needs = ()


class ProofOffer(Message):
    sdp: Annotated[str, StringConstraints(max_length=65_536)]
    camera: Camera | None = None


class Pong(Message):
    type: Literal["pong"]
    n: Annotated[int, Field(ge=0, le=1_000_000)]


class Ready(Message):
    type: Literal["ready"]


class Shown(Message):
    """A step's stimulus was painted, just now."""

    type: Literal["shown"]
    number: Annotated[int, Field(ge=1, le=16)]


class Stop(Message):
    type: Literal["stop"]


Said: TypeAlias = Pong | Ready | Shown | Stop
_SAID: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="type")])


def parse(text: str | None) -> Said:
    """What the page says. Raises InputError for anything else."""
    if text is None or len(text) > MOST_CHARS:
        raise InputError(f"only text of at most {MOST_CHARS} characters is understood")
    try:
        return _SAID.validate_python(json.loads(text))
    except (ValueError, RecursionError, ValidationError):
        raise InputError("not a message of this page") from None
