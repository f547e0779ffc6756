"""Films that `liveguard stress` has made: where one comes back as a recording it is about what its variant is about."""

from __future__ import annotations

from liveguard.evaluate.manifest import BENCH_SOURCE, Item
from liveguard.stress.catalogue import BENCH, BENIGN
from liveguard.stress.variant import Variant


def film_variant(item: Item) -> Variant | None:
    """The variant that a film shows, which `stress` has noted as its generator; None for a recording."""
    return (BENIGN | BENCH).get(item.generator) if item.source == BENCH_SOURCE else None
