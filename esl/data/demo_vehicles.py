"""Cars, trucks, buses and trams of the demo world: profiles drawn out to solids."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from esl.data.demo_canvas import Canvas, Floats, Plane, Role, Tint
from esl.data.demo_things import CLASS, box, disc, draw_tint

Edge = tuple[float, float, Role]
"""A corner (u, y) of a side view, u being 0 at the tail and 1 at the nose, and the role of the face that starts there."""

_SEDAN: tuple[Edge, ...] = (
    (0.0, 0.3, Role.CAR_PAINT), (0.0, 0.92, Role.CAR_PAINT), (0.1, 0.98, Role.GLASS), (0.27, 1.43, Role.CAR_PAINT),
    (0.56, 1.45, Role.GLASS), (0.73, 0.98, Role.CAR_PAINT), (0.98, 0.8, Role.CAR_PAINT), (1.0, 0.3, Role.CAR_PAINT),
)  # fmt: skip
_HATCHBACK: tuple[Edge, ...] = (
    (0.0, 0.3, Role.CAR_PAINT), (0.0, 0.95, Role.GLASS), (0.09, 1.45, Role.CAR_PAINT), (0.55, 1.52, Role.GLASS),
    (0.75, 1.0, Role.CAR_PAINT), (0.98, 0.82, Role.CAR_PAINT), (1.0, 0.3, Role.CAR_PAINT),
)  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A vehicle's box in the world: it stands along the street, or across it and is seen from the side."""

    canvas: Canvas
    train_id: int
    tint: Tint
    x: float
    """Centre of the near end (along), or left end (across)."""
    z: float
    """Near end."""
    length: float
    width: float
    toward: bool
    """It drives toward the camera (along) or to the left (across)."""
    across: bool

    def world(self, shape: ArrayLike, w: float) -> Floats:
        """(N, 2) points (u, y) of the side view at `w` of the width, to (N, 3)."""
        flat = np.asarray(shape, np.float64)
        u = (1 - flat[:, 0] if self.toward else flat[:, 0]) * self.length
        points = np.empty((len(u), 3))
        points[:, 1] = flat[:, 1]
        points[:, 0] = self.x + (u if self.across else (w - 0.5) * self.width)
        points[:, 2] = self.z + (w * self.width if self.across else u)
        return points

    def end(self, shape: ArrayLike, u: float) -> Floats:
        """(N, 2) points (w, y) of the end view at `u` of the length, to (N, 3)."""
        flat = np.asarray(shape, np.float64)
        return np.concatenate([self.world([(u, y)], w) for w, y in flat])

    @property
    def near_w(self) -> float | None:
        """Which flank the camera sees: 0, 1, or none when it stands right behind."""
        if self.across:
            return 0.0
        left, right = self.x - self.width / 2, self.x + self.width / 2
        return 0.0 if left > 0.05 else 1.0 if right < -0.05 else None

    @property
    def near_u(self) -> float | None:
        """Which end the camera sees: 0 is the tail, 1 the nose."""
        if not self.across:
            return 1.0 if self.toward else 0.0
        left = self.x > 0
        if not left and self.x + self.length > 0:
            return None
        return float(left == self.toward)

    def fill_flank(self, role: Role, shapes: Sequence[ArrayLike], shade: float = 1.0) -> None:
        """Draw on the flank that the camera sees, if any."""
        if self.near_w is None:
            return
        plane, offset = (
            (Plane.FACING, self.z) if self.across else (Plane.SIDE, self.x + (self.near_w - 0.5) * self.width)
        )
        part = self.canvas.part(self.train_id, role, self.tint, shade, plane, offset)
        for shape in shapes:
            self.canvas.fill(part, self.world(shape, self.near_w)[None])

    def fill_end(self, role: Role, shapes: Sequence[ArrayLike], shade: float = 0.9) -> None:
        """Draw on the nose or tail that the camera sees, if any."""
        if self.near_u is None:
            return
        part = self.canvas.part(self.train_id, role, self.tint, shade, Plane.FACING, self.z)
        for shape in shapes:
            self.canvas.fill(part, self.end(shape, self.near_u)[None])

    def fill_solid(self, profile: Sequence[Edge], flank: Role) -> None:
        """Draw the profile, taken across the whole width, far faces first."""
        faces: list[tuple[float, Role, Floats]] = []
        for (u0, y0, role), (u1, y1, _) in pairwise(profile):
            quad = np.concatenate([self.world([(u0, y0), (u1, y1)], 0.0), self.world([(u1, y1), (u0, y0)], 1.0)])
            faces.append((float(quad[:, 2].mean()), role, quad))
        for depth, role, quad in sorted(faces, key=lambda face: -face[0]):
            shade = 1.08 if np.ptp(quad[:, 1]) < 0.5 else 0.9
            self.canvas.fill(self.canvas.part(self.train_id, role, self.tint, shade, Plane.FACING, depth), quad[None])
        self.fill_flank(flank, [[(u, y) for u, y, _ in profile]])

    def fill_shadow(self) -> None:
        """Darken the road beneath; it stays road in the label."""
        part = self.canvas.part(CLASS["road"], Role.SHADOW, self.tint, 1.0, Plane.GROUND, 0.0)
        corners = self.world([(-0.03, 0.005), (1.03, 0.005)], -0.06), self.world([(1.03, 0.005), (-0.03, 0.005)], 1.06)
        self.canvas.fill(part, np.concatenate(corners)[None])

    def fill_wheels(self, places: Sequence[float], radius: float) -> None:
        """Round wheels on the flank, and the two that show beneath the near end."""
        for at in places if self.z < 45 else ():
            self.fill_flank(Role.TYRE, [disc(at, radius, radius / self.length, radius)], 0.9)
            self.fill_flank(Role.HUB, [disc(at, radius, 0.5 * radius / self.length, 0.5 * radius)])
        self.fill_end(Role.TYRE, [box(0.06, 0, 0.2, radius), box(0.8, 0, 0.94, radius)])

    def fill_lights(self, low: float, high: float) -> None:
        """Head lamps on the nose, tail lamps on the tail, and a bumper with a plate."""
        self.fill_end(Role.BUMPER, [box(0.02, low - 0.32, 0.98, low - 0.12)])
        self.fill_end(Role.SIGN_WHITE, [box(0.36, low - 0.3, 0.64, low - 0.17)])
        lamp = Role.HEAD_LIGHT if self.near_u == 1.0 else Role.TAIL_LIGHT
        self.fill_end(lamp, [box(0.04, low, 0.2, high), box(0.8, low, 0.96, high)])


