"""Settings from a TOML file. Every key is checked; an unknown one is an error that lists what is allowed.

[policy]                      # see liveguard.policy.Policy
false_alerts_per_hour = 0.02
[checks]
only = ["camera", "lipsync"]  # default: all that are installed
without = ["pulse"]
[checks.options.voice]        # passed to the check
model = "my_models/voice"
[face]
max_faces = 4
task_file = "face_landmarker.task"
[[sinks]]
kind = "webhook"              # the rest is passed to the sink
url = "https://example.org/alerts"
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

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

    def __post_init__(self) -> None:
        if not 1 <= self.max_faces <= 16:
            raise ConfigError(f"face.max_faces is {self.max_faces}: allowed are 1 to 16")


def read_config(path: Path) -> Config:
    """The settings in the file at `path`. Raises ConfigError that names the key and what is allowed."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    try:
        return parse_config(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(table: Mapping[str, Any]) -> Config:
    """The settings in a parsed TOML table."""
    _known("the file", table, {"policy", "checks", "face", "sinks"})
    policy, checks, face = (_table(table, key) for key in ("policy", "checks", "face"))
    _known("policy", policy, {item.name for item in fields(Policy)})
    _known("checks", checks, {"only", "without", "options"})
    _known("face", face, {"max_faces", "task_file"})
    for key, value in policy.items():
        if isinstance(value, Mapping):
            for check, number in value.items():
                _number(f"policy.{key}.{check}", number)
        else:
            _number(f"policy.{key}", value)
    max_faces, task_file = face.get("max_faces", 4), face.get("task_file")
    if not isinstance(max_faces, int) or isinstance(max_faces, bool):
        raise ConfigError("face.max_faces must be a whole number")
    if task_file is not None and not isinstance(task_file, str):
        raise ConfigError("face.task_file must be a path in quotes")
    options = _table(checks, "options")
    sinks = table.get("sinks", [])
    if not isinstance(sinks, list) or not all(isinstance(s, dict) and isinstance(s.get("kind"), str) for s in sinks):
        raise ConfigError("sinks must be tables ([[sinks]]), each with a kind in quotes")
    return Config(
        policy=Policy(**policy),
        only=_names(checks, "only") if "only" in checks else None,
        without=_names(checks, "without"),
        options={name: _table(options, name) for name in options},
        max_faces=max_faces,
        task_file=Path(task_file) if task_file is not None else None,
        sinks=tuple(sinks),
    )


def _known(where: str, table: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(set(table) - allowed)
    if unknown:
        raise ConfigError(f"{where} has an unknown key {unknown[0]!r}: allowed are {', '.join(sorted(allowed))}")


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} must be a table")
    return value


def _number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} must be a number")


def _names(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"checks.{key} must be a list of names in quotes")
    return tuple(value)
