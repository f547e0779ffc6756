"""Events as plain JSON-ready dicts and back: what a journal, a webhook, a JSON line and `scan --json` carry.

Each dict has `type` (reading, status, alert, fault or gap) and `v`, the version of this format. Times stay
integer microseconds (`..._us`); `..._s` beside them are for people and are ignored on the way back, as are
fields that this version does not know. `origin`, which a server adds to say which call an event is about, may be
missing; every other field must be there. JSON has no NaN or infinity: both become null, and null comes back as NaN,
or as None where the field allows "cannot judge".
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_args

from liveguard.errors import InputError
from liveguard.types import HYPOTHESES, Alert, Event, Fault, Gap, GapReason, Origin, Reading, State, Status, Track

WIRE_VERSION = 1

_INT_LIMIT = 2**63
_E = TypeVar("_E")
_KINDS: dict[type[Event], str] = {
    Reading: "reading",
    Status: "status",
    Alert: "alert",
    Fault: "fault",
    Gap: "gap",
}
KINDS: frozenset[str] = frozenset(_KINDS.values())
"""All values of `type`."""


class WireError(InputError):
    """A record that is not an event of this format, or an event that has no such record."""


def kind(event: Event) -> str:
    """The event's `type` on the wire; `WireError` if it is no event."""
    name = _KINDS.get(type(event))
    if name is None:
        raise WireError(f"not an event: {type(event).__name__}")
    return name


def to_dict(event: Event) -> dict[str, Any]:
    """The event as a dict that JSON can hold; `WireError` if one of its fields is of the wrong type."""
    name = kind(event)
    try:
        return {"type": name, "v": WIRE_VERSION, **_origin(event.origin), **_BODIES[name](event)}
    except (TypeError, ValueError, OverflowError, AttributeError) as exc:
        raise WireError(f"{name}: a field cannot be written: {exc}") from exc


def from_dict(record: object) -> Event:
    """The event that this was made of; `WireError` names the field that is missing or of the wrong type."""
    fields = _mapping(record, "record")
    name = _text(fields, "type")
    version = _int(fields, "v")
    if version != WIRE_VERSION:
        raise WireError(f"v: version {version} is not known, only {WIRE_VERSION} is")
    read = _READERS.get(name)
    if read is None:
        raise WireError(f"type: {name[:40]!r} is not one of {', '.join(sorted(_READERS))}")
    event = read(fields)
    return event if fields.get("origin") is None else replace(event, origin=_read_origin(fields))


def dumps(event: Event) -> str:
    """The event as one line of ASCII JSON without a line end; the same event always gives the same text."""
    return json.dumps(to_dict(event), allow_nan=False, separators=(",", ":"))


