"""Which cameras and microphones there are, and which one is meant."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from liveguard.errors import BackendError, DeviceError
from liveguard.taps import portaudio

_LABELS = Path("/sys/class/video4linux")


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera: `index` as OpenCV counts, `path` of the device, `name` as the driver says."""

    index: int
    path: str
    name: str


@dataclass(frozen=True, slots=True)
class MicrophoneInfo:
    """A sound input: `index` as PortAudio counts, which changes as others come and go; `host_api` is the system's way to it;
    `default` marks the one of the system.
    """

    index: int
    name: str
    host_api: int
    rate_hz: int
    channels: int
    default: bool


def list_cameras(labels: Path = _LABELS) -> list[CameraInfo]:
    """The cameras that Linux shows, by index; empty where there are none or the system does not tell. Never
    raises.
    """
    found = []
    try:
        for entry in labels.iterdir():
            number = entry.name.removeprefix("video")
            if number.isdecimal():
                found.append(CameraInfo(int(number), f"/dev/{entry.name}", _first_line(entry / "name")))
    except OSError:
        pass
    return sorted(found, key=lambda camera: camera.index)


def _first_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip().split("\n")[0]
    except OSError:
        return ""


def list_microphones() -> list[MicrophoneInfo]:
    """The sound inputs that PortAudio sees; empty when there are none or PortAudio is missing. Never
    raises.
    """
    try:
        return microphones(portaudio.load())
    except BackendError:
        return []


def microphones(door: portaudio.PortAudio) -> list[MicrophoneInfo]:
    """The sound inputs behind an open door. Never raises."""
    try:
        defaults = {int(api["default_input_device"]) for api in door.query_hostapis()[:1]}
        return [
            MicrophoneInfo(
                index,
                str(d["name"]),
                int(d.get("hostapi", 0)),
                int(d["default_samplerate"]),
                int(d["max_input_channels"]),
                index in defaults,
            )
            for index, d in enumerate(door.query_devices())
            if int(d["max_input_channels"]) > 0
        ]
    except (door.PortAudioError, KeyError, ValueError):
        return []


def find_camera(camera: int | str) -> int | str:
    """What OpenCV opens: an index, a device path, a file or a URL. Raises `DeviceError`, saying what there
    is.
    """
    if isinstance(camera, int) or camera.isdecimal():
        return _checked(int(camera))
    if "://" in camera or Path(camera).exists():
        return camera
    for known in list_cameras():
        if camera.lower() in known.name.lower():
            return _checked(known.index)
    raise DeviceError(f"camera {camera!r} is not there; {say_cameras()}")


def camera_label(camera: int | str) -> str:
    """What the driver calls a camera that `find_camera` found, by whichever path it was named; for others, as it was named."""
    path = os.path.realpath(camera) if isinstance(camera, str) else None  # /dev/v4l/by-id holds links
    names = (known.name for known in list_cameras() if camera == known.index or path == known.path)
    return next(names, "") or str(camera)


def _checked(index: int) -> int:
    path = Path(f"/dev/video{index}")
    if not _LABELS.exists() and os.name != "posix":  # only Linux shows its cameras as files
        return index
    if os.uname().sysname == "Linux":
        if not path.exists():
            raise DeviceError(f"camera {index} is not there; {say_cameras()}")
        if not os.access(path, os.R_OK | os.W_OK):
            raise DeviceError(f"{path} may not be opened by this user (often: join the group 'video')")
    return index


def say_cameras() -> str:
    """One clause for a message: the cameras that there are."""
    known = [f"{camera.index} ({camera.name or camera.path})" for camera in list_cameras()]
    return "there is " + ", ".join(known) if known else "no camera is visible to this system"


def find_microphone(microphone: int | str, door: portaudio.PortAudio) -> MicrophoneInfo:
    """The sound input that is meant: an index, "default", or a part of a name. Raises `DeviceError`, saying
    what there is.
    """
    known = microphones(door)
    for info in known:
        if (microphone == "default" and info.default) or microphone in (info.index, str(info.index)):
            return info
    if isinstance(microphone, str):
        for info in known:
            if microphone.lower() in info.name.lower() or microphone == "default":
                return info
    raise _no_microphone(repr(microphone), known)


def find_again(microphone: MicrophoneInfo, door: portaudio.PortAudio) -> MicrophoneInfo:
    """The same sound input, by name and host API, wherever it is counted by now; another one never takes its place. Raises
    `DeviceError`.
    """
    known = microphones(door)
    for info in known:
        if (info.name, info.host_api) == (microphone.name, microphone.host_api):
            return info
    raise _no_microphone(repr(microphone.name), known)


def _no_microphone(what: str, known: list[MicrophoneInfo]) -> DeviceError:
    names = ", ".join(f"{info.index} ({info.name})" for info in known)
    return DeviceError(f"microphone {what} is not there; " + (f"there is {names}" if names else "there is none"))
