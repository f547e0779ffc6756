"""The frame of a report's page: its contents, what comes first, and its sections."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report.terms import explained
from liveguard.markup import html_file


def document(
    title: str, head: str, in_short: str, care: str, parts: Sequence[tuple[str, str, str]], figures: Figures
) -> str:
    """`parts`: anchor, heading and HTML of each section; one without any HTML is left out."""
    sections = [part for part in parts if part[2]]
    links = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name, _ in sections)
    body = (
        f'<header>{head}<nav aria-label="Sections"><ul>{links}</ul></nav></header><main>'
        f'<section class="key"><h2>In short</h2>{in_short}</section>'
        f'<section id="care"><h2>What to be careful about</h2>{care}</section>'
        + "".join(f'<section id="{key}"><h2>{name}</h2>{text}</section>' for key, name, text in sections)
        + "</main>"
    )
    style = (files("liveguard.evaluate.report") / "style.css").read_text("utf-8")
    return html_file(title, style, explained(body, figures))
