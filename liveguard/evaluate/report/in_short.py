"""What is said first: how often it is wrong, what it catches, and what it cannot judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report.tables import grouped_table
from liveguard.evaluate.report.terms import term
from liveguard.markup import Cell, bracket, figure, say, seconds, share, span_text

OFTEN = 0.25
"""Share of recordings from which on "cannot judge" is named in the summary."""
WORST = 5  # variants that are named in the summary


def subtitle(figures: Figures) -> str:
    about = figures.get("conditions", {})
    return say(
        '<p class="soft">Version {version}; {recordings} recordings, judged {runs} times in all.</p>',
        version=about.get("liveguard", "-"),
        recordings=about.get("recordings", "-"),
        runs=about.get("runs", "-"),
    )


def summary(figures: Figures) -> str:
    sessions, stress = figures.get("sessions", {}), figures.get("stress", {})
    said = [_false_alarms(sessions), _under_stress(stress), *_caught(figures), *_unjudged(figures)]
    words = "".join(f"<li>{text}</li>" for text in said if text)
    return (
        f'<div class="plots"><div class="words"><ul>{words}</ul>{term("interval")}</div>{_caught_table(figures)}</div>'
    )


def _false_alarms(sessions: Figures) -> str:
    if not sessions.get("hours"):
        return "<strong>False alarms:</strong> nothing is known, as there were no genuine recordings."
    rate, ends = sessions["false_alerts_per_hour"], sessions.get("false_alerts_per_hour_ci")
    thousand = [None if end is None else 1000 * end for end in ends or (None, None)]
    return say(
        "<strong>False alarms: {rate} an hour</strong> of genuine call{ends}. That is {alerts} in {hours} hours, raised for "
        "{alarmed} of {people} people. In 1000 hours of calls it would be {thousand}{thousands}. The hours are "
        "{minutes} minutes of recordings, made into <a href='#calls'>calls</a>.",
        rate=figure(rate),
        ends=span_text(ends, figure, " (95 % interval {} to {})"),
        alerts=sessions["false_alerts"],
        hours=figure(sessions["hours"]),
        alarmed=sessions["people_alarmed"],
        people=sessions["people"],
        thousand=figure(1000 * rate),
        thousands=span_text(thousand, figure, " ({} to {})"),
        minutes=figure(60 * sessions["material_hours"]),
    )


def _under_stress(stress: Figures) -> str:
    names = list(stress.get("by_variant", {}))
    if not names:
        return ""
    raised = Counter({name: own["false_alerts"] for name, own in stress["by_variant"].items() if own["false_alerts"]})
    worst = ", ".join(f"{name} {count}" for name, count in raised.most_common(WORST))
    return say(
        "<strong>Under stress</strong> (bad light, bad links, glasses and the like; {count} sorts): "
        "{alerts} false alerts in {hours} hours, {rate} an hour{ends}, for {alarmed} of {people} people{where}.",
        count=len(names),
        alerts=stress["false_alerts"],
        hours=figure(stress["hours"]),
        rate=figure(stress["false_alerts_per_hour"]),
        ends=span_text(stress.get("false_alerts_per_hour_ci"), figure, " ({} to {})"),
        alarmed=stress["people_alarmed"],
        people=stress["people"],
        where=(f"; most in: {worst}" if len(raised) > WORST else f": {worst}") if raised else "",
    )


def _caught(figures: Figures) -> Iterator[str]:
    sessions = figures.get("sessions", {})
    if sessions.get("n_attack"):
        yield say(
            "<strong>Recorded attacks: {detected} of {count}</strong> raised an alert within {within} s of their beginning "
            "({share}{ends}){delay}. By kind in the table.",
            **_caught_words(figures, [sessions]),
            share=share(sessions["detected_share"]),
            ends=span_text(sessions.get("detected_ci"), share, "; {} to {}"),
            delay=""
            if sessions["delay_s"]["p50"] is None
            else f", half of those within {seconds(sessions['delay_s']['p50'])}",
        )
    if figures.get("bench"):
        yield say(
            "<strong>Attacks of our own making: {detected} of {count}</strong> raised an alert of the right sort within "
            "{within} s. They show that a check works, not what happens in the wild.",
            **_caught_words(figures, list(figures["bench"].values())),
        )


def _caught_words(figures: Figures, found: Sequence[Figures]) -> dict[str, Cell]:
    return {
        "detected": sum(own["detected"] for own in found),
        "count": sum(own["n_attack"] for own in found),
        "within": figure(figures.get("conditions", {}).get("within_s")),
    }


def _unjudged(figures: Figures) -> Iterator[str]:
    part = figures.get("sessions", {}).get("cannot_judge")
    if part is None:
        return
    never: dict[str, list[str]] = {}
    often = []
    for name, check in figures.get("checks", {}).items():
        unjudged, cause = check.get("cannot_judge"), first_cause(check)
        if unjudged == 1:
            never.setdefault(cause, []).append(name)
        elif unjudged is not None and unjudged >= OFTEN:
            often.append(f"{name} {share(unjudged)} of the recordings ({cause})")
    yield say(
        "<strong>Cannot judge: {share} of the time</strong> no check could say anything{genuine}; it then says why.",
        share=share(part),
        genuine=bracket(figures["sessions"].get("cannot_judge_bonafide"), " ({} in genuine calls)"),
    )
    if never:
        each = "; ".join(f"{', '.join(names)} ({cause})" for cause, names in never.items())
        yield say("<strong>Checks that never judged:</strong> {each}. What they are for is not guarded.", each=each)
    if often:
        yield say("<strong>Checks that often cannot judge:</strong> {each}.", each="; ".join(often))


def first_cause(check: Figures) -> str:
    causes = check.get("cannot_judge_causes", {})
    return cause_words(next(iter(causes))) if causes else "no reading"


def cause_words(text: str) -> str:
    return text.replace("#", "…")


def _caught_table(figures: Figures) -> str:
    found = {"recorded": figures.get("sessions", {}).get("by_kind", {}), "of our own making": figures.get("bench", {})}
    return grouped_table("Attacks that raised an alert, and how soon", "attack", found, ("detected", "half"))
