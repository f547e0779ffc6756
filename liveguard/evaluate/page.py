"""The page for people: what an evaluation found, in words, tables and plots, as one HTML file that needs nothing else.

Names come from a manifest and from plugins, so every value is escaped; only `Html` goes in as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TypeAlias

from liveguard.errors import ConfigError
from liveguard.evaluate.figures import Figures
from liveguard.stress.catalogue import AS_IS, variant
from liveguard.words import HYPOTHESIS_WORDS, plain

FEW = 20
"""Attacks of a kind, or genuine recordings of a check, below which a figure is called one of small numbers."""
OFTEN = 0.25
"""Share of recordings from which on "cannot judge" is named in the summary."""
WORST = 5  # variants that are named in the summary
LONGEST = 4000  # letters; more of one value is no figure
CONDITIONS = {
    "face_px": "width of the face (px)",
    "bitrate_kbps": "bit rate of the file (kbit/s)",
    "frame_rate_hz": "pictures a second",
    "light_luma": "light on the face (luma, 0 to 255)",
}
TERMS = {
    "auc": "<b>AUC</b>: how often an attack scores higher than a genuine recording. 0.5 is a coin, 1 is perfect, "
    "and below 0.5 it is wrong more often than right.",
    "interval": "<b>Intervals</b> are 95 %: where the true figure probably lies, given how few were seen.",
    "people": "<b>Over people</b>: how far the AUC moves when other people had been recorded. <b>Over sources</b>: when other "
    "places had recorded them. Sources differ more than people, so the second is what to expect of your own calls.",
    "eer": "<b>EER</b>: the error rate where as many attacks are missed as genuine recordings are flagged; 50 % is a coin.",
    "rates": "<b>FPR, FNR</b>: genuine recordings flagged, and attacks missed, where a check flags what it finds likelier "
    "an attack than not (more than 0 nats). That alone raises no alert: evidence has to add up.",
    "ece": "<b>ECE</b>: how far the probability that a check says is from the share that were attacks. <b>By chance</b> is what "
    "even an honest check would show on so few recordings: only what lies clearly above that counts.",
    "call": "<b>A call</b> here: recordings last seconds, too short to raise an alert or to show a false one. So what the "
    "checks said about one goes on, lap after lap, for {call_s:g} s, through the same code that guards live calls. The same "
    "person in the same light is the worst case: what is wrong about them once is wrong in every lap.",
    "alarmed": "<b>Intervals of false alerts</b> count people, not laps: a recording that goes round proves no more.",
    "nats": "<b>Nats</b> measure evidence: 0 says nothing, +1 makes an attack 2.7 times as likely as before, "
    "and -1 as much less likely.",
}
"""By name: each is said once, where it first matters."""
BOTH, NO_GENUINE, NO_ATTACK = "both labels are needed", "no genuine recordings", "no attacks"
COLUMNS: dict[str, tuple[str, Callable[[Figures], Cell]]] = {
    "auc": ("AUC", lambda own: _known(own["auc"], _auc, BOTH)),
    "auc_as_is": ("AUC as is", lambda own: _known(own["auc_as_is"], _auc, BOTH)),
    "people": ("over people", lambda own: _span(own.get("auc_ci"), _auc)),
    "sources": ("over sources", lambda own: _span(own.get("auc_ci_sources"), _auc)),
    "eer": ("EER", lambda own: _with(own["eer"], own.get("eer_ci"), _share, BOTH)),
    "fpr": ("FPR", lambda own: _known(own["fpr"], _share, NO_GENUINE)),
    "fnr": ("FNR", lambda own: _known(own["fnr"], _share, NO_ATTACK)),
    "fpr80": ("FPR at 80 % caught", lambda own: _known(own["fpr_at_tpr80"], _share, BOTH)),
    "ece": ("ECE", lambda own: _known(own["ece"], _auc, BOTH)),
    "chance": ("by chance", lambda own: _known(own["ece_by_chance"], _auc, BOTH)),
    "n_bonafide": ("genuine", lambda own: str(own["n_bonafide"])),
    "n_attack": ("attacks", lambda own: str(own["n_attack"])),
    "cannot_judge": ("cannot judge", lambda own: _known(own["cannot_judge"], _share)),
    "detected": ("caught", lambda own: _caught_of(own)),
    "half": ("half within", lambda own: _known(own["delay_s"]["p50"], _seconds, "none was caught")),
    "most": ("95 % within", lambda own: _known(own["delay_s"]["p95"], _seconds, "none was caught")),
    "hours": ("hours", lambda own: _figure(own["hours"])),
    "alerts": ("false alerts", lambda own: str(own["false_alerts"])),
    "alerts_rate": (
        "false alerts an hour",
        lambda own: _with(own["false_alerts_per_hour"], own.get("false_alerts_per_hour_ci"), _figure, NO_GENUINE),
    ),
    "alarmed": ("people alarmed", lambda own: f"{own['people_alarmed']} of {own['people']}"),
}
"""What tables are made of: the heading, and the cell of some figures."""
SLICE = ("auc", "fpr", "fnr", "n_bonafide", "n_attack")
SHORT = ("people", "sources", "eer", "fpr", "fnr", "n_bonafide", "n_attack")
CHECK = (
    "auc", "people", "sources", "eer", "fpr", "fnr", "fpr80", "ece", "chance", "n_bonafide", "n_attack", "cannot_judge",
)  # fmt: skip
CAUGHT = ("detected", "half", "most")
CSS = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5a6370;--rule:#d5dae0;--box:#f4f6f8;--warn:#b34700;
 --genuine:#0072b2;--attack:#d55e00}
@media(prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e4e7ea;--soft:#9aa4af;--rule:#363d45;--box:#1d2226;
 --warn:#ff9a4d;--genuine:#56b4e9;--attack:#f08a3c}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:74rem;background:var(--paper);color:var(--ink);
 font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:break-word}
h1{font-size:1.7rem;margin:0}h2{font-size:1.35rem;margin:3rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--rule)}
h3{font-size:1.1rem;margin:2.2rem 0 .4rem}p,li{max-width:46rem}p{margin:.6rem 0}.soft,.term,caption,figcaption{color:var(--soft)}
.term{font-size:.92rem;border-left:3px solid var(--rule);padding-left:.7rem}.term b{color:var(--ink)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;margin:1rem 0}a{color:inherit}
.key{background:var(--box);border-radius:.5rem;padding:.4rem 1.2rem 1rem}.key h2{border:0;margin-top:.6rem;padding:0}
.words{flex:1 1 26rem}.key td i{display:inline}.key li{margin:.5rem 0}.key ul{padding-left:1.1rem}
.warn{border-left:4px solid var(--warn);padding-left:.8rem}.warn ul{padding-left:1.1rem}
#care li{margin:.4rem 0}.warn strong{color:var(--warn)}
.scroll{overflow-x:auto;max-width:100%;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.35rem;font-size:.92rem}
caption span{display:inline-block;position:sticky;left:0;max-width:min(46rem,calc(100vw - 4rem))}
.scroll{background:var(--paper)}.key .scroll{background:var(--box)}table,thead,tbody,tr,th:first-child{background:inherit}
th:first-child{position:sticky;left:0}
th,td{padding:.28rem .9rem .28rem 0;text-align:right;vertical-align:top;border-bottom:1px solid var(--rule)}
th{font-weight:600}thead th{vertical-align:bottom;color:var(--soft);font-weight:500}tbody th{text-align:left;min-width:7rem}
th:first-child{text-align:left}th:last-child,td:last-child{padding-right:0}
tbody th[scope=rowgroup]{padding-top:.8rem;color:var(--soft);font-weight:500}
.text td,.text thead th{text-align:left}td small,th small{display:block;font-weight:400;color:var(--soft)}
td{white-space:nowrap}.text td{white-space:normal}td i{font-style:normal;color:var(--soft);display:block;font-size:.85rem}
.plots,.tables{display:flex;flex-wrap:wrap;gap:.4rem 2rem;align-items:flex-start}
figure{margin:.6rem 0;flex:0 1 22rem;min-width:0}figure.wide{flex-basis:27rem}
svg{width:100%;height:auto;display:block;overflow:visible;stroke-linejoin:round}figcaption{font-size:.88rem}
@media(max-width:40rem){tbody th[scope=row]{max-width:9rem;overflow-wrap:anywhere}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb;--box:#fff;--warn:#a33c00;
 --genuine:#0072b2;--attack:#d55e00}
 body{max-width:none;padding:0;font-size:10pt}nav{display:none}.scroll{overflow:visible}table{font-size:8pt}
 figure,tr,li{break-inside:avoid}h2,h3,caption,thead{break-after:avoid}.key{padding:0}}
"""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Cell: TypeAlias = str | int | None
Section: TypeAlias = tuple[str, str, str]


