"""The page for people: what an evaluation found, in words, tables and plots, as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report import sections as of
from liveguard.evaluate.report.care import careful
from liveguard.evaluate.report.in_short import subtitle, summary
from liveguard.evaluate.report.terms import explained


def page(figures: Figures, drawn: Mapping[str, str]) -> str:
    """One HTML file. `drawn`: what `plots` made, by name; a plot that is not there, or a section without data, is left out."""
    parts = (
        ("calls", "Whole calls", of.calls(figures, drawn)),
        ("stress", "Genuine calls under stress", of.stress(figures)),
        ("bench", "Attacks of our own making", of.bench(figures)),
        ("checks", "Each check by itself", of.checks(figures, drawn)),
        ("stills", "Still pictures", of.stills(figures)),
        ("quality", "Checks at call quality", of.quality(figures)),
        ("compute", "What it costs", of.compute(figures)),
        ("conditions", "Conditions", of.conditions(figures)),
    )
    sections = [part for part in parts if part[2]]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in sections)
    body = (
        f"<header><h1>liveguard: what it catches, and how often it is wrong</h1>{subtitle(figures)}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>'
        f'<section class="key"><h2>In short</h2>{summary(figures)}</section>'
        f'<section id="care"><h2>What to be careful about</h2>{careful(figures)}</section>'
        + "".join(f'<section id="{key}"><h2>{title}</h2>{text}</section>' for key, title, text in sections)
        + "</main>"
    )
    style = (files("liveguard.evaluate.report") / "style.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>liveguard evaluation</title><style>{style}</style></head>\n<body>{explained(body, figures)}</body></html>\n"
    )
