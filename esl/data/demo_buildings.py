"""What lines the streets of the demo world: houses with windows, walls, fences, the skyline."""

import numpy as np
from numpy.random import Generator

from esl.data.demo_canvas import Canvas, Floats, Plane, Role, Tint
from esl.data.demo_things import CLASS, disc, draw_tint


def side_quads(x: float, z: Floats, y: Floats) -> Floats:
    """(K, 4, 3) rectangles on the plane X = x from (K, 2) ranges of Z and of Y."""
    quads = np.empty((len(z), 4, 3))
    quads[..., 0] = x
    quads[..., 1] = y[:, [0, 0, 1, 1]]
    quads[..., 2] = z[:, [0, 1, 1, 0]]
    return quads


def facing_quads(z: float, x: Floats, y: Floats) -> Floats:
    """(K, 4, 3) rectangles on the plane Z = z from (K, 2) ranges of X and of Y."""
    quads = np.empty((len(x), 4, 3))
    quads[..., 2] = z
    quads[..., 1] = y[:, [0, 0, 1, 1]]
    quads[..., 0] = x[:, [0, 1, 1, 0]]
    return quads


def ground_quad(x0: float, x1: float, z0: float, z1: float, y: float = 0.0) -> Floats:
    """(1, 4, 3) a rectangle on the ground."""
    return np.array([[(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)]], np.float64)


def _grid(rng: Generator, start: float, stop: float, top: float) -> tuple[Floats, Floats]:
    """Ranges (K, 2) of windows along a facade and up it, floor by floor."""
    floor, pitch = float(rng.uniform(2.9, 3.6)), float(rng.uniform(2.2, 3.4))
    num_across, num_floors = max(int((stop - start) / pitch), 1), max(int((top - 4.2) / floor), 1)
    pitch, wide, tall = (stop - start) / num_across, float(rng.uniform(0.4, 0.62)), float(rng.uniform(0.45, 0.6))
    left = start + pitch * (np.arange(num_across) + (1 - wide) / 2)
    low = 4.0 + floor * (np.arange(num_floors) + 0.2)
    across, up = (grid.ravel() for grid in np.meshgrid(left, low))
    return np.stack([across, across + wide * pitch], -1), np.stack([up, up + tall * floor], -1)


def _draw_facade(
    canvas: Canvas,
    rng: Generator,
    tint: Tint,
    plane: Plane,
    offset: float,
    span: tuple[float, float],
    top: float,
    shade: float,
) -> None:
    building = CLASS["building"]

    def fill(role: Role, along: Floats, up: Floats, tint: Tint) -> None:
        quads = side_quads(offset, along, up) if plane is Plane.SIDE else facing_quads(offset, along, up)
        canvas.fill(canvas.part(building, role, tint, shade, plane, offset), quads)

    def one(start: float, stop: float) -> Floats:
        return np.array([(start, stop)])

    fill(Role.FACADE, one(*span), one(0.0, top), tint)
    fill(Role.ROOF, one(*span), one(top - 0.5, top), tint)
    along, up = _grid(rng, *span, top)
    groups = rng.integers(3, size=len(along))
    for group in range(3):
        if (groups == group).any():
            fill(Role.WINDOW, along[groups == group], up[groups == group], draw_tint(rng))
    if rng.random() < 0.6:
        edges = np.linspace(span[0], span[1], max(int((span[1] - span[0]) / 4), 1) + 1)
        shop = np.stack([edges[:-1] + 0.4, edges[1:] - 0.4], -1)
        fill(Role.SHOP, shop, np.tile([0.5, 2.7], (len(shop), 1)), draw_tint(rng))
        fill(Role.STRIPE, one(span[0] + 0.3, span[1] - 0.3), one(2.8, 3.3), draw_tint(rng))
    door = span[0] + (span[1] - span[0]) * float(rng.uniform(0.2, 0.7))
    fill(Role.DOOR, one(door, door + 1.2), one(0.0, 2.4), draw_tint(rng))


def draw_building(canvas: Canvas, rng: Generator, x: float, z0: float, z1: float, top: float) -> None:
    """A house whose street front lies on X = x, with the end wall that faces the camera."""
    tint, depth = draw_tint(rng), float(np.sign(x)) * 14.0
    across = (x, x + depth) if x > 0 else (x + depth, x)
    _draw_facade(canvas, rng, tint, Plane.FACING, z0, across, top, 0.86)
    _draw_facade(canvas, rng, tint, Plane.SIDE, x, (z0, z1), top, 1.0 if x < 0 else 0.93)


