"""The lines of a session description as (number, text), each held against the pattern of its kind.

aiortc's parser takes well-formed text for granted and raises whatever a damaged line makes it stumble over; some of its
loops are quadratic. So every line that it reads is checked here first, and counts are bounded. Messages name the line
and what belongs there, and never repeat what a stranger wrote. Nothing here keeps state; any thread may call.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Sequence

from aiortc.rtp import FORBIDDEN_PAYLOAD_TYPES
from aiortc.sdp import FMTP_INT_PARAMETERS

from liveguard.errors import InputError

MAX_LINES = 1000
MAX_LINE_CHARS = 2048
MAX_IN_SECTION = {
    "candidate": 128,
    "ssrc": 64,
    "ssrc-group": 16,
    "rtpmap": 128,
    "fmtp": 128,
    "rtcp-fb": 512,
    "extmap": 64,
    "fingerprint": 8,
}

_IP = r"IN IP[46] [0-9A-Fa-f.:]{2,45}"
_TOKEN = r"[!#-'*+.0-9A-Z^-~-]{1,64}"  # RFC 8866, without its limit of length
_PT = "[0-9]{1,3}"
_ATTRIBUTES = {
    "candidate": (
        r"[A-Za-z0-9+/]{1,32} [0-9]{1,3} [A-Za-z]{2,8} [0-9]{1,10} [A-Za-z0-9.:-]{1,253} [0-9]{1,5} typ [a-z]{1,8}"
        r"(?: [!-~]{1,64} [!-~]{1,256}){0,16}",
        "a candidate of RFC 8839",
    ),
    "fingerprint": (
        r"[A-Za-z0-9-]{1,16} [0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63}",
        "a hash function and its hexadecimal value",
    ),
    "group": (rf"{_TOKEN}(?: {_TOKEN}){{0,16}}", "a group of at most 16 sections"),
    "ice-ufrag": ("[A-Za-z0-9+/]{4,256}", "4 to 256 letters, digits, + or /"),
    "ice-pwd": ("[A-Za-z0-9+/]{22,256}", "22 to 256 letters, digits, + or /"),
    "setup": ("actpass|active|passive", "actpass, active or passive"),
    "mid": (_TOKEN, "a name of at most 64 characters"),
    "msid": (r"[!-~]{1,256}(?: [!-~]{1,256})?", "one or two identifiers"),
    "rtpmap": (rf"{_PT} {_TOKEN}/[0-9]{{1,6}}(?:/[0-9]{{1,2}})?", "a payload type, a codec and its rate"),
    "fmtp": (rf"{_PT} [ -~]{{1,1024}}", "a payload type and its parameters"),
    "rtcp-fb": (rf"(?:\*|{_PT}) [!-~]{{1,64}}(?: [ -~]{{1,256}})?", "a payload type and a kind of feedback"),
    "rtcp": (rf"[0-9]{{1,5}}(?: {_IP})?", "a port and an address"),
    "extmap": (r"[0-9]{1,3}(?:/[a-z]{8})? [!-~]{1,256}(?: [ -~]{1,1024})?", "a number, a URI and its attributes"),
    "ssrc": (r"[0-9]{1,10} [a-z0-9-]{1,64}:[ -~]{0,512}", "a number and an attribute with its value"),
    "ssrc-group": (r"[A-Z-]{1,16}(?: [0-9]{1,10}){0,16}", "a kind and at most 16 numbers"),
    "sctp-port": ("[0-9]{1,5}", "a port"),
    "sctpmap": (r"[0-9]{1,5} [!-~]{1,64}(?: [0-9]{1,5})?", "a port and a protocol"),
    "max-message-size": ("[0-9]{1,10}", "a number of bytes"),
}
_PATTERNS = {name: (re.compile(pattern), wanted) for name, (pattern, wanted) in _ATTRIBUTES.items()}
_LINES = {
    "v": (re.compile("0"), "version 0"),
    "c": (re.compile(_IP), "an IP address"),
    "m": (re.compile(r"[a-z]{1,32} [0-9]{1,5} [A-Z/]{1,32}(?: [!-~]{1,32}){1,128}"), "kind, port, profile and formats"),
}
_PORT = re.compile("[0-9]{1,5}")
_NUMBER = re.compile("[0-9]{1,9}")


class SdpError(InputError):
    """A description that is malformed (`status` 400) or asks for what cannot be done here (`status` 406)."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def numbered(text: str, limit_chars: int) -> list[tuple[int, str]]:
    """The lines that are not empty with their numbers, each held against the pattern of its kind."""
    if len(text) > limit_chars:
        raise SdpError(f"too long: {len(text)} characters, at most {limit_chars} are allowed")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise SdpError(f"too long: {len(lines)} lines, at most {MAX_LINES} are allowed")
    checked = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        if len(line) > MAX_LINE_CHARS:
            raise SdpError(f"line {number}: longer than {MAX_LINE_CHARS} characters")
        if not line.isprintable():  # also the line ends of Unicode, which Python's splitlines would take for one
            raise SdpError(f"line {number}: it holds a control character")
        _check_line(number, line)
        checked.append((number, line))
    return checked


