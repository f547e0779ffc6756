"""Settings from a TOML file. Every key is checked; an unknown one is an error that lists what is allowed. Options of checks
and sinks are theirs to know, and are checked when those are made.

[policy]                      # see liveguard.policy.Policy
false_alerts_per_hour = 0.02
calibration = "ours.toml"     # what `liveguard calibrate` wrote; default: the shipped one
[checks]
only = ["camera", "lipsync"]  # default: all that are installed
without = ["pulse"]
[checks.options.voice]        # passed to the check
model = "my_models/voice"
[face]
max_faces = 4
task_file = "face_landmarker.task"
[proof]                       # liveness sessions, see liveguard.challenge.policy.ProofPolicy
steps = 3
[[sinks]]
kind = "webhook"              # the rest is passed to the sink
url = "https://example.org/alerts"
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from liveguard.calibration import Calibration, shipped
from liveguard.calibration import read as read_calibration
from liveguard.challenge.policy import ProofPolicy
from liveguard.errors import ConfigError
from liveguard.policy import Policy

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a guard, with their defaults."""

    policy: Policy = field(default_factory=Policy)
    only: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    max_faces: int = 4
    task_file: Path | None = None
    sinks: tuple[Mapping[str, Any], ...] = ()
    proof: ProofPolicy = field(default_factory=ProofPolicy)

    def __post_init__(self) -> None:
        if not 1 <= self.max_faces <= 16:
            raise ConfigError("face.max_faces: allowed are 1 to 16")
        if self.only is not None and not self.only:
            raise ConfigError("checks.only is empty: name at least one check, or leave it out for all of them")
        # It was measured on the models that ship: one of the user's is left to its card.
        if self.policy.calibration is shipped() and self._own_models():
            policy = replace(self.policy, calibration=shipped().without(self._own_models()))
            object.__setattr__(self, "policy", policy)

    def _own_models(self) -> list[str]:
        return [check for check, given in self.options.items() if "model" in given]

    def calibrated(self, calibration: Calibration) -> Config:
        """With this calibration; checks that it does not have keep the shipped one, whose ceilings bound the weak models."""
        whole = calibration.completed(shipped().without(self._own_models()))
        return replace(self, policy=replace(self.policy, calibration=whole))


def read_config(path: str | Path) -> Config:
    """The settings in the file at `path`. Raises ConfigError that names the key and what is allowed."""
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # beside bad TOML and bad UTF-8: absurdly long numbers, deep nesting
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    try:
        return parse_config(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(table: Mapping[str, Any]) -> Config:
    """The settings in a parsed TOML table."""
    _known("the file", table, {"policy", "checks", "face", "sinks", "proof"})
    policy, checks, face = (_table(table, key) for key in ("policy", "checks", "face"))
    _known("policy", policy, {item.name for item in fields(Policy)})
    _known("checks", checks, {"only", "without", "options"})
    _known("face", face, {"max_faces", "task_file"})
    max_faces, task_file = face.get("max_faces", 4), face.get("task_file")
    if not isinstance(max_faces, int) or isinstance(max_faces, bool):
        raise ConfigError("face.max_faces must be a whole number")
    if task_file is not None and not isinstance(task_file, str):
        raise ConfigError("face.task_file must be a path in quotes")
    options = _table(checks, "options", "checks.")
    sinks = table.get("sinks", [])
    if not isinstance(sinks, list) or not all(isinstance(s, dict) and isinstance(s.get("kind"), str) for s in sinks):
        raise ConfigError("sinks must be tables ([[sinks]]), each with a kind in quotes")
    config = Config(
        policy=Policy(**{key: _policy_value(key, value) for key, value in policy.items()}),
        only=_names(checks, "only") if "only" in checks else None,
        without=_names(checks, "without"),
        options={name: _table(options, name, "checks.options.") for name in options},
        max_faces=max_faces,
        task_file=Path(task_file) if task_file is not None else None,
        sinks=tuple(sinks),
        proof=ProofPolicy.of(_table(table, "proof")),
    )
    return config.calibrated(config.policy.calibration) if "calibration" in policy else config


def _known(where: str, table: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(set(table) - allowed)
    if unknown:
        raise ConfigError(f"{where} has an unknown key {unknown[0]!r}: allowed are {', '.join(sorted(allowed))}")


def _table(table: Mapping[str, Any], key: str, where: str = "") -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}{key} must be a table")
    return value


def _policy_value(key: str, value: object) -> Any:
    """A number, a table of numbers, or a file, as the policy's own default is; the policy itself knows what is allowed."""
    if key == "calibration":
        if not isinstance(value, str):
            raise ConfigError("policy.calibration must be a path in quotes: a file that liveguard calibrate wrote")
        return read_calibration(Path(value))
    if not isinstance(getattr(_POLICY, key), Mapping):
        return _number(f"policy.{key}", value)
    if not isinstance(value, Mapping):
        raise ConfigError(f"policy.{key} must be a table of numbers, such as {{ NAME = 1.0 }}")
    return {name: _number(f"policy.{key}.{name}", number) for name, number in value.items()}


_POLICY = Policy()


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} must be a number")
    try:
        float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return value


def _names(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"checks.{key} must be a list of names in quotes")
    return tuple(value)
