"""What the challenges of one session say together: live, not live, or cannot judge.

Evidence adds up; a step that cannot be judged adds nothing, and nothing is never taken for a pass.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from liveguard.challenge.check import ARTEFACT_NATS, MIRRORED, MOST_NATS
from liveguard.challenge.policy import DEPTH, UNFILMED, Kind, ProofPolicy
from liveguard.kyc.hints import Hint, hints
from liveguard.types import HYPOTHESES, Reading
from liveguard.words import HYPOTHESIS_WORDS

Outcome: TypeAlias = Literal["live", "not_live", "cannot_judge"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

LEAST_WELL_DONE: Final = 2
"""One challenge alone proves too little, however well it went; what speaks neither way is none."""
OBJECTION_NATS: Final = 2.0
"""A step that speaks for an attack this clearly is not outweighed by others."""
DECISIVE_NATS: Final = 4.0
"""A step that speaks for an attack this clearly decides by itself."""
PASSIVE_MOST_NATS: Final = 4.0
"""No more is added for the checks that run all the time: they are not what the session is decided on."""

ASK_A_PERSON: Final = (
    "the person left out too much of what tells somebody who is there from pictures: ask somebody to check"
)

STEP_WORDS: Final[Mapping[Kind, str]] = {
    "light": "the coloured light",
    "pose": "turning the head",
    "occlusion": "the hand before the face",
    "rhythm": "moving on the beat",
    "digits": "the spoken digits",
    "distance": "coming nearer",
}
"""What a person calls each challenge."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one challenge went. `nats` > 0 speaks for an attack; None: it could not be judged, and `why` says the reason."""

    kind: Kind
    nats: float | None
    why: str
    measures: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: Kind, reading: Reading) -> StepResult:
        """From what the challenge's check said of the window in which it was done."""
        return cls(kind, reading.llr, reading.why, reading.measures)

    @property
    def depth_nats(self) -> float | None:
        """> 0: what should show a head looked flat. None: nothing was seen of depth, however well it was done."""
        if self.kind not in DEPTH or _nats(self.nats) is None:
            return None
        return _nats(self.measures.get(ARTEFACT_NATS))


@dataclass(frozen=True, slots=True)
class Decision:
    """`nats`: all evidence together, > 0 speaks for an attack. `reasons`: in words, the weightiest first, for the caller.
    `hints`: what the person is told to change, where it could not be judged. `final`: another try could not be live either.
    """

    verdict: Outcome
    nats: float
    reasons: tuple[str, ...]
    hints: tuple[Hint, ...] = ()
    final: bool = False


def decide(
    policy: ProofPolicy,
    results: Sequence[StepResult],
    passive: Mapping[str, float],
    needs: Collection[str] = (),
    own_needs: Collection[str] = (),
) -> Decision:
    """The verdict on what was asked (`results`, in order, also of steps that were never done) and seen all along.

    not_live: the sum reaches `policy.not_live_nats`, or one step 4 nats. live: the sum is at or below
    `-policy.live_nats`, at least two steps speak for a person, none speaks for an attack by 2 nats or more, depth was seen in
    at least one step, no step that tells a head from a flat picture, nor its depth alone, speaks for an attack at all, one of
    those that speak for a person is such that a film from before does not answer it, and none was done to the other side: a
    mirrored camera is no attack, and no attack gains by looking like one. All else cannot be judged.

    `needs`: what the caller said that the person cannot do; `own_needs`: what only they themselves did. Only a caller can do
    without depth, or without what no film answers: whoever is examined does not choose to be examined less.

    `passive`: nats of the always-running checks by hypothesis. Only the strongest that speaks for an attack counts, up to
    4: the hypotheses are ways to attack, of which one is enough, and a call that merely looks well proves nobody live.
    """
    judged = [(result, nats) for result in results if (nats := _nats(result.nats)) is not None]
    against, seen_nats = _strongest(passive)
    total_nats = math.fsum([*(nats for _, nats in judged), seen_nats])
    worst_nats = max((nats for _, nats in judged), default=0.0)
    left_out = _left_out(policy, needs, own_needs)
    if total_nats >= policy.not_live_nats or worst_nats >= DECISIVE_NATS:
        return Decision("not_live", total_nats, (*_objections(judged, against, seen_nats), *left_out))
    in_vain = policy.leaves_too_much(needs, own_needs)
    missing = _missing(policy, results, judged, total_nats, asked=set(policy.kinds) - set(policy.spared(needs)))
    if not missing and not in_vain:
        done = [f"{STEP_WORDS[it.kind]}: {it.why}" for it, _ in _by_weight(judged)]
        return Decision("live", total_nats, (*done, *left_out))
    unjudged = [f"{STEP_WORDS[it.kind]} could not be judged: {it.why}" for it in results if _nats(it.nats) is None]
    shallow = [it for it, nats in judged if it.kind in DEPTH and it.depth_nats is None and nats <= 0]
    depthless = [f"{STEP_WORDS[it.kind]} was done, and showed no depth: {it.why}" for it in shallow]
    doubts = _objections(judged, against, seen_nats)
    advice = (ASK_A_PERSON,) if in_vain else _advice(unjudged, doubts)
    told = hints(it.why for it in results if _nats(it.nats) is None or it in shallow)
    reasons = (*missing, *doubts, *depthless, *unjudged, *advice, *left_out)
    return Decision("cannot_judge", total_nats, reasons, ("left_out",) if in_vain else told, final=in_vain)


