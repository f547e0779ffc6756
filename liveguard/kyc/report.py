"""A report that anybody can check: a chain of entries, each bound to the one before by a hash, signed at its end.

    {"algorithm": "Ed25519", "entries": [...], "format": "liveguard.proof.1", "id": ..., "public_key": ..., "signature": ...}

An entry is {seq, at, kind, body, prev, hash}: `hash` is the SHA-256 of the entry without it, `prev` that of the entry before
(zeros at first). Signed is the report without its entries and signature, with the last hash as `head`, behind `DOMAIN`, so
that no other thing signed with this key can pass for a report. All of it is in the one spelling of `canonical`, and a file
must be that spelling to the byte, so that nothing can be changed, added or moved, not even white space.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import DRAWING, draw
from liveguard.errors import ConfigError
from liveguard.kyc.canonical import canonical, parse
from liveguard.kyc.decision import Outcome
from liveguard.kyc.entries import Entry, steps_list
from liveguard.kyc.errors import ReportError
from liveguard.kyc.form import BODIES, ENTRY, OPTIONAL, REPORT, check_fields, check_order
from liveguard.kyc.keys import fingerprint, grouped, raw_public

FORMAT: Final = "liveguard.proof.1"
DOMAIN: Final = b"liveguard proof report\n"
NO_ENTRY: Final = "0" * 64
VERSION_NAME: Final = "liveguard"
"""Under this name `opened` has our version."""
FIRST_DRAWING: Final = 1
"""Of reports that do not say which one drew their script."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a report says that is as it was signed. `pinned`: the key is the one that was expected, not merely its own.

    `entries`: as they are in the report. `report_hash`: SHA-256 of the file, in hex. `drawing`: the version that drew its
    script, where it has one.
    """

    id: str
    verdict: Outcome
    nats: float
    reasons: tuple[str, ...]
    fingerprint: str
    pinned: bool
    entries: tuple[Mapping[str, Any], ...]
    report_hash: str
    drawing: int | None

    @property
    def drawn_elsewhere(self) -> bool:
        """Whether another version drew the script, so that nobody can tell here if it was drawn from its nonce."""
        return self.drawing not in (None, DRAWING)

    @property
    def whose(self) -> str:
        """Whose signature it is, in words."""
        if self.pinned:
            return f"signed with the expected key {grouped(self.fingerprint)}"
        return (
            f"signed with the key {grouped(self.fingerprint)}, which nobody has vouched for: "
            "compare it with that of the server"
        )


def build(proof: str, entries: Iterable[Entry]) -> dict[str, Any]:
    """The chain, not yet signed. Raises ReportError for entries that tell no session.

    A time that is before that of the entry before, because the clock was set back, becomes the same.
    """
    chained: list[dict[str, Any]] = []
    for seq, entry in enumerate(entries):
        prev, at = (chained[-1]["hash"], chained[-1]["at"]) if chained else (NO_ENTRY, "")
        link = {"seq": seq, "at": max(stamp(entry.at), at), "kind": entry.kind, "body": entry.body, "prev": prev}
        chained.append({**link, "hash": _sha256(canonical(link))})
    # As a reader will see it: with rounded figures, and lists instead of tuples.
    built = parse(canonical({"format": FORMAT, "id": proof, "entries": chained}))
    _check_entries(built["entries"])
    return built


def sign(built: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The bytes of the finished report, of what `build` made. They verify, or ReportError is raised."""
    public = key.public_key()
    report = {**built, "algorithm": "Ed25519", "public_key": raw_public(public).hex()}
    report["signature"] = key.sign(_signed(report)).hex()
    data = canonical(report)
    if verify(data, public).drawn_elsewhere:
        raise ReportError("report: its script is of another version than would sign it")
    return data


def verify(report: bytes | Mapping[str, Any], public_key: Ed25519PublicKey | str | None = None) -> Verified:
    """What the report says, after every test: those of `read`, and that its script was drawn from its nonce.

    The last cannot be tested where the script was `drawn_elsewhere`, which the caller has to look at. Raises ReportError.
    """
    found = read(report, public_key)
    if not found.drawn_elsewhere:
        _check_drawn(found.entries)
    return found


