"""The form of a report: which fields each entry has, of which type, and which entry may follow which."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from liveguard.challenge.policy import KINDS
from liveguard.kyc.decision import OUTCOMES
from liveguard.kyc.entries import ENTRY_KINDS
from liveguard.kyc.errors import ReportError

Check: TypeAlias = Callable[[Any], bool]
AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
HASH: Final = re.compile(r"[0-9a-f]{64}")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _table(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _one_of(allowed: Sequence[str]) -> Check:
    return lambda value: value in allowed


def _is_hash(value: Any) -> bool:
    return _text(value) and HASH.fullmatch(value) is not None


def _is_hex(value: Any) -> bool:
    return _text(value) and re.fullmatch(r"([0-9a-f]{2})+", value) is not None


def _is_time(value: Any) -> bool:
    if not _text(value) or AT.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError:
        return False
    return True


def _anything(_: Any) -> bool:
    return True


def _fields(checks: Mapping[str, Check]) -> Check:
    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and set(value) == set(checks)
            and all(of(value[name]) for name, of in checks.items())
        )

    return check


REPORT: Final[Mapping[str, Check]] = {
    "format": _one_of(("liveguard.proof.1",)),
    "id": _text,
    "algorithm": _one_of(("Ed25519",)),
    "public_key": _is_hash,
    "signature": lambda value: _text(value) and re.fullmatch(r"[0-9a-f]{128}", value) is not None,
    "entries": _list(lambda value: isinstance(value, dict)),
}
ENTRY: Final[Mapping[str, Check]] = {
    "seq": _integer,
    "at": _is_time,
    "kind": _one_of(ENTRY_KINDS),
    "body": lambda value: isinstance(value, dict),
    "prev": _is_hash,
    "hash": _is_hash,
}
_FIGURES: Final = _table(_or_null(_number))
BODIES: Final[Mapping[str, Mapping[str, Check]]] = {
    "opened": {"policy": _table(_anything), "needs": _list(_text), "locale": _text, "versions": _table(_text)},
    "consent": {"text": _text},
    "script": {
        "nonce": _is_hex,
        "steps": _list(
            _fields({"kind": _one_of(KINDS), "params": _table(lambda value: _text(value) or _number(value))})
        ),
    },
    "step": {
        "kind": _one_of(KINDS),
        "cue_us": _or_null(_integer),
        "nats": _or_null(_number),
        "why": _text,
        "measures": _FIGURES,
    },
    "injection": {
        "facts": _table(lambda value: value is None or isinstance(value, str | int | float)),
        "nats": _FIGURES,
        "why": _list(_text),
    },
    "decision": {"verdict": _one_of(OUTCOMES), "nats": _number, "reasons": _list(_text), "passive": _FIGURES},
}


OPTIONAL: Final[Mapping[str, Mapping[str, Check]]] = {
    "consent": {"needs": _list(_text)},
    "script": {"drawing": _integer},  # the first version did not say it
}
"""Fields of a body that are not in every report."""


def check_fields(
    where: str, value: Mapping[str, Any], checks: Mapping[str, Check], optional: Mapping[str, Check] | None = None
) -> None:
    """Raises ReportError that names the first field that is missing, unknown, or of the wrong kind."""
    optional = optional or {}
    for name, check in {**checks, **optional}.items():
        if name not in value:
            if name in optional:
                continue
            raise ReportError(f"{where}: {name} is missing")
        if not check(value[name]):
            raise ReportError(f"{where}: {name} is not of the kind that is expected")
    for name in value:
        if name not in checks and name not in optional:
            raise ReportError(f"{where}: it has a field that is not known")  # foreign text, not to be repeated


def check_order(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raises ReportError unless the entries tell one session: opened, agreed to, asked, answered, decided."""
    kinds = [entry["kind"] for entry in entries]
    if not kinds or kinds[0] != "opened" or kinds[-1] != "decision":
        raise ReportError("report: it must begin with the opening and end with the decision")
    for kind in ("opened", "consent", "script", "decision"):
        if kinds.count(kind) > 1:
            raise ReportError(f"report: {kind} comes more than once")
    order = [kind for kind in kinds if kind in ("consent", "script", "step")]
    if order != sorted(order, key=ENTRY_KINDS.index):
        raise ReportError("report: consent, script and steps come in the wrong order")
    times = [entry["at"] for entry in entries]
    if times != sorted(times):
        raise ReportError("report: an entry is older than the one before it")
    _check_steps(entries, kinds)


def _check_steps(entries: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> None:
    asked = [step["kind"] for entry in entries if entry["kind"] == "script" for step in entry["body"]["steps"]]
    done = [entry["body"]["kind"] for entry in entries if entry["kind"] == "step"]
    if done != asked[: len(done)]:
        raise ReportError("report: the steps are not those of the script")
    if entries[-1]["body"]["verdict"] == "live" and ("consent" not in kinds or not asked or done != asked):
        raise ReportError("report: it says live, but not that the person agreed and every step was done")
