"""What offers and fragments of common WHIP clients give, and why others are refused. Texts only, no network."""

from __future__ import annotations

import dataclasses
import re

import pytest
from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription

from liveguard.errors import ConfigError, InputError
from liveguard.rtc.ice_options import IceServers, check_addresses, parse_ice_servers
from liveguard.rtc.sdp import SdpError, check_offer, parse_fragment, write_fragment

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(f"{byte:02X}" for byte in range(32))


def text(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)


CHROMIUM = text(
    "v=0",
    "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1 2",
    "a=extmap-allow-mixed",
    "a=msid-semantic: WMS 5f0c",
    "m=audio 51372 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
    "c=IN IP4 192.0.2.7",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=candidate:4271503455 1 udp 2122194687 192.0.2.7 51372 typ host generation 0 network-id 1",
    "a=candidate:905918911 1 udp 2122265343 fd00::2 40556 typ host generation 0 network-id 2 network-cost 10",
    "a=candidate:3353803 1 tcp 1518214911 192.0.2.7 9 typ host tcptype active generation 0 network-id 1",
    "a=ice-ufrag:NBxK",
    "a=ice-pwd:16INLl8HnNsBXlIaS6uyhakk",
    "a=ice-options:trickle",
    FINGERPRINT,
    "a=setup:actpass",
    "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=sendonly",
    "a=msid:5f0c 4cd9",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:63 red/48000/2",
    "a=fmtp:63 111/111",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:13 CN/8000",
    "a=rtpmap:110 telephone-event/48000",
    "a=rtpmap:126 telephone-event/8000",
    "a=ssrc:2525591715 cname:1jE6vS1Ee9hk+1wW",
    "a=ssrc:2525591715 msid:5f0c 4cd9",
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109 39 45 98",
    "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=ice-ufrag:NBxK",
    "a=ice-pwd:16INLl8HnNsBXlIaS6uyhakk",
    "a=ice-options:trickle",
    FINGERPRINT,
    "a=setup:actpass",
    "a=mid:1",
    "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=sendonly",
    "a=msid:5f0c e463",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 goog-remb",
    "a=rtcp-fb:96 ccm fir",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
    "a=rtpmap:108 H264/90000",
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    "a=rtpmap:109 rtx/90000",
    "a=fmtp:109 apt=108",
    "a=rtpmap:39 H264/90000",
    "a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f",
    "a=rtpmap:45 AV1/90000",
    "a=rtpmap:98 VP9/90000",
    "a=fmtp:98 profile-id=0",
    "a=ssrc-group:FID 742503363 963623953",
    "a=ssrc:742503363 cname:1jE6vS1Ee9hk+1wW",
    "a=ssrc:963623953 cname:1jE6vS1Ee9hk+1wW",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:NBxK",
    "a=ice-pwd:16INLl8HnNsBXlIaS6uyhakk",
    FINGERPRINT,
    "a=setup:actpass",
    "a=mid:2",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
)
FIREFOX = text(
    "v=0",
    "o=mozilla...THIS_IS_SDPARTA-99.0 4312476431876 0 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    "a=sendrecv",
    FINGERPRINT,
    "a=group:BUNDLE 0 1",
    "a=ice-options:trickle",
    "a=msid-semantic:WMS *",
    "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101",
    "c=IN IP4 0.0.0.0",
    "a=sendrecv",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level",
    "a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1",
    "a=fmtp:101 0-15",
    "a=ice-pwd:8b3d2c1f0e9a7b6c5d4e3f2a1b0c9d8e",
    "a=ice-ufrag:3d2c1f0e",
    "a=mid:0",
    "a=msid:{a1b2} {c3d4}",
    "a=rtcp-mux",
    "a=rtpmap:109 opus/48000/2",
    "a=rtpmap:9 G722/8000/1",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000/1",
    "a=setup:actpass",
    "a=ssrc:3355443200 cname:{e5f6}",
    "a=candidate:0 1 UDP 2122252543 192.0.2.9 50000 typ host",
    "a=candidate:0 2 UDP 2122252542 192.0.2.9 50001 typ host",
    "a=candidate:1 1 UDP 1686052863 203.0.113.5 50000 typ srflx raddr 192.0.2.9 rport 50000",
    "a=end-of-candidates",
    "m=video 0 UDP/TLS/RTP/SAVPF 120 124 121 126",
    "c=IN IP4 0.0.0.0",
    "a=bundle-only",
    "a=sendrecv",
    "a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "a=fmtp:126 profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1",
    "a=fmtp:120 max-fs=12288;max-fr=60",
    "a=fmtp:124 apt=120",
    "a=ice-pwd:8b3d2c1f0e9a7b6c5d4e3f2a1b0c9d8e",
    "a=ice-ufrag:3d2c1f0e",
    "a=mid:1",
    "a=msid:{a1b2} {d5e6}",
    "a=rtcp-fb:120 nack pli",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    "a=rtpmap:120 VP8/90000",
    "a=rtpmap:124 rtx/90000",
    "a=rtpmap:121 VP9/90000",
    "a=rtpmap:126 H264/90000",
    "a=setup:actpass",
)
OBS = text(
    "v=0",
    "o=rtc 2987654321 0 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=group:LS 0 1",
    "a=msid-semantic:WMS *",
    "a=setup:actpass",
    "a=ice-ufrag:Xk3e",
    "a=ice-pwd:pR9vTzJ5m0cB2yN7qLwE1x",
    "a=ice-options:ice2,trickle",
    FINGERPRINT,
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=sendonly",
    "a=ssrc:1234567 cname:Zk4eYg9Qm1Lw",
    "a=ssrc:1234567 msid:obs obs-audio",
    "a=msid:obs obs-audio",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP4 0.0.0.0",
    "a=mid:1",
    "a=sendonly",
    "a=ssrc:1234568 cname:Zk4eYg9Qm1Lw",
    "a=msid:obs obs-video",
    "a=rtcp-mux",
    "a=rtpmap:96 H264/90000",
    "a=rtcp-fb:96 nack",
    "a=rtcp-fb:96 nack pli",
    "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
)
GSTREAMER = text(
    "v=0",
    "o=- 1853028 0 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    "a=ice-options:trickle",
    "a=group:BUNDLE video0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
    "c=IN IP4 0.0.0.0",
    "a=setup:actpass",
    "a=ice-ufrag:7mWHRWkWvhCWyFAX0AzUFYVIJHCZqVWS",
    "a=ice-pwd:J5r0ZrTFnaNdnPFWZcCCZb0hHWpsWSlk",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    "a=sendonly",
    "a=rtpmap:96 H264/90000",
    "a=rtcp-fb:96 nack pli",
    "a=fmtp:96 packetization-mode=1;profile-level-id=42c016",
    "a=rtpmap:97 VP8/90000",
    "a=ssrc:3735928559 msid:user1 webrtctransceiver0",
    "a=ssrc:3735928559 cname:user1",
    "a=mid:video0",
    FINGERPRINT,
)
BUNDLE_ONLY = text(  # as the example of RFC 9725
    "v=0",
    "o=- 5228595038118931041 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=extmap-allow-mixed",
    "a=ice-options:trickle ice2",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=ice-ufrag:EsAw",
    "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y",
    FINGERPRINT,
    "a=setup:actpass",
    "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=sendonly",
    "a=msid:d46f ce32",
    "a=rtcp-mux",
    "a=rtcp-mux-only",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "m=video 0 UDP/TLS/RTP/SAVPF 96 97",
    "a=mid:1",
    "a=bundle-only",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=sendonly",
    "a=msid:d46f 3956",
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 ccm fir",
    "a=rtcp-fb:96 nack",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
)
FFMPEG = text(  # without sound, whose section it names all the same
    "v=0",
    "o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1",
    "s=FFmpegPublishSession",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=extmap-allow-mixed",
    "a=msid-semantic: WMS",
    "m=video 9 UDP/TLS/RTP/SAVPF 106",
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:a174beef",
    "a=ice-pwd:wY8rJ3gNLxL3eWZs6UPOxy00",
    FINGERPRINT,
    "a=setup:passive",
    "a=mid:1",
    "a=sendonly",
    "a=msid:FFmpeg video",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    "a=rtpmap:106 H264/90000",
    "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
    "a=ssrc:107169110 cname:FFmpeg",
    "a=ssrc:107169110 msid:FFmpeg video",
)
ALL = {
    "chromium": CHROMIUM,
    "firefox": FIREFOX,
    "obs": OBS,
    "gstreamer": GSTREAMER,
    "bundle-only": BUNDLE_ONLY,
    "ffmpeg": FFMPEG,
}


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("chromium", ({"video", "audio"}, "NBxK")),
        ("firefox", ({"video", "audio"}, "3d2c1f0e")),
        ("obs", ({"video", "audio"}, "Xk3e")),
        ("gstreamer", ({"video"}, "7mWHRWkWvhCWyFAX0AzUFYVIJHCZqVWS")),
        ("bundle-only", ({"video", "audio"}, "EsAw")),
        ("ffmpeg", ({"video"}, "a174beef")),
    ],
)
def test_offers_of_common_clients(client: str, expected: tuple[object, ...]) -> None:
    offer = check_offer(ALL[client])
    assert (offer.tracks, offer.ufrag) == expected
    assert offer == check_offer(ALL[client].replace("\r\n", "\n"))


