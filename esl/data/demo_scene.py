"""The demo world's streets: where the road runs, what lines it, who is on it.

A scene is a function of its seed alone. Things are drawn from far to near.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator, SeedSequence

from esl.data import demo_buildings as buildings
from esl.data import demo_things as things
from esl.data import demo_vehicles as vehicles
from esl.data.demo_buildings import ground_quad, side_quads
from esl.data.demo_canvas import Camera, Canvas, Plane, Role, Scene
from esl.data.demo_things import CLASS

FAR = 110.0
"""Depth in metres at which the street ends."""
KERB = 0.13
"""Height of the sidewalks, in metres."""


@dataclass
class Street:
    """A scene while it is laid out: its borders, and what is still to be drawn."""

    canvas: Canvas
    rng: Generator
    left: float
    """X of the left kerb; negative."""
    right: float
    """X of the right kerb."""
    verge: tuple[float, float]
    """Widths of the grass between kerb and sidewalk, left and right; often 0."""
    walk: tuple[float, float]
    """Widths of the left and right sidewalk, with its verge."""
    junction: float
    """Z at which a side street crosses; beyond `FAR` when there is none."""
    drawings: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def add(self, z: float, draw: Callable[[], object]) -> None:
        """Have `draw` called once all that is farther than `z` is drawn."""

        def call() -> None:
            draw()

        self.drawings.append((z, call))

    def kerb(self, side: int) -> float:
        """X of the kerb on the left (-1) or right (1)."""
        return self.left if side < 0 else self.right

    def front(self, side: int) -> float:
        """X where the sidewalk ends and lots begin."""
        return self.kerb(side) + side * self.walk[side > 0]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        """A uniform number."""
        return float(self.rng.uniform(low, high))


def build_scene(seed: int | tuple[int, ...], size: tuple[int, int] = (256, 512)) -> Scene:
    """The street of `seed`, at (height, width) pixels."""
    rng = np.random.default_rng(SeedSequence(seed))
    height, width = size
    camera = Camera(
        size=size,
        focal=0.86 * width * float(rng.uniform(0.92, 1.1)),
        center_x=width / 2 + float(rng.normal(0, 0.07)) * width,
        horizon_y=height * float(rng.uniform(0.38, 0.46)),
        height=float(rng.uniform(1.6, 2.1)),
    )
    left, right = -float(rng.uniform(4.2, 6.8)), float(rng.uniform(3.3, 5.0))
    verge = (_verge(rng), _verge(rng))
    walk = (verge[0] + float(rng.uniform(2.2, 5.0)), verge[1] + float(rng.uniform(2.2, 5.0)))
    junction = float(rng.uniform(17, 45)) if rng.random() < 0.55 else 2 * FAR
    street = Street(Canvas(camera), rng, left, right, verge, walk, junction)
    buildings.draw_sky(street.canvas, rng)
    buildings.draw_skyline(street.canvas, rng)
    _draw_ground(street)
    for side in (-1, 1):
        _line(street, side)
        _furnish(street, side)
        _people(street, side)
    _traffic(street)
    for _, draw in sorted(street.drawings, key=lambda item: -item[0]):
        draw()
    return street.canvas.scene()


def _verge(rng: Generator) -> float:
    return float(rng.uniform(1.2, 3.2)) if rng.random() < 0.45 else 0.0


def _draw_ground(street: Street) -> None:
    canvas, road = street.canvas, CLASS["road"]
    tint = things.draw_tint(street.rng)

    def flat(train_id: int, role: Role, x0: float, x1: float, z0: float, z1: float, y: float = 0.0) -> None:
        canvas.fill(canvas.part(train_id, role, tint, 1.0, Plane.GROUND, y), ground_quad(x0, x1, z0, z1, y))

    flat(CLASS["terrain"], Role.GRASS, -400, 400, 2.2, 400)
    for side in (-1, 1):
        edge, grass = street.kerb(side), side * street.verge[side > 0]
        flat(CLASS["sidewalk"], Role.PAVING, edge, street.front(side), 2.2, FAR, KERB)
        if grass:
            flat(CLASS["terrain"], Role.GRASS, edge, edge + grass, 2.2, FAR, KERB)
        flat(CLASS["sidewalk"], Role.KERB, edge, edge + side * 0.28, 2.2, FAR, KERB)
        face = canvas.part(CLASS["sidewalk"], Role.KERB, tint, 0.8, Plane.SIDE, edge)
        canvas.fill(face, side_quads(edge, np.array([(2.2, FAR)]), np.array([(0.0, KERB)])))
    flat(road, Role.ASPHALT, street.left, street.right, 2.2, FAR)
    middle = (street.left + street.right) / 2 if street.chance(0.7) else street.left + 3.2
    mark = canvas.part(road, Role.LANE_MARK, tint, 1.0, Plane.GROUND, 0.0)
    for z in np.arange(street.between(2.3, 5.0), FAR, 7.0):
        canvas.fill(mark, ground_quad(middle - 0.09, middle + 0.09, float(z), float(z) + 3.2))
    for side in (-1, 1):
        edge = street.kerb(side) - side * (2.35 if street.chance(0.5) else 0.35)
        canvas.fill(mark, ground_quad(edge - 0.07, edge + 0.07, 2.2, FAR))
    if street.junction < FAR:
        near, far = street.junction, street.junction + 9.0
        flat(road, Role.ASPHALT, -200, 200, near, far)
        flat(CLASS["sidewalk"], Role.PAVING, -200, street.left, far, far + 2.5, KERB)
        flat(CLASS["sidewalk"], Role.PAVING, street.right, 200, far, far + 2.5, KERB)
        for x in np.arange(street.left + 0.4, street.right - 0.4, 1.0):
            canvas.fill(mark, ground_quad(float(x), float(x) + 0.5, near - 3.6, near - 0.8))


def _line(street: Street, side: int) -> None:
    """Fill one side of the street with lots, out to the far end."""
    rng, z = street.rng, 2.3
    urban = street.between(0.25, 0.75)
    while z < FAR:
        end = z + street.between(9, 20) + z / 8
        if z < street.junction < end:
            end = max(street.junction - 0.5, z + 1.5)
        if street.junction - 1 < z < street.junction + 10:
            z = street.junction + 11.5
            continue
        x = street.front(side)
        kind = rng.choice(
            ["building", "wall", "fence", "park"], p=[urban, *(np.array([0.32, 0.4, 0.28]) * (1 - urban))]
        )
        if kind == "building":
            _add_building(street, x + side * street.between(0, 0.6), z, end, street.between(7, 22))
        else:
            _add_garden(street, side, x, z, end, str(kind))
        z = end


def _add_building(street: Street, x: float, z0: float, z1: float, top: float) -> None:
    street.add(z1, lambda: buildings.draw_building(street.canvas, street.rng, x, z0, z1, top))


def _add_garden(street: Street, side: int, x: float, z0: float, z1: float, kind: str) -> None:
    """A lot without a house at the street: trees on grass, behind a wall, a fence, or nothing."""
    canvas, rng = street.canvas, street.rng
    if street.chance(0.6):
        _add_building(street, x + side * street.between(9, 16), z0, z1 + 0.3, street.between(5, 11))
    for _ in range(int(rng.integers(1, 4))):
        z, out, tall = street.between(z0, z1), street.between(2.0, 9.0), street.between(4, 9)
        if z > 6:
            _add_tree(street, x + side * out, z, tall, z1 + 0.01 * out)
    if kind == "wall":
        street.add(z1, lambda: buildings.draw_wall(canvas, rng, x, z0, z1))
    elif kind == "fence":
        street.add(z1, lambda: buildings.draw_fence(canvas, rng, x, z0, z1))
    else:
        for _ in range(int(rng.integers(0, 4))):
            z, tall = street.between(max(z0, 6), max(z1, 7)), street.between(0.7, 1.7)
            _add_tree(street, x + side * street.between(0.8, 3), z, tall, z)


def _add_tree(street: Street, x: float, z: float, tall: float, key: float) -> None:
    street.add(key, lambda: things.draw_tree(street.canvas, street.rng, x, z, tall))


def _add_thing(
    street: Street, draw: Callable[[Canvas, Generator, float, float, float], None], x: float, z: float
) -> None:
    street.add(z, lambda: draw(street.canvas, street.rng, x, z, KERB))


def _furnish(street: Street, side: int) -> None:
    """Lamp posts, signals, signs, trees, bins and parked bicycles on one sidewalk."""
    x = street.kerb(side) + side * 0.55
    for z in np.arange(street.between(7, 20), 75, street.between(16, 28)):
        _add_thing(street, things.draw_lamp_post, x, float(z))
    if street.chance(0.75):
        at = street.junction - 1.2 if street.junction < FAR else street.between(9, 24)
        _add_thing(street, things.draw_traffic_light, x, at)
    for _ in range(int(street.rng.integers(1, 4))):
        _add_thing(street, things.draw_sign, x, street.between(7, 32))
    if street.chance(0.5):
        for z in np.arange(street.between(8, 14), 75, street.between(9, 16)):
            tall = street.between(4, 6.5)
            _add_tree(street, x + side * 0.3, float(z), tall, float(z))
    for _ in range(int(street.rng.integers(0, 2))):
        _add_thing(street, things.draw_bin, x + side * 0.2, street.between(7, 25))
    if street.chance(0.65):
        start = street.between(6.5, 20)
        draw = things.draw_motorbike if street.chance(0.42) else things.draw_bicycle
        for k in range(int(street.rng.integers(1, 4))):
            _add_parked(street, draw, x + side * street.between(0.2, 0.9), start + 0.9 * k)


def _add_parked(
    street: Street, draw: Callable[[Canvas, Generator, float, float, float, bool], None], x: float, z: float
) -> None:
    street.add(z, lambda: draw(street.canvas, street.rng, x, z, KERB, False))


def _people(street: Street, side: int) -> None:
    for _ in range(int(street.rng.integers(2, 7))):
        z = 6.0 + float(street.rng.exponential(9))
        x = street.kerb(side) + side * street.between(0.9, street.walk[side > 0])
        for k in range(1 + int(street.chance(0.35))):
            _add_thing(street, things.draw_person, x + 0.55 * k, z + 0.2 * k)


def _traffic(street: Street) -> None:
    """Vehicles in each lane, riders beside the kerb, and at a junction something that crosses."""
    for side in (-1, 1):
        parked, lane = street.kerb(side) - side * 1.2, street.kerb(side) - side * 3.6
        has_parking = street.chance(0.4)
        if has_parking:
            _queue(street, parked, street.between(6, 14), 1.0, side < 0, {"car": 0.86, "truck": 0.14})
        tram = street.chance(0.3)
        if tram:
            _lay_rails(street, lane)
        kinds = {"train": 1.0} if tram else {"car": 0.62, "truck": 0.2, "bus": 0.18}
        _queue(street, lane, street.between(9, 26), street.between(6, 14), side < 0, kinds)
        if street.chance(0.75):
            near = street.kerb(side) - side * (2.6 if has_parking else 0.9)
            draw = things.draw_motorbike if street.chance(0.5) else things.draw_bicycle
            _add_ridden(street, draw, near, 6.5 + float(street.rng.exponential(7)))
    if street.junction < 40 and street.chance(0.8):
        kind = street.rng.choice(["car", "truck", "bus", "train"], p=[0.25, 0.25, 0.25, 0.25])
        _add_vehicle(
            street,
            str(kind),
            street.between(-14, 4),
            street.junction + street.between(2, 4.5),
            street.chance(0.5),
            True,
        )


def _queue(street: Street, x: float, start: float, gap: float, toward: bool, kinds: dict[str, float]) -> None:
    z, names, odds = start, list(kinds), np.array(list(kinds.values()))
    for _ in range(6):
        kind = str(street.rng.choice(names, p=odds / odds.sum()))
        length = {"car": 4.6, "truck": 9.5, "bus": 12.0, "train": 28.0}[kind]
        blocked = z - 1 < street.junction + 9 and z + length + 1 > street.junction
        if blocked:
            z = street.junction + 10
        if z > 62:
            return
        _add_vehicle(street, kind, x, z, toward, False)
        z += length + gap * street.between(0.8, 1.6)


def _add_vehicle(street: Street, kind: str, x: float, z: float, toward: bool, across: bool) -> None:
    draw = {
        "car": vehicles.draw_car, "truck": vehicles.draw_truck, "bus": vehicles.draw_bus, "train": vehicles.draw_train,
    }[kind]  # fmt: skip
    street.add(z + (0 if across else 1.5), lambda: draw(street.canvas, street.rng, x, z, toward, across))


def _add_ridden(
    street: Street, draw: Callable[[Canvas, Generator, float, float, float, bool], None], x: float, z: float
) -> None:
    street.add(z, lambda: draw(street.canvas, street.rng, x, z, 0.0, True))


def _lay_rails(street: Street, x: float) -> None:
    rail = street.canvas.part(CLASS["road"], Role.RAIL, things.draw_tint(street.rng), 1.0, Plane.GROUND, 0.0)
    for dx in (-0.72, 0.72):
        street.canvas.fill(rail, ground_quad(x + dx - 0.07, x + dx + 0.07, 2.2, FAR))
