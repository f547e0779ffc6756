"""What an evaluation was of, as digests: figures of other recordings, variants or draws say nothing about a change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.manifest import Item
from liveguard.evaluate.run import Run


def digests(runs: Sequence[Run], seed: int) -> dict[str, str]:
    """Of the recordings with what the manifest says of them, of the variants, and of the draw: which recordings were judged as
    which variants, with whose sound and by which seed."""
    return {
        "recordings": _digest(_told(run.item) for run in runs),
        "variants": _digest((run.variant,) for run in runs),
        "draw": _digest(
            (run.item.name, run.variant, run.foreign.name if run.foreign else "", str(seed)) for run in runs
        ),
    }


def unlike(before: Figures, now: Figures) -> list[str]:
    """What is not the same in the material of both, in words; nothing where they may be compared."""
    was, is_now = ((found.get("conditions") or {}).get("material") or {} for found in (before, now))
    if not was:
        return ["it does not say of what it is"]
    words = {"recordings": "other recordings", "variants": "other variants", "draw": "another draw"}
    return [said for name, said in words.items() if was.get(name) != is_now.get(name)]


def _told(item: Item) -> tuple[str, ...]:
    """What figures depend on of what the manifest says."""
    about = (item.label, item.media, item.kind, item.generator, item.subject, item.source)
    return (item.name, *about, item.more.get("audio_sync", ""))


def _digest(rows: Iterable[tuple[str, ...]]) -> str:
    lines = sorted({"\t".join(row) for row in rows})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
