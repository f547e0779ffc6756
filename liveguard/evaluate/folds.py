"""What has not seen the source that it is tried on: weights of the face checks, put anew on measures that are in the readings
already, and trained models, with which a recording has to be judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from liveguard.config import Config
from liveguard.detectors.calibration import Card, card, parse_card, rounded
from liveguard.detectors.mesh import with_stillness
from liveguard.errors import InputError
from liveguard.evaluate.run import Run
from liveguard.types import Reading
from liveguard.words import NOT_WEIGHED

WEIGHED = ("mesh", "texture", "blink", "pulse")


def reweighed(reading: Reading, weights: Card) -> Reading:
    """What a face check says of these measures with other `weights`; its words stay."""
    if not was_measured(reading):
        return reading
    again = replace(reading, llr=rounded(weights.llr(reading.measures)))
    return with_stillness(again) if reading.detector == "mesh" else again


def was_measured(reading: Reading) -> bool:
    """Whether there is something to weigh: what could not be judged cannot be judged by other weights, either."""
    return reading.llr is not None or reading.why == NOT_WEIGHED


def with_shipped_weights(run: Run) -> Run:
    """The run as the checks would judge it now, whatever weights they had when it was judged."""
    cards = {check: card(check) for check in WEIGHED}
    readings = (reweighed(r, cards[r.detector]) if r.detector in cards else r for r in run.readings)
    return replace(run, readings=tuple(readings))


@dataclass(frozen=True, slots=True)
class Folds:
    """`cards`: by check, then by the source that was left out of them. `models`: folders of models in the same way."""

    cards: Mapping[str, Mapping[str, Card]] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)

    def config(self, config: Config, source: str) -> Config:
        """The settings that judge a recording of `source` by models that have not seen it.

        Raises InputError where a check has models for other sources, but none without this one.
        """
        options = dict(config.options)
        for check, by_source in self.models.items():
            if source not in by_source:
                raise InputError(f"no model of {check} was trained without source {source!r}")
            options[check] = {**options.get(check, {}), "model": str(by_source[source])}
        return replace(config, options=options)

    def left_out(self, run: Run) -> Run:
        """The run as checks would have judged it that had never seen its source.

        Raises InputError where a check has weights for other sources, but none without this one.
        """
        return replace(run, readings=tuple(self._left_out(reading, run.item.source) for reading in run.readings))

    def _left_out(self, reading: Reading, source: str) -> Reading:
        cards = self.cards.get(reading.detector)
        if cards is None or not was_measured(reading):
            return reading
        if source not in cards:
            raise InputError(f"the weights of {reading.detector} were never fitted without source {source!r}")
        return reweighed(reading, cards[source])


def read_folds(path: Path) -> Folds:
    """What was left out, from a JSON file: weights by check and source under "checks" (`models/face_checks/fit.py` writes
    them), and under "models" by check the folder of each model, seen from the file, and the sources that it has not seen.

    Raises InputError.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        cards = {
            check: {source: parse_card(card) for source, card in by_source.items()}
            for check, by_source in table.get("checks", {}).items()
        }
        models = {
            check: {str(source): path.parent / folder for folder, sources in folders.items() for source in sources}
            for check, folders in table.get("models", {}).items()
        }
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not say what was left out: {type(error).__name__}: {error}") from error
    if not cards and not models:
        raise InputError(f'{path} does not say what was left out: it has neither "checks" nor "models"')
    return Folds(cards, models)