def _nats(nats: float | None) -> float | None:
    """Bounded as a check of ours bounds it; None for what is no number."""
    return None if nats is None or math.isnan(nats) else max(min(nats, MOST_NATS), -MOST_NATS)


def _strongest(passive: Mapping[str, float]) -> tuple[str, float]:
    """The hypothesis that most is seen for, and its nats; ("", 0) where nothing speaks for an attack."""
    for_attack = {name: nats for name, nats in passive.items() if nats > 0}  # never NaN
    if not for_attack:
        return "", 0.0
    name = max(for_attack, key=lambda each: for_attack[each])
    return name, min(for_attack[name], PASSIVE_MOST_NATS)


Judged: TypeAlias = Sequence[tuple[StepResult, float]]


def _by_weight(judged: Judged) -> Judged:
    return sorted(judged, key=lambda each: -abs(each[1]))


def _objections(judged: Judged, against: str, seen_nats: float) -> tuple[str, ...]:
    """What speaks for an attack, the strongest first."""
    said = [(nats, f"{STEP_WORDS[result.kind]}: {result.why}") for result, nats in judged if nats > 0]
    if seen_nats > 0:
        words = HYPOTHESIS_WORDS[against] if against in HYPOTHESES else "other checks found something strange"
        said.append((seen_nats, f"during the whole session: {words}"))
    return tuple(words for _, words in sorted(said, key=lambda each: -each[0]))


def _left_out(policy: ProofPolicy, needs: Collection[str], own_needs: Collection[str]) -> tuple[str, ...]:
    """What could not be drawn, and who said so."""
    spared = (("the caller", policy.spared(needs)), ("the person", policy.spared(own_needs)))
    return tuple(
        f"left out by {who}: {', '.join(STEP_WORDS[kind] for kind in kinds)}" for who, kinds in spared if kinds
    )


def _missing(
    policy: ProofPolicy, results: Sequence[StepResult], judged: Judged, total_nats: float, asked: Collection[Kind]
) -> tuple[str, ...]:
    """What stands between this session and "live". `asked`: the kinds that the caller wants to be asked for."""
    said = []
    well_done = sum(nats < 0 for _, nats in judged)
    if well_done < LEAST_WELL_DONE:
        said.append(f"{well_done} of {len(results)} challenges speak for a person, at least {LEAST_WELL_DONE} must")
    if any(nats >= OBJECTION_NATS for _, nats in judged):
        said.append("one challenge looks like an attack, which the others do not outweigh")
    depth = [nats for result in results if (nats := result.depth_nats) is not None]
    if not DEPTH.isdisjoint(asked) and not depth:
        said.append("nothing has shown that this is a head and no flat picture")
    if any(nats > 0 for nats in [*depth, *(nats for result, nats in judged if result.kind in DEPTH)]):
        said.append("what should show a head looked flat")
    if not UNFILMED.isdisjoint(asked) and not any(nats < 0 for result, nats in judged if result.kind in UNFILMED):
        said.append("nothing was done well that pictures from before could not have shown")
    if any(result.why == MIRRORED for result in results):
        said.append(
            "a step was done to the other side, as by a mirrored camera or by somebody who was asked something else"
        )
    if not total_nats <= -policy.live_nats:
        said.append(f"the evidence adds up to {total_nats:+.1f} nats; {-policy.live_nats:g} or less would say live")
    return tuple(said)


def _advice(unjudged: Sequence[str], doubts: Sequence[str]) -> tuple[str, ...]:
    """What to change, where the reasons of the steps themselves do not say it all."""
    if unjudged:
        return ("try again in even light, alone in the picture, with the face large and the camera still",)
    if doubts:
        return ("try again, and do each challenge when it is asked for, or ask a person to check",)
    return ("try again and take the time that each challenge gives",)
