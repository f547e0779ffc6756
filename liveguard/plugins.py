"""Checks, taps and sinks by name, from installed packages; the built-in ones use the same door.

A package offers one by an entry point in the group `liveguard.detectors`, `liveguard.taps` or `liveguard.sinks` that
names a class or function; its options come as keyword arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Any, Literal, TypeAlias, cast

from liveguard.errors import ConfigError, LiveguardError, PluginError
from liveguard.types import Detector, Need, Sink

Group: TypeAlias = Literal["detectors", "taps", "sinks"]
OURS = "liveguard"
_NO_OPTIONS: Mapping[str, Any] = {}


def available(group: Group) -> dict[str, EntryPoint]:
    """The names that installed packages offer, in alphabetical order; nothing is imported."""
    return {name: offers[0] for name, offers in _offers(group).items()}


def _offers(group: Group) -> dict[str, list[EntryPoint]]:
    """All offers of each name, our own first."""
    offers: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=f"liveguard.{group}"), key=_place):
        offers.setdefault(point.name, []).append(point)
    return offers


def _place(point: EntryPoint) -> tuple[str, bool, str]:
    package = _package(point)
    return point.name, package != OURS, package


def _package(point: EntryPoint) -> str:
    return point.dist.name.lower() if point.dist is not None else "an unknown package"


def load(group: Group, name: str, options: Mapping[str, Any] = _NO_OPTIONS) -> Any:
    """The object that `name` makes of `options`.

    Raises ConfigError for an unknown name or option, PluginError where it does not import or start, or where another
    package offers one of the same name: which of the two is meant must not depend on the order of folders.
    """
    offers = _offers(group)
    if name not in offers:
        raise ConfigError(f"no {group[:-1]} is called {name!r}: installed are {', '.join(offers) or 'none'}")
    point, *rivals = offers[name]
    where = f"{group[:-1]} {name!r} ({point.value})"
    if rivals:
        others = ", ".join(f"{_package(rival)} ({rival.value})" for rival in rivals)
        todo = f", or leave the check out (--without {name})" if group == "detectors" else ""
        raise PluginError(f"{where} of {_package(point)} is offered by {others} too: remove that package{todo}")
    try:
        factory = point.load()
    except Exception as error:
        raise PluginError(f"{where} does not import: {type(error).__name__}: {error}") from error
    _check_options(f"{group[:-1]} {name!r}", factory, options)
    try:
        return factory(**options)
    except LiveguardError:
        raise
    except Exception as error:
        raise PluginError(f"{where} does not start: {type(error).__name__}: {error}") from error


def _check_options(what: str, factory: Any, options: Mapping[str, Any]) -> None:
    """Raises ConfigError where `factory` does not take these options, or lacks one."""
    try:
        parameters = signature(factory).parameters.values()
    except (TypeError, ValueError):  # not all that is written in C tells
        return
    named = {one.name: one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    unknown = sorted(set(options) - set(named))
    if unknown and not any(one.kind is one.VAR_KEYWORD for one in parameters):
        raise ConfigError(f"{what} has no option {unknown[0]!r}: allowed are {', '.join(named) or 'none'}")
    missing = [name for name, one in named.items() if one.default is one.empty and name not in options]
    if missing:
        raise ConfigError(f"{what} needs the option {missing[0]!r}: allowed are {', '.join(named)}")


def require_installed(key: str, names: Iterable[str]) -> None:
    """Raises ConfigError where a setting names a check that is not there, so that a slip of the pen does not go unseen."""
    installed = available("detectors")
    for name in names:
        if name not in installed:
            raise ConfigError(f"{key}: no detector is called {name!r}: installed are {', '.join(installed) or 'none'}")


def load_detectors(
    only: Iterable[str] | None = None,
    without: Iterable[str] = (),
    options: Mapping[str, Mapping[str, Any]] = _NO_OPTIONS,
) -> list[Detector]:
    """All installed checks, or `only` these, less `without`; by name. One that does not load stops the start."""
    dropped = set(without)
    require_installed("checks.without", dropped)
    require_installed("checks.options", options)
    names = sorted((set(available("detectors")) if only is None else set(only)) - dropped)
    if not names:
        raise ConfigError("no check is left: checks.without takes away all that there are")
    found = [load("detectors", name, options.get(name, {})) for name in names]
    for name, detector in zip(names, found, strict=True):
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


def open_sinks(tables: Sequence[Mapping[str, Any]]) -> list[Sink]:
    """The sinks of a settings file; those opened are closed again if a later one fails."""
    sinks: list[Sink] = []
    try:
        for table in tables:
            options = {key: value for key, value in table.items() if key != "kind"}
            sinks.append(load("sinks", table["kind"], options))
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    return sinks
