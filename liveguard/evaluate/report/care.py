"""What to be careful about: labels that files give away, small numbers, and what was left aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report.in_short import OFTEN
from liveguard.evaluate.report.terms import term
from liveguard.markup import Cell, Html, auc, figure, known, say, share, table, with_interval

FEW = 20
"""Attacks of a kind, or genuine recordings of a check, below which a figure is called one of small numbers."""


def careful(figures: Figures) -> str:
    points = [*_small_numbers(figures), *_left_aside(figures)]
    return _leaks(figures.get("leakage", {})) + f"<ul>{''.join(f'<li>{point}</li>' for point in points)}</ul>"


def _leaks(leakage: Figures) -> str:
    """Whether size, rate and length of the files give the labels away."""
    if not leakage:
        return (
            "<p>Whether attacks can be told from genuine recordings by their files alone (size, rate, codec, length) is not "
            "known: there were too few of each.</p>"
        )
    told = "".join(f"<li>{_leak_words(name, own)}</li>" for name, own in leakage.items() if _verdict(own) != "no")
    text = "<p>Size, rate, codec and length of the files do not tell attacks from genuine recordings.</p>"
    if told:
        text = (
            '<div class="warn"><p><strong>The labels can be told without looking at a face.</strong> Size, rate, codec and '
            "length of the files are enough to sort attacks from genuine recordings. A check may profit from that without "
            f"knowing, so its figures here may be better than on your calls.</p><ul>{told}</ul></div>"
        )
    rows = [
        (
            name,
            *(_leak_cell(own[how][model]) for how in ("left_out", "shuffled") for model in ("line", "trees")),
            own["n_bonafide"],
            own["n_attack"],
            _verdict(own),
        )
        for name, own in leakage.items()
    ]
    heads = ("attacks against genuine", "unseen sources, linear", "unseen sources, trees", "known sources, linear")
    facts = table(
        "AUC of the files' facts alone, without any face or voice: near 0.5 is good here; below, what tells in some sources "
        "misleads in others",
        (*heads, "known sources, trees", "genuine", "attacks", "told by the file?"),
        rows,
    )
    return text + term("auc") + facts


def _best(own: Figures, how: str) -> float | None:
    return max((found["auc"] for found in own[how].values() if found["auc"] is not None), default=None)


def _leak_words(name: str, own: Figures) -> Html:
    elsewhere, here = (known(_best(own, how), auc) for how in ("left_out", "shuffled"))
    if own["leaks"]:
        text = "<b>{name}</b>: even in sources never seen (AUC {unseen}; in known sources {known})."
    elif _best(own, "left_out") is None:
        text = "<b>{name}</b>: in known sources (AUC {known}); sources never seen cannot be tried, too few hold both labels."
    else:
        text = "<b>{name}</b>: in known sources (AUC {known}); not shown for sources never seen (AUC {unseen})."
    return say(text, name=name, unseen=elsewhere, known=here)


def _leak_cell(found: Figures) -> Cell:
    return with_interval(found["auc"], found["auc_ci"], auc, "too few sources hold both labels")


def _verdict(own: Figures) -> str:
    if own["leaks"]:
        return "yes, even in unseen sources"
    if own["confounded"]:
        return "yes, in known sources" + ("; unseen ones cannot be tried" if _best(own, "left_out") is None else "")
    return "no"


def _small_numbers(figures: Figures) -> Iterator[str]:
    sessions = figures.get("sessions", {})
    if sessions.get("hours"):
        yield say(
            "<strong>Short recordings:</strong> {hours} hours of genuine calls were made of {minutes} minutes of {people} "
            "people. They stand for those people in that light, not for as many hours of different calls.",
            hours=figure(sessions["hours"]),
            minutes=figure(60 * sessions["material_hours"]),
            people=sessions["people"],
        )
    few = [f"{name} ({own['n_attack']})" for name, own in sessions.get("by_kind", {}).items() if own["n_attack"] < FEW]
    if few:
        yield say("<strong>Small numbers:</strong> fewer than {few} attacks of {names}.", few=FEW, names=", ".join(few))
    thin = [
        f"{name} ({check['n_bonafide']} genuine, {check['n_attack']} attacks)"
        for name, check in figures.get("checks", {}).items()
        if 0 < min(check["n_bonafide"], check["n_attack"]) < FEW or 0 < check["n_bonafide"] + check["n_attack"] < FEW
    ]
    if thin:
        yield say("<strong>Checks that judged few:</strong> {names}.", names=", ".join(thin))


def as_shipped(figures: Figures) -> list[str]:
    """Where figures were to be of calibrations that have not seen a source: the checks of which too few people were left for
    one, with the number of sources where what ships guarded instead."""
    about = figures.get("conditions", {})
    sources = about.get("sources")
    own = about.get("calibrated_sources", {}) if sources else {}
    found = [f"{name} in {sources - count} of {sources} sources" for name, count in own.items() if count < sources]
    return ["everything, as no recording names its source"] if sources == 0 else found


def _left_aside(figures: Figures) -> Iterator[str]:
    about, checks = figures.get("conditions", {}), figures.get("checks", {})
    guarded = as_shipped(figures)
    if guarded:
        yield say(
            "<strong>Not held out:</strong> guarded by the calibration that ships, which may have seen the source: {names}.",
            names="; ".join(guarded),
        )
    silent = [
        f"{name} {share(own['cannot_judge'])}" for name, own in checks.items() if (own["cannot_judge"] or 0) >= OFTEN
    ]
    if silent:
        yield say(
            "<strong>Figures of a check are about recordings that it could judge.</strong> Left aside: {names}.",
            names=", ".join(silent),
        )
    refused = about.get("refused") or []
    if refused:
        why = Counter(_reason(row) for row in refused)
        yield say(
            "<strong>Refused:</strong> {count} of {runs} runs could not be judged at all and count nowhere: {why}. Which ones is "
            "in metrics.json.",
            count=len(refused),
            runs=about.get("runs", "-"),
            why="; ".join(f"{text} ({count})" for text, count in why.most_common()),
        )
    if about.get("faults"):
        yield say(
            "<strong>Faults:</strong> checks failed {total} times; see <a href='#conditions'>conditions</a>.",
            total=about["faults_in_all"],
        )
    if figures.get("bench"):
        yield (
            "<strong>Bench attacks</strong> were made by us of genuine recordings, some with the checks' limits in view. What "
            "real attackers do is not among them."
        )


def _reason(row: Mapping[str, str]) -> str:
    """Why, without the path: files may be called after people."""
    _, found, why = row["why"].partition(row["path"])
    return why.lstrip(": ") if found and why.lstrip(": ") else "reason in metrics.json"