def page(figures: Figures, drawn: Mapping[str, str]) -> str:
    """One HTML file. `drawn`: what `plots` made, by name; a plot that is not there, or a section without data, is left out."""
    parts = (
        ("calls", "Whole calls", _calls(figures, drawn)),
        ("stress", "Genuine calls under stress", _stress(figures)),
        ("bench", "Attacks of our own making", _bench(figures)),
        ("checks", "Each check by itself", _checks(figures, drawn)),
        ("quality", "Checks at call quality", _quality(figures)),
        ("compute", "What it costs", _compute(figures)),
        ("conditions", "Conditions", _conditions(figures)),
    )
    sections = [part for part in parts if part[2]]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in sections)
    body = (
        f"<header><h1>liveguard: what it catches, and how often it is wrong</h1>{_subtitle(figures)}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>'
        f'<section class="key"><h2>In short</h2>{_summary(figures)}</section>'
        f'<section id="care"><h2>What to be careful about</h2>{_care(figures)}</section>'
        + "".join(f'<section id="{key}"><h2>{title}</h2>{text}</section>' for key, title, text in sections)
        + "</main>"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>liveguard evaluation</title><style>{CSS}</style></head>\n<body>{_explained(body, figures)}</body></html>\n"
    )


# --- what is said first ---------------------------------------------------------------------------------------------


