"""The page for people on liveness sessions: their error rates, in words, tables and plots, as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.pad_plots import pad_plots
from liveguard.evaluate.report.document import document
from liveguard.evaluate.report.terms import term
from liveguard.kyc.decision import STEP_WORDS
from liveguard.markup import Cell, auc, figure, known, plot, say, seconds, share, table, with_interval

FEW = 20
AGAIN = "_as_rejection"
COUNTED = (
    "<p>The rates are those of ISO/IEC 30107-3. “Cannot judge” lets nobody in, and is no answer either, so each rate is "
    "given twice.</p><ul><li><b>As a non-response</b>, as the standard has it. APCER: attacks taken for live, of those found "
    "live or not live. BPCER: bona fide sessions found not live, of those found live or not live. APNRR and BPNRR: sessions "
    "that ended as “cannot judge” or left no report, of all.</li><li><b>As a rejection</b>, as people at the door see it. "
    "APCER: attacks taken for live, of all with a report. BPCER: bona fide sessions that were not taken for live, “cannot "
    "judge” among them, of all with a report. APNRR and BPNRR: sessions that left no report, of all.</li></ul>"
    "<p>The APCER of the system is that of the attack instrument that does best, not the mean. ACER, the mean of that and of "
    "BPCER, is given for comparison alone: the standard has dropped it, as a mean hides which of the two errors it is made "
    "of.</p><p class=term><b>Intervals</b> are 95 %, exact (Clopper and Pearson). They take sessions to be independent.</p>"
)
NO_ANSWER = "no session with such an answer"
SPANS = {
    "consent_s": "since the consent, with all tries",
    "script_s": "since the last try's challenges were drawn",
    "last_step_s": "since the last challenge was entered as judged",
}


def page(figures: Figures) -> str:
    """One HTML file that needs nothing else; a section without data is left out."""
    drawn = pad_plots(figures)
    parts = (
        ("counted", "How it is counted", COUNTED),
        ("species", "By attack instrument", _species(figures)),
        ("methods", "By way of presenting it", _methods(figures)),
        ("challenges", "Each challenge by itself", _challenges(figures)),
        ("evidence", "All evidence together", _evidence(drawn)),
        ("threshold", "If the threshold were another", _threshold(drawn)),
        ("time", "How long it takes", _time(figures)),
        ("conditions", "Conditions", _conditions(figures["conditions"])),
    )
    about = figures["conditions"]
    head = "<h1>liveguard: whom its liveness sessions let in, and whom they turn away</h1>" + say(
        '<p class="soft">{n} sessions of {people}.</p>', n=about["sessions"], people=_people(about)
    )
    cares = "".join(f"<li>{text}</li>" for text in _careful(figures))
    return document("liveguard liveness sessions", head, _summary(figures), f"<ul>{cares}</ul>", parts, figures)


def rate_words(own: Figures | None) -> Cell:
    """A share, its interval, and what it is of."""
    if own is None or own["share"] is None:
        return known(None, share, NO_ANSWER)
    counts = say("{a} of {b}", a=own["count"], b=own["of"])
    ends = say("{low} to {high}", low=share(own["ci"][0]), high=share(own["ci"][1]))
    return say("{share} <i>({ends}; {counts})</i>", share=share(own["share"]), ends=ends, counts=counts)


def _summary(figures: Figures) -> str:
    bonafide = figures["bonafide"] or {}
    worst = [figures[f"apcer_worst{way}"] for way in ("", AGAIN)]
    named = [
        say("{rate}<small>{name}</small>", rate=rate_words(own), name=own["species"]) if own else None for own in worst
    ]
    rows: list[list[Cell]] = [["APCER, of the attack instrument that does best", *named]] if figures["species"] else []
    for name, what in (("bpcer", "BPCER"), ("bpnrr", "BPNRR")):
        rows += [[what, *(rate_words(bonafide[name + way]) for way in ("", AGAIN))]] if bonafide else []
    rows.append(["ACER, which the standard has dropped", *(known(figures[f"acer{way}"], share) for way in ("", AGAIN))])
    words = "".join(f"<li>{text}</li>" for text in _said(figures))
    shown = table("Error rates", ("rate", "cannot judge as a non-response", "cannot judge as a rejection"), rows)
    return f'<div class="plots"><div class="words"><ul>{words}</ul></div>{shown}</div>'


def _said(figures: Figures) -> Iterator[str]:
    bonafide, worst = figures["bonafide"], figures["apcer_worst" + AGAIN]
    if worst:
        yield say(
            "<strong>Attacks:</strong> {all_live} of {all} were taken for live. Best did {name}: {live} of {of} with a report, "
            "{share} ({low} to {high}).",
            all_live=sum(own["live"] for own in figures["species"].values()),
            all=sum(own["n"] for own in figures["species"].values()),
            name=worst["species"],
            live=worst["count"],
            of=worst["of"],
            **_share_words(worst),
        )
    if bonafide:
        yield say(
            "<strong>Genuine people:</strong> of {n} sessions {live} were taken for live and {not_live} for an attack; {unsure} "
            "could not be judged and {none} left no report.",
            n=bonafide["n"],
            live=bonafide["live"],
            not_live=bonafide["not_live"],
            unsure=bonafide["cannot_judge"],
            none=bonafide["no_report"],
        )


def _share_words(own: Figures) -> dict[str, Cell]:
    return {"share": share(own["share"]), "low": share(own["ci"][0]), "high": share(own["ci"][1])}


def _people(about: Figures) -> str:
    return "one person" if about["people"] == 1 else f"at most {about['people']} people"


def _careful(figures: Figures) -> Iterator[str]:
    about = figures["conditions"]
    yield (
        "<strong>The attacks are those that were tried.</strong> What others would do is not among them, and a rate of zero "
        "means no more than the upper end of its interval. That of the worst instrument is its own: it does not allow for "
        "having been picked as the worst."
    )
    groups = {"genuine sessions": figures["bonafide"], **figures["species"]}
    few = ", ".join(f"{name} ({own['n']})" for name, own in groups.items() if own and own["n"] < FEW)
    if few:
        yield say("<strong>Small numbers:</strong> fewer than {few} of {names}.", few=FEW, names=few)
    if about["people"] < about["sessions"]:
        yield say(
            "<strong>Several sessions of one person:</strong> {n} sessions are of {people}. They are less different than "
            "those of as many people, so the intervals of the rates are narrower than they should be.",
            n=about["sessions"],
            people=_people(about),
        )
    if len(about["policies"]) > 1 or len(about["versions"]) > 1:
        yield "<strong>Mixed:</strong> the sessions were not all decided by the same policy and version; see conditions."
    yield "<strong>Reports are unchanged since they were signed</strong>, but whose keys signed them was not checked."


HEADS = ("sessions", "live", "not live", "cannot judge", "no report")
ENDED = ("n", "live", "not_live", "cannot_judge", "no_report")


def _row(name: str, own: Figures) -> list[Cell]:
    letter = "a" if "apcer" in own else "b"
    rates = (own[f"{letter}{rate}{way}"] for way in ("", AGAIN) for rate in ("pcer", "pnrr"))
    return [name, *(own[key] for key in ENDED), *map(rate_words, rates)]


def _heads(first: str, letter: str) -> tuple[str, ...]:
    rates = (f"{letter}PCER", f"{letter}PNRR")
    return (first, *HEADS, *rates, *(f"{rate}, cannot judge as a rejection" for rate in rates))


def _species(figures: Figures) -> str:
    attacks = [_row(name, own) for name, own in figures["species"].items()]
    genuine = [_row("bona fide", figures["bonafide"])] if figures["bonafide"] else []
    return table("Attacks", _heads("attack instrument", "A"), attacks) + table(
        "Bona fide sessions", _heads("", "B"), genuine
    )


def _methods(figures: Figures) -> str:
    rows: list[list[Cell]] = []
    for method, own in figures["by_method"].items():
        rows += [[method], *(_row(name, some) for name, some in own.items())]
    return table("Attacks, by the way in which they were presented or injected", _heads("attack instrument", "A"), rows)


def _challenges(figures: Figures) -> str:
    rows: list[list[Cell]] = []
    for kind, found in figures["challenges"].items():
        rows.append([STEP_WORDS[kind].capitalize()])
        for name, own in {"bona fide": found["bonafide"], **found["species"]}.items():
            said = [rate_words(own[key]) for key in ("for_attack", "against", "cannot_judge")]
            told = "" if name == "bona fide" else with_interval(own.get("auc"), own.get("auc_ci"), auc)
            rows += [[name, own["done"], *said, told]] if own["done"] else []
    heads = ("sessions of", "done", "spoke for an attack", "against one", "cannot judge", "AUC against bona fide")
    return (
        "<p>What each said where it was done, whatever the session came to. It speaks for an attack above 0 nats. Intervals of "
        "the AUC draw people anew; it is left out with fewer than five of either label.</p>"
        + term("auc")
        + term("nats")
        + table("Answers of the challenges", heads, rows)
    )


def _evidence(drawn: Mapping[str, str]) -> str:
    points = "Each point is a session, the bar the median. Dotted: where sessions were decided, live to the left."
    shown = plot(drawn, "strip", points, wide=True)
    words = "<p>The sum that sessions were decided on, of those in which any challenge could be judged.</p>"
    return f'{words}{term("nats")}<div class="plots">{shown}</div>' if shown else ""


def _threshold(drawn: Mapping[str, str]) -> str:
    shown = plot(drawn, "curve", "Dotted: the thresholds that sessions were decided by.", wide=True)
    shown += plot(drawn, "det", "The same rates against each other; rates of zero are drawn at the edge.", wide=True)
    words = (
        "<p>“Cannot judge” counts as a rejection here: the policy's <code>live_nats</code> is what parts it from live. All else "
        "of each decision stays as it was. These are curves to look at: nothing was tuned on them, and whoever picks a "
        "threshold by them must measure it on other sessions.</p>"
    )
    return f'{words}<div class="plots">{shown}</div>' if shown else ""


def _time(figures: Figures) -> str:
    rows: list[list[Cell]] = []
    for key, words in SPANS.items():
        found = {"bona fide": figures["time"]["bonafide"][key], "attacks": figures["time"]["attack"][key]}
        known_of = {name: own for name, own in found.items() if own["n"]}
        rows += [[words]] if known_of else []
        rows += [[name, own["n"], seconds(own["p50"]), seconds(own["p95"])] for name, own in known_of.items()]
    words = (
        "<p>A report does not hold the moment at which the last challenge ended, only when its result was entered, which may "
        "be some seconds later.</p>"
    )
    return words + table("To the decision", ("", "reports", "half within", "95 % within"), rows) if rows else ""


def _conditions(about: Figures) -> str:
    rows: list[list[Cell]] = [["manifest", about["manifest"]], ["sources", ", ".join(about["sources"]) or None]]
    for policy in about["policies"]:
        words = "live at {} nats or below, not live at {} or above".format(
            *(figure(nats) for nats in (-policy["live_nats"], policy["not_live_nats"]))
        )
        rows.append([f"decided by ({policy['sessions']})", words])
    rows += [[f"liveguard ({n})", version] for version, n in about["versions"].items()]
    rows += [[f"signed with the key ({n})", key] for key, n in about["keys"].items()]
    return table("In brackets: how many reports.", ("what", ""), rows, text=True)
