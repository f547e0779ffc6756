"""Opening a container, from a file or the network, with nothing open that was not asked for.

FFmpeg follows what a file tells it: a text file can be a playlist that names other local files. So the
demuxers are a list of plain containers, a local source may use the protocol `file` only, and a network
source never `file`.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import av.error

from liveguard.errors import InputError

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,nut,ivf,yuv4mpegpipe,h264,hevc,m4v,obu,"
    "mp3,aac,wav,w64,aiff,au,caf,flac,amr,amrnb,amrwb,ac3,eac3,wv,voc"
)
_NETWORK = _CONTAINERS + ",hls,rtsp,mpjpeg"
_WEB = "http,https,tcp,tls,httpproxy,crypto"
_PROTOCOLS = {
    "http": _WEB,
    "https": _WEB,
    "rtsp": "rtsp,rtp,tcp,udp,http",
    "rtsps": "rtsp,rtsps,rtp,tcp,tls,udp,https",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,rtmp,tcp,tls",
}
_LIVE = frozenset(("rtsp", "rtsps", "rtmp", "rtmps"))
# While a source is opened, its first pictures are decoded to learn about it; the tap itself has a lower limit.
LIMITS = {"max_pixels": str(8192 * 8192)}
_STILLS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_ALLOWED = "allowed is a media file (mp4, webm, mkv, avi, ts, wav, ...) or a URL with " + ", ".join(_PROTOCOLS)
_WHEP = ("whep", "whep+https", "whep+http")


@dataclass(frozen=True, slots=True)
class Source:
    """A feed as it was asked for: `url` for FFmpeg, `name` for people (without password and query),
    `options` for FFmpeg.
    """

    url: str
    name: str
    scheme: str
    options: dict[str, str]

    @property
    def always_live(self) -> bool:
        return self.scheme in _LIVE


def parse_source(url_or_path: str | Path) -> Source:
    """What to open and how. Raises `InputError` for what is missing, empty, not a media file or not
    allowed.
    """
    text = str(url_or_path)
    scheme, separator, _ = text.partition("://")
    if separator and isinstance(url_or_path, str) and scheme.isascii() and scheme.replace("+", "").isalnum():
        if scheme.lower() == "file":
            return _local(Path(unquote(urlsplit(text).path)))
        return _remote(text, scheme.lower())
    return _local(Path(text))


def _remote(url: str, scheme: str) -> Source:
    if scheme in _WHEP:
        raise InputError(f"{scheme}:// is a live call: only liveguard watch takes it; here {_ALLOWED}")
    if scheme not in _PROTOCOLS:
        raise InputError(f"{scheme}:// cannot be read; {_ALLOWED}")
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    except ValueError as error:
        raise InputError(f"the {scheme} URL is not valid: {error}") from None
    options = {**LIMITS, "format_whitelist": _NETWORK, "protocol_whitelist": _PROTOCOLS[scheme]}
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # over UDP, a lost packet is a damaged picture that looks like an attack
    if scheme.startswith("http"):
        options |= {"reconnect": "1", "reconnect_streamed": "1", "reconnect_delay_max": "4"}
    return Source(url, f"{scheme}://{host}{parts.path}", scheme, options)


def _local(path: Path) -> Source:
    try:
        status = path.stat()
        head = b""
        if stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                head = file.read(16)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: {(why or 'cannot be opened').lower()}; {_ALLOWED}") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: is a directory; {_ALLOWED}")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: is not a regular file; {_ALLOWED} (a device is opened as a camera)")
    if not head:
        raise InputError(f"{path}: is empty; {_ALLOWED}")
    if _begins_a_still(head):
        raise InputError(f"{path}: is a still picture, which only scan and evaluate take; {_ALLOWED}")
    options = {**LIMITS, "format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    # With the protocol spelled out, no file name can be taken for another one ("concat:a|b").
    return Source(f"file:{path.absolute()}", path.name, "file", options)


def is_still(url_or_path: str | Path) -> bool:
    """Whether it is a file that begins as still pictures do; False for what cannot be read at all."""
    try:
        with Path(url_or_path).open("rb") as file:
            return _begins_a_still(file.read(16))
    except (OSError, ValueError):
        return False


def _begins_a_still(head: bytes) -> bool:
    return head.startswith(_STILLS) or head[8:12] == b"WEBP"


def open_source(source: Source, timeout_s: float) -> av.container.InputContainer:
    """The opened container. Waits at most about `timeout_s`; raises `InputError`. Any thread may call."""
    try:
        return av.open(source.url, "r", options=source.options, metadata_errors="replace", timeout=timeout_s)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise InputError(f"{source.name}: {say(error)}; {_ALLOWED}") from None


def say(error: Exception) -> str:
    """FFmpeg's reason in a few words, without the URL, which may hold a password."""
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return "no answer in time"
    if isinstance(error, av.error.ArgumentError | av.error.InvalidDataError):
        return "is damaged, or is not a media file of an allowed kind"
    why = error.strerror if isinstance(error, OSError | av.error.FFmpegError) else type(error).__name__
    return (why or type(error).__name__).lower()
