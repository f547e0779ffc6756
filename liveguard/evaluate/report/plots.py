"""What the page draws, as inline SVG: light or dark as the page is, and the same bytes for the same figures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from scipy import stats

from liveguard.evaluate import metrics
from liveguard.evaluate.figures import Figures
from liveguard.evaluate.metrics import Array
from liveguard.evaluate.scores import Scores
from liveguard.words import plain

WIDTH_IN, HEIGHT_IN = 3.8, 2.7
INK, GENUINE, ATTACK = "#010203", "#0072b2", "#d55e00"
CHECKS = (INK, "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Of Okabe & Ito's palette, which colour-blind people tell apart; blue and vermilion are kept for the labels."""
THEMED = {INK: "currentColor", GENUINE: "var(--genuine, #0072b2)", ATTACK: "var(--attack, #d55e00)"}
LEAST = 5  # recordings, before their spread is worth a look
DET_LOW, DET_HIGH = 0.005, 0.95
DET_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
FLAGGED, MISSED = "genuine recordings flagged (%)", "attacks missed (%)"
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


def plots(figures: Figures, scores: Mapping[str, Scores]) -> dict[str, str]:
    """SVG by name: `roc`, `det`, `trade_off`, and `histogram CHECK`, `reliability CHECK`, `kinds CHECK`.

    A plot that there is nothing for is left out. Made to stand in an HTML page: without a namespace, in the page's own
    colours (`currentColor`, `--genuine`, `--attack`) and font.
    """
    both = {name: own for name, own in sorted(scores.items()) if own.attack.any() and not own.attack.all()}
    drawn: dict[str, str] = {}
    with _style():
        if both:
            drawn["roc"] = _roc(both)
            drawn["det"] = _det(both)
        for name, own in sorted(scores.items()):
            if len(own.run) >= LEAST:
                drawn[f"histogram {name}"] = _histogram(own)
        for name, check in figures.get("checks", {}).items():
            if check.get("reliability"):
                drawn[f"reliability {name}"] = _reliability(name, check["reliability"])
            if check.get("auc") is not None and check.get("by_kind"):
                drawn[f"kinds {name}"] = _kinds(name, check)
        sessions = figures.get("sessions", {})
        if any(_drawable(row) for row in sessions.get("trade_off", ())):
            drawn["trade_off"] = _trade_off(sessions)
    return drawn