def draw_wall(canvas: Canvas, rng: Generator, x: float, z0: float, z1: float) -> None:
    """A free-standing wall along the street, with piers and a coping."""
    wall, tint, top = CLASS["wall"], draw_tint(rng), float(rng.uniform(1.7, 3.2))
    body = canvas.part(wall, Role.WALL, tint, 1.0, Plane.SIDE, x)
    canvas.fill(body, side_quads(x, np.array([(z0, z1)]), np.array([(0.0, top)])))
    piers = np.arange(z0, z1 - 0.6, 3.5)
    cap = canvas.part(wall, Role.WALL_CAP, tint, 0.9, Plane.SIDE, x)
    canvas.fill(cap, side_quads(x, np.stack([piers, piers + 0.5], -1), np.tile([0.0, top], (len(piers), 1))))
    canvas.fill(cap, side_quads(x, np.array([(z0, z1)]), np.array([(top - 0.12, top + 0.12)])))
    canvas.fill(cap, facing_quads(z0, np.array([sorted((x, x + np.sign(x) * 0.4))]), np.array([(0.0, top + 0.12)])))


def draw_fence(canvas: Canvas, rng: Generator, x: float, z0: float, z1: float) -> None:
    """A fence along the street: posts, rails and bars before dark gaps, all of it fence in the label."""
    fence, tint, top = CLASS["fence"], draw_tint(rng), float(rng.uniform(1.1, 2.0))
    gap = canvas.part(fence, Role.FENCE_GAP, tint, 1.0, Plane.SIDE, x)
    canvas.fill(gap, side_quads(x, np.array([(z0, z1)]), np.array([(0.0, top)])))
    bars = canvas.part(fence, Role.FENCE, tint, 1.0, Plane.SIDE, x)
    step = float(rng.choice([0.35, 0.5, 0.9]))
    posts = np.arange(z0, z1 - 0.2, step)
    canvas.fill(bars, side_quads(x, np.stack([posts, posts + 0.4 * step], -1), np.tile([0.0, top], (len(posts), 1))))
    for low in (0.15, top - 0.25):
        canvas.fill(bars, side_quads(x, np.array([(z0, z1)]), np.array([(low, low + 0.16)])))


def draw_skyline(canvas: Canvas, rng: Generator) -> None:
    """Distant hills with woods and distant houses, along the whole horizon."""
    camera = canvas.camera
    width, horizon = camera.size[1], camera.horizon_y
    hill = canvas.part(CLASS["vegetation"], Role.HILL, draw_tint(rng), 1.0, Plane.FACING, 230.0)
    xs = np.arange(-20.0, width + 41.0, 20.0)
    ridge = horizon - 6 - 7 * rng.random() - 5 * rng.random(len(xs))
    canvas.fill_pixels(
        hill, [np.concatenate([np.stack([xs, ridge], -1), [(width + 40.0, horizon + 4), (-20.0, horizon + 4)]])]
    )
    canvas.fill_pixels(hill, [disc(float(x), float(y) + 2, 11, 6, 9) for x, y in zip(xs, ridge)])
    for _ in range(int(rng.integers(5, 12))):
        left, wide, tall = float(rng.uniform(0, width)), float(rng.uniform(10, 34)), float(rng.uniform(10, 34))
        house = canvas.part(CLASS["building"], Role.FACADE, draw_tint(rng), 0.95, Plane.FACING, 180.0)
        corners = [
            (left, horizon + 3),
            (left + wide, horizon + 3),
            (left + wide, horizon - tall),
            (left, horizon - tall),
        ]
        canvas.fill_pixels(house, [np.array(corners)])
        window = canvas.part(CLASS["building"], Role.WINDOW, draw_tint(rng), 0.95, Plane.FACING, 180.0)
        cells = [
            (left + 3 + 5 * i, horizon - tall + 4 + 6 * j)
            for i in range(int(wide / 5) - 1)
            for j in range(int(tall / 6))
        ]
        if cells:
            canvas.fill_pixels(
                window, [np.array([(x, y), (x + 2, y), (x + 2, y + 2.5), (x, y + 2.5)]) for x, y in cells]
            )


def draw_sky(canvas: Canvas, rng: Generator) -> None:
    """Sky and a few clouds; it is the first thing painted."""
    sky = CLASS["sky"]
    height, width = canvas.camera.size
    whole = np.array([(-1.0, -1.0), (width + 1.0, -1.0), (width + 1.0, height + 1.0), (-1.0, height + 1.0)])
    canvas.fill_pixels(canvas.part(sky, Role.SKY, draw_tint(rng), 1.0, Plane.FACING, 4000.0), [whole])
    for _ in range(int(rng.integers(2, 6))):
        cloud = canvas.part(sky, Role.CLOUD, draw_tint(rng), 1.0, Plane.FACING, 4000.0)
        x, y = float(rng.uniform(0, width)), float(rng.uniform(5, canvas.camera.horizon_y * 0.7))
        for _ in range(5):
            puff = disc(
                x + float(rng.normal(0, 22)),
                y + float(rng.normal(0, 3)),
                float(rng.uniform(12, 30)),
                float(rng.uniform(3, 7)),
                16,
            )
            canvas.fill_pixels(cloud, [puff])