def _subtitle(figures: Figures) -> str:
    about = figures.get("conditions", {})
    return _say(
        '<p class="soft">Version {version}; {recordings} recordings, judged {runs} times in all.</p>',
        version=about.get("liveguard", "-"),
        recordings=about.get("recordings", "-"),
        runs=about.get("runs", "-"),
    )


def _summary(figures: Figures) -> str:
    sessions, stress = figures.get("sessions", {}), figures.get("stress", {})
    said = [_false_alarms(sessions), _under_stress(stress), *_caught(figures), *_unjudged(figures)]
    words = "".join(f"<li>{text}</li>" for text in said if text)
    return (
        f'<div class="plots"><div class="words"><ul>{words}</ul>{_term("interval")}</div>{_caught_table(figures)}</div>'
    )


def _false_alarms(sessions: Figures) -> str:
    if not sessions.get("hours"):
        return "<strong>False alarms:</strong> nothing is known, as there were no genuine recordings."
    rate, ends = sessions["false_alerts_per_hour"], sessions.get("false_alerts_per_hour_ci")
    thousand = [None if end is None else 1000 * end for end in ends or (None, None)]
    return _say(
        "<strong>False alarms: {rate} an hour</strong> of genuine call{ends}. That is {alerts} in {hours} hours, raised for "
        "{alarmed} of {people} people. In 1000 hours of calls it would be {thousand}{thousands}. The hours are "
        "{minutes} minutes of recordings, made into <a href='#calls'>calls</a>.",
        rate=_figure(rate),
        ends=_range(ends, _figure, " (95 % interval {} to {})"),
        alerts=sessions["false_alerts"],
        hours=_figure(sessions["hours"]),
        alarmed=sessions["people_alarmed"],
        people=sessions["people"],
        thousand=_figure(1000 * rate),
        thousands=_range(thousand, _figure, " ({} to {})"),
        minutes=_figure(60 * sessions["material_hours"]),
    )


