"""The built-in voice model: a weighted sum of the figures of speech, which can say what about a voice is odd.

A logistic regression on `liveguard.audio.voice_figures`. `weights.toml` has a row for each figure: how far it lies from what
natural speech has, in the spreads of natural speech, is held within bounds and multiplied by its slope; the sum and an offset
are the score. `models/voice/fit.py` writes it, models/voice/README.md says what it is worth.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liveguard.audio.voice_figures import NAMES, figures
from liveguard.errors import ConfigError
from liveguard.onnx import MODELS, Card, OnnxModel, Scorer, read_card
from liveguard.types import FloatArray

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WEIGHTS: Final = "weights.toml"
MOST_SPREADS: Final = 4.0  # from natural speech; a figure that is further off proves no more
LEAST_AGREED: Final = 0.5  # of what a group says, before it is said which way its figures lie

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "pace": ("flicker_",),
    "flicker": ("shimmer_",),
    "likeness": ("alike_",),
    "coupling": ("coupled_",),
    "evenness": ("periodic_spread_",),
    "periodicity": ("periodic",),
}
"""Beginnings of the names of the figures that are about the same thing; the first group that fits has a figure."""
WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "pace": ("its spectrum changes {} than in natural speech", "more slowly", "faster"),
    "flicker": ("its spectrum flickers {} than in natural speech", "less", "more"),
    "likeness": ("its bands rise and fall {} than in natural speech", "less together", "more together"),
    "coupling": ("the phases of its bands fit each other {} than in natural speech", "less", "better"),
    "evenness": ("how exactly its periods repeat varies {} than in natural speech", "less", "more"),
    "periodicity": ("its periods repeat {} than in natural speech", "less exactly", "more exactly"),
}
"""What to say of a group, and of its figures where they lie lower, and higher, than in natural speech."""
OTHERWISE: Final = "differently"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the model. It is held within `low`..`high`; `mean` and `spread` are those of natural speech."""

    low: float
    high: float
    mean: float
    spread: float
    slope: float

    def off(self, value: float) -> float:
        """How many spreads `value` lies above what natural speech has."""
        held = (min(max(value, self.low), self.high) - self.mean) / self.spread
        return min(max(held, -MOST_SPREADS), MOST_SPREADS)

    def trouble(self) -> str:
        """What is wrong with it; empty where nothing is."""
        if not all(map(math.isfinite, (self.low, self.high, self.mean, self.spread, self.slope))):
            return "its numbers must be finite"
        if self.spread <= 0:
            return "spread must be above 0"
        return "" if self.low <= self.high else "low must not be above high"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a voice sounds like. `score`: above 0 rather synthetic; `off` and `nats`, by figure: how many spreads of natural
    speech it lies above that, and what this adds to the score."""

    score: float
    off: Mapping[str, float]
    nats: Mapping[str, float]

    def by_group(self) -> dict[str, float]:
        """What each group of figures adds to the score."""
        found = dict.fromkeys(GROUPS, 0.0)
        for name, nats in self.nats.items():
            found[group_of(name)] += nats
        return found

    def oddest(self) -> str:
        """What speaks most for a synthetic voice, in words; empty where nothing does."""
        said = self.by_group()
        group = max(said, key=lambda name: said[name])
        if said[group] <= 0:
            return ""
        speaking = {name: nats for name, nats in self.nats.items() if nats > 0 and group_of(name) == group}
        higher = sum(math.copysign(nats, self.off[name]) for name, nats in speaking.items()) / sum(speaking.values())
        text, less, more = WORDS[group]
        return text.format(OTHERWISE if abs(higher) < LEAST_AGREED else more if higher > 0 else less)


class FiguresModel:
    """Loaded and checked once, shared by all sessions; any thread may ask it. Raises ConfigError where a file is damaged."""

    input_shape: tuple[int | None, ...] = (1, None)

    def __init__(self, card: Card) -> None:
        self.card = card
        path = card.folder / WEIGHTS
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != card.sha256.lower():
            raise ConfigError(f"{path}: its sha256 is not the one on its card; the file was changed or damaged")
        if (card.output, card.index, card.attack) != (None, None, "high"):
            raise ConfigError(f"{card.folder / 'card.toml'}: [output] is for model.onnx; {WEIGHTS} has one score")
        self._offset, self._rows = _read(data, path)

    def score(self, batch: FloatArray) -> float:
        """Of speech without pauses, (1, n) float32 at 16 kHz."""
        return self.heard(batch[0]).score

    def heard(self, speech: FloatArray) -> Heard:
        """What speech without pauses, (n,) float32 at 16 kHz, sounds like; its first 4 s count."""
        found = figures(speech)
        off = {name: row.off(found[name]) for name, row in self._rows.items()}
        nats = {name: row.slope * off[name] for name, row in self._rows.items()}
        return Heard(self._offset + sum(nats.values()), off, nats)


def find_voice_model(folder: str | Path | None = None) -> Scorer | None:
    """The model in `folder`, else the built-in one, else None: `model.onnx` where there is one, else `weights.toml`.

    Raises ConfigError for a damaged card or file, BackendError where onnxruntime is needed and not installed.
    """
    place = Path(folder) if folder is not None else MODELS / "voice"
    if folder is None and not (place / "card.toml").is_file():
        return None
    card = read_card(place)
    if (place / "model.onnx").is_file():
        return OnnxModel(card)
    if not (place / WEIGHTS).is_file():
        raise ConfigError(f"{place}: there is a card but no model: neither model.onnx nor {WEIGHTS}")
    return FiguresModel(card)


def group_of(figure: str) -> str:
    """The group of a figure by its name."""
    return next(group for group, starts in GROUPS.items() if figure.startswith(starts))


def _read(data: bytes, path: Path) -> tuple[float, dict[str, Row]]:
    """The offset and the rows, in the order of `NAMES`; raises ConfigError that says what is wrong and where."""
    try:
        table: Mapping[str, Any] = tomllib.loads(data.decode("utf-8"))
        offset, given = float(table["offset"]), dict(table["figures"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
    if unknown := sorted(set(given) - set(NAMES)):
        raise ConfigError(f"{path}: there is no figure {unknown[0]!r}")
    if not math.isfinite(offset):
        raise ConfigError(f"{path}: offset must be finite")
    rows = {}
    for name in NAMES:
        if name not in given:
            raise ConfigError(f"{path}: figures.{name} is missing")
        try:
            rows[name] = Row(**{key: float(value) for key, value in given[name].items()})
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{path}: figures.{name}: {error}") from error
        if trouble := rows[name].trouble():
            raise ConfigError(f"{path}: figures.{name}: {trouble}")
    return offset, rows