@contextmanager
def _style() -> Iterator[None]:
    """Our settings, whatever the user's are; theirs are back afterwards. There is no other way to set how SVG is written."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def _roc(scores: Mapping[str, Scores]) -> str:
    fig, (axes,) = _figure(HEIGHT_IN)
    axes.plot([0, 100], [0, 100], color=INK, lw=0.6, ls=":", alpha=0.7)
    for index, (name, own) in enumerate(scores.items()):
        curve = metrics.roc(own.own, own.attack)
        axes.plot(100 * curve.fpr, 100 * curve.tpr, label=_name(name), lw=1.5, **_line(index))
    axes.set(xlim=(0, 100), ylim=(0, 101), xlabel=FLAGGED, ylabel="attacks flagged (%)")
    axes.legend(loc="lower right", handlelength=1.8, labelspacing=0.3)
    return _svg(fig, "roc", "ROC curves of the checks")


def _det(scores: Mapping[str, Scores]) -> str:
    """Martin et al. 1997, doi:10.21437/Eurospeech.1997-504; rates of zero are drawn at the edge."""
    fig, (axes,) = _figure(HEIGHT_IN)
    for index, (name, own) in enumerate(scores.items()):
        curve = metrics.roc(own.own, own.attack)
        axes.plot(_deviate(curve.fpr), _deviate(1 - curve.tpr), label=_name(name), lw=1.5, **_line(index))
    ticks, labels = _deviate(np.array(DET_TICKS)), [f"{100 * tick:g}" for tick in DET_TICKS]
    ends = _deviate(np.array([DET_LOW, DET_HIGH]))
    axes.plot(ends, ends, color=INK, lw=0.6, ls=":", alpha=0.7)
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.set(xlim=ends, ylim=ends, xlabel=FLAGGED, ylabel=MISSED)
    return _svg(fig, "det", "DET curves of the checks")


def _deviate(share: Array) -> Array:
    return np.asarray(stats.norm.ppf(np.clip(share, DET_LOW, DET_HIGH)), np.float64)


def _histogram(scores: Scores) -> str:
    fig, (axes,) = _figure(HEIGHT_IN)
    low, high = float(scores.llr.min()), float(scores.llr.max())
    bins = np.linspace(low, high, 25) if high - low > 1e-6 else np.linspace(low - 0.5, low + 0.5, 3)
    axes.axvline(0, color=INK, lw=0.6, ls=":", alpha=0.7)
    for label, color, rows in (("genuine", GENUINE, ~scores.attack), ("attack", ATTACK, scores.attack)):
        count = int(rows.sum())
        if count:
            share = np.histogram(scores.llr[rows], bins)[0] * 100 / count
            axes.stairs(share, bins, fill=True, color=color, alpha=0.3, lw=0)
            axes.stairs(share, bins, color=color, lw=1.4, label=f"{label} ({count})")
    axes.set(xlabel="evidence for an attack (nats)", ylabel="share of recordings (%)")
    _legend_above(axes)
    return _svg(fig, f"histogram {scores.check}", f"Scores of {scores.check}, genuine against attack")


def _reliability(name: str, bins: Sequence[tuple[float, float, float]]) -> str:
    fig, (axes,) = _figure(HEIGHT_IN)
    said, true, mass = np.array(bins).T
    axes.plot([0, 1], [0, 1], color=INK, lw=0.6, ls=":", alpha=0.7)
    axes.plot(said, true, color=INK, lw=1.0, alpha=0.6)
    axes.scatter(said, true, s=240 * mass / mass.sum(), color=INK, lw=0, zorder=3)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="probability of an attack, as said", ylabel="true share")
    return _svg(fig, f"reliability {name}", f"Said probability against true share, {name}")


def _kinds(name: str, check: Figures) -> str:
    """Thick: interval over people. Thin: over sources."""
    rows = [("all", check, check["n_attack"])]
    rows += [(kind, own, own["n_attack"]) for kind, own in check["by_kind"].items() if own.get("auc") is not None]
    fig, (axes,) = _figure(0.75 + 0.27 * len(rows), left=0.32, right=0.86)
    axes.axvline(0.5, color=INK, lw=0.6, ls=":", alpha=0.7)
    for y, (_, own, count) in enumerate(rows):
        for ends, width in ((own.get("auc_ci_sources"), 0.8), (own.get("auc_ci"), 3.2)):
            if ends is not None and None not in ends:
                axes.plot(ends, [y, y], color=ATTACK, lw=width, solid_capstyle="butt", alpha=0.75)
        axes.plot([own["auc"]], [y], "o", color=INK, ms=4.5, mew=0)
        axes.text(1.03, y, f"n {count}", va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(rows)), [_name(row[0]) for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6), xlabel="AUC")
    return _svg(fig, f"kinds {name}", f"AUC of {name} by kind of attack")


def _trade_off(sessions: Figures) -> str:
    """Detected share and median delay over false alerts an hour: each point is one threshold."""
    rows = [row for row in sessions["trade_off"] if _drawable(row)]
    shipped = sessions if _drawable(sessions) else None
    place, ticks = _log_with_zero([row["false_alerts_per_hour"] for row in (*rows, *([shipped] if shipped else ()))])
    fig, (upper, lower) = _figure(1.6 * HEIGHT_IN, count=2)
    for axes, value in ((upper, _share), (lower, _delay)):
        known = [(place(row["false_alerts_per_hour"]), y, row) for row in rows if (y := value(row)) is not None]
        axes.plot([x for x, _, _ in known], [y for _, y, _ in known], "o-", color=INK, lw=1.0, ms=4, mew=0)
        if shipped is not None and (y := value(shipped)) is not None:
            x = place(shipped["false_alerts_per_hour"])
            axes.plot([x], [y], "o", mfc="none", mec=ATTACK, mew=1.8, ms=9, label="as shipped", zorder=4)
    _thresholds(
        upper, [(place(row["false_alerts_per_hour"]), _share(row) or 0.0, row["threshold_nats"]) for row in rows]
    )
    upper.set(ylabel="attacks detected (%)", ylim=(-4, 104))
    lower.set(ylabel="median delay (s)", xlabel="false alerts an hour of genuine calls")
    lower.set_ylim(0, max(lower.get_ylim()[1], 10) * 1.1)
    lower.set_xscale("log")
    lower.set_xticks(list(ticks), list(ticks.values()))
    lower.minorticks_off()
    spots = [place(row["false_alerts_per_hour"]) for row in rows]
    lower.set_xlim(min([*spots, *ticks]) / 1.6, max([*spots, *ticks]) * 1.5)
    if shipped is not None:
        _legend_above(upper)
    return _svg(fig, "trade_off", "Detected attacks and median delay against false alerts an hour")


def _drawable(row: Figures) -> bool:
    return row.get("false_alerts_per_hour") is not None and bool(row.get("n_attack"))


def _share(row: Figures) -> float | None:
    return 100 * float(row["detected"]) / float(row["n_attack"])


def _delay(row: Figures) -> float | None:
    found: float | None = row["delay_s"]["p50"]
    return found


def _log_with_zero(rates: Sequence[float]) -> tuple[Any, dict[float, str]]:
    """Where a rate stands on a logarithmic axis, and its ticks: zero stands a step before the smallest other one."""
    some = [rate for rate in rates if rate > 0] or [0.1]
    low, high = min(some), max(some)
    zero = low / 3
    steps = (1, 2, 5) if high / low < 100 else (1,)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    values = [step * 10.0**decade for decade in decades for step in steps]
    ticks = {value: f"{value:g}" for value in values if low / 1.3 <= value <= high * 1.3}
    if min(rates, default=1.0) <= 0:
        ticks[zero] = "0"
    return (lambda rate: rate if rate > 0 else zero), dict(sorted(ticks.items()))


def _thresholds(axes: Axes, points: Sequence[tuple[float, float, float]]) -> None:
    """Names the thresholds of points that do not lie on each other."""
    spots: dict[tuple[float, float], list[float]] = {}
    for x, y, nats in points:
        near = next((spot for spot in spots if abs(np.log(spot[0] / x)) < 0.12 and abs(spot[1] - y) < 11), (x, y))
        spots.setdefault(near, []).append(nats)
    for (x, y), found in spots.items():
        text = f"{found[0]:g}" if len(found) == 1 else f"{min(found):g} to {max(found):g}"
        axes.annotate(text, (x, y), (0, 6), textcoords="offset points", ha="center", fontsize=7.5, alpha=0.85)


def _figure(
    height_in: float, count: int = 1, left: float = 0.15, right: float = 0.97
) -> tuple[Figure, tuple[Axes, ...]]:
    """`count` panels under each other, with margins of a fixed size."""
    fig = Figure(figsize=(WIDTH_IN, height_in))
    FigureCanvasSVG(fig)
    panels = fig.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    fig.subplots_adjust(left, 0.48 / height_in, right, 1 - 0.3 / height_in, hspace=0.14)
    return fig, tuple(panels)


def _legend_above(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=3, handlelength=1.2, columnspacing=1.4)


def _line(index: int) -> dict[str, Any]:
    style = ("-", "--", ":")[index // len(CHECKS) % 3]
    return {"color": CHECKS[index % len(CHECKS)], "ls": style}


def _name(text: str) -> str:
    return plain(text, 16)


def _svg(fig: Figure, name: str, title: str) -> str:
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
