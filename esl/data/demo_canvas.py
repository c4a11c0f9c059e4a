"""The demo world's camera and its canvas: world polygons in, one buffer of numbered parts out.

Nothing here has a colour. A part says what it is (class, role), how it varies (tint, shade) and which plane
it lies on; `esl.data.demo_render` turns the same buffer into a midday or a dusk photo and into a label.
World axes: X to the right, Y up from the road, Z ahead, in metres; the camera stands at X = Z = 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

SUPERSAMPLING = 2
"""The part buffer has this many pixels per image pixel, along each axis."""
_SUBPIXEL_BITS = 4

Floats = NDArray[np.float64]
Tint = tuple[float, float, float]
"""Where a part's colour lies within its role's range of hue, saturation and value; each 0..1."""


class Role(IntEnum):
    """What a part's surface is; each renderer has its own range of colours for each role."""

    SKY = 0
    CLOUD = auto()
    HILL = auto()
    ASPHALT = auto()
    LANE_MARK = auto()
    RAIL = auto()
    SHADOW = auto()
    PAVING = auto()
    KERB = auto()
    GRASS = auto()
    FACADE = auto()
    WINDOW = auto()
    SHOP = auto()
    DOOR = auto()
    ROOF = auto()
    WALL = auto()
    WALL_CAP = auto()
    FENCE = auto()
    FENCE_GAP = auto()
    POLE = auto()
    LAMP = auto()
    SIGNAL_BOX = auto()
    SIGNAL_RED = auto()
    SIGNAL_AMBER = auto()
    SIGNAL_GREEN = auto()
    SIGNAL_OFF = auto()
    SIGN_BLUE = auto()
    SIGN_RED = auto()
    SIGN_WHITE = auto()
    TRUNK = auto()
    LEAF = auto()
    LEAF_LIGHT = auto()
    SKIN = auto()
    HAIR = auto()
    SHIRT = auto()
    TROUSERS = auto()
    HELMET = auto()
    CAR_PAINT = auto()
    TRUCK_PAINT = auto()
    TRUCK_BOX = auto()
    BUS_PAINT = auto()
    TRAIN_PAINT = auto()
    STRIPE = auto()
    GLASS = auto()
    TYRE = auto()
    HUB = auto()
    BUMPER = auto()
    HEAD_LIGHT = auto()
    TAIL_LIGHT = auto()
    BIKE_FRAME = auto()
    SPOKES = auto()
    MOTOR_BODY = auto()
    BIN = auto()


class Plane(IntEnum):
    """Which plane a part lies on; its depth at a pixel follows from it."""

    FACING = 0
    """Z is constant."""
    GROUND = 1
    """Y is constant."""
    SIDE = 2
    """X is constant."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera that looks along Z. Lengths in image pixels or metres."""

    size: tuple[int, int]
    """(height, width) of the image."""
    focal: float
    center_x: float
    horizon_y: float
    height: float
    """Of the lens above the road, in metres."""

    def project(self, points: ArrayLike) -> Floats:
        """World points (..., 3) to image points (..., 2), in pixels. Z must be positive."""
        world = np.asarray(points, np.float64)
        scale = self.focal / world[..., 2]
        pixels = np.empty((*world.shape[:-1], 2))
        pixels[..., 0] = self.center_x + scale * world[..., 0]
        pixels[..., 1] = self.horizon_y + scale * (self.height - world[..., 1])
        return pixels

    def inverse_depth(self, plane: Plane, offset: float) -> Tint:
        """(a, b, c) with 1/Z = a x + b y + c on the plane that has Z, Y or X equal to `offset`."""
        if plane is Plane.GROUND:
            b = 1.0 / (self.focal * max(self.height - offset, 0.05))
            return (0.0, b, -b * self.horizon_y)
        if plane is Plane.SIDE:
            a = 1.0 / (self.focal * (offset if abs(offset) > 0.2 else 0.2))
            return (a, 0.0, -a * self.center_x)
        return (0.0, 0.0, 1.0 / offset)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One street, drawn but not coloured: P parts and which of them each pixel shows."""

    camera: Camera
    parts: NDArray[np.uint16]
    """(2H, 2W) index of the part seen."""
    classes: NDArray[np.uint8]
    """(P,) train id, 255 where the label is void."""
    roles: NDArray[np.uint8]
    """(P,) `Role`."""
    tints: NDArray[np.float32]
    """(P, 3) `Tint`."""
    shades: NDArray[np.float32]
    """(P,) light that the face gets, about 0.6..1.1."""
    planes: NDArray[np.uint8]
    """(P,) `Plane`."""
    inverse_depths: NDArray[np.float32]
    """(P, 3) from `Camera.inverse_depth`."""


@dataclass
class Canvas:
    """Paints polygons over each other; later ones hide earlier ones (painter's algorithm)."""

    camera: Camera
    _buffer: NDArray[np.uint16] = field(init=False)
    _rows: list[tuple[int, int, Tint, float, int, Tint]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        height, width = self.camera.size
        self._buffer = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint16)

    def part(
        self, train_id: int, role: Role, tint: Tint, shade: float, plane: Plane = Plane.FACING, offset: float = 200.0
    ) -> int:
        """Make a part; `offset` is its Z, Y or X, as `plane` says. Returns its index."""
        self._rows.append((train_id, role, tint, shade, plane, self.camera.inverse_depth(plane, offset)))
        return len(self._rows) - 1

    def fill_pixels(self, part: int, polygons: Sequence[Floats] | Floats) -> None:
        """Fill polygons (N, 2) in image pixels, each below 60,000 in size; two of one call that overlap leave a hole."""
        factor = SUPERSAMPLING << _SUBPIXEL_BITS
        shapes = [(polygon * factor).astype(np.int32) for polygon in polygons]
        cv2.fillPoly(self._buffer, shapes, part, cv2.LINE_8, _SUBPIXEL_BITS)

    def fill(self, part: int, polygons: ArrayLike) -> None:
        """Fill polygons given in the world, (K, N, 3)."""
        factor = SUPERSAMPLING << _SUBPIXEL_BITS
        shapes = (self.camera.project(polygons) * factor).astype(np.int32)
        cv2.fillPoly(self._buffer, list(shapes), part, cv2.LINE_8, _SUBPIXEL_BITS)

    def scene(self) -> Scene:
        """What has been drawn, as a value."""
        classes, roles, tints, shades, planes, inverse = zip(*self._rows)
        return Scene(
            camera=self.camera,
            parts=self._buffer.copy(),
            classes=np.array(classes, np.uint8),
            roles=np.array(roles, np.uint8),
            tints=np.array(tints, np.float32),
            shades=np.array(shades, np.float32),
            planes=np.array(planes, np.uint8),
            inverse_depths=np.array(inverse, np.float32),
        )
