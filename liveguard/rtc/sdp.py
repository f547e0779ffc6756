"""What a WHIP client sends, checked before aiortc sees it: offers (RFC 9725) and trickled fragments (RFC 8840).

What `check_offer` makes of a text is what `RTCPeerConnection.setRemoteDescription` takes, and whose media can be
decoded. Messages never repeat what the stranger wrote. Nothing here keeps state; any thread may call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from aiortc import RTCIceCandidate, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS
from aiortc.exceptions import InvalidStateError
from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp, candidate_to_sdp

from liveguard.rtc.sdp_bundle import complete
from liveguard.rtc.sdp_lines import SdpError, check_sections, numbered, readable
from liveguard.types import Track

MAX_OFFER_CHARS = 64 * 1024
MAX_FRAGMENT_CHARS = 16 * 1024
MAX_CANDIDATES = 64  # in a fragment

_STUMBLES = (ValueError, LookupError, AttributeError, AssertionError, TypeError, StopIteration, RuntimeError)
"""What aiortc 1.16 raises on descriptions that it did not expect."""

_PROFILES = (
    "UDP/TLS/RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "TCP/DTLS/RTP/SAVPF",
    "TCP/DTLS/RTP/SAVP",
    "RTP/SAVPF",
    "RTP/SAVP",
)
_UNDECODABLE: tuple[str, ...] = ("VP9", "AV1", "H265")
_SENDING = ("sendonly", "sendrecv")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client wants to send, and can be decoded here.

    `ufrag` and `pwd` are the client's ICE credentials; `sections` are (kind, mid) in the order of the description; `sdp` is the
    description as aiortc takes it.
    """

    tracks: frozenset[Track]
    ufrag: str
    pwd: str = field(repr=False)
    sections: tuple[tuple[str, str], ...]
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A trickled fragment: candidates (each with its `sdpMid`) of the ICE generation that has these credentials."""

    ufrag: str
    pwd: str = field(repr=False)
    candidates: list[RTCIceCandidate]
    end_of_candidates: bool


# --- offers --------------------------------------------------------------------------------------------------------


def check_offer(text: str) -> Offer:
    """What the offer asks for; `SdpError` with status 400 or 406 if aiortc could not take it or nothing could be decoded."""
    lines = numbered(text, MAX_OFFER_CHARS)
    if not lines or lines[0][1] != "v=0":
        raise SdpError("line 1: an offer begins with v=0")
    check_sections(lines)
    sdp = "".join(f"{line}\r\n" for line in complete(readable(lines)))
    try:
        description = SessionDescription.parse(sdp)
    except _STUMBLES as error:
        raise SdpError(f"the offer cannot be read ({type(error).__name__})") from error
    media = description.media
    for section in media:
        _check_transport(section)
    for kind in ("video", "audio", "application"):
        if sum(section.kind == kind for section in media) > 1:
            raise SdpError(f"several {kind} sections: one stream of video and one of audio can be taken", 406)
    sent = [section for section in media if section.kind != "application"]
    for section in sent:
        _check_media(section)
    if not sent:
        raise SdpError("neither video nor audio is offered", 406)
    ice = _check_bundle(description).ice
    assert ice is not None  # checked with each section's transport
    return Offer(
        tracks=frozenset(cast("Track", section.kind) for section in sent),
        ufrag=ice.usernameFragment or "",
        pwd=ice.password or "",
        sections=tuple((section.kind, section.rtp.muxId) for section in media),
        sdp=sdp,
    )


async def set_offer(connection: RTCPeerConnection, text: str) -> Offer:
    """The offer, checked and set as the connection's remote description; `SdpError` for whatever it does not take."""
    offer = check_offer(text)
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp=offer.sdp, type="offer"))
    except (InvalidStateError, *_STUMBLES) as error:
        raise SdpError(f"the offer cannot be used ({type(error).__name__})") from error
    return offer


def _check_transport(section: MediaDescription) -> None:
    """Refuses a section that cannot be carried: each has a mid, ICE credentials and DTLS parameters, if only its bundle's."""
    kind = section.kind
    if kind not in ("video", "audio", "application"):
        raise SdpError("a section is neither video, audio nor a data channel", 406)
    if not section.rtp.muxId:
        raise SdpError(f"{kind}: a=mid is missing")
    if not section.ice or not section.ice.usernameFragment or not section.ice.password:
        raise SdpError(f"{kind}: a=ice-ufrag or a=ice-pwd is missing")
    if section.dtls is None:
        raise SdpError(f"{kind}: a=setup is missing")
    if not section.dtls.fingerprints:
        raise SdpError(f"{kind}: a=fingerprint is missing")
    if not any(fingerprint.algorithm.lower() in X509_DIGEST_ALGORITHMS for fingerprint in section.dtls.fingerprints):
        raise SdpError(f"{kind}: a=fingerprint with one of {', '.join(X509_DIGEST_ALGORITHMS)} is needed", 406)
    if kind == "application":
        if not section.profile.endswith("/DTLS/SCTP") or not section.sctp_port:
            raise SdpError("application: only data channels over UDP/DTLS/SCTP, with a=sctp-port, are understood", 406)
    elif section.profile not in _PROFILES:
        raise SdpError(f"{kind}: only media over DTLS (UDP/TLS/RTP/SAVPF) are accepted", 406)
    elif not section.rtcp_mux:
        raise SdpError(f"{kind}: a=rtcp-mux is needed", 406)