def test_what_an_offer_tells_of_its_sections_and_keeps_to_itself() -> None:
    offer = check_offer(CHROMIUM)
    assert offer.sections == (("audio", "0"), ("video", "1"), ("application", "2"))
    assert offer.pwd == "16INLl8HnNsBXlIaS6uyhakk"
    assert offer.pwd not in repr(offer)


def test_the_credentials_are_those_of_the_section_that_carries_all() -> None:
    other = OBS.replace("a=mid:1\r\n", "a=mid:1\r\na=ice-ufrag:second\r\n").replace("BUNDLE 0 1", "BUNDLE 1 0")
    offer = check_offer(other)
    assert offer.ufrag == "second"
    assert {section.ice.usernameFragment for section in SessionDescription.parse(offer.sdp).media} == {"second"}


def test_a_bundled_section_is_carried_as_the_first_of_its_bundle() -> None:
    sound, picture = SessionDescription.parse(check_offer(BUNDLE_ONLY).sdp).media
    assert picture.ice == sound.ice
    assert picture.dtls == sound.dtls
    assert picture.dtls is not None
    assert (picture.dtls.role, len(picture.dtls.fingerprints)) == ("auto", 1)
    assert picture.rtcp_mux
    assert [codec.name for codec in picture.rtp.codecs] == ["VP8", "rtx"]


