"""How a hand before the face shows in its patches: what changed, where, when, and whether the face still shows through.

Skin covers skin, so colour alone tells little. A patch is compared texel by texel with the person's own bare patch from
before the cue, after what changed in all patches alike (exposure, white balance) is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liveguard.types import BoolArray, FloatArray

_DARK = 8.0  # grey levels: keeps noise in the dark from becoming change
_STILL = 0.03  # log units: bare patches change by so much even where the head is still
_EDGE_STILL = 0.05
_COARSE = 2.0  # cells of a patch: shading, which any round thing has, is coarser
_RELIEF_LEAST = 0.02  # log units: a bare patch with less relief has nothing to show through


@dataclass(frozen=True, slots=True)
class Phases:
    """Which samples (n,) are from before the cue, from while the region should be covered, and from after."""

    bare: BoolArray
    covered: BoolArray
    after: BoolArray


@dataclass(frozen=True, slots=True)
class Covering:
    """What was seen. Changes are logs of a change over that of the bare patch: 0 is bare, 2 is quite another thing.

    `change`: of the asked region while covered; `lead`: how much more than the middle of the other regions; `back`: how much
    less afterwards; `in_time`: share of the pictures in which the region is covered or bare as it should be. `ghost`:
    how much of the bare patch's relief the covered one has, and `ghost_told`: whether the bare patch has enough of it;
    `edge`: the largest change beside the outline; `flips_hz`: how often a second the covered region turns bare and back.
    `by_region`: change of each.
    """

    change: float
    lead: float
    back: float
    in_time: float
    ghost: float
    ghost_told: bool
    edge: float
    flips_hz: float
    by_region: tuple[float, ...]


def covering(t_s: FloatArray, patches: FloatArray, around: FloatArray, phases: Phases, region: int) -> Covering:
    """From patches (n, 5, 12, 12, 3) and colours around the face (n, 12, 3)."""
    logs = np.log(patches + _DARK)
    own = logs[phases.bare].mean(axis=0)
    differ = logs - own
    # A hand may take up less than half of all texels; then their median is what light and camera did.
    differ = differ - np.median(differ, axis=(1, 2, 3), keepdims=True)
    far = np.sqrt((differ**2).mean(axis=(2, 3, 4)))
    usual = np.median(far[phases.bare], axis=0)
    change = np.log((far + _STILL) / (usual + _STILL))
    by_region = np.median(change[phases.covered], axis=0)
    asked = change[:, region]
    others = np.delete(by_region, region)
    half = float(by_region[region]) / 2
    after = float(np.median(asked[phases.after])) if phases.after.any() else float("nan")
    ghost, told = _ghost(logs[:, region], phases)
    return Covering(
        change=float(by_region[region]),
        lead=float(by_region[region] - np.median(others)),
        back=float(by_region[region]) - after,
        in_time=_in_time(asked, half, phases),
        ghost=ghost,
        ghost_told=told,
        edge=_edge(around, phases),
        flips_hz=_flips_hz(t_s, asked, phases.covered),
        by_region=tuple(by_region.tolist()),
    )


def _in_time(asked: FloatArray, half: float, phases: Phases) -> float:
    """Mean of the shares of covered pictures that look so, and of others that look bare."""
    covered = float((asked[phases.covered] > half).mean())
    bare = float((asked[phases.bare | phases.after] < half).mean())
    return (covered + bare) / 2


def _ghost(logs: FloatArray, phases: Phases) -> tuple[float, bool]:
    """How much of the bare patch (n, 12, 12, 3) is in the covered one, in parts of it: median of the regressions of the fine
    relief of all three colours."""
    relief = np.stack([patch - cv2.GaussianBlur(patch, (0, 0), _COARSE) for patch in logs])
    own = relief[phases.bare].mean(axis=0)
    energy = float((own**2).sum())
    parts = (relief[phases.covered] * own).sum(axis=(1, 2, 3)) / max(energy, 1e-9)
    return float(np.median(parts)), energy / own.size >= _RELIEF_LEAST**2


def _edge(around: FloatArray, phases: Phases) -> float:
    """The second largest change of the spots outside of the outline; NaN where fewer than four are in the picture."""
    shown = np.isfinite(around).all(axis=(0, 2))
    if np.count_nonzero(shown) < 4:
        return float("nan")
    logs = np.log(around[:, shown] + _DARK)
    differ = logs - logs[phases.bare].mean(axis=0)
    far = np.sqrt((differ**2).mean(axis=2))
    usual = np.median(far[phases.bare], axis=0)
    change = np.log((far + _EDGE_STILL) / (usual + _EDGE_STILL))
    return float(np.sort(np.median(change[phases.covered], axis=0))[-2])


def _flips_hz(t_s: FloatArray, asked: FloatArray, covered: BoolArray) -> float:
    """Changes a second between clearly covered and clearly bare while it should be covered."""
    values, seconds = asked[covered], float(np.ptp(t_s[covered])) if covered.any() else 0.0
    if seconds <= 0:
        return 0.0
    top = float(np.percentile(values, 90))
    state, flips = True, 0
    for value in values.tolist():
        if state and value < 0.3 * top:
            state, flips = False, flips + 1
        elif not state and value > 0.7 * top:
            state, flips = True, flips + 1
    return flips / seconds
