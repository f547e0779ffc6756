"""How figures, facts and times of a report are shown to people."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from liveguard.challenge.check import MOST_NATS
from liveguard.markup import Html

UNITS: Final = {
    "us": " µs", "ms": " ms", "s": " s", "deg": "°", "px": " px", "hz": " Hz", "db": " dB", "nats": " nats", "fps": " fps",
    "percent": " %",
}  # fmt: skip
MINUS: Final = "\N{MINUS SIGN}"


def nats_text(nats: float | None) -> str:
    return "-" if nats is None else f"{nats:+.1f} nats".replace("-", MINUS)


def figure_cells(name: str, value: float | None) -> tuple[str, str]:
    """A measure's name in words, and its value with its unit, which is the end of the name."""
    words, _, end = name.rpartition("_")
    unit = UNITS.get(end) if words else None
    shown = name if unit is None else words
    return shown.replace("_", " "), _number(value) + ((unit or "") if value is not None else "")


def fact_name(name: str) -> str:
    return name.replace("_", " ")


def fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value)
    return "-" if value is None else str(value)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.replace("-", MINUS)


def seconds_between(first: str, then: str) -> str:
    """Between two times of a report."""
    start, end = (datetime.fromisoformat(at.removesuffix("Z")) for at in (first, then))
    return f"{(end - start).total_seconds():.1f} s"


def bar(nats: float | None) -> Html:
    """A bar from the middle: to the left for a live person, to the right for an attack. Without figures in words."""
    middle = '<path class=middle d="M0 0V10"/>'
    if nats is None:
        drawn = '<rect class=none x="-50" y="4" width="100" height="2"/>'
    else:
        width = 50 * min(abs(nats) / MOST_NATS, 1.0)
        left = 0.0 if nats > 0 else -width
        kind = "attack" if nats > 0 else "genuine"
        drawn = (
            '<rect class=rail x="-50" y="1" width="100" height="8"/>'
            f'<rect class={kind} x="{left:.2f}" y="1" width="{width:.2f}" height="8"/>'
        )
    return Html(f'<svg viewBox="-50 0 100 10" preserveAspectRatio="none" aria-hidden="true">{drawn}{middle}</svg>')