def test_a_data_channel_may_carry_sections_that_are_bundle_only() -> None:
    """It is not multiplexed with RTCP itself, so that the media say."""
    head, sound, picture, channel = re.split("(?=m=)", CHROMIUM)
    carried = re.sub(r"a=(ice-ufrag|ice-pwd|fingerprint|setup):.*\r\n", "", picture)
    offer = check_offer(head.replace("BUNDLE 0 1 2", "BUNDLE 2 0 1") + channel + sound + carried)
    assert offer.ufrag == "NBxK"
    assert all(section.rtcp_mux for section in SessionDescription.parse(offer.sdp).media[1:])


def test_only_a_section_that_is_bundled_is_carried_with_others() -> None:
    with pytest.raises(SdpError, match="video: a=ice-ufrag or a=ice-pwd is missing"):
        check_offer(BUNDLE_ONLY.replace("BUNDLE 0 1", "BUNDLE 0"))


@pytest.mark.parametrize("group", ["0 1", "1 0", "1", "0"])
def test_a_bundle_may_name_sections_that_are_not_there(group: str) -> None:
    offer = check_offer(FFMPEG.replace("BUNDLE 0 1", f"BUNDLE {group}"))
    assert offer.sections == (("video", "1"),)
    named = [str(one) for one in SessionDescription.parse(offer.sdp).group]
    assert named == ([] if group == "0" else ["BUNDLE 1"])


