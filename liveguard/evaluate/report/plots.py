"""What the page draws, as inline SVG: light or dark as the page is, and the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from liveguard.evaluate import metrics
from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report.canvas import (
    ATTACK,
    GENUINE,
    HEIGHT_IN,
    INK,
    det_axes,
    deviate,
    legend_above,
    line_style,
    panels,
    short,
    style,
    svg,
)
from liveguard.evaluate.scores import Scores

LEAST = 5  # recordings, before their spread is worth a look
FLAGGED, MISSED = "genuine recordings flagged (%)", "attacks missed (%)"


def plots(figures: Figures, scores: Mapping[str, Scores]) -> dict[str, str]:
    """SVG by name: `roc`, `det`, `trade_off`, and `histogram CHECK`, `reliability CHECK`, `kinds CHECK`.

    A plot that there is nothing for is left out. Made to stand in an HTML page: without a namespace, in the page's own
    colours (`currentColor`, `--genuine`, `--attack`) and font.
    """
    both = {name: own for name, own in sorted(scores.items()) if own.attack.any() and not own.attack.all()}
    drawn: dict[str, str] = {}
    with style():
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


def _roc(scores: Mapping[str, Scores]) -> str:
    fig, (axes,) = panels(HEIGHT_IN)
    axes.plot([0, 100], [0, 100], color=INK, lw=0.6, ls=":", alpha=0.7)
    for index, (name, own) in enumerate(scores.items()):
        curve = metrics.roc(own.own, own.attack)
        axes.plot(100 * curve.fpr, 100 * curve.tpr, label=short(name), lw=1.5, **line_style(index))
    axes.set(xlim=(0, 100), ylim=(0, 101), xlabel=FLAGGED, ylabel="attacks flagged (%)")
    axes.legend(loc="lower right", handlelength=1.8, labelspacing=0.3)
    return svg(fig, "roc", "ROC curves of the checks")


def _det(scores: Mapping[str, Scores]) -> str:
    fig, (axes,) = panels(HEIGHT_IN)
    det_axes(axes)
    for index, (name, own) in enumerate(scores.items()):
        curve = metrics.roc(own.own, own.attack)
        axes.plot(deviate(curve.fpr), deviate(1 - curve.tpr), label=short(name), lw=1.5, **line_style(index))
    axes.set(xlabel=FLAGGED, ylabel=MISSED)
    return svg(fig, "det", "DET curves of the checks")


def _histogram(scores: Scores) -> str:
    fig, (axes,) = panels(HEIGHT_IN)
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
    legend_above(axes)
    return svg(fig, f"histogram {scores.check}", f"Scores of {scores.check}, genuine against attack")


def _reliability(name: str, bins: Sequence[tuple[float, float, float]]) -> str:
    fig, (axes,) = panels(HEIGHT_IN)
    said, true, mass = np.array(bins).T
    axes.plot([0, 1], [0, 1], color=INK, lw=0.6, ls=":", alpha=0.7)
    axes.plot(said, true, color=INK, lw=1.0, alpha=0.6)
    axes.scatter(said, true, s=240 * mass / mass.sum(), color=INK, lw=0, zorder=3)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="probability of an attack, as said", ylabel="true share")
    return svg(fig, f"reliability {name}", f"Said probability against true share, {name}")


def _kinds(name: str, check: Figures) -> str:
    """Thick: interval over people. Thin: over sources."""
    rows = [("all", check, check["n_attack"])]
    rows += [(kind, own, own["n_attack"]) for kind, own in check["by_kind"].items() if own.get("auc") is not None]
    fig, (axes,) = panels(0.75 + 0.27 * len(rows), left=0.32, right=0.86)
    axes.axvline(0.5, color=INK, lw=0.6, ls=":", alpha=0.7)
    for y, (_, own, count) in enumerate(rows):
        for ends, width in ((own.get("auc_ci_sources"), 0.8), (own.get("auc_ci"), 3.2)):
            if ends is not None and None not in ends:
                axes.plot(ends, [y, y], color=ATTACK, lw=width, solid_capstyle="butt", alpha=0.75)
        axes.plot([own["auc"]], [y], "o", color=INK, ms=4.5, mew=0)
        axes.text(1.03, y, f"n {count}", va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(rows)), [short(row[0]) for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6), xlabel="AUC")
    return svg(fig, f"kinds {name}", f"AUC of {name} by kind of attack")


def _trade_off(sessions: Figures) -> str:
    """Detected share and median delay over false alerts an hour: each point is one threshold."""
    rows = [row for row in sessions["trade_off"] if _drawable(row)]
    shipped = sessions if _drawable(sessions) else None
    place, ticks = _log_with_zero([row["false_alerts_per_hour"] for row in (*rows, *([shipped] if shipped else ()))])
    fig, (upper, lower) = panels(1.6 * HEIGHT_IN, count=2)
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
        legend_above(upper)
    return svg(fig, "trade_off", "Detected attacks and median delay against false alerts an hour")


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
