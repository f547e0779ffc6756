"""Checks, taps and sinks by name, from installed packages; the built-in ones use the same door.

A package offers one by an entry point in the group `liveguard.detectors`, `liveguard.taps` or `liveguard.sinks` that
names a class or function; its options come as keyword arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeAlias, cast

from liveguard.errors import ConfigError, LiveguardError, PluginError
from liveguard.types import Detector, Need

Group: TypeAlias = Literal["detectors", "taps", "sinks"]
_NO_OPTIONS: Mapping[str, Any] = {}


def available(group: Group) -> dict[str, EntryPoint]:
    """The names that installed packages offer, in alphabetical order; nothing is imported."""
    found = {point.name: point for point in entry_points(group=f"liveguard.{group}")}
    return dict(sorted(found.items()))


def load(group: Group, name: str, options: Mapping[str, Any] = _NO_OPTIONS) -> Any:
    """The object that `name` makes of `options`.

    Raises ConfigError for an unknown name, PluginError where it does not import or refuses its options.
    """
    points = available(group)
    if name not in points:
        raise ConfigError(f"no {group[:-1]} is called {name!r}: installed are {', '.join(points) or 'none'}")
    where = f"{group[:-1]} {name!r} ({points[name].value})"
    try:
        factory = points[name].load()
    except Exception as error:
        raise PluginError(f"{where} does not import: {type(error).__name__}: {error}") from error
    try:
        return factory(**options)
    except LiveguardError:
        raise
    except Exception as error:
        raise PluginError(f"{where} does not start: {type(error).__name__}: {error}") from error


def load_detectors(
    only: Iterable[str] | None = None,
    without: Iterable[str] = (),
    options: Mapping[str, Mapping[str, Any]] = _NO_OPTIONS,
) -> list[Detector]:
    """All installed checks, or `only` these, less `without`; by name. One that does not load stops the start."""
    installed = available("detectors")
    wanted = list(installed) if only is None else list(dict.fromkeys(only))
    dropped = set(without)
    for name in (*dropped, *options):
        if name not in installed:
            raise ConfigError(f"no detector is called {name!r}: installed are {', '.join(installed)}")
    found = [load("detectors", name, options.get(name, {})) for name in sorted(wanted) if name not in dropped]
    for name, detector in zip(sorted(n for n in wanted if n not in dropped), found, strict=True):
        _check_shape(name, detector)
    return cast("list[Detector]", found)


def _check_shape(name: str, detector: object) -> None:
    need = getattr(detector, "need", None)
    if not isinstance(need, Need) or not callable(getattr(detector, "evaluate", None)):
        raise PluginError(f"detector {name!r} is not a check: it needs `need` (a Need) and `evaluate(window)`")
    if need.step_us <= 0 or need.length_us < need.step_us:
        raise PluginError(f"detector {name!r}: need.step_us must be above 0 and at most the window's length")
    if getattr(detector, "name", None) != name:
        raise PluginError(
            f"detector {name!r} calls itself {getattr(detector, 'name', None)!r}: the two must be the same"
        )
