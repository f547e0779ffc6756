"""What an SFU answers to our offer, checked and completed before aiortc sees it.

A section of an answer may leave out what the one that carries the bundle says (RFC 9143), and a refused one says next to
nothing; aiortc 1.16 wants each to be complete, and takes the candidates of the last one. So each is given what holds for all.
Messages never repeat what the stranger wrote. Nothing here keeps state; any thread may call.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS
from aiortc.exceptions import InvalidStateError, OperationError
from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.sdp import MediaDescription, SessionDescription

from liveguard.rtc.sdp_lines import SdpError, check_sections, numbered, readable

if TYPE_CHECKING:
    from liveguard.types import Track

MAX_ANSWER_CHARS = 64 * 1024
_STUMBLES = (ValueError, LookupError, AttributeError, AssertionError, TypeError, StopIteration, RuntimeError)
"""What aiortc 1.16 raises on descriptions that it did not expect."""
_DISCARD_PORT = 9


@dataclass(frozen=True, slots=True)
class Answer:
    """A description that aiortc takes, and what will come."""

    sdp: str
    tracks: frozenset[Track]


async def set_answer(connection: RTCPeerConnection, text: str) -> Answer:
    """The answer to the connection's own offer, checked and set; `SdpError` for what cannot be used."""
    answer = read_answer(text, connection.localDescription.sdp)
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp=answer.sdp, type="answer"))
    except (InvalidStateError, OperationError, *_STUMBLES) as error:
        raise SdpError(f"it cannot be used ({type(error).__name__})") from error
    return answer


def read_answer(text: str, offer: str) -> Answer:
    """What is answered to `offer`; `SdpError` if it is malformed, or brings nothing that can be received."""
    if not text.startswith("v=0"):
        raise SdpError("it is not a session description, which begins with v=0")
    lines = numbered(text, MAX_ANSWER_CHARS)
    check_sections(lines)
    try:
        answer, ours = SessionDescription.parse("\r\n".join(readable(lines))), SessionDescription.parse(offer)
    except _STUMBLES as error:
        raise SdpError(f"it cannot be read ({type(error).__name__})") from error
    if _names(answer) != _names(ours):
        raise SdpError("it has other sections than our offer")
    coming = [section for section in answer.media if _sends(section)]
    if not coming:
        raise SdpError("the stream has neither picture nor sound that can be received here", 406)
    carrier = _carrier(answer, coming)
    for section in coming:
        _check_media(section)
    answer.media = [
        _complete(section if section in coming else _refused(asked), carrier, answer.media)
        for section, asked in zip(answer.media, ours.media, strict=True)
    ]
    return Answer(str(answer), frozenset(cast("Track", section.kind) for section in coming))


def _names(description: SessionDescription) -> list[tuple[str, str]]:
    return [(section.kind, section.rtp.muxId) for section in description.media]


def _sends(section: MediaDescription) -> bool:
    # Without a direction it is sendrecv (RFC 8866, section 6.7).
    return section.port != 0 and section.direction in (None, "sendonly", "sendrecv")


def _carrier(answer: SessionDescription, coming: Sequence[MediaDescription]) -> MediaDescription:
    """The section whose transport carries all."""
    mids = next((list(map(str, group.items)) for group in answer.group if group.semantic == "BUNDLE"), [])
    if len(coming) > 1 and not all(section.rtp.muxId in mids for section in coming):
        raise SdpError("picture and sound should come over one transport (a=group:BUNDLE)", 406)
    carrier = next((section for section in coming if mids and section.rtp.muxId == mids[0]), coming[0])
    if not carrier.ice or not carrier.ice.usernameFragment or not carrier.ice.password:
        raise SdpError(f"{carrier.kind}: a=ice-ufrag or a=ice-pwd is missing")
    if carrier.dtls is None or carrier.dtls.role not in ("client", "server"):
        raise SdpError(f"{carrier.kind}: a=setup should be active or passive")
    if not any(print_.algorithm.lower() in X509_DIGEST_ALGORITHMS for print_ in carrier.dtls.fingerprints):
        raise SdpError(f"{carrier.kind}: a=fingerprint with one of {', '.join(X509_DIGEST_ALGORITHMS)} is needed")
    return carrier


def _check_media(section: MediaDescription) -> None:
    if not section.rtcp_mux:
        raise SdpError(f"{section.kind}: a=rtcp-mux is needed", 406)
    try:
        common = find_common_codecs(CODECS[section.kind], section.rtp.codecs)
    except _STUMBLES as error:
        raise SdpError(f"{section.kind}: its codecs cannot be read ({type(error).__name__})") from error
    if not any(codec.name.lower() != "rtx" for codec in common):
        raise SdpError(f"{section.kind}: it comes in a codec that was not offered", 406)


def _refused(asked: MediaDescription) -> MediaDescription:
    """Our own section, switched off: aiortc looks for codecs also in one that is refused."""
    section = copy(asked)
    section.direction = "inactive"
    return section


def _complete(
    section: MediaDescription, carrier: MediaDescription, all_sections: Sequence[MediaDescription]
) -> MediaDescription:
    section.direction = section.direction or "sendrecv"
    section.ice, section.dtls, section.ice_options = carrier.ice, carrier.dtls, carrier.ice_options
    section.ice_candidates = [one for other in all_sections for one in other.ice_candidates]
    section.ice_candidates_complete = any(other.ice_candidates_complete for other in all_sections)
    # aiortc writes a=rtcp-mux only behind a=rtcp.
    section.rtcp_port, section.rtcp_host, section.rtcp_mux = section.rtcp_port or _DISCARD_PORT, None, True
    return section
