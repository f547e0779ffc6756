"""`liveguard calibrate MANIFEST --out FILE`: make the checks' evidence honest for recordings like yours."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from liveguard.commands.evaluate import NEEDED, add_material_options, folds_of, judged, show_refused
from liveguard.commands.options import add_guard_options, config_of
from liveguard.errors import BackendError, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", type=Path, help="labelled recordings: a CSV file with path and label")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the calibration, for policy.calibration"
    )
    parser.add_argument(
        "--records", type=Path, metavar="DIR", help="--out of an evaluation: what it judged is used again"
    )
    parser.add_argument(
        "--held-out",
        metavar="A,B",
        help="judge each source by the weights and models in these files, which have not seen it",
    )
    add_material_options(parser)
    add_guard_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: written; 2: wrong use or input, also where there is nothing to write."""
    try:
        from liveguard.evaluate.apart import UNKNOWN
        from liveguard.evaluate.calibrate import calibrate
        from liveguard.evaluate.summary import refused
        from liveguard.evaluate.toml import toml_of
    except ImportError as error:
        raise BackendError(f"{NEEDED} ({error})") from error
    from liveguard.plugins import load_detectors

    config = config_of(arguments)
    detectors = load_detectors(config.only, config.without, config.options)
    records = arguments.records or arguments.out.parent / f"{arguments.out.stem}.records"
    runs = judged(arguments, config, records, folds_of(arguments.held_out))
    console = Console(highlight=False)
    show_refused(console, refused(runs), len(runs))
    found = calibrate(runs, detectors, config)
    if not found.checks and not found.tails:
        raise InputError(
            f"{arguments.manifest}: no check has judged people enough to be calibrated on them: {arguments.out} is not written"
        )
    taught = {run.item.name: run.item for run in runs if not run.error and not run.still}.values()
    genuine, attacked = (len({item.person for item in taught if item.attack == attack}) for attack in (False, True))
    sources = len({item.source for item in taught} - {UNKNOWN})
    about = f"{len(taught)} recordings of {genuine} genuine and {attacked} attacked people from {sources} sources."
    try:
        arguments.out.write_text(toml_of(found, about), "utf-8")
    except OSError as error:
        raise InputError(f"cannot write {arguments.out}: {error.strerror}") from error
    left = [detector.name for detector in detectors if detector.name not in found.checks]
    console.print(
        Text(f"calibrated: {', '.join(found.checks) or 'nothing'}; as they were: {', '.join(left) or 'none'}")
    )
    console.print(Text(f"written to {arguments.out}; to use it, in the settings:"), soft_wrap=True)
    console.print(Text(f'[policy]\ncalibration = "{arguments.out}"'), soft_wrap=True)
    return 0
