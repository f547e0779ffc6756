"""The frame of a report's page: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report.terms import explained


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
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{style}</style></head>\n<body>{explained(body, figures)}</body></html>\n"
    )