def draw_car(canvas: Canvas, rng: Generator, x: float, z: float, toward: bool, across: bool) -> float:
    """A car; returns its length."""
    profile, length = (
        (_SEDAN, float(rng.uniform(4.2, 4.8))) if rng.random() < 0.5 else (_HATCHBACK, float(rng.uniform(3.7, 4.3)))
    )
    body = Body(canvas, CLASS["car"], draw_tint(rng), x, z, length, 1.8, toward, across)
    body.fill_shadow()
    body.fill_solid(profile, Role.CAR_PAINT)
    middle = 0.44 if profile is _SEDAN else 0.38
    body.fill_flank(
        Role.GLASS, [[(middle - 0.26, 0.98), (middle - 0.16, 1.36), (middle - 0.01, 1.38), (middle - 0.01, 0.98)]]
    )
    body.fill_flank(
        Role.GLASS, [[(middle + 0.01, 0.98), (middle + 0.01, 1.38), (middle + 0.12, 1.38), (middle + 0.26, 0.98)]]
    )
    body.fill_wheels((0.19, 0.81), 0.33)
    body.fill_lights(0.66, 0.84)
    return length


def draw_truck(canvas: Canvas, rng: Generator, x: float, z: float, toward: bool, across: bool) -> float:
    """A lorry: a cab and a tall cargo box; returns its length."""
    length, top = float(rng.uniform(6.5, 9.5)), float(rng.uniform(3.0, 3.7))
    body = Body(canvas, CLASS["truck"], draw_tint(rng), x, z, length, 2.4, toward, across)
    body.fill_shadow()
    cab, cargo = 0.78, 0.76
    chassis: tuple[Edge, ...] = (
        (0.0, 0.5, Role.BUMPER),
        (0.0, 0.9, Role.BUMPER),
        (1.0, 0.9, Role.BUMPER),
        (1.0, 0.5, Role.BUMPER),
    )
    hood: tuple[Edge, ...] = (
        (cab, 0.45, Role.TRUCK_PAINT), (cab, 2.6, Role.TRUCK_PAINT), (0.97, 2.6, Role.GLASS), (1.0, 1.6, Role.TRUCK_PAINT), (1.0, 0.45, Role.TRUCK_PAINT),
    )  # fmt: skip
    load: tuple[Edge, ...] = (
        (0.0, 0.85, Role.TRUCK_BOX),
        (0.0, top, Role.TRUCK_BOX),
        (cargo, top, Role.TRUCK_BOX),
        (cargo, 0.85, Role.TRUCK_BOX),
    )
    cab_first = not toward and not across
    body.fill_solid(chassis, Role.BUMPER)
    for profile, role in (
        ((hood, Role.TRUCK_PAINT), (load, Role.TRUCK_BOX))
        if cab_first
        else ((load, Role.TRUCK_BOX), (hood, Role.TRUCK_PAINT))
    ):
        body.fill_solid(profile, role)
    body.fill_flank(Role.GLASS, [box(cab + 0.05, 1.6, 0.96, 2.4)])
    body.fill_flank(Role.STRIPE, [box(0.06, 1.7, cargo - 0.06, 1.7 + 0.3 * (top - 2))])
    body.fill_wheels((0.12, 0.24, 0.88), 0.5)
    if body.near_u == 0.0:
        body.fill_end(Role.BUMPER, [box(0.49, 0.95, 0.51, top - 0.1)], 0.8)
    body.fill_lights(0.62, 0.82)
    return length


