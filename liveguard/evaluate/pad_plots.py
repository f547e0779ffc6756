"""What the page on liveness sessions draws, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from liveguard.evaluate.figures import Figures
from liveguard.evaluate.report.canvas import (
    ATTACK,
    GENUINE,
    HEIGHT_IN,
    INK,
    det_axes,
    deviate,
    line_style,
    panels,
    short,
    style,
    svg,
)


def pad_plots(figures: Figures) -> dict[str, str]:
    """SVG by name: `strip`, `curve` and `det`, one that there is nothing for is left out."""
    groups = {"bona fide": figures["nats"]["bonafide"], **figures["nats"]["species"]}
    groups = {name: own for name, own in groups.items() if own}
    drawn: dict[str, str] = {}
    with style():
        if groups:
            drawn["strip"] = _strip(groups, figures["conditions"]["policies"])
        if figures["curve"]:
            drawn["curve"] = _curve(figures["curve"], figures["conditions"]["policies"])
            drawn["det"] = _det(figures["curve"])
    return drawn


def _strip(groups: Mapping[str, Sequence[float]], policies: Sequence[Figures]) -> str:
    """Each session's nats; at the same height they are kept apart, by the same steps every time."""
    fig, (axes,) = panels(0.85 + 0.34 * len(groups), left=0.38)
    for at in {each for policy in policies for each in (-policy["live_nats"], policy["not_live_nats"])}:
        axes.axvline(at, color=INK, lw=0.6, ls=":", alpha=0.7)
    for y, (name, own) in enumerate(groups.items()):
        colour = ATTACK if y or name != "bona fide" else GENUINE
        apart = 0.5 * (np.arange(len(own)) * 0.618034 % 1 - 0.5)
        axes.plot(own, y + apart, "o", color=colour, ms=3.2, mew=0, alpha=0.55)
        middle = float(np.median(own))
        axes.plot([middle, middle], [y - 0.36, y + 0.36], color=INK, lw=1.6)
    axes.set_yticks(range(len(groups)), [f"{short(name)} ({len(own)})" for name, own in groups.items()])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(ylim=(len(groups) - 0.5, -0.5), xlabel="evidence for an attack (nats)")
    return svg(fig, "pad strip", "Evidence of the sessions, bona fide and by attack instrument")


def _curve(curve: Sequence[Figures], policies: Sequence[Figures]) -> str:
    legend_in = 0.19 * ((len(curve[0]["apcer"]) + 3) // 2)
    fig, (axes,) = panels(HEIGHT_IN + legend_in)
    fig.subplots_adjust(top=1 - (legend_in + 0.12) / (HEIGHT_IN + legend_in))
    nats = [row["live_nats"] for row in curve]
    for at in {policy["live_nats"] for policy in policies}:
        axes.axvline(at, color=INK, lw=0.6, ls=":", alpha=0.7)
    for index, name in enumerate(curve[0]["apcer"]):
        line = {**line_style(index + 1), "lw": 1.0}
        axes.step(nats, [100 * row["apcer"][name] for row in curve], where="pre", label=short(name), **line)
    axes.step(
        nats,
        [100 * row["apcer_worst"] for row in curve],
        where="pre",
        color=ATTACK,
        lw=2.2,
        label="APCER, worst",
        zorder=1,
    )
    axes.step(nats, [100 * row["bpcer"] for row in curve], where="pre", color=GENUINE, lw=2.2, label="BPCER")
    axes.set(xlabel="evidence needed to be live (live_nats)", ylabel="rate (%)", ylim=(-3, 103))
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=2, handlelength=1.4, columnspacing=1.4)
    return svg(fig, "pad curve", "APCER and BPCER against the threshold")


def _det(curve: Sequence[Figures]) -> str:
    fig, (axes,) = panels(1.15 * HEIGHT_IN)
    bpcer, apcer = (np.array([row[name] for row in curve]) for name in ("bpcer", "apcer_worst"))
    det_axes(axes)
    axes.plot(deviate(bpcer), deviate(apcer), color=INK, lw=1.5, drawstyle="steps-post")
    axes.set(xlabel="BPCER (%)", ylabel="APCER, worst instrument (%)")
    return svg(fig, "pad det", "APCER of the worst instrument against BPCER")