def test_header_extensions_may_have_attributes() -> None:
    sound, _ = SessionDescription.parse(check_offer(BUNDLE_ONLY).sdp).media
    assert [(one.id, one.uri) for one in sound.rtp.headerExtensions] == [
        (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
        (4, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("v=0", "v=1", "line 1: v= should be version 0"),
        ("v=0\r\n", "", "line 1: an offer begins with v=0"),
        ("s=-", "s=-\x00", "line 3: it holds a control character"),
        ("s=-", "s=-\u2028m=video", "line 3: it holds a control character"),
        ("s=-", "s=-\rm=video", "line 3: it holds a control character"),
        ("s=-", "=-", "line 3: a letter and ="),
        ("s=-", "s=" + "x" * 3000, "line 3: longer than 2048"),
        ("c=IN IP4 0.0.0.0", "c=IN IP4 example.org", "c= should be an IP address"),
        ("c=IN IP4 0.0.0.0", "c=IN IP4 999.0.0.0", "c=: not an IP address"),
        ("m=audio 9", "m=audio 99999", "m=: a port is at most 65535"),
        ("SAVPF 111\r\n", "SAVPF 74\r\n", "m=: a payload type is 0 to 127"),
        ("SAVPF 111\r\n", "SAVPF 1e2\r\n", "m=: a payload type is 0 to 127"),
        ("a=setup:actpass", "a=setup:holdconn", "a=setup should be actpass, active or passive"),
        ("a=setup:actpass\r\n", "", "audio: a=setup is missing"),
        ("a=ice-ufrag:Xk3e", "a=ice-ufrag:Xk", "a=ice-ufrag should be 4 to 256"),
        ("a=ice-ufrag:Xk3e\r\n", "", "audio: a=ice-ufrag or a=ice-pwd is missing"),
        ("a=ice-pwd:pR9vTzJ5m0cB2yN7qLwE1x\r\n", "", "audio: a=ice-ufrag or a=ice-pwd is missing"),
        (FINGERPRINT + "\r\n", "", "audio: a=fingerprint is missing"),
        (FINGERPRINT, "a=fingerprint:sha-256 xyz", "a=fingerprint should be a hash function"),
        ("a=mid:0\r\n", "", "audio: a=mid is missing"),
        ("a=mid:1", "a=mid:0", "two sections have the same a=mid"),
        ("a=sendonly\r\n", "", "audio: a=sendonly or a=sendrecv is missing"),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 H264", "a=rtpmap should be"),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 H264/90000\r\na=rtpmap:96 VP8/90000", "a second meaning"),
        ("a=fmtp:96", "a=fmtp:97", "a=fmtp is about a payload type that has no a=rtpmap"),
        ("minptime=10", "minptime=ten", "a=fmtp: minptime should be a number"),
        ("a=ssrc:1234568", "a=ssrc:99999999999", "a=ssrc should be"),
        ("a=ssrc:1234568", "a=ssrc:9999999999", "a=ssrc: a number has more than 32 bits"),
        ("a=rtcp-mux", "a=rtcp-mux\r\na=extmap:999 urn:x", "a=extmap: the number is 1 to 255"),
        ("a=rtcp-mux", "a=rtcp-mux\r\na=candidate:1 1 udp 1 192.0.2.1 70000 typ host", "is out of range"),
        ("a=rtcp-mux", "a=rtcp-mux\r\na=candidate:1 1 udp 1 192.0.2.1 7 typ moon", "the type should be host"),
        ("a=rtcp-mux", "a=rtcp-mux\r\na=candidate:1 1 udp", "a=candidate should be a candidate of RFC 8839"),
        ("a=rtcp-mux", "a=rtcp-mux\r\na=candidate:1 1 udp 1 192.0.2.1 7 typ host rport x", "rport should be a port"),
        ("a=rtcp-mux", "a=rtcp-mux" + "\r\na=rtcp-fb:* nack" * 600, "more than 512 lines of a=rtcp-fb in a section"),
        ("a=rtcp-mux", "a=rtcp-mux" + "\r\na=x" * 1000, "lines, at most 1000 are allowed"),
        ("a=rtcp-mux", "a=rtcp-mux" + ("\r\na=x:" + "y" * 2000) * 40, "characters, at most 65536 are allowed"),
    ],
)
def test_malformed_offers_say_where_and_what(old: str, new: str, message: str) -> None:
    assert old in OBS
    with pytest.raises(SdpError, match=re.escape(message)) as refused:
        check_offer(OBS.replace(old, new, 1))
    assert refused.value.status == 400
    assert isinstance(refused.value, InputError)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("96 H264", "96 VP9", "VP9 cannot be decoded here: send VP8 or H264"),
        (
            "96 H264/90000",
            "96 VP9/90000\r\na=rtpmap:99 AV1/90000",
            "VP9 and AV1 cannot be decoded here: send VP8 or H264",
        ),
        ("96 H264", "96 theora", "the video codecs offered cannot be decoded here: send VP8 or H264"),
        ("42e01f", "640c1f", "H264 can be decoded here only as (constrained) baseline with packetization-mode=1"),
        ("packetization-mode=1", "packetization-mode=0", "H264 can be decoded here only as (constrained) baseline"),
        ("opus/48000", "speex/16000", "no audio codec that can be decoded here: send opus, G722, PCMU or PCMA"),
        ("a=sendonly", "a=recvonly", "audio: it is recvonly"),
        ("a=sendonly", "a=inactive", "audio: it is inactive"),
        ("m=video", "m=text", "neither video, audio nor a data channel"),
        ("m=audio", "m=video", "several video sections"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "only media over DTLS"),
        ("a=rtcp-mux\r\n", "", "a=rtcp-mux is needed"),
        ("sha-256", "sha-1", "a=fingerprint with one of sha-256"),
        ("a=group:BUNDLE 0 1\r\n", "", "all sections should be in one a=group:BUNDLE"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0", "all sections should be in one a=group:BUNDLE"),
        ("m=audio 9", "m=audio 0", "switched off"),
        (":96 ", ":40 ", "video: the payload types of codecs should be 96 to 127"),
    ],
)
def test_offers_that_cannot_be_met_say_what_could(old: str, new: str, message: str) -> None:
    assert old in OBS
    with pytest.raises(SdpError, match=re.escape(message)) as refused:
        check_offer(OBS.replace(old, new))
    assert refused.value.status == 406