def _under_stress(stress: Figures) -> str:
    names = [name for name in stress.get("by_variant", {}) if name != AS_IS]
    if not names:
        return ""
    raised = Counter({name: own["false_alerts"] for name, own in stress["by_variant"].items() if own["false_alerts"]})
    worst = ", ".join(f"{name} {count}" for name, count in raised.most_common(WORST))
    return _say(
        "<strong>Under stress</strong> (as recorded, and with bad light, bad links, glasses and the like; {count} sorts): "
        "{alerts} false alerts in {hours} hours, {rate} an hour{ends}, for {alarmed} of {people} people{where}.",
        count=len(names),
        alerts=stress["false_alerts"],
        hours=_figure(stress["hours"]),
        rate=_figure(stress["false_alerts_per_hour"]),
        ends=_range(stress.get("false_alerts_per_hour_ci"), _figure, " ({} to {})"),
        alarmed=stress["people_alarmed"],
        people=stress["people"],
        where=(f"; most in: {worst}" if len(raised) > WORST else f": {worst}") if raised else "",
    )


def _caught(figures: Figures) -> Iterator[str]:
    sessions = figures.get("sessions", {})
    if sessions.get("n_attack"):
        yield _say(
            "<strong>Recorded attacks: {detected} of {count}</strong> raised an alert within {within} s of their beginning "
            "({share}{ends}){delay}. By kind in the table below.",
            **_caught_words(figures, [sessions]),
            share=_share(sessions["detected_share"]),
            ends=_range(sessions.get("detected_ci"), _share, "; {} to {}"),
            delay=""
            if sessions["delay_s"]["p50"] is None
            else f", half of those within {_seconds(sessions['delay_s']['p50'])}",
        )
    if figures.get("bench"):
        yield _say(
            "<strong>Attacks of our own making: {detected} of {count}</strong> raised an alert of the right sort within "
            "{within} s. They show that a check works, not what happens in the wild.",
            **_caught_words(figures, list(figures["bench"].values())),
        )


def _caught_words(figures: Figures, found: Sequence[Figures]) -> dict[str, Cell]:
    return {
        "detected": sum(own["detected"] for own in found),
        "count": sum(own["n_attack"] for own in found),
        "within": _figure(figures.get("conditions", {}).get("within_s")),
    }


def _unjudged(figures: Figures) -> Iterator[str]:
    share = figures.get("sessions", {}).get("cannot_judge")
    if share is None:
        return
    never: dict[str, list[str]] = {}
    often = []
    for name, check in figures.get("checks", {}).items():
        unjudged, cause = check.get("cannot_judge"), _first_cause(check)
        if unjudged == 1:
            never.setdefault(cause, []).append(name)
        elif unjudged is not None and unjudged >= OFTEN:
            often.append(f"{name} {_share(unjudged)} of the recordings ({cause})")
    yield _say(
        "<strong>Cannot judge: {share} of the time</strong> no check could say anything{genuine}; it then says why.",
        share=_share(share),
        genuine=_bracket(figures["sessions"].get("cannot_judge_bonafide"), " ({} in genuine calls)"),
    )
    if never:
        each = "; ".join(f"{', '.join(names)} ({cause})" for cause, names in never.items())
        yield _say("<strong>Checks that never judged:</strong> {each}. What they are for is not guarded.", each=each)
    if often:
        yield _say("<strong>Checks that often cannot judge:</strong> {each}.", each="; ".join(often))


def _first_cause(check: Figures) -> str:
    causes = check.get("cannot_judge_causes", {})
    return _cause(next(iter(causes))) if causes else "no reading"


def _cause(text: str) -> str:
    return text.replace("#", "…")