def loads(line: str | bytes) -> Event:
    """The event in one line of JSON; `WireError` for anything else."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as exc:  # ValueError: bad JSON, bad UTF-8 and absurdly long numbers
        raise WireError(f"not JSON: {type(exc).__name__}") from exc
    return from_dict(record)


# --- writing ----------------------------------------------------------------------------------------------


def _number(value: Any) -> float | None:
    if isinstance(value, (str, bytes)):  # float() would take "1.5" too
        raise TypeError(f"{type(value).__name__} where a number belongs")
    number = float(value)
    return number if math.isfinite(number) else None


def _when(name: str, t_us: Any) -> dict[str, Any]:
    """`t_us` as an int (numpy's integers too, floats never) with the seconds beside it."""
    exact = operator.index(t_us)
    return {f"{name}_us": exact, f"{name}_s": exact / 1e6}


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value


def _origin(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {}
    simulation = None if origin.simulation is None else _str(origin.simulation)
    return {
        "origin": {
            "session": _str(origin.session),
            "participant": _str(origin.participant),
            "simulation": simulation,
        }
    }


def _reading(event: Reading) -> dict[str, Any]:
    return {
        "detector": _str(event.detector),
        "track": None if event.track is None else operator.index(event.track),
        **_when("start", event.start_us),
        **_when("end", event.end_us),
        "llr_nats": None if event.llr is None else _number(event.llr),
        "coverage": _number(event.coverage),
        "why": _str(event.why),
        "measures": {_str(name): _number(value) for name, value in event.measures.items()},
    }


def _status(event: Status) -> dict[str, Any]:
    return {
        **_when("t", event.t_us),
        "participant": _str(event.participant),
        "state": _str(event.state),
        "risk": None if event.risk is None else _number(event.risk),
        "why": [_str(reason) for reason in event.why],
    }


def _alert(event: Alert) -> dict[str, Any]:
    return {
        "id": _str(event.id),
        "participant": _str(event.participant),
        "state": _str(event.state),
        "hypothesis": _str(event.hypothesis),
        **_when("t", event.t_us),
        "risk": _number(event.risk),
        "evidence_nats": _number(event.evidence_nats),
        "threshold_nats": _number(event.threshold_nats),
        **_when("lag", event.lag_us),
        "settle": _str(event.settle),
        "readings": [_reading(reading) for reading in event.readings],
    }


def _fault(event: Fault) -> dict[str, Any]:
    return {**_when("t", event.t_us), "where": _str(event.where), "what": _str(event.what)}


def _gap(event: Gap) -> dict[str, Any]:
    times = {**_when("start", event.start_us), **_when("end", event.end_us)}
    return {"kind": _str(event.kind), **times, "reason": _str(event.reason)}


_BODIES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "reading": _reading,
    "status": _status,
    "alert": _alert,
    "fault": _fault,
    "gap": _gap,
}


# --- reading ----------------------------------------------------------------------------------------------

_Fields = Mapping[str, Any]


def _mapping(value: object, name: str) -> _Fields:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise WireError(f"{name}: an object is expected, not {type(value).__name__}")
    return value


def _get(fields: _Fields, name: str) -> Any:
    try:
        return fields[name]
    except KeyError:
        raise WireError(f"{name}: missing") from None


def _wrong(name: str, value: object, wanted: str) -> WireError:
    # The value itself stays out of the message: it is foreign text that may end up in a log or on a terminal.
    return WireError(f"{name}: {wanted} is expected, not {type(value).__name__}")


def _text(fields: _Fields, name: str) -> str:
    value = _get(fields, name)
    if not isinstance(value, str):
        raise _wrong(name, value, "text")
    return value


def _int(fields: _Fields, name: str) -> int:
    value = _get(fields, name)
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT_LIMIT <= value < _INT_LIMIT:
        raise _wrong(name, value, "a 64-bit integer")
    return value


def _finite(value: object, name: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise _wrong(name, value, "a finite number")


def _float(fields: _Fields, name: str) -> float:
    value = _get(fields, name)
    return math.nan if value is None else _finite(value, name)


def _maybe_float(fields: _Fields, name: str) -> float | None:
    value = _get(fields, name)
    return None if value is None else _finite(value, name)


def _list(fields: _Fields, name: str) -> Sequence[object]:
    value = _get(fields, name)
    if not isinstance(value, list):
        raise _wrong(name, value, "a list")
    return value


def _choice(fields: _Fields, name: str, allowed: tuple[_E, ...]) -> _E:
    value = _text(fields, name)
    for choice in allowed:
        if choice == value:
            return choice
    raise WireError(f"{name}: one of {', '.join(map(str, allowed))} is expected")


def _measure(name: str, value: object) -> float:
    return math.nan if value is None else _finite(value, f"measures {name[:40]!r}")  # foreign text, too


def _read_origin(fields: _Fields) -> Origin:
    origin = _mapping(_get(fields, "origin"), "origin")
    simulation = None if _get(origin, "simulation") is None else _text(origin, "simulation")
    return Origin(_text(origin, "session"), _text(origin, "participant"), simulation)


def _read_reading(fields: _Fields) -> Reading:
    measures = _mapping(_get(fields, "measures"), "measures")
    return Reading(
        detector=_text(fields, "detector"),
        track=None if _get(fields, "track") is None else _int(fields, "track"),
        start_us=_int(fields, "start_us"),
        end_us=_int(fields, "end_us"),
        llr=_maybe_float(fields, "llr_nats"),
        coverage=_float(fields, "coverage"),
        why=_text(fields, "why"),
        measures={name: _measure(name, value) for name, value in measures.items()},
    )


def _read_status(fields: _Fields) -> Status:
    why = _list(fields, "why")
    return Status(
        t_us=_int(fields, "t_us"),
        participant=_text(fields, "participant"),
        state=_choice(fields, "state", get_args(State)),
        risk=_maybe_float(fields, "risk"),
        why=tuple(_text({"why": reason}, "why") for reason in why),
    )


def _read_alert(fields: _Fields) -> Alert:
    readings = _list(fields, "readings")
    return Alert(
        id=_text(fields, "id"),
        participant=_text(fields, "participant"),
        state=_choice(fields, "state", ("raised", "cleared")),
        hypothesis=_choice(fields, "hypothesis", HYPOTHESES),
        t_us=_int(fields, "t_us"),
        risk=_float(fields, "risk"),
        evidence_nats=_float(fields, "evidence_nats"),
        threshold_nats=_float(fields, "threshold_nats"),
        readings=tuple(_read_reading(_mapping(reading, "readings")) for reading in readings),
        lag_us=_int(fields, "lag_us"),
        settle=_text(fields, "settle"),
    )


def _read_fault(fields: _Fields) -> Fault:
    return Fault(t_us=_int(fields, "t_us"), where=_text(fields, "where"), what=_text(fields, "what"))


def _read_gap(fields: _Fields) -> Gap:
    return Gap(
        kind=_choice(fields, "kind", get_args(Track)),
        start_us=_int(fields, "start_us"),
        end_us=_int(fields, "end_us"),
        reason=_choice(fields, "reason", get_args(GapReason)),
    )


_READERS: dict[str, Callable[[_Fields], Event]] = {
    "reading": _read_reading,
    "status": _read_status,
    "alert": _read_alert,
    "fault": _read_fault,
    "gap": _read_gap,
}