def _check_media(section: MediaDescription) -> None:
    """Refuses a video or audio section that does not send, or nothing that can be decoded here."""
    kind = section.kind
    if section.direction is None:
        raise SdpError(f"{kind}: a=sendonly or a=sendrecv is missing in its section")
    if section.direction not in _SENDING:
        raise SdpError(f"{kind}: it is {section.direction}, but only what a client sends can be guarded", 406)
    try:
        common = find_common_codecs(CODECS[kind], section.rtp.codecs)
    except _STUMBLES as error:
        raise SdpError(f"{kind}: its codecs cannot be read ({type(error).__name__})") from error
    # aiortc answers with a number of its own where the client's is neither dynamic nor the codec's fixed one.
    offered = {(codec.payloadType, codec.name.lower()) for codec in section.rtp.codecs}
    kept = [codec for codec in common if (codec.payloadType, codec.name.lower()) in offered]
    media = [codec for codec in kept if codec.name.lower() != "rtx"]
    if common and (not media or len({codec.payloadType for codec in common}) < len(common)):
        raise SdpError(f"{kind}: the payload types of codecs should be 96 to 127", 406)
    if not media:
        raise SdpError(_no_codec(kind, {codec.name.upper() for codec in section.rtp.codecs}), 406)


def _no_codec(kind: str, offered: set[str]) -> str:
    if kind == "audio":
        return "no audio codec that can be decoded here: send opus, G722, PCMU or PCMA"
    if "H264" in offered:
        return "H264 can be decoded here only as (constrained) baseline with packetization-mode=1: send that or VP8"
    known = [name for name in _UNDECODABLE if name in offered]
    what = " and ".join(filter(None, (", ".join(known[:-1]), known[-1]))) if known else "the video codecs offered"
    return f"{what} cannot be decoded here: send VP8 or H264"


def _check_bundle(description: SessionDescription) -> MediaDescription:
    """The section whose transport carries all; `SdpError` for an offer that would need one for each section."""
    media = {section.rtp.muxId: section for section in description.media}
    if len(media) < len(description.media):
        raise SdpError("two sections have the same a=mid")
    groups = [[str(mid) for mid in group.items] for group in description.group if group.semantic == "BUNDLE"]
    if not groups and len(media) == 1:
        return description.media[0]
    if len(groups) != 1 or sorted(groups[0]) != sorted(media):
        raise SdpError("all sections should be in one a=group:BUNDLE", 406)
    carrier = media[groups[0][0]]
    if not carrier.port:
        raise SdpError("the first section of a=group:BUNDLE is switched off (port 0)", 406)
    return carrier


# --- fragments -----------------------------------------------------------------------------------------------------


def parse_fragment(text: str) -> Fragment:
    """The credentials and candidates in the body of a PATCH (application/trickle-ice-sdpfrag); `SdpError` 400 if damaged.

    The index of a section is not kept: the sections of a fragment may be others than those of the offer, only `mid` tells.
    """
    ufrag, pwd, mid, end = set[str](), set[str](), None, False
    candidates: list[RTCIceCandidate] = []
    for number, line in numbered(text, MAX_FRAGMENT_CHARS):
        if line.startswith("m="):
            mid = None
            continue
        if not line.startswith("a="):
            raise SdpError(f"line {number}: a fragment has lines of a= and m= only")
        name, _, value = line[2:].partition(":")
        if name == "ice-ufrag":
            ufrag.add(value)
        elif name == "ice-pwd":
            pwd.add(value)
        elif name == "mid":
            mid = value
        elif name == "end-of-candidates":
            end = True
        elif name == "candidate":
            if mid is None:
                raise SdpError(f"line {number}: a=candidate should follow m= and a=mid")
            if len(candidates) == MAX_CANDIDATES:
                raise SdpError(f"line {number}: more than {MAX_CANDIDATES} candidates")
            candidate = candidate_from_sdp(value)
            candidate.sdpMid = mid
            candidates.append(candidate)
    if len(ufrag) != 1 or len(pwd) != 1:
        raise SdpError("a fragment has one a=ice-ufrag and one a=ice-pwd (repeated ones are the same)")
    return Fragment(ufrag.pop(), pwd.pop(), candidates, end)


def write_fragment(
    ufrag: str,
    pwd: str,
    candidates: Sequence[RTCIceCandidate],
    sections: Sequence[tuple[str, str]] = (("video", "0"),),
) -> str:
    """The answer to an ICE restart: our new credentials and all our candidates. `sections`: (kind, mid), as in the `Offer`."""
    kind, mid = sections[0]
    lines = [
        "a=ice-options:trickle",
        f"a=group:BUNDLE {' '.join(mid for _, mid in sections)}",
        f"m={kind} 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{mid}",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{pwd}",
        *(f"a=candidate:{candidate_to_sdp(candidate)}" for candidate in candidates),
        "a=end-of-candidates",
    ]
    return "\r\n".join(lines) + "\r\n"
