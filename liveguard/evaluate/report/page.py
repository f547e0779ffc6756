"""The page for people: what an evaluation found, in words, tables and plots, as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report import sections as of
from liveguard.evaluate.report.care import careful
from liveguard.evaluate.report.document import document
from liveguard.evaluate.report.in_short import subtitle, summary


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
    head = f"<h1>liveguard: what it catches, and how often it is wrong</h1>{subtitle(figures)}"
    return document("liveguard evaluation", head, summary(figures), careful(figures), parts, figures)