def _draw_coach(canvas: Canvas, rng: Generator, name: str, paint: Role, body: Body, top: float, windows: int) -> None:
    body.fill_shadow()
    profile: tuple[Edge, ...] = ((0.0, 0.35, paint), (0.0, top, paint), (1.0, top, paint), (1.0, 0.35, paint))
    body.fill_solid(profile, paint)
    edges = np.linspace(0.03, 0.97, windows + 1)
    gap = 0.1 * (edges[1] - edges[0])
    body.fill_flank(Role.GLASS, [box(a + gap, 1.35, b - gap, top - 0.5) for a, b in pairwise(edges)])
    body.fill_flank(Role.STRIPE, [box(0.0, 0.75, 1.0, 1.1)])
    body.fill_flank(
        Role.DOOR, [box(edges[k] + gap, 0.4, edges[k] + 6 * gap, top - 0.5) for k in (1, windows // 2, windows - 2)]
    )
    body.fill_end(Role.GLASS, [box(0.07, 1.35, 0.93, top - 0.55)])
    body.fill_end(Role.SIGN_WHITE if name == "bus" else Role.HEAD_LIGHT, [box(0.3, top - 0.45, 0.7, top - 0.18)])


def draw_bus(canvas: Canvas, rng: Generator, x: float, z: float, toward: bool, across: bool) -> float:
    """A city bus; returns its length."""
    length, top = float(rng.uniform(9.0, 12.0)), float(rng.uniform(2.9, 3.3))
    body = Body(canvas, CLASS["bus"], draw_tint(rng), x, z, length, 2.5, toward, across)
    _draw_coach(canvas, rng, "bus", Role.BUS_PAINT, body, top, 7)
    body.fill_wheels((0.18, 0.8), 0.5)
    body.fill_lights(0.7, 0.95)
    return length


def draw_train(canvas: Canvas, rng: Generator, x: float, z: float, toward: bool, across: bool) -> float:
    """A tram of two or three cars; returns its length."""
    num_cars, tint, part_length = int(rng.integers(2, 4)), draw_tint(rng), float(rng.uniform(8.0, 10.0))
    top = float(rng.uniform(3.3, 3.7))
    for k in range(num_cars)[:: 1 if across else -1]:
        x0, z0 = (x + k * part_length, z) if across else (x, z + k * part_length)
        body = Body(canvas, CLASS["train"], tint, x0, z0, 0.97 * part_length, 2.5, toward, across)
        _draw_coach(canvas, rng, "train", Role.TRAIN_PAINT, body, top, 5)
        body.fill_flank(Role.BUMPER, [box(0.0, 0.1, 1.0, 0.38)])
        body.fill_lights(0.75, 0.98)
    return num_cars * part_length
