"""Answers of SFUs: what is completed, what is refused."""

from __future__ import annotations

import pytest
from aiortc.sdp import SessionDescription

from liveguard.rtc.sdp_answer import read_answer
from liveguard.rtc.sdp_lines import SdpError

PRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901"
HOST = "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\na=end-of-candidates"
OPUS = "a=rtpmap:96 opus/48000/2"
VP8 = "a=rtpmap:97 VP8/90000"


def section(kind: str, mid: str, *lines: str, port: int = 9) -> str:
    payload_type, codec = ("96", OPUS) if kind == "audio" else ("97", VP8)
    first = f"m={kind} {port} UDP/TLS/RTP/SAVPF {payload_type}"
    return "\r\n".join((first, "c=IN IP4 0.0.0.0", f"a=mid:{mid}", "a=rtcp-mux", codec, *lines)) + "\r\n"


def description(*sections: str, bundle: str = "0 1", more: str = "") -> str:
    return f"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {bundle}\r\n{more}" + "".join(sections)


OURS = (ICE, PRINT, "a=setup:actpass", "a=recvonly")
OFFER = description(section("audio", "0", *OURS), section("video", "1", *OURS))
THEIRS = (ICE, PRINT, "a=setup:passive", "a=sendonly")
SOUND, PICTURE = section("audio", "0", *THEIRS, HOST), section("video", "1", *THEIRS)


def test_each_section_says_what_holds_for_all() -> None:
    answer = read_answer(description(SOUND, section("video", "1", "a=sendonly"), more="a=ice-lite\r\n"), OFFER)
    assert answer.tracks == {"video", "audio"}
    sound, picture = SessionDescription.parse(answer.sdp).media
    for one in (sound, picture):
        assert one.ice.usernameFragment == "abcd"
        assert one.ice.iceLite
        assert one.dtls is not None
        assert one.dtls.role == "server"
        assert one.rtcp_mux
        assert [candidate.port for candidate in one.ice_candidates] == [5000]
        assert one.ice_candidates_complete


@pytest.mark.parametrize(
    "refused",
    [
        "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:0\r\n",
        section("audio", "0", ICE, PRINT, "a=setup:passive", "a=inactive"),
        section("audio", "0", ICE, PRINT, "a=setup:passive", "a=recvonly"),
        section("audio", "0", *THEIRS, port=0),
    ],
)
@pytest.mark.parametrize("bundle", ["1", "0 1"])
def test_a_stream_without_sound(refused: str, bundle: str) -> None:
    answer = read_answer(description(refused, section("video", "1", *THEIRS, HOST), bundle=bundle), OFFER)
    assert answer.tracks == {"video"}
    sound, picture = SessionDescription.parse(answer.sdp).media
    assert (sound.direction, picture.direction) == ("inactive", "sendonly")
    assert sound.ice.usernameFragment == "abcd"
    assert [codec.name for codec in sound.rtp.codecs] == ["opus"]


def test_without_a_direction_both_send() -> None:
    bare = section("audio", "0", *THEIRS[:-1]), section("video", "1", *THEIRS[:-1])
    answer = read_answer(description(*bare), OFFER)
    assert answer.tracks == {"video", "audio"}
    assert {media.direction for media in SessionDescription.parse(answer.sdp).media} == {"sendrecv"}


def test_header_extensions_may_have_attributes() -> None:
    level = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    answer = read_answer(description(SOUND + f"a=extmap:1 {level} vad=on\r\n", PICTURE), OFFER)
    sound, _ = SessionDescription.parse(answer.sdp).media
    assert [one.uri for one in sound.rtp.headerExtensions] == [level]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("", "not a session description"),
        ("{}", "not a session description"),
        (description(SOUND), "other sections"),
        (description(PICTURE, SOUND), "other sections"),
        (description(SOUND, PICTURE, section("video", "2", *THEIRS)), "other sections"),
        (description(SOUND, PICTURE, bundle="0"), "one transport"),
        (description(SOUND, PICTURE).replace("sendonly", "inactive"), "neither picture nor sound"),
        (description(SOUND, PICTURE).replace(ICE, ""), "a=ice-ufrag or a=ice-pwd is missing"),
        (description(SOUND, PICTURE).replace("setup:passive", "setup:actpass"), "a=setup should be active or passive"),
        (description(SOUND, PICTURE).replace("a=setup:passive", ""), "a=setup should be active or passive"),
        (description(SOUND, PICTURE).replace(PRINT, ""), "a=fingerprint"),
        (description(SOUND, PICTURE).replace("sha-256", "md5"), "a=fingerprint"),
        (description(SOUND, PICTURE).replace("a=rtcp-mux", ""), "a=rtcp-mux is needed"),
        (description(SOUND, PICTURE).replace("VP8", "AV1"), "video: it comes in a codec that was not offered"),
        (description(SOUND, PICTURE, more="a=x\r\n" * 1000), "at most 1000"),
        (description(SOUND, PICTURE, more="a=x:" + "y" * 70_000), "at most 65536"),
    ],
)
def test_what_cannot_be_used_is_refused(answer: str, what: str) -> None:
    with pytest.raises(SdpError, match=what):
        read_answer(answer, OFFER)