def _caught_table(figures: Figures) -> str:
    found = {"recorded": figures.get("sessions", {}).get("by_kind", {}), "of our own making": figures.get("bench", {})}
    return _grouped_table("Attacks that raised an alert, and how soon", "attack", found, ("detected", "half"))


def _caught_of(own: Figures) -> Html:
    ends = _range(own.get("detected_ci"), _share, "{} to {}")
    form = "{a} of {b} <i>({ends})</i>" if ends else "{a} of {b}"
    return _say(form, a=own["detected"], b=own["n_attack"], ends=ends)


# --- what to be careful about ---------------------------------------------------------------------------------------


def _care(figures: Figures) -> str:
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
            "length of the files are enough to sort attacks from genuine recordings. A check may profit from that without knowing, so "
            f"its figures here may be better than on your calls.</p><ul>{told}</ul></div>"
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
    table = _table(
        "AUC of the files' facts alone, without any face or voice: near 0.5 is good here; below, what tells in some sources "
        "misleads in others",
        (*heads, "known sources, trees", "genuine", "attacks", "told by the file?"),
        rows,
    )
    return text + _term("auc") + table


def _best(own: Figures, how: str) -> float | None:
    return max((found["auc"] for found in own[how].values() if found["auc"] is not None), default=None)


def _leak_words(name: str, own: Figures) -> Html:
    unseen, known = (_known(_best(own, how), _auc) for how in ("left_out", "shuffled"))
    if own["leaks"]:
        text = "<b>{name}</b>: even in sources never seen (AUC {unseen}; in known sources {known})."
    elif _best(own, "left_out") is None:
        text = "<b>{name}</b>: in known sources (AUC {known}); sources never seen cannot be tried, too few hold both labels."
    else:
        text = "<b>{name}</b>: in known sources (AUC {known}); not shown for sources never seen (AUC {unseen})."
    return _say(text, name=name, unseen=unseen, known=known)


def _leak_cell(found: Figures) -> Cell:
    return _with(found["auc"], found["auc_ci"], _auc, "too few sources hold both labels")


def _verdict(own: Figures) -> str:
    if own["leaks"]:
        return "yes, even in unseen sources"
    if own["confounded"]:
        return "yes, in known sources" + ("; unseen ones cannot be tried" if _best(own, "left_out") is None else "")
    return "no"


def _small_numbers(figures: Figures) -> Iterator[str]:
    sessions = figures.get("sessions", {})
    if sessions.get("hours"):
        yield _say(
            "<strong>Short recordings:</strong> {hours} hours of genuine calls were made of {minutes} minutes of {people} "
            "people. They stand for those people in that light, not for as many hours of different calls.",
            hours=_figure(sessions["hours"]),
            minutes=_figure(60 * sessions["material_hours"]),
            people=sessions["people"],
        )
    few = [f"{name} ({own['n_attack']})" for name, own in sessions.get("by_kind", {}).items() if own["n_attack"] < FEW]
    if few:
        yield _say(
            "<strong>Small numbers:</strong> fewer than {few} attacks of {names}.", few=FEW, names=", ".join(few)
        )
    thin = [
        f"{name} ({check['n_bonafide']} genuine, {check['n_attack']} attacks)"
        for name, check in figures.get("checks", {}).items()
        if 0 < min(check["n_bonafide"], check["n_attack"]) < FEW or 0 < check["n_bonafide"] + check["n_attack"] < FEW
    ]
    if thin:
        yield _say("<strong>Checks that judged few:</strong> {names}.", names=", ".join(thin))


