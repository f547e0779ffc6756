"""What may teach what is then tried on a source: nothing that shares the place, a person or a generator with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

UNKNOWN = "-"


class Recording(Protocol):
    @property
    def attack(self) -> bool: ...
    @property
    def source(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def generator(self) -> str: ...


MayTeach: TypeAlias = Callable[[Recording], bool]


def apart_from(source: str | None, recordings: Iterable[Recording]) -> MayTeach:
    """Whether a recording may teach: it shares nothing with those of `source` among `recordings`. With None all may.

    Who or what is not named ("-") is not known to be shared.
    """
    there = [each for each in recordings if each.source == source]
    people = {each.subject for each in there} - {UNKNOWN}
    generators = {each.generator for each in there if each.attack} - {UNKNOWN}

    def may_teach(each: Recording) -> bool:
        made_alike = each.attack and each.generator in generators
        return each.source != source and each.subject not in people and not made_alike

    return may_teach
