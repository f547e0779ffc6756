"""The sections of the page. One without data is empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report.in_short import cause_words
from liveguard.evaluate.report.tables import CAUGHT, CHECK, SHORT, SLICE, figures_table, grouped_table, named_variant
from liveguard.evaluate.report.terms import term
from liveguard.markup import Cell, figure, plot, say, table, text_of
from liveguard.words import HYPOTHESIS_WORDS

CONDITIONS = {
    "face_px": "width of the face (px)",
    "bitrate_kbps": "bit rate of the file (kbit/s)",
    "frame_rate_hz": "pictures a second",
    "light_luma": "light on the face (luma, 0 to 255)",
}


def calls(figures: Figures, drawn: Mapping[str, str]) -> str:
    sessions = figures.get("sessions", {})
    if not sessions.get("hours") and not sessions.get("n_attack"):
        return ""
    kinds = {"all recorded attacks": sessions, **sessions.get("by_kind", {})} if sessions.get("n_attack") else {}
    said = [(HYPOTHESIS_WORDS[name], n) for name, n in sessions.get("false_alerts_by_hypothesis", {}).items()]
    hours = sessions.get("hours")
    judged = list(sessions.get("judged_hours_bonafide", {}).items()) if hours else []
    return (
        term("call")
        + term("alarmed")
        + figures_table("Recorded attacks, by kind", "kind", kinds, CAUGHT)
        + table("What the false alerts said", ("said", "false alerts"), said)
        + table(f"Genuine calls, {figure(hours)} h: for how long each check judged", ("check", "hours judged"), judged)
        + _trade_off(sessions, drawn)
    )


def _trade_off(sessions: Figures, drawn: Mapping[str, str]) -> str:
    rows = {figure(row["threshold_nats"]): row for row in sessions.get("trade_off", [])}
    if not rows:
        return ""
    points = "Numbers at the points are thresholds in nats. The scale is logarithmic."
    return (
        "<h3>If the threshold were another</h3><p>A lower threshold catches more and sooner, and raises more false alerts. Here "
        "one threshold stands for all hypotheses; the shipped ones differ, and are ringed.</p>"
        + term("nats")
        + f'<div class="plots">{plot(drawn, "trade_off", points, wide=True)}'
        + figures_table("Thresholds of evidence", "threshold (nats)", rows, ("alerts_rate", *CAUGHT))
        + "</div>"
    )


def stress(figures: Figures) -> str:
    found = figures.get("stress", {}).get("by_variant", {})
    said = "<p>Genuine recordings, made harder in ways that happen in honest calls. Every alert here is false.</p>"
    columns = ("hours", "alerts", "alerts_rate", "alarmed", "cannot_judge")
    listed = figures_table("False alerts, by variant", "variant", found, columns, named_variant)
    return said + term("alarmed") + listed if listed else ""


def bench(figures: Figures) -> str:
    said = (
        "<p><b>Bench</b> means made by us, of genuine recordings; never in the wild. Counted is an alert of the attack's own "
        "hypothesis, from the moment that the attack begins.</p>"
    )
    listed = figures_table("Bench attacks", "attack", figures.get("bench", {}), CAUGHT, named_variant)
    return said + listed if listed else ""


def checks(figures: Figures, drawn: Mapping[str, str]) -> str:
    checks = figures.get("checks", {})
    judged = {name: check for name, check in checks.items() if check["n_bonafide"] + check["n_attack"]}
    if not checks:
        return ""
    causes = [
        (name, count, cause_words(cause))
        for name, check in checks.items()
        if name not in judged
        for cause, count in check["cannot_judge_causes"].items()
    ]
    return (
        "".join(term(name) for name in ("auc", "people", "eer", "rates", "ece"))
        + figures_table("Recorded attacks against genuine", "check", judged, CHECK)
        + '<div class="plots">'
        + plot(drawn, "roc", "ROC: up and left is better; the dotted line is a coin.")
        + plot(drawn, "det", "DET: the same errors on normal-deviate scales; down and left is better.")
        + "</div>"
        + "".join(f"<h3>{text_of(name)}</h3>{_check(name, check, drawn)}" for name, check in judged.items())
        + table("Checks that could judge nothing", ("check", "recordings", "why"), causes, text=True)
    )


def stills(figures: Figures) -> str:
    """Single pictures: the few checks that can judge one, and by whom the pictures are."""
    found = figures.get("stills", {})
    if not found:
        return ""
    said = "<p>Pictures that were judged one by one, by the checks that need no movement. A call is never judged by one.</p>"
    causes = [
        (name, count, cause_words(cause))
        for name, c in found.items()
        for cause, count in c["cannot_judge_causes"].items()
    ]
    return (
        said
        + figures_table("Attacks against genuine", "check", found, CHECK)
        + grouped_table(
            "By kind of attack", "kind", _parts(found, "by_kind"), ("auc", "people", "sources", "fnr", "n_attack")
        )
        + grouped_table("By generator", "generator", _parts(found, "by_generator"), ("auc", "fnr", "n_attack"))
        + grouped_table("By source", "source", _parts(found, "by_source"), SLICE)
        + table("Why they could not judge", ("check", "pictures", "why"), causes, text=True)
    )


def _parts(found: Figures, by: str) -> Mapping[str, Figures]:
    return {name: check[by] for name, check in found.items()}


def _check(name: str, check: Figures, drawn: Mapping[str, str]) -> str:
    by_condition = {CONDITIONS.get(name, name): found for name, found in check["slices"].items()}
    causes = [(cause_words(cause), count) for cause, count in check["cannot_judge_causes"].items()]
    plots = (
        ("histogram", "Evidence for an attack; flagged is what lies right of the dotted line."),
        ("reliability", "What it says against what is true; an honest check lies on the dotted line."),
        ("kinds", "By kind. Thick: interval over people; thin: over sources; dotted: a coin."),
    )
    return (
        term("nats")
        + f'<div class="plots">{"".join(plot(drawn, f"{sort} {name}", about) for sort, about in plots)}</div>'
        + '<div class="tables">'
        + figures_table("By kind of attack", "kind", check["by_kind"], ("auc", "people", "sources", "fnr", "n_attack"))
        + grouped_table("By condition", "condition", by_condition, SLICE)
        + figures_table("By generator", "generator", check["by_generator"], ("auc", "fnr", "n_attack"))
        + figures_table("By source", "source", check["by_source"], SLICE)
        + table("Why it could not judge", ("why", "recordings"), causes)
        + "</div>"
    )


def quality(figures: Figures) -> str:
    """Variants of recorded attacks and genuine recordings alike; then bench attacks against genuine recordings."""
    found, bench = figures.get("checks_by_variant", {}), figures.get("bench", {})
    as_is = {name: check["auc"] for name, check in figures.get("checks", {}).items()}
    alike = {
        name: {check: {**own, "auc_as_is": as_is.get(check)} for check, own in by_check.items()}
        for name, by_check in found.items()
        if name not in bench
    }
    against = {name: by_check for name, by_check in found.items() if name in bench}
    tables = grouped_table(
        "Recorded attacks, everything at that quality",
        "check",
        alike,
        ("auc", "auc_as_is", *SHORT, "kinds"),
        named_variant,
    ) + grouped_table("Bench attacks against genuine recordings", "check", against, ("auc", *SHORT), named_variant)
    said = "<p>What a call does to a picture and its sound, done to the recordings: does a check still tell them apart?</p>"
    return said + term("auc") + term("people") + tables if tables else ""


def compute(figures: Figures) -> str:
    cost = figures.get("compute", {})
    if cost.get("cpu_s_per_media_s") is None:
        return ""
    return say(
        "<p><strong>{mean} s of CPU for each second of recording</strong>; half of the recordings take up to {p50} s, 95 % up to "
        "{p95} s. Measured over {minutes} minutes, all checks, decoding included.</p>",
        mean=figure(cost["cpu_s_per_media_s"]),
        p50=figure(cost["p50"]),
        p95=figure(cost["p95"]),
        minutes=figure(cost["media_s"] / 60),
    )


def conditions(figures: Figures) -> str:
    about = {key: value for key, value in figures.get("conditions", {}).items() if key != "refused"}
    return table("How these figures were made", ("condition", "value"), list(_flat(about)), text=True)


def _flat(found: Mapping[str, object], before: str = "") -> Iterator[tuple[Cell, Cell]]:
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}: ")
        elif isinstance(value, list | tuple):
            yield f"{before}{key}", ", ".join(map(str, value)) or "-"
        else:
            yield f"{before}{key}", str(value)