def _left_aside(figures: Figures) -> Iterator[str]:
    about, checks = figures.get("conditions", {}), figures.get("checks", {})
    silent = [
        f"{name} {_share(own['cannot_judge'])}" for name, own in checks.items() if (own["cannot_judge"] or 0) >= OFTEN
    ]
    if silent:
        yield _say(
            "<strong>Figures of a check are about recordings that it could judge.</strong> Left aside: {names}.",
            names=", ".join(silent),
        )
    refused = about.get("refused") or []
    if refused:
        why = Counter(_reason(row) for row in refused)
        yield _say(
            "<strong>Refused:</strong> {count} of {runs} runs could not be judged at all and count nowhere: {why}. Which ones is "
            "in metrics.json.",
            count=len(refused),
            runs=about.get("runs", "-"),
            why="; ".join(f"{text} ({count})" for text, count in why.most_common()),
        )
    if about.get("faults"):
        total = sum(about["faults"].values())
        yield _say(
            "<strong>Faults:</strong> checks failed {total} times; see <a href='#conditions'>conditions</a>.",
            total=total,
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


# --- sections -------------------------------------------------------------------------------------------------------


def _calls(figures: Figures, drawn: Mapping[str, str]) -> str:
    sessions = figures.get("sessions", {})
    if not sessions.get("hours") and not sessions.get("n_attack"):
        return ""
    kinds = {"all recorded attacks": sessions, **sessions.get("by_kind", {})} if sessions.get("n_attack") else {}
    said = [(HYPOTHESIS_WORDS[name], n) for name, n in sessions.get("false_alerts_by_hypothesis", {}).items()]
    return (
        _term("call")
        + _term("alarmed")
        + _figures_table("Recorded attacks, by kind", "kind", kinds, CAUGHT)
        + _table("What the false alerts said", ("said", "false alerts"), said)
        + _trade_off(sessions, drawn)
    )


def _trade_off(sessions: Figures, drawn: Mapping[str, str]) -> str:
    rows = {_figure(row["threshold_nats"]): row for row in sessions.get("trade_off", [])}
    if not rows:
        return ""
    points = "Numbers at the points are thresholds in nats. The scale is logarithmic."
    return (
        "<h3>If the threshold were another</h3><p>A lower threshold catches more and sooner, and raises more false alerts. Here "
        "one threshold stands for all hypotheses; the shipped ones differ, and are ringed.</p>"
        + _term("nats")
        + f'<div class="plots">{_plot(drawn, "trade_off", points, wide=True)}'
        + _figures_table("Thresholds of evidence", "threshold (nats)", rows, ("alerts_rate", *CAUGHT))
        + "</div>"
    )


def _stress(figures: Figures) -> str:
    found = figures.get("stress", {}).get("by_variant", {})
    said = "<p>Genuine recordings, made harder in ways that happen in honest calls. Every alert here is false.</p>"
    columns = ("hours", "alerts", "alerts_rate", "alarmed", "cannot_judge")
    table = _figures_table("False alerts, by variant", "variant", found, columns, _named)
    return said + _term("alarmed") + table if table else ""


def _bench(figures: Figures) -> str:
    said = (
        "<p><b>Bench</b> means made by us, of genuine recordings; never in the wild. Counted is an alert of the attack's own "
        "hypothesis, from the moment that the attack begins.</p>"
    )
    table = _figures_table("Bench attacks", "attack", figures.get("bench", {}), CAUGHT, _named)
    return said + table if table else ""


def _checks(figures: Figures, drawn: Mapping[str, str]) -> str:
    checks = figures.get("checks", {})
    judged = {name: check for name, check in checks.items() if check["n_bonafide"] + check["n_attack"]}
    if not checks:
        return ""
    causes = [
        (name, count, _cause(cause))
        for name, check in checks.items()
        if name not in judged
        for cause, count in check["cannot_judge_causes"].items()
    ]
    return (
        "".join(_term(name) for name in ("auc", "people", "eer", "rates", "ece"))
        + _figures_table("Recorded attacks against genuine", "check", judged, CHECK)
        + '<div class="plots">'
        + _plot(drawn, "roc", "ROC: up and left is better; the dotted line is a coin.")
        + _plot(drawn, "det", "DET: the same errors on normal-deviate scales; down and left is better.")
        + "</div>"
        + "".join(f"<h3>{_text(name)}</h3>{_check(name, check, drawn)}" for name, check in judged.items())
        + _table("Checks that could judge nothing", ("check", "recordings", "why"), causes, text=True)
    )


def _check(name: str, check: Figures, drawn: Mapping[str, str]) -> str:
    by_condition = {CONDITIONS.get(name, name): found for name, found in check["slices"].items()}
    causes = [(_cause(cause), count) for cause, count in check["cannot_judge_causes"].items()]
    plots = (
        ("histogram", "Evidence for an attack; flagged is what lies right of the dotted line."),
        ("reliability", "What it says against what is true; an honest check lies on the dotted line."),
        ("kinds", "By kind. Thick: interval over people; thin: over sources; dotted: a coin."),
    )
    return (
        _term("nats")
        + f'<div class="plots">{"".join(_plot(drawn, f"{plot} {name}", about) for plot, about in plots)}</div>'
        + '<div class="tables">'
        + _figures_table("By kind of attack", "kind", check["by_kind"], ("auc", "people", "sources", "fnr", "n_attack"))
        + _grouped_table("By condition", "condition", by_condition, SLICE)
        + _figures_table("By generator", "generator", check["by_generator"], ("auc", "fnr", "n_attack"))
        + _figures_table("By source", "source", check["by_source"], SLICE)
        + _table("Why it could not judge", ("why", "recordings"), causes)
        + "</div>"
    )


def _quality(figures: Figures) -> str:
    """Variants of recorded attacks and genuine recordings alike; then bench attacks against genuine recordings."""
    found, bench = figures.get("checks_by_variant", {}), figures.get("bench", {})
    as_is = {name: check["auc"] for name, check in figures.get("checks", {}).items()}
    alike = {
        name: {check: {**own, "auc_as_is": as_is.get(check)} for check, own in by_check.items()}
        for name, by_check in found.items()
        if name not in bench
    }
    against = {name: by_check for name, by_check in found.items() if name in bench}
    tables = _grouped_table(
        "Recorded attacks, everything at that quality", "check", alike, ("auc", "auc_as_is", *SHORT), _named
    ) + _grouped_table("Bench attacks against genuine recordings", "check", against, ("auc", *SHORT), _named)
    said = "<p>What a call does to a picture and its sound, done to the recordings: does a check still tell them apart?</p>"
    return said + _term("auc") + _term("people") + tables if tables else ""


def _compute(figures: Figures) -> str:
    cost = figures.get("compute", {})
    if cost.get("cpu_s_per_media_s") is None:
        return ""
    return _say(
        "<p><strong>{mean} s of CPU for each second of recording</strong>; half of the recordings take up to {p50} s, 95 % up to "
        "{p95} s. Measured over {minutes} minutes, all checks, decoding included.</p>",
        mean=_figure(cost["cpu_s_per_media_s"]),
        p50=_figure(cost["p50"]),
        p95=_figure(cost["p95"]),
        minutes=_figure(cost["media_s"] / 60),
    )


def _conditions(figures: Figures) -> str:
    about = {key: value for key, value in figures.get("conditions", {}).items() if key != "refused"}
    return _table("How these figures were made", ("condition", "value"), list(_flat(about)), text=True)


def _flat(found: Mapping[str, object], before: str = "") -> Iterator[tuple[Cell, Cell]]:
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}: ")
        elif isinstance(value, list | tuple):
            yield f"{before}{key}", ", ".join(map(str, value)) or "-"
        else:
            yield f"{before}{key}", str(value)


