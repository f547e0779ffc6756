"""Trained models: a card that says what a model is, and an ONNX session that runs it on one core.

A model is a folder with `card.toml` and `model.onnx`. A user may point to one of their own; nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from liveguard.errors import BackendError, ConfigError
from liveguard.types import FloatArray

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MODELS = Path(__file__).parent / "models"
MOST_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Card:
    """What a model says of itself: `llr = slope * score + offset` is its calibration, bounded to +-`most_nats`."""

    name: str
    version: str
    sha256: str
    slope: float
    offset: float
    most_nats: float
    folder: Path

    def llr(self, score: float) -> float:
        """The calibrated log-likelihood ratio of a raw score, in nats."""
        return max(min(self.slope * score + self.offset, self.most_nats), -self.most_nats)


class Scorer(Protocol):
    """A loaded model. Any thread may call `score`."""

    @property
    def card(self) -> Card: ...
    def score(self, batch: FloatArray) -> float:
        """Mean raw score of a batch, (n, ...) float32 as the check defines it."""
        ...


def find_model(check: str, folder: str | Path | None = None) -> Scorer | None:
    """The model of `check`: from `folder` when given, else the one that comes with the package, else None.

    Raises ConfigError for a damaged card or file, BackendError where onnxruntime is not installed.
    """
    place = Path(folder) if folder is not None else MODELS / check
    if folder is None and not (place / "card.toml").is_file():
        return None
    return OnnxModel(read_card(place))


def read_card(folder: Path) -> Card:
    """The card in `folder`; raises ConfigError that says what is wrong with it."""
    path = folder / "card.toml"
    try:
        table: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8"))
        calibration = table["calibration"]
        slope, offset, most_nats = (float(calibration[key]) for key in ("slope", "offset", "most_nats"))
        card = Card(str(table["name"]), str(table["version"]), str(table["sha256"]), slope, offset, most_nats, folder)
    except OSError as error:
        raise ConfigError(f"no model card: {path} ({error.strerror})") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
    if not all(map(math.isfinite, (slope, offset, most_nats))) or most_nats <= 0:
        raise ConfigError(f"{path}: calibration must be finite, most_nats above 0")
    return card


class OnnxModel:
    """One model, loaded and checked once, shared by all sessions."""

    def __init__(self, card: Card) -> None:
        self.card = card
        path = card.folder / "model.onnx"
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: missing, or larger than {MOST_BYTES} bytes")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != card.sha256.lower():
            raise ConfigError(f"{path}: its sha256 is not the one on its card; the file was changed or damaged")
        try:
            import onnxruntime
        except ImportError as error:
            raise BackendError("a model is configured but onnxruntime is missing: install liveguard[models]") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # A spinning worker would burn the core that the call itself needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises types of its own for each kind of damage
            raise ConfigError(f"{path}: onnxruntime cannot load it: {str(error).splitlines()[0]}") from error
        self._input: str = self._session.get_inputs()[0].name

    def score(self, batch: FloatArray) -> float:
        return float(self._session.run(None, {self._input: batch})[0].mean())
