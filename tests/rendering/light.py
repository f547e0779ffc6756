"""The light before a webcam: the person's own screen, and the room's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liveguard.types import ByteArray, FloatArray

SCREEN_AT_MM = (0.0, 110.0, 0.0)  # the middle of the screen, seen from the camera above it: y is down
_REFERENCE_MM = 500.0
_SCREEN_HALF_MM = 140.0  # a screen is no point: close to it the light grows less than a lamp's
_SCREEN_BLACK = 0.01  # what a black screen still lets through
_STRIP = 24
_WRAP = 0.3  # by how much a wide source reaches round the edge of a ball

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """What falls on the face.

    `screen`: the colour that fills the person's screen, as a web page gives it (sRGB 0..1). `ambient`: the strength of
    the room's light on the face, in units of what a white screen gives at 500 mm: 0.3 is a dim room, 3 is a bright day.
    `ambient_kelvin`: the colour temperature of the room's light; 6600 is white.
    """

    screen: Colour = (1.0, 1.0, 1.0)
    ambient: float = 1.0
    ambient_kelvin: float = 5500.0

    def from_screen(self) -> FloatArray:
        """Linear RGB (3,) that the screen gives to a surface at 500 mm that faces it."""
        return np.asarray(_SCREEN_BLACK + (1 - _SCREEN_BLACK) * linear(np.array(self.screen, np.float32)), np.float32)

    def from_room(self) -> FloatArray:
        """Linear RGB (3,) that the room gives everywhere."""
        return np.asarray(self.ambient * kelvin_rgb(self.ambient_kelvin), np.float32)

    def everywhere(self, distance_mm: float, facing: float = 1.0) -> FloatArray:
        """Linear RGB (3,) on things at one distance, the part `facing` of the screen's light counting."""
        return np.asarray(self.from_room() + facing * falloff(distance_mm) * self.from_screen(), np.float32)

    @property
    def exposure(self) -> float:
        """The gain by which a white screen at 500 mm and the room together give a little less than the photo's brightness."""
        return 0.9 / (self.ambient + 1.0)


def falloff(distance_mm: float) -> float:
    """How much of the screen's light arrives, 1 at 500 mm."""
    return float((_REFERENCE_MM**2 + _SCREEN_HALF_MM**2) / (distance_mm**2 + _SCREEN_HALF_MM**2))


def screen_share(points: FloatArray, normals: FloatArray, screen: FloatArray) -> FloatArray:
    """How much of the screen's light arrives at each of the points (..., 3) in mm: (...), 1 for facing at 500 mm.

    `normals` (..., 3) are unit vectors, `screen` (3,) is its middle.
    """
    x, y, z = (screen[axis] - points[..., axis] for axis in range(3))
    square = x * x + y * y + z * z
    cosine = (x * normals[..., 0] + y * normals[..., 1] + z * normals[..., 2]) / np.sqrt(square)
    faced = np.maximum(cosine + _WRAP, 0) / (1 + _WRAP)
    return np.asarray(faced * (_REFERENCE_MM**2 + _SCREEN_HALF_MM**2) / (square + _SCREEN_HALF_MM**2), np.float32)


def kelvin_rgb(kelvin: float) -> FloatArray:
    """Linear RGB (3,) of a black body with a luma of 1 (Helland's fit of sRGB, 1000 to 40,000 K)."""
    heat = kelvin / 100
    red = 255.0 if heat <= 66 else 329.698727446 * (heat - 60) ** -0.1332047592
    green = (
        99.4708025861 * np.log(heat) - 161.1195681661 if heat <= 66 else 288.1221695283 * (heat - 60) ** -0.0755148492
    )
    blue = 255.0 if heat >= 66 else 138.5177312231 * np.log(max(heat - 10, 1.0)) - 305.0447927307
    rgb = linear(np.clip(np.array([red, green, blue], np.float32) / 255, 0.0, 1.0))
    return np.asarray(rgb / luma(rgb), np.float32)


def luma(rgb: FloatArray) -> float:
    """Luma of a linear RGB colour (3,)."""
    return float(rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32))


def linear(srgb: FloatArray) -> FloatArray:
    """Linear light 0..1 of sRGB values 0..1, any shape."""
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4), np.float32)


_LINEAR_OF_BYTE = linear(np.arange(256, dtype=np.float32) / 255)


def linear_of(image: ByteArray) -> FloatArray:
    """Linear light (h, w, 3) float32 0..1 of an sRGB picture."""
    return np.asarray(cv2.LUT(image, _LINEAR_OF_BYTE), np.float32)


def srgb_of(radiance: FloatArray) -> FloatArray:
    """sRGB values 0..255, float32, of linear light (h, w, 3), which is not negative; clipped at 1.

    A sum of roots is within 0.2 % of the standard's curve and five times as fast as a power.
    """
    out = np.empty_like(radiance)
    for start in range(0, len(radiance), _STRIP):  # so few rows at a time stay in the processor's cache
        part = out[start : start + _STRIP]
        _, light = cv2.threshold(radiance[start : start + _STRIP], 1.0, 1.0, cv2.THRESH_TRUNC)
        root2 = cv2.sqrt(light)
        root4 = cv2.sqrt(root2)
        cv2.addWeighted(root2, 0.662002687 * 255, root4, 0.684122060 * 255, 0, dst=part)
        cv2.addWeighted(part, 1.0, cv2.sqrt(root4, dst=root4), -0.323583601 * 255, 0, dst=part)
        cv2.addWeighted(part, 1.0, light, -0.0225411470 * 255, 0, dst=part)
        np.maximum(part, 0, out=part)
    return out


def coloured(albedo: FloatArray, rgb: FloatArray) -> FloatArray:
    """A new picture (h, w, 3): `albedo` in light of that colour (3,)."""
    # Over whole rows: numpy is slow where the last axis has three values.
    height, width = albedo.shape[:2]
    return np.asarray((albedo.reshape(height, -1) * np.tile(rgb, width)).reshape(albedo.shape), np.float32)


def blend(picture: FloatArray, over: FloatArray, alpha: FloatArray) -> None:
    """Lay `over` (h, w, 3) on `picture` in place, as far as `alpha` (h, w) says."""
    thrice = cv2.merge([alpha, alpha, alpha])
    change = cv2.subtract(over, picture)
    picture += cv2.multiply(change, thrice, dst=change)
