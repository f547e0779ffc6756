"""`liveguard evaluate MANIFEST --out DIR`: the figures of the guard on labelled recordings, or of liveness sessions."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from liveguard.commands.options import add_guard_options, config_of, names_in
from liveguard.commands.progress import counting
from liveguard.errors import BackendError, InputError
from liveguard.words import plain

if TYPE_CHECKING:
    from liveguard.config import Config
    from liveguard.evaluate.figures import Figures
    from liveguard.evaluate.folds import Folds
    from liveguard.evaluate.run import Run
    from liveguard.policy import Policy
    from liveguard.types import Detector

NEEDED = "evaluating needs more libraries: pip install 'liveguard[evaluate]'"
NEEDED_PAD = "evaluating sessions needs more libraries: pip install 'liveguard[evaluate,kyc]'"
NOT_WITH_PAD = ("variants", "split", "minutes", "held_out", "compare", "config", "checks", "without", "face_model")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", type=Path, help="labelled recordings: a CSV file with path and label")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where everything goes; a run is resumed there"
    )
    add_material_options(parser)
    parser.add_argument(
        "--held-out", nargs="?", const=",", metavar="A,B",
        help="report each source by a calibration (and the weights and models in these files) that has not seen it",
    )  # fmt: skip
    parser.add_argument(
        "--compare", type=Path, metavar="METRICS",
        help="an earlier metrics.json of the same recordings, variants and draw: say what has changed (exit status 1: "
        "something is certainly worse, 3: it is of something else)",
    )  # fmt: skip
    parser.add_argument(
        "--pad", action="store_true",
        help="MANIFEST lists reports of liveness sessions: error rates after ISO/IEC 30107-3, and nothing else",
    )  # fmt: skip
    add_guard_options(parser)


def add_material_options(parser: argparse.ArgumentParser) -> None:
    """What is judged, and how."""
    parser.add_argument(
        "--variants", metavar="A,B", default="", help="also as these variants; benign and bench stand for all of theirs"
    )
    parser.add_argument("--split", metavar="A,B", default="", help="only rows of these splits")
    parser.add_argument("--minutes", type=float, help="a seeded draw of so much footage, a little of everything")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")


def run(arguments: argparse.Namespace) -> int:
    """0: done; 1: something is certainly worse than in --compare, or gone; 2: wrong use or input, also where nothing at all could
    be judged; 3: done, but --compare is of other recordings, variants or another draw."""
    if arguments.pad:
        return _pad(arguments)
    try:
        from liveguard.evaluate.compare import compare
        from liveguard.evaluate.material import digests, unlike
        from liveguard.evaluate.output import read_figures, write_figures, write_readings
        from liveguard.evaluate.report.care import as_shipped
        from liveguard.evaluate.report.page import page
        from liveguard.evaluate.report.plots import plots
        from liveguard.evaluate.summary import scores_as_is, summarise
    except ImportError as error:
        raise BackendError(f"{NEEDED} ({error})") from error
    from liveguard.plugins import load_detectors

    config, out, console = config_of(arguments), arguments.out, Console(highlight=False)
    before = read_figures(arguments.compare) if arguments.compare else None
    detectors = load_detectors(config.only, config.without, config.options)
    folds = folds_of(arguments.held_out)
    runs = judged(arguments, config, out, folds)
    policy_of, calibration = _policies(arguments.held_out, runs, detectors, config)
    conditions = {
        **_conditions(arguments, detectors, config.policy, folds),
        "material": digests(runs, arguments.seed),
        **calibration,
    }
    figures = summarise(runs, detectors, policy_of, conditions)
    report = page(figures, plots(figures, scores_as_is(runs, detectors, policy_of)))
    try:
        write_figures(out / "metrics.json", figures)
        write_readings(out / "readings.csv", runs)
        (out / "index.html").write_text(report, "utf-8")
    except OSError as error:
        raise InputError(f"{out}: the results cannot be written: {error.strerror}") from error
    show(console, figures)
    guarded = as_shipped(figures)
    if guarded:
        console.print(Text(f"not held out, but guarded by what ships: {'; '.join(guarded)}"), soft_wrap=True)
    console.print(Text(f"figures, readings and report: {out}/metrics.json, readings.csv, index.html"), soft_wrap=True)
    if all(run.error for run in runs):
        return 2
    if before is None:
        return 0
    apart = unlike(before, figures)
    if apart:
        console.print(Text(f"not compared with {arguments.compare}: {', '.join(apart)}"), soft_wrap=True)
        return 3
    changes = compare(before, figures)
    for change in changes:
        word = "better" if change.better else "worse"
        sure = ", outside its interval" if change.certain and change.now is not None else ""
        now = "not known any more" if change.now is None else f"{change.now:g}"
        console.print(Text(f"{word}{sure}: {change.name} {change.before:g} -> {now}"), soft_wrap=True)
    if not changes:
        console.print("nothing has changed")
    return int(any(change.certain and not change.better for change in changes))


def _pad(arguments: argparse.Namespace) -> int:
    """Liveness sessions, by their signed reports; 0: done."""
    given = [name.replace("_", "-") for name in NOT_WITH_PAD if getattr(arguments, name) not in (None, "")]
    if given:
        raise InputError(f"--pad reads what has been decided already: --{given[0]} does not go with it")
    try:
        from liveguard.evaluate.output import write_figures
        from liveguard.evaluate.pad import pad_figures, read_sessions
        from liveguard.evaluate.pad_page import page
    except ImportError as error:
        raise BackendError(f"{NEEDED_PAD} ({error})") from error

    out, console = arguments.out, Console(highlight=False)
    figures = pad_figures(read_sessions(arguments.manifest), arguments.manifest.name)
    report = page(figures)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_figures(out / "pad.json", figures)
        (out / "pad.html").write_text(report, "utf-8")
    except OSError as error:
        raise InputError(f"{out}: the results cannot be written: {error.strerror}") from error
    show_pad(console, figures)
    console.print(Text(f"figures and report: {out}/pad.json, pad.html"), soft_wrap=True)
    return 0


def folds_of(held_out: str | None) -> Folds:
    """The weights and models in the files `--held-out` that have not seen the sources they judge; none without a file."""
    from liveguard.evaluate.folds import Folds, read_folds

    every = [read_folds(Path(name)) for name in names_in(held_out or "")]
    cards = {check: by_source for each in every for check, by_source in each.cards.items()}
    models = {check: by_source for each in every for check, by_source in each.models.items()}
    return Folds(cards, models)


def judged(arguments: argparse.Namespace, config: Config, out: Path, folds: Folds) -> list[Run]:
    """The runs that the options ask for; what `out` holds already is not judged again."""
    from liveguard.evaluate.collect import collect
    from liveguard.evaluate.folds import with_shipped_weights
    from liveguard.evaluate.manifest import read_manifest
    from liveguard.evaluate.plan import plan

    if arguments.jobs < 1:
        raise InputError(f"--jobs {arguments.jobs}: allowed is 1 and more")
    if arguments.minutes is not None and not 0 < arguments.minutes < math.inf:
        raise InputError(f"--minutes {arguments.minutes}: allowed is more than 0")
    items = read_manifest(arguments.manifest, names_in(arguments.split))
    tasks = plan(items, names_in(arguments.variants), arguments.seed, arguments.minutes)
    if not tasks:
        raise InputError(f"{arguments.manifest}: nothing to be judged: everything is longer than --minutes")
    with counting("judging", len(tasks)) as done:
        runs = collect(tasks, lambda task: folds.config(config, task.item.source), out / "runs", arguments.jobs, done)
        return [folds.left_out(with_shipped_weights(run)) for run in runs]


def _policies(
    held_out: str | None, runs: list[Run], detectors: list[Detector], config: Config
) -> tuple[Callable[[Run], Policy], Figures]:
    """What guards each run as it is reported, and how that is said: with it, by check, how many of the sources have a
    calibration of their own. What names no source may be of any, and counts as none."""
    if held_out is None:
        return lambda _: config.policy, {"calibration": "as shipped"}
    from liveguard.evaluate.apart import UNKNOWN
    from liveguard.evaluate.calibrate import cross_calibrate

    by_source = cross_calibrate(runs, detectors, config)
    policies = {source: config.calibrated(calibration).policy for source, calibration in by_source.items()}
    named = [calibration for source, calibration in by_source.items() if source != UNKNOWN]
    own = {d.name: sum(d.name in calibration.checks for calibration in named) for d in detectors}
    how = "each source by a calibration fitted on all others" if any(own.values()) else "as shipped"
    how = f"{how}; weights and models that have not seen it" if names_in(held_out) else how
    return lambda run: policies[run.item.source], {"calibration": how, "sources": len(named), "calibrated_sources": own}


def _conditions(arguments: argparse.Namespace, detectors: list[Detector], policy: Policy, folds: Folds) -> Figures:
    return {
        "manifest": arguments.manifest.name,
        "variants": list(names_in(arguments.variants)),
        "splits": list(names_in(arguments.split)),
        "minutes": arguments.minutes,
        "seed": arguments.seed,
        "checks": [detector.name for detector in detectors],
        "without_model": [
            d.name for d in detectors if getattr(d, "has_model", True) is False and d.name not in folds.models
        ],
        "budget_per_hour": policy.false_alerts_per_hour,
    }


def show(console: Console, figures: Figures) -> None:
    """The figures that matter most, for a person."""
    sessions, stress = figures["sessions"], figures["stress"]
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "AUC", "EER", "ECE (by chance)", "genuine", "attacks", "cannot judge"):
        table.add_column(heading)
    stills = {f"{name} (stills)": check for name, check in figures["stills"].items()}
    for name, check in {**figures["checks"], **stills}.items():
        calibration = f"{_said(check['ece'])} ({_said(check['ece_by_chance'])})"
        auc = _said(check["auc"]) + (" [{}, {}]".format(*map(_said, check["auc_ci"])) if check["auc_ci"] else "")
        counts = (str(check["n_bonafide"]), str(check["n_attack"]), _said(check["cannot_judge"]))
        table.add_row(Text(plain(name)), auc, _said(check["eer"]), calibration, *counts)
    console.print(table)
    stressed = [("calls with benign stress", stress)] if stress["hours"] else []
    for what, part in (("calls", sessions), *stressed):
        ci = part["false_alerts_per_hour_ci"]
        within = " [{}, {}]".format(*map(_said, ci)) if ci else ""
        rate = f"{_said(part['false_alerts_per_hour'])}{within} false alerts an hour"
        console.print(Text(f"{what}: {part['false_alerts']} in {part['hours']} h of {part['people']} people: {rate}"))
    show_refused(console, figures["conditions"]["refused"], figures["conditions"]["runs"])
    for kind, found in {**sessions["by_kind"], **figures["bench"]}.items():
        delay = _said(found["delay_s"]["p50"])
        console.print(Text(f"{plain(kind)}: {found['detected']} of {found['n_attack']} raised, median after {delay} s"))


def show_refused(console: Console, refused: Sequence[Mapping[str, str]], runs: int) -> None:
    """How much could not be judged, where that is anything."""
    if refused:
        first = plain(f"{refused[0]['path']}: {refused[0]['why']}", 200)
        told = f"could not be judged: {len(refused)} of {runs} runs, the first of them {first}"
        console.print(Text(told), soft_wrap=True)


def show_pad(console: Console, figures: Figures) -> None:
    """How sessions ended and the rates of that, for a person."""
    table = Table(box=None, pad_edge=False)
    table.add_column("sessions")
    for heading in ("live", "not live", "unjudged", "none", "error %", "as rejection"):
        table.add_column(heading, no_wrap=True, justify="right")
    for name, own in {"bona fide": figures["bonafide"], **figures["species"]}.items():
        if own:
            letter = "a" if "apcer" in own else "b"
            rates = (_share(own[f"{letter}pcer{way}"]) for way in ("", "_as_rejection"))
            ended = (str(own[key]) for key in ("live", "not_live", "cannot_judge", "no_report"))
            table.add_row(Text(plain(name, 40)), *ended, *rates)
    console.print(table)
    for way, words in (("", "a non-response"), ("_as_rejection", "a rejection")):
        worst, bpcer = figures[f"apcer_worst{way}"], (figures["bonafide"] or {}).get(f"bpcer{way}")
        of = f" ({plain(worst['species'], 40)})" if worst else ""
        said = f"worst APCER {_share(worst)} %{of}, BPCER {_share(bpcer)} %"
        console.print(Text(f"cannot judge as {words}: {said}"), soft_wrap=True)


def _share(own: Figures | None) -> str:
    """In percent, with its interval."""
    ends = (100 * each for each in (own["share"], *own["ci"])) if own and own["of"] else None
    return "{:.3g} [{:.3g}, {:.3g}]".format(*ends) if ends else "-"


def _said(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
