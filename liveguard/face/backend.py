"""The two things that a face library must do for us, so that the library can be changed."""

from __future__ import annotations

from typing import Protocol

from liveguard.types import Box, ByteArray, FloatArray


class Mesher(Protocol):
    """Follows one face from picture to picture. Used by one thread; keeps state between calls."""

    def mesh(self, image: ByteArray) -> FloatArray | None:
        """Landmarks (478, 3) float32 in pixels of the square `image`, or None where there is no face."""
        ...

    def close(self) -> None: ...


class FaceBackend(Protocol):
    """Finds faces anywhere in a picture, and makes meshers."""

    name: str

    def find(self, image: ByteArray) -> list[Box]:
        """Boxes of the faces in `image`, in its pixels, the largest first."""
        ...

    def new_mesher(self) -> Mesher: ...

    def close(self) -> None: ...
