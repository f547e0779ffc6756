"""Damaged descriptions give an Offer or an SdpError, quickly; and aiortc takes whatever gives an Offer."""

from __future__ import annotations

import asyncio
import random
import re
import time
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.rtc.ice import prepare
from liveguard.rtc.sdp import Offer, SdpError, check_offer, parse_fragment, set_offer
from tests.unit.test_rtc_sdp import ALL, TRICKLE

pytestmark = pytest.mark.fuzz

SLOW_S = 1.0  # of a text of the largest size; an ordinary offer takes about a millisecond
SEEDS = [*ALL.values()]
LINES = sorted({line for seed in (*SEEDS, TRICKLE) for line in seed.split("\r\n")})
ODD = [
    "",
    " ",
    "0",
    "-1",
    "65536",
    "4294967296",
    "9" * 400,
    "\x00",
    "\u2028",
    "٣",
    "é",
    "\ud800",
    ":",
    "*",
    "=",
    "/",
    "none",
]


def mutate(text: str, dice: random.Random) -> str:
    """The text with a few lines lost, doubled, moved or exchanged, or words and characters in them changed."""
    lines = text.split("\r\n")
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(lines))
        what = dice.randrange(8)
        if what == 0:
            del lines[at : at + dice.choice((1, 1, 5))]
        elif what == 1:
            lines[at:at] = [lines[at]] * dice.choice((1, 2, 70, 300))
        elif what == 2:
            lines.insert(at, lines.pop(dice.randrange(len(lines))))
        elif what == 3:
            lines[at] = dice.choice(LINES)
        elif what == 4:
            lines.insert(at, dice.choice(LINES))
        elif what == 5:
            words = re.split(r"([ :/;=])", lines[at])
            words[dice.randrange(len(words))] = dice.choice((*ODD, *re.split(r"[ :/;=]", dice.choice(LINES))))
            lines[at] = "".join(words)
        elif what == 6:
            cut = dice.randrange(len(lines[at]) + 1)
            lines[at] = (
                lines[at][:cut] + chr(dice.choice((dice.randrange(128), dice.randrange(0x3000)))) + lines[at][cut + 1 :]
            )
        else:
            number = str(dice.choice((0, 1, 2, 9, 35, 64, 95, 127, 128, 255, 256, 65_535, 65_536, 2**31, 2**32, 2**64)))
            lines[at] = re.sub(r"\d+", number, lines[at], count=dice.choice((0, 1)))
        if not lines:
            lines = [""]
    return "\r\n".join(lines)


def offer_or_refusal(text: str) -> Offer | None:
    begin_s = time.perf_counter()
    answer: Offer | SdpError
    try:
        answer = check_offer(text)
    except SdpError as error:
        answer = error
    assert time.perf_counter() - begin_s < SLOW_S
    if isinstance(answer, Offer):
        return answer
    assert answer.status in (400, 406)
    assert len(str(answer)) < 200
    return None


def fragment_or_refusal(text: str) -> None:
    try:
        fragment = parse_fragment(text)
    except SdpError:
        return
    assert len(fragment.candidates) <= 64
    assert all(candidate.sdpMid and candidate.port < 65_536 for candidate in fragment.candidates)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_offers(seed: int) -> None:
    dice = random.Random(seed)
    accepted = sum(offer_or_refusal(mutate(dice.choice(SEEDS), dice)) is not None for _ in range(1500))
    assert 150 < accepted < 1350  # else the mutants would test one side only


def test_mutated_fragments() -> None:
    dice = random.Random(5)
    for _ in range(3000):
        fragment_or_refusal(mutate(TRICKLE, dice))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.lists(st.sampled_from(LINES) | st.text(max_size=20), max_size=40).map("\r\n".join))
def test_any_text(text: str) -> None:
    offer_or_refusal(text)
    offer_or_refusal("v=0\r\n" + text)
    fragment_or_refusal(text)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 8000), st.integers(0, 200), st.text(max_size=6))
def test_any_replacement(seed: str, start: int, length: int, text: str) -> None:
    offer_or_refusal(seed[:start] + text + seed[start + length :])


def test_the_largest_offers_are_quick() -> None:
    """Each kind of line as often as it may be: parts of aiortc's parser take the product of two counts."""
    types = [number for number in range(128) if not 72 <= number <= 76]
    lines = [
        f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, types[:100]))}",
        *("a=mid:1", "a=sendonly", "a=rtcp-mux", *(f"a=ssrc:{number} cname:x" for number in range(64))),
        *(f"a=rtpmap:{number} VP8/90000" for number in types[-28:]),
        *(f"a=rtpmap:{number} x/90000" for number in types[:-28]),
        *("a=rtcp-fb:* nack pli" for _ in range(512)),
        *(f"a=fmtp:{number} {'a;' * 100}" for number in types[:110]),
    ]
    text = ALL["obs"].partition("m=video")[0] + "".join(f"{line}\r\n" for line in lines)
    offer = offer_or_refusal(text)
    assert offer is not None
    assert offer.tracks == {"audio", "video"}
    for more in ("a=rtcp-fb:* nack\r\n", "a=ssrc:64 cname:x\r\n"):
        assert offer_or_refusal(text + more) is None


def test_what_passes_is_taken_and_answered() -> None:
    """Nothing that an accepted mutant does to a real connection goes unnoticed, not even in aiortc's background tasks."""
    unheard: list[dict[str, Any]] = []

    async def answer(text: str) -> None:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        prepare(peer, ["127.0.0.1"])
        try:
            offer = await set_offer(peer, text)  # an SdpError after check_offer fails the test, too
            await peer.setLocalDescription(await peer.createAnswer())
            answered = SessionDescription.parse(peer.localDescription.sdp).media
            assert offer.tracks == {section.kind for section in answered if section.kind != "application"}
            assert all(section.rtp.codecs for section in answered if section.kind != "application")
            assert peer.remoteDescription.sdp
            await asyncio.sleep(0)
        finally:
            await peer.close()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
        dice = random.Random(11)
        taken = 0
        while taken < 120:
            text = mutate(mutate(dice.choice(SEEDS), dice), dice)
            if offer_or_refusal(text) is not None and text not in SEEDS:
                await answer(text)
                taken += 1
        for seed in SEEDS:
            await answer(seed)

    asyncio.run(main())
    assert unheard == []
