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
from typing import Any, Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from liveguard import __version__
from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import draw
from liveguard.errors import ConfigError
from liveguard.kyc.canonical import canonical, parse
from liveguard.kyc.decision import Outcome
from liveguard.kyc.entries import Entry, steps_list
from liveguard.kyc.errors import ReportError
from liveguard.kyc.form import BODIES, ENTRY, OPTIONAL, REPORT, check_fields, check_order
from liveguard.kyc.keys import fingerprint, grouped, raw_public
from liveguard.utc import iso

FORMAT: Final = "liveguard.proof.1"
DOMAIN: Final = b"liveguard proof report\n"
NO_ENTRY: Final = "0" * 64
VERSION_NAME: Final = "liveguard"
"""Under this name `opened` has our version, which a script was drawn by."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a report says that has stood every test. `pinned`: the key is the one that was expected, not merely its own.

    `entries`: as they are in the report. `report_hash`: SHA-256 of the file, in hex.
    """

    id: str
    verdict: Outcome
    nats: float
    reasons: tuple[str, ...]
    fingerprint: str
    pinned: bool
    entries: tuple[Mapping[str, Any], ...]
    report_hash: str

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
        link = {"seq": seq, "at": max(iso(entry.at), at), "kind": entry.kind, "body": entry.body, "prev": prev}
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
    verify(data, public)
    return data


def verify(report: bytes | Mapping[str, Any], public_key: Ed25519PublicKey | str | None = None) -> Verified:
    """What the report says, after every test: its form, spelling, chain, signature, key, and that its script was drawn.

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
    _check_drawn(found["entries"])
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
    )


def needs_of(entries: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """What the person cannot do: as the caller said, and as only they themselves did."""
    bodies = {entry["kind"]: entry["body"] for entry in entries}
    return bodies["opened"]["needs"], bodies.get("consent", {}).get("needs", [])


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
            by = opened["versions"].get(VERSION_NAME, "an unknown version")
            older = "" if by == __version__ else f" (it was drawn by liveguard {by}, and checked by {__version__})"
            raise ReportError(f"entry {entry['seq']} (script): these steps were not drawn from its nonce{older}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
