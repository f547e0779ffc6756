"""Trained models: a card that says what a model is, and an ONNX session that runs it on one core.

A model is a folder with `card.toml` and `model.onnx` (docs/models.md). A user may point to one of their own; nothing is
downloaded.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

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
    """What a model says of itself: `llr = slope * score + offset` is its calibration, bounded to +-`most_nats`.

    The score is column `index` of the output `output` (None: the only one), and turned round where a low one speaks for an
    `attack`: so a high score, and a positive ratio, always do.
    """

    name: str
    version: str
    sha256: str
    slope: float
    offset: float
    most_nats: float
    folder: Path
    output: str | None = None
    index: int | None = None
    attack: Literal["high", "low"] = "high"

    def llr(self, score: float) -> float:
        """The calibrated log-likelihood ratio of a raw score, in nats."""
        return max(min(self.slope * score + self.offset, self.most_nats), -self.most_nats)


class Scorer(Protocol):
    """A loaded model. Any thread may call `score`."""

    @property
    def card(self) -> Card: ...
    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Of what `score` takes; None where any size will do."""
        ...

    def score(self, batch: FloatArray) -> float:
        """Mean score of a batch, (n, ...) float32 as the check defines it; a high one speaks for an attack."""
        ...


def find_model(check: str, folder: str | Path | None = None) -> Scorer | None:
    """The model of `check`: from `folder` when given, else the one that comes with the package, else None.

    None, too, where onnxruntime is not installed: who asked for no model must not be kept from guarding a call. Raises
    ConfigError for a damaged card or file, BackendError where a folder was given and there is no onnxruntime to run it.
    """
    place = Path(folder) if folder is not None else MODELS / check
    if folder is None and not ((place / "card.toml").is_file() and find_spec("onnxruntime")):
        return None
    return OnnxModel(read_card(place))


def filled(pcm: FloatArray, samples: int | None) -> FloatArray:
    """`pcm` (n,) for a model that takes `samples` of it: repeated until it fills them, or cut; as it is for None.

    Repeating is how models against spoofed speech are trained and fed, with 64,000 or 64,600 samples (Tak et al. 2021,
    doi:10.1109/ICASSP39728.2021.9414234; Jung et al. 2022, arXiv:2110.01200). Silence instead would be heard as a cue.
    """
    return pcm if samples is None else np.resize(pcm, samples)


def read_sha256(folder: Path) -> str:
    """Of a network that does not score, what its card in `folder` says of its file; raises ConfigError."""
    path = folder / "card.toml"
    try:
        return str(tomllib.loads(path.read_text("utf-8"))["sha256"])
    except OSError as error:
        raise ConfigError(f"no model card: {path} ({error.strerror})") from error
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error


def read_card(folder: Path) -> Card:
    """The card in `folder`; raises ConfigError that says what is wrong with it."""
    path = folder / "card.toml"
    try:
        table: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8"))
        calibration, output = table["calibration"], dict(table.get("output", {}))
        slope, offset, most_nats = (float(calibration[key]) for key in ("slope", "offset", "most_nats"))
        card = Card(
            str(table["name"]), str(table["version"]), str(table["sha256"]), slope, offset, most_nats, folder,
            output.pop("name", None), output.pop("index", None), output.pop("attack", "high"),
        )  # fmt: skip
    except OSError as error:
        raise ConfigError(f"no model card: {path} ({error.strerror})") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
    if trouble := _trouble(card, output):
        raise ConfigError(f"{path}: {trouble}")
    return card


def _trouble(card: Card, unknown: Mapping[str, Any]) -> str:
    """What is wrong with the values of a card that could be read; empty where nothing is."""
    if not all(map(math.isfinite, (card.slope, card.offset, card.most_nats))) or card.most_nats <= 0:
        return "calibration must be finite, most_nats above 0"
    if card.slope <= 0:
        return 'slope must be above 0: where a low output speaks for an attack, say attack = "low" under [output]'
    if unknown:
        return f"[output] knows name, index and attack, not {', '.join(sorted(unknown))}"
    if card.attack not in ("high", "low"):
        return f'[output] attack is "high" or "low", not {card.attack!r}'
    if card.index is not None and (type(card.index) is not int or card.index < 0):
        return f"[output] index is a whole number from 0 on, not {card.index!r}"
    return "" if isinstance(card.output, str | None) else f"[output] name is a word in quotes, not {card.output!r}"


class Network:
    """One ONNX file, loaded and checked once; any thread may `run` it, each on one core.

    Raises ConfigError where the file is missing, damaged or takes something else than one float32 tensor, and BackendError
    without onnxruntime.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: missing, or larger than {MOST_BYTES} bytes")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256.lower():
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
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            kinds = ", ".join(f"{each.name} {each.type}" for each in inputs)
            raise ConfigError(f"{path}: takes {kinds}; a model here takes one float32 tensor")
        self._input: str = inputs[0].name
        self.input_shape = tuple(size if isinstance(size, int) else None for size in inputs[0].shape)
        self.outputs: dict[str, Sequence[object]] = {each.name: each.shape for each in self._session.get_outputs()}

    def run(self, batch: FloatArray, output: str) -> FloatArray:
        """What the network gives as `output` for a batch, (n, ...) float32."""
        return np.asarray(self._session.run([output], {self._input: batch})[0], np.float32)


class OnnxModel:
    """A network that scores, and its card; shared by all sessions."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self._network = Network(card.folder / "model.onnx", card.sha256)
        self.input_shape = self._network.input_shape
        self._output = _output_name(self._network.outputs, card)

    def score(self, batch: FloatArray) -> float:
        out = self._network.run(batch, self._output)
        # Asked again, as a file need not declare the shape of what it gives.
        if trouble := _shape_trouble(out.shape, self.card.index):
            raise ValueError(f"{self.card.folder}: output {self._output!r} {trouble}")
        score = float((out[:, self.card.index or 0] if out.ndim == 2 else out).mean())
        if not math.isfinite(score):
            raise ValueError(f"{self.card.folder}: the model gave {score}")
        return score if self.card.attack == "high" else -score


def _output_name(shapes: Mapping[str, Sequence[object]], card: Card) -> str:
    """The output that holds the score; raises ConfigError where the card does not say which of several figures it is."""
    where, names = card.folder / "card.toml", ", ".join(shapes)
    if card.output is None and len(shapes) > 1:
        raise ConfigError(f"{where}: the model has the outputs {names}: say which one, [output] name")
    name = next(iter(shapes)) if card.output is None else card.output
    if name not in shapes:
        raise ConfigError(f"{where}: the model has no output {name!r}, only {names}")
    # A shape that is not declared comes as that of a single figure: then what comes out will tell.
    if shapes[name] and (trouble := _shape_trouble(shapes[name], card.index)):
        raise ConfigError(f"{where}: output {name!r} {trouble}")
    return name


def _shape_trouble(shape: Sequence[object], index: int | None) -> str:
    """Why no score can be read off an output of this shape (declared, or as it came); empty where one can."""
    columns = shape[1] if len(shape) == 2 else 1
    if len(shape) > 2:
        return f"has the shape {list(shape)}; a score is one figure, or one of a row"
    if isinstance(columns, int) and (index or 0) >= columns:
        return f"has {columns} figures, none at [output] index {index}"
    if index is None and columns != 1:
        return f"has {columns} figures: say which one is the score, [output] index"
    return ""
