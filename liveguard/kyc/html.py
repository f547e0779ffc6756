"""A verified report as a page for people: one HTML file that needs nothing else, runs nothing, and prints well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from liveguard.kyc.decision import STEP_WORDS, Outcome
from liveguard.kyc.html_figures import bar, fact, fact_name, figure_cells, nats_text, seconds_between
from liveguard.kyc.keys import grouped
from liveguard.kyc.report import Verified
from liveguard.markup import Html, html_file, say, table

VERDICTS: Final[Mapping[Outcome, tuple[str, str]]] = {
    "live": ("Live", "A live person was in front of the camera and did what was asked."),
    "not_live": ("Not live", "What was seen speaks for an attack."),
    "cannot_judge": ("Cannot judge", "It was not settled whether a live person was in front of the camera."),
}
HAPPENED: Final = {
    "opened": "the session was opened",
    "consent": "the person agreed",
    "script": "the challenges were drawn",
    "injection": "the camera was looked at",
    "decision": "decided",
}


def page(verified: Verified) -> str:
    """One HTML file. Every value in it is escaped: facts about a camera come from the other end."""
    parts = (
        ("Challenges", _steps(verified)),
        ("Figures", _measures(verified)),
        ("Camera", _camera(verified)),
        ("What happened", _timeline(verified)),
        ("Signature", _signature(verified)),
    )
    body = _head(verified) + "".join(f"<section><h2>{title}</h2>{text}</section>" for title, text in parts if text)
    style = (files("liveguard.kyc") / "report.css").read_text("utf-8")
    return html_file("Liveness report", style, f"<main>{body}</main>")


def _bodies(verified: Verified, kind: str) -> list[Mapping[str, Any]]:
    return [entry["body"] for entry in verified.entries if entry["kind"] == kind]


def _head(verified: Verified) -> str:
    title, about = VERDICTS[verified.verdict]
    first, last = verified.entries[0]["at"], verified.entries[-1]["at"]
    policy = verified.entries[0]["body"]["policy"]
    evidence = say(
        "{nats} (live: {live} or below; not live: {attack} or above)",
        nats=nats_text(verified.nats),
        live=nats_text(-float(policy.get("live_nats", 0))),
        attack=nats_text(float(policy.get("not_live_nats", 0))),
    )
    rows: Sequence[tuple[str, Html]] = (
        ("Proof", say("<code>{id}</code>", id=verified.id)),
        ("Decided", say("{day} {time} UTC", day=last[:10], time=last[11:19])),
        ("Took", say("{s} from the opening", s=seconds_between(first, last))),
        ("Evidence", evidence),
    )
    facts = "".join(say("<dt>{name}</dt><dd>{value}</dd>", name=name, value=value) for name, value in rows)
    reasons = "".join(say("<li>{reason}</li>", reason=reason) for reason in verified.reasons)
    return (
        "<header><p class=what>Liveness report</p>"
        + say(
            '<div class="verdict {kind}"><h1>{title}</h1><p>{about}</p></div>',
            kind=verified.verdict,
            title=title,
            about=about,
        )
        + f"<dl>{facts}</dl></header><section class=reasons><h2>Reasons</h2><ul>{reasons}</ul></section>"
    )


def _steps(verified: Verified) -> str:
    cards = []
    for number, step in enumerate(_bodies(verified, "step"), 1):
        nats = step["nats"]
        judged = "not judged" if nats is None else nats_text(nats)
        cards.append(
            say(
                "<li><h3>{number}. {name}</h3><div class=scale>{bar}<span>{nats}</span></div><p>{why}</p></li>",
                number=number,
                name=STEP_WORDS[step["kind"]].capitalize(),
                bar=bar(nats),
                nats=judged,
                why=step["why"],
            )
        )
    if not cards:
        return "<p class=soft>None was done.</p>"
    legend = "<p class=soft>To the left speaks for a live person, to the right for an attack.</p>"
    return f"{legend}<ol class=steps>{''.join(cards)}</ol>"


def _measures(verified: Verified) -> str:
    rows: list[Sequence[str | None]] = []
    for step in _bodies(verified, "step"):
        if step["measures"]:
            rows.append([STEP_WORDS[step["kind"]].capitalize()])
            rows.extend(figure_cells(name, value) for name, value in step["measures"].items())
    return table("What was measured while the challenges were done.", ("Measure", "Value"), rows)


def _camera(verified: Verified) -> str:
    rows: list[Sequence[str | None]] = []
    reasons: list[str] = []
    for body in _bodies(verified, "injection"):
        rows.extend((fact_name(name), fact(value)) for name, value in body["facts"].items())
        rows.extend((f"evidence: {fact_name(name)}", nats_text(nats)) for name, nats in body["nats"].items())
        reasons.extend(say("<li>{reason}</li>", reason=reason) for reason in body["why"])
    said = table(
        "What the page said about the camera. It is weak evidence: a page can be lied to.",
        ("Fact", ""),
        rows,
        text=True,
    )
    return said + (f"<ul>{''.join(reasons)}</ul>" if reasons else "")


def _timeline(verified: Verified) -> str:
    first = verified.entries[0]["at"]
    rows = []
    for entry in verified.entries:
        what = STEP_WORDS[entry["body"]["kind"]] if entry["kind"] == "step" else HAPPENED[entry["kind"]]
        digest = say("<code>{short}</code>", short=entry["hash"][:12])
        rows.append((what.capitalize(), seconds_between(first, entry["at"]), entry["at"][11:23], digest))
    return table("Each entry is bound to the one before by its hash.", ("Entry", "After", "UTC", "Hash"), rows)


def _signature(verified: Verified) -> str:
    standing = (
        "The report is unchanged, and signed with the key that was expected."
        if verified.pinned
        else "The report is unchanged. <strong>Whose key has signed it was not checked:</strong> anybody can make a report "
        "with a key of their own, so compare the fingerprint with that of the server."
    )
    key, digest, version = grouped(verified.fingerprint), verified.report_hash, verified.entries[0]["body"]["versions"]
    programs = ", ".join(f"{name} {number}" for name, number in version.items()) or "not said"
    return (
        f"<p{'' if verified.pinned else ' class=warn'}>{standing}</p>"
        + say(
            "<dl><dt>Key</dt><dd><code>{key}</code></dd><dt>File</dt><dd><code>{digest}</code></dd>",
            key=key,
            digest=digest,
        )
        + say("<dt>Programs</dt><dd>{programs}</dd></dl>", programs=programs)
        + say(
            "<p>To check it yourself:</p><pre>liveguard verify report.json --key {key}</pre>", key=verified.fingerprint
        )
        + "<p class=soft>Key: SHA-256 of the Ed25519 public key. File: SHA-256 of the JSON. This page is made from that file and "
        "is not signed itself. Neither holds a picture or a sound of the person, or a name.</p>"
    )
