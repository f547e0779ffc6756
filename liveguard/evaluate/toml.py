"""A calibration as the TOML file that `liveguard.calibration.read` reads."""

from __future__ import annotations

from collections.abc import Iterator

from liveguard.calibration import Calibration, CheckCalibration


def toml_of(calibration: Calibration, about: str) -> str:
    """The same calibration gives the same text."""
    lines = ["# Written by `liveguard calibrate`, which says how; do not edit by hand.", f"# {about}"]
    for name, check in sorted(calibration.checks.items()):
        lines += _check(name, check)
    for hypothesis, tail in sorted(calibration.tails.items()):
        lines += ["", f"[tails.{hypothesis}]", f"per_hour = {tail.per_hour}", f"scale_nats = {tail.scale_nats}"]
        lines += [f"hours = {tail.hours}"]
    return "\n".join(lines) + "\n"


def _check(name: str, check: CheckCalibration) -> Iterator[str]:
    yield from ("", f"[checks.{_key(name)}]")
    for field in ("slope", "offset", "most_nats", "evidence_us", "ceiling_nats"):
        value = getattr(check, field)
        if value is not None:
            yield f"{field} = {value}"
    if check.share != 1.0:
        yield f"share = {check.share}"
    for name_of, condition in check.conditions.items():
        yield from ("", f"[checks.{_key(name)}.conditions.{name_of}]")
        yield from (f"{field} = {getattr(condition, field)}" for field in ("power", "centre", "low", "high"))


def _key(name: str) -> str:
    """A check may be called anything that an entry point may."""
    return name if name.isidentifier() else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
