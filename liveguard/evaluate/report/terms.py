"""What the measures mean: each is said once, where it first matters."""

from __future__ import annotations

import re

from liveguard.evaluate.figures import Figures
from liveguard.markup import figure

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
    "checks said about one goes on, lap after lap, for {call_s:g} s, through the same code that guards live calls. What "
    "is wrong about the person once is wrong in every lap. But checks that need longer than a recording hardly ever judge there, "
    "and of them these hours say little.",
    "alarmed": "<b>Intervals of false alerts and of attacks caught</b> count people, not laps or attacks: more of the "
    "same proves no more.",
    "nats": "<b>Nats</b> measure evidence: 0 says nothing, +1 makes an attack 2.7 times as likely as before, "
    "and -1 as much less likely.",
}


def term(name: str) -> str:
    return f"<!--{name}-->"


def explained(body: str, figures: Figures) -> str:
    """Each term where it is first named, and not again. Values cannot hold a mark, as they are escaped."""
    said: set[str] = set()

    def explain(mark: re.Match[str]) -> str:
        name = mark[1]
        if name in said:
            return ""
        said.add(name)
        text = TERMS[name].replace("{call_s:g}", figure(figures.get("conditions", {}).get("call_s")))
        return f'<p class="term">{text}</p>'

    return re.sub(f"<!--({'|'.join(TERMS)})-->", explain, body)
