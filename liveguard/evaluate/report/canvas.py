"""What plots are drawn on, and how they become SVG that stands in a page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from scipy import stats

from liveguard.evaluate.metrics import Array
from liveguard.words import plain

WIDTH_IN, HEIGHT_IN = 3.8, 2.7
INK, GENUINE, ATTACK = "#010203", "#0072b2", "#d55e00"
CHECKS = (INK, "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Of Okabe & Ito's palette, which colour-blind people tell apart; blue and vermilion are kept for the labels."""
THEMED = {INK: "currentColor", GENUINE: "var(--genuine, #0072b2)", ATTACK: "var(--attack, #d55e00)"}
DET_LOW, DET_HIGH = 0.005, 0.95
DET_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
STYLE: Any = {  # matplotlib's type of its keys changes from version to version
    "svg.fonttype": "none",
    "text.parse_math": False,  # names come from a manifest
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.labelsize": 8.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


@contextmanager
def style() -> Iterator[None]:
    """Our settings, whatever the user's are; theirs are back afterwards. There is no other way to set how SVG is written."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def panels(
    height_in: float, count: int = 1, left: float = 0.15, right: float = 0.97
) -> tuple[Figure, tuple[Axes, ...]]:
    """`count` panels under each other, with margins of a fixed size."""
    fig = Figure(figsize=(WIDTH_IN, height_in))
    FigureCanvasSVG(fig)
    found = fig.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    fig.subplots_adjust(left, 0.48 / height_in, right, 1 - 0.3 / height_in, hspace=0.14)
    return fig, tuple(found)


def legend_above(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=3, handlelength=1.2, columnspacing=1.4)


def line_style(index: int) -> dict[str, Any]:
    style = ("-", "--", ":")[index // len(CHECKS) % 3]
    return {"color": CHECKS[index % len(CHECKS)], "ls": style}


def short(text: str) -> str:
    return plain(text, 16)


def svg(fig: Figure, name: str, title: str) -> str:
    out = io.StringIO()
    matplotlib.rcParams["svg.hashsalt"] = name  # names of its parts are its own, and the same again
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    fig.savefig(out, format="svg", transparent=True, metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for old, new in (
        (r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", rf'<svg \1 role="img" aria-label="{_plain_attribute(title)}">'),
        (r"<defs>\s*<style.*?</style>\s*</defs>\s*", ""),  # would hold for the whole page
        (r"xlink:href", "href"),
        (r"<g id=\"[^\"]*\"", "<g"),
        (r" ?font-family: [^;\"]*;?", ""),
        (r" transform=\"rotate\(-0 [^\"]*\)\"", ""),
        (r"\n\s*", "\n"),
    ):
        text = re.sub(old, new, text, flags=re.DOTALL)
    for color, themed in THEMED.items():
        text = text.replace(color, themed)
    return text


def _plain_attribute(text: str) -> str:
    return escape(plain(text), quote=True).replace("\\", r"\\")


def det_axes(axes: Axes) -> None:
    """Normal-deviate scales both ways, and the line on which both rates are equal (Martin et al. 1997,
    doi:10.21437/Eurospeech.1997-504); rates of zero are drawn at the edge.
    """
    ticks, labels = deviate(np.array(DET_TICKS)), [f"{100 * tick:g}" for tick in DET_TICKS]
    ends = deviate(np.array([DET_LOW, DET_HIGH]))
    axes.plot(ends, ends, color=INK, lw=0.6, ls=":", alpha=0.7)
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.set(xlim=ends, ylim=ends)


def deviate(share: Array) -> Array:
    """Where shares (n,) stand on such a scale."""
    return np.asarray(stats.norm.ppf(np.clip(share, DET_LOW, DET_HIGH)), np.float64)