def test_an_offer_without_media_is_refused() -> None:
    head, _, channel = CHROMIUM.replace("BUNDLE 0 1 2", "BUNDLE 2").partition("m=application")
    with pytest.raises(SdpError, match="neither video nor audio") as refused:
        check_offer(head.partition("m=audio")[0] + "m=application" + channel)
    assert refused.value.status == 406
    with pytest.raises(SdpError, match="several application sections"):
        check_offer(CHROMIUM + "m=application" + channel)


def test_a_codec_that_cannot_be_decoded_beside_one_that_can_is_no_obstacle() -> None:
    assert check_offer(CHROMIUM.replace("VP8/", "VP7/")).tracks == {"video", "audio"}


def test_refusals_do_not_repeat_what_a_stranger_wrote() -> None:
    for spoilt in (OBS.replace("a=mid:0", "a=mid:<script>" + "x" * 99), OBS.replace("H264", "<script>")):
        with pytest.raises(SdpError) as refused:
            check_offer(spoilt)
        assert "script" not in str(refused.value)


# --- fragments -----------------------------------------------------------------------------------------------------

TRICKLE = text(
    "a=ice-ufrag:EsAw",
    "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
    "m=audio 9 RTP/AVP 0",
    "a=mid:0",
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1",
    "a=candidate:3471623853 1 udp 2122194687 198.51.100.1 61765 typ srflx raddr 192.0.2.1 rport 61764",
    "a=end-of-candidates",
)


def test_a_fragment() -> None:
    fragment = parse_fragment(TRICKLE)
    assert (fragment.ufrag, fragment.pwd) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    assert fragment.end_of_candidates
    first, second = fragment.candidates
    assert (first.ip, first.port, first.protocol, first.type, first.sdpMid) == ("192.0.2.1", 61764, "udp", "host", "0")
    assert first.sdpMLineIndex is None
    assert (second.type, second.relatedAddress, second.relatedPort) == ("srflx", "192.0.2.1", 61764)
    assert "P2uYro" not in repr(fragment)