def read(report: bytes | Mapping[str, Any], public_key: Ed25519PublicKey | str | None = None) -> Verified:
    """What the report says, if its form, spelling, chain, signature and key are right, whichever version drew its script.

    `public_key`: the key that is expected, or its fingerprint (`keys.read_pin`); None: whatever key it names, and `pinned`
    is False. Raises ReportError that says what is wrong and where. Of an object that was parsed before only the content can
    be checked, not how its file was spelled.
    """
    data = report if isinstance(report, bytes) else canonical(report)
    found = parse(data)
    check_fields("report", found, REPORT)
    _check_entries(found["entries"])
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found["public_key"]))
    try:
        public.verify(bytes.fromhex(found["signature"]), _signed(found))
    except InvalidSignature:
        raise ReportError("report: the signature does not fit: the report, or its key, was changed") from None
    pin = fingerprint(public_key) if isinstance(public_key, Ed25519PublicKey) else public_key
    if pin is not None and pin != fingerprint(public):
        raise ReportError(f"report: signed with another key: {grouped(fingerprint(public))}")
    said = found["entries"][-1]["body"]
    return Verified(
        id=found["id"],
        verdict=cast("Outcome", said["verdict"]),
        nats=float(said["nats"]),
        reasons=tuple(said["reasons"]),
        fingerprint=fingerprint(public),
        pinned=pin is not None,
        entries=tuple(found["entries"]),
        report_hash=_sha256(data),
        drawing=_drawing(found["entries"]),
    )


def needs_of(entries: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """What the person cannot do: as the caller said, and as only they themselves did."""
    bodies = {entry["kind"]: entry["body"] for entry in entries}
    return bodies["opened"]["needs"], bodies.get("consent", {}).get("needs", [])


def stamp(at: datetime) -> str:
    """ISO 8601 in UTC to the millisecond, always of the same length; ValueError for a time that does not say its zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone: an aware datetime is expected")
    return at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _signed(report: Mapping[str, Any]) -> bytes:
    """What the signature is of."""
    header = {name: value for name, value in report.items() if name not in ("entries", "signature")}
    return DOMAIN + canonical({**header, "head": report["entries"][-1]["hash"]})


def _check_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    prev = NO_ENTRY
    for number, entry in enumerate(entries):
        where = f"entry {number}"
        check_fields(where, entry, ENTRY)
        if entry["seq"] != number:
            raise ReportError(f"{where}: it says that it is number {entry['seq']}: one was added, taken out or moved")
        if entry["prev"] != prev:
            raise ReportError(
                f"{where}: it does not follow from the one before: one was changed, added, taken out or moved"
            )
        if entry["hash"] != _sha256(canonical({name: value for name, value in entry.items() if name != "hash"})):
            raise ReportError(f"{where} ({entry['kind']}): it was changed, its hash does not fit")
        kind = entry["kind"]
        check_fields(f"{where} ({kind})", entry["body"], BODIES[kind], OPTIONAL.get(kind))
        prev = entry["hash"]
    check_order(entries)


def _drawing(entries: Sequence[Mapping[str, Any]]) -> int | None:
    bodies = [entry["body"] for entry in entries if entry["kind"] == "script"]
    return int(bodies[0].get("drawing", FIRST_DRAWING)) if bodies else None


def _check_drawn(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raises ReportError unless the script is what the nonce gives under the report's own policy and needs."""
    opened, needs = entries[0]["body"], [need for each in needs_of(entries) for need in each]
    for entry in entries:
        if entry["kind"] != "script":
            continue
        try:
            steps = draw(bytes.fromhex(entry["body"]["nonce"]), ProofPolicy.of(opened["policy"]), needs)
        except ConfigError as error:
            raise ReportError(f"entry {entry['seq']} (script): it cannot be drawn again: {error}") from error
        if canonical(steps_list(steps)) != canonical(entry["body"]["steps"]):
            raise ReportError(f"entry {entry['seq']} (script): these steps were not drawn from its nonce")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