# --- pieces ---------------------------------------------------------------------------------------------------------


def _text(value: Cell) -> Html:
    return value if isinstance(value, Html) else Html(escape(plain("-" if value is None else str(value), LONGEST)))


def _say(template: str, **values: Cell) -> Html:
    """The template, which is ours, with values that are not."""
    return Html(template.format(**{name: _text(value) for name, value in values.items()}))


def _term(name: str) -> str:
    return f"<!--{name}-->"


def _explained(body: str, figures: Figures) -> str:
    """Each term where it is first named, and not again. Values cannot hold a mark, as they are escaped."""
    said: set[str] = set()

    def explain(mark: re.Match[str]) -> str:
        name = mark[1]
        if name in said:
            return ""
        said.add(name)
        text = TERMS[name].replace("{call_s:g}", _figure(figures.get("conditions", {}).get("call_s")))
        return f'<p class="term">{text}</p>'

    return re.sub(f"<!--({'|'.join(TERMS)})-->", explain, body)


def _named(name: str) -> Html:
    """A variant, and what that is."""
    try:
        about = variant(name).about
    except ConfigError:
        about = ""
    return _say("{name}<small>{about}</small>" if about else "{name}", name=name, about=about)


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]], text: bool = False) -> str:
    """Rows begin with their name; a row of one cell is a heading over those that follow. Without rows nothing."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in heads)
    body = "".join(_row(row, len(heads)) for row in rows)
    body = body.removeprefix("</tbody>") if len(rows[0]) == 1 else f"<tbody>{body}"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{_text(caption)}"><table{" class=text" if text else ""}>'
        f"<caption><span>{_text(caption)}</span></caption><thead><tr>{head}</tr></thead>{body}</tbody></table></div>"
    )


def _figures_table(
    caption: str, first: str, found: Mapping[str, Figures], columns: Sequence[str], named: Callable[[str], Cell] = str
) -> str:
    """A row for each of `found`, of these `COLUMNS`."""
    rows = [(named(name), *(COLUMNS[column][1](own) for column in columns)) for name, own in found.items()]
    return _table(caption, (first, *(COLUMNS[column][0] for column in columns)), rows)


def _grouped_table(
    caption: str,
    first: str,
    groups: Mapping[str, Mapping[str, Figures]],
    columns: Sequence[str],
    named: Callable[[str], Cell] = str,
) -> str:
    """As `_figures_table`, under a heading for each group that holds any."""
    rows: list[Sequence[Cell]] = []
    for group, found in groups.items():
        rows += [(named(group),)] if found else []
        rows += [(name, *(COLUMNS[column][1](own) for column in columns)) for name, own in found.items()]
    return _table(caption, (first, *(COLUMNS[column][0] for column in columns)), rows)


def _row(row: Sequence[Cell], width: int) -> str:
    first, *others = (_text(cell) for cell in row)
    if not others:
        return f'</tbody><tbody><tr><th scope="rowgroup" colspan="{width}">{first}</th></tr>'
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'


def _plot(drawn: Mapping[str, str], name: str, caption: str, wide: bool = False) -> str:
    if name not in drawn:
        return ""
    kind = ' class="wide"' if wide else ""
    return f"<figure{kind}>{drawn[name]}<figcaption>{_text(caption)}</figcaption></figure>"


def _figure(value: float | None) -> str:
    """Two or three digits."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def _share(value: float) -> str:
    percent = 100 * value
    if 99.5 <= percent < 100:
        return ">99 %"
    return f"{percent:.0f} %" if percent >= 10 or percent == round(percent) else f"{percent:.1f} %"


def _auc(value: float) -> str:
    return f"{value:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _known(value: float | None, form: Callable[[float], str], why: str = "too few to say") -> Html:
    return _say('<span title="{why}">-</span>', why=why) if value is None else _text(form(value))


def _range(ends: Sequence[float | None] | None, form: Callable[[float], str], template: str) -> str:
    if ends is None or ends[0] is None or ends[1] is None:
        return ""
    return template.format(form(ends[0]), form(ends[1]))


def _bracket(value: float | None, template: str) -> str:
    return "" if value is None else template.format(_share(value))


def _with(
    value: float | None, ends: Sequence[float | None] | None, form: Callable[[float], str], why: str = "too few to say"
) -> Html:
    """A figure and its interval behind it."""
    text = _range(ends, form, "{} to {}")
    return _say("{value} <i>({text})</i>" if text else "{value}", value=_known(value, form, why), text=text)


def _span(ends: Sequence[float | None] | None, form: Callable[[float], str]) -> Html:
    """An interval in a cell of its own."""
    return _text(_range(ends, form, "{} to {}") or _known(None, form))