def readable(lines: Sequence[tuple[int, str]]) -> list[str]:
    """The checked lines without what aiortc stumbles over: the attributes of header extensions (RFC 8285), of no use here."""
    return [" ".join(line.split(" ")[:2]) if line.startswith("a=extmap:") else line for _, line in lines]


def _check_line(number: int, line: str) -> None:
    kind, equals, value = line[:1], line[1:2], line[2:]
    if equals != "=" or not "a" <= kind <= "z":
        raise SdpError(f"line {number}: a letter and = are expected at its beginning")
    if kind == "a":
        name, _, value = value.partition(":")
        pattern, wanted = _PATTERNS.get(name, (None, ""))
        kind = f"a={name}" if pattern else kind
    else:
        pattern, wanted = _LINES.get(kind, (None, ""))
        kind += "="
    if pattern and not pattern.fullmatch(value):
        raise SdpError(f"line {number}: {kind} should be {wanted}")
    wrong = _out_of_range(kind, value)
    if wrong:
        raise SdpError(f"line {number}: {kind}: {wrong}")


def _out_of_range(kind: str, value: str) -> str:
    """What is wrong with the figures of a line that has the right form, or nothing."""
    words = value.split(" ")
    if kind == "a=candidate":
        if not 1 <= int(words[1]) <= 256 or int(words[3]) >= 2**32 or int(words[5]) >= 2**16:
            return "component, priority or port is out of range"
        if words[7] not in ("host", "srflx", "prflx", "relay"):
            return "the type should be host, srflx, prflx or relay"
        extras = dict(zip(words[8::2], words[9::2], strict=True))
        if not _PORT.fullmatch(extras.get("rport", "0")):
            return "rport should be a port"
    elif kind in ("a=ssrc", "a=ssrc-group"):
        if any(int(number) >= 2**32 for number in (words[:1] if kind == "a=ssrc" else words[1:])):
            return "a number has more than 32 bits"
    elif kind == "m=":
        if int(words[1]) >= 2**16:
            return "a port is at most 65535"
        if words[0] in ("audio", "video") and not all(_is_payload_type(word) for word in words[3:]):
            return "a payload type is 0 to 127, and none of 72 to 76"
    elif kind in ("a=sctp-port", "a=rtcp") and int(words[0]) >= 2**16:
        return "a port is at most 65535"
    elif kind == "a=fmtp":
        for name, equals, number in (part.partition("=") for part in value.partition(" ")[2].split(";")):
            if name in FMTP_INT_PARAMETERS and equals and not _NUMBER.fullmatch(number):
                return f"{name} should be a number"
    elif kind == "a=extmap" and not 1 <= int(words[0].partition("/")[0]) <= 255:
        return "the number is 1 to 255"
    if kind in ("c=", "a=rtcp") and len(words) > 2:
        try:
            ipaddress.ip_address(words[-1])
        except ValueError:
            return "not an IP address"
    return ""


def _is_payload_type(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None and int(word) < 128 and int(word) not in FORBIDDEN_PAYLOAD_TYPES


def check_sections(lines: Sequence[tuple[int, str]]) -> None:
    """Refuses sections with too many lines of one kind, and lines about a payload type that is not there or there twice."""
    counts: Counter[str] = Counter()
    mapped: set[str] = set()
    described: list[tuple[int, str]] = []
    for number, line in (*lines, (0, "m=")):  # the end closes the last section, as the next one would
        if line.startswith("m="):
            for at, payload_type in described:
                if payload_type not in mapped:
                    raise SdpError(f"line {at}: a=fmtp is about a payload type that has no a=rtpmap")
            counts, mapped, described = Counter(), set(), []
            continue
        name, _, value = line[2:].partition(":")
        counts[name] += 1
        if name in MAX_IN_SECTION and counts[name] > MAX_IN_SECTION[name]:
            raise SdpError(f"line {number}: more than {MAX_IN_SECTION[name]} lines of a={name} in a section")
        payload_type = value.partition(" ")[0]
        if name == "rtpmap":
            if payload_type in mapped:
                raise SdpError(f"line {number}: a=rtpmap gives a payload type a second meaning")
            mapped.add(payload_type)
        elif name == "fmtp":
            described.append((number, payload_type))
