"""What the page draws after each picture, as it goes over the wire: boxes, meshes and a small preview."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np

from liveguard.session import Tick
from liveguard.types import FaceSample, VideoFrame
from liveguard.wire import to_dict

FULL = 65_535
PREVIEW_PX = 480
PREVIEW_QUALITY = 70


def tick_message(session: str, tick: Tick, rate_hz: float, mesh: bool) -> dict[str, Any]:
    """The tick as JSON-ready dict; `mesh`: with all points of each face. Without a picture `size` is null."""
    message: dict[str, Any] = {
        "type": "tick",
        "session": session,
        "statuses": [to_dict(status) for status in tick.statuses],
        "rate_hz": rate_hz,
        "age_ms": None if tick.age_ms is None else round(tick.age_ms, 1),
    }
    if tick.seen is not None:
        width, height = tick.seen.frame.width, tick.seen.frame.height
        faces = [_face(face, width, height, mesh) for face in tick.seen.faces]
        message |= {"t_us": tick.seen.t_us, "size": [width, height], "faces": faces}
    else:
        message |= {"t_us": max((status.t_us for status in tick.statuses), default=0), "size": None, "faces": []}
    return message


def preview_message(session: str, picture: VideoFrame) -> bytes:
    """A length, a JSON head and a small JPEG."""
    import cv2

    height, width = picture.image.shape[:2]
    scale = min(1.0, PREVIEW_PX / width)
    small = cv2.resize(picture.image, (max(1, round(width * scale)), max(1, round(height * scale))))
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY])
    head = json.dumps({"session": session, "t_us": picture.t_us, "size": [width, height]}).encode()
    return struct.pack(">I", len(head)) + head + bytes(jpeg.tobytes())


def _face(face: FaceSample, width: int, height: int, mesh: bool) -> dict[str, Any]:
    box = face.box
    message: dict[str, Any] = {
        "track": face.track,
        "box": [round(side, 1) for side in (box.left, box.top, box.width, box.height)],
        "picture": face.picture,
    }
    if mesh:
        shares = face.landmarks[:, :2] / np.array([width, height], np.float32)
        points = (np.clip(np.nan_to_num(shares), 0.0, 1.0) * FULL).astype("<u2")
        message["mesh"] = base64.b64encode(points.tobytes()).decode()
    return message