def test_a_fragment_with_its_credentials_in_each_section() -> None:
    credentials = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"
    section = "a=mid:{}\r\n" + credentials + "a=candidate:1 1 udp 1 192.0.2.1 {} typ host\r\n"
    fragment = parse_fragment(
        "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" + section.format(0, 7) + "m=video 9 X 96\r\n" + section.format(1, 8)
    )
    assert [(candidate.sdpMid, candidate.port) for candidate in fragment.candidates] == [("0", 7), ("1", 8)]
    assert not fragment.end_of_candidates


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("a=ice-ufrag:EsAw\r\n", "", "one a=ice-ufrag and one a=ice-pwd"),
        ("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", "", "one a=ice-ufrag and one a=ice-pwd"),
        ("a=mid:0", "a=ice-ufrag:other\r\na=mid:0", "one a=ice-ufrag and one a=ice-pwd"),
        ("a=mid:0\r\n", "", "line 4: a=candidate should follow m= and a=mid"),
        ("m=audio", "v=0\r\nm=audio", "line 3: a fragment has lines of a= and m= only"),
        ("61764 typ", "x typ", "line 5: a=candidate should be"),
        ("a=end-of-candidates", "a=candidate:1 1 udp 1 192.0.2.1 7 typ host\r\n" * 63, "more than 64 candidates"),
        ("a=end-of-candidates", "a=x:" + "y" * 17_000, "at most 16384 are allowed"),
    ],
)
def test_malformed_fragments_say_where_and_what(old: str, new: str, message: str) -> None:
    assert old in TRICKLE
    with pytest.raises(SdpError, match=re.escape(message)) as refused:
        parse_fragment(TRICKLE.replace(old, new))
    assert refused.value.status == 400


def test_a_written_fragment_reads_back() -> None:
    candidate = RTCIceCandidate(1, "1", "192.0.2.1", 40_000, 2130706431, "udp", "host")
    written = write_fragment("abcd", "x" * 24, [candidate], [("audio", "a0"), ("video", "v1")])
    assert "a=group:BUNDLE a0 v1\r\nm=audio 9 " in written
    fragment = parse_fragment(written)
    assert (fragment.ufrag, fragment.pwd, fragment.end_of_candidates) == ("abcd", "x" * 24, True)
    assert fragment.candidates == [dataclasses.replace(candidate, sdpMid="a0")]


# --- options -------------------------------------------------------------------------------------------------------


def test_addresses_of_this_machine_pass_once_and_in_their_usual_form() -> None:
    assert check_addresses(["127.0.0.1", " 127.0.0.1 "]) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("localhost", "not an IP address"),
        ("127.0.0.1:80", "not an IP address"),
        ("0.0.0.0", "the address of one interface"),
        ("224.0.0.1", "the address of one interface"),
        ("fe80::1%lo", "the address of one interface"),
        ("203.0.113.77", "not an address of this machine"),
    ],
)
def test_addresses_that_cannot_be_used(address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_addresses(["127.0.0.1", address])


def test_no_server_is_asked_unless_named() -> None:
    assert parse_ice_servers([]) == IceServers((), ())


def test_ice_servers_for_us_and_for_browsers() -> None:
    servers = parse_ice_servers(["stun:stun.example.org", "turn:me:p%40ss:w@turn.example.org:3479?transport=tcp"])
    assert [server.urls for server in servers.ours] == [
        "stun:stun.example.org",
        "turn:turn.example.org:3479?transport=tcp",
    ]
    assert (servers.ours[1].username, servers.ours[1].credential) == ("me", "p@ss:w")
    assert servers.browsers == (
        {"urls": ["stun:stun.example.org"]},
        {"urls": ["turn:turn.example.org:3479?transport=tcp"], "username": "me", "credential": "p@ss:w"},
    )
    assert "p@ss" not in repr(servers)
    assert parse_ice_servers(["turns:me:pass@turn.example.org"]).ours[0].urls == "turns:turn.example.org?transport=tcp"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["http://example.org"], "ice-server 1: allowed are stun:host:port"),
        (["stun:"], "ice-server 1: allowed are"),
        (["stun:example.org:0"], "a port is 1 to 65535"),
        (["stun:example.org:70000"], "a port is 1 to 65535"),
        (["stun:example.org?transport=udp"], "allowed are"),
        (["turn:example.org"], "allowed are"),
        (["turn:me:s3cret@example.org?transport=sctp"], "allowed are"),
        (["turns:me:s3cret@example.org?transport=udp"], "tcp only"),
        (["stun:a.example", "stun:b.example"], "ice-server 2: only one STUN server"),
        (["turn:me:s3cret@a.example", "turns:me:s3cret@b.example"], "ice-server 2: only one TURN server"),
    ],
)
def test_wrong_ice_servers_are_said_without_their_secrets(options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as refused:
        parse_ice_servers(options)
    assert "s3cret" not in str(refused.value)
