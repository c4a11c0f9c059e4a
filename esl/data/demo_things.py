"""What stands or moves in the demo world: vehicles, people, riders, poles, signals, signs, trees.

Each function draws one thing onto a canvas at a place in the world; sizes are in metres.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from esl.classes import CITYSCAPES_19, IGNORE
from esl.data.demo_canvas import Canvas, Floats, Plane, Role, Tint

CLASS = {name: index for index, name in enumerate(CITYSCAPES_19.names)}


def draw_tint(rng: Generator) -> Tint:
    """A random place in a role's colour range."""
    a, b, c = rng.random(3)
    return (float(a), float(b), float(c))


def disc(x: float, y: float, rx: float, ry: float | None = None, sides: int = 12) -> Floats:
    """(sides, 2) an ellipse as a polygon."""
    return _circle(sides) * (rx, rx if ry is None else ry) + (x, y)


@cache
def _circle(sides: int) -> Floats:
    angles = np.arange(sides) * (2 * np.pi / sides)
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def box(x0: float, y0: float, x1: float, y1: float) -> Floats:
    """(4, 2) a rectangle."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


def limb(x0: float, y0: float, x1: float, y1: float, width: float) -> Floats:
    """(4, 2) a thick line."""
    dx, dy = x1 - x0, y1 - y0
    length = float(np.hypot(dx, dy)) or 1.0
    nx, ny = -dy / length * width / 2, dx / length * width / 2
    return np.array([(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)])


@dataclass(frozen=True)
class Sheet:
    """Draws flat shapes of one class that stand at one place and face the camera."""

    canvas: Canvas
    train_id: int
    x: float
    z: float
    tint: Tint
    flip: float = 1.0
    """-1 mirrors left and right."""
    base: float = 0.0
    """Height of the ground under it."""

    def fill(self, role: Role, *shapes: ArrayLike, shade: float = 1.0, tint: Tint | None = None) -> None:
        """Fill (N, 2) shapes given in metres around the sheet's foot."""
        part = self.canvas.part(self.train_id, role, tint or self.tint, shade, Plane.FACING, self.z)
        camera = self.canvas.camera
        scale = camera.focal / self.z
        foot = (camera.center_x + scale * self.x, camera.horizon_y + scale * (camera.height - self.base))
        for shape in shapes:  # one by one, because shapes of one call would cut holes into each other
            self.canvas.fill_pixels(part, [np.asarray(shape, np.float64) * (scale * self.flip, -scale) + foot])

    def of_class(self, name: str, tint: Tint | None = None) -> "Sheet":
        """The same place for parts of another class."""
        return Sheet(self.canvas, CLASS[name], self.x, self.z, tint or self.tint, self.flip, self.base)


def draw_person(canvas: Canvas, rng: Generator, x: float, z: float, base: float) -> None:
    """A standing or walking person."""
    tint, height = draw_tint(rng), float(rng.uniform(1.1, 1.3) if rng.random() < 0.12 else rng.uniform(1.58, 1.92))
    sheet = Sheet(canvas, CLASS["person"], x, z, tint, float(rng.choice([-1.0, 1.0])), base)
    stride = float(rng.uniform(0.0, 0.3)) * height
    hip, shoulder = 0.48 * height, 0.82 * height
    legs = limb(0.05, hip, -stride / 2 - 0.07, 0, 0.17), limb(-0.02, hip, stride / 2 + 0.07, 0, 0.17)
    sheet.fill(Role.TROUSERS, legs[0], shade=0.85, tint=draw_tint(rng))
    sheet.fill(Role.TROUSERS, legs[1], tint=draw_tint(rng))
    arm = float(rng.uniform(-0.25, 0.3))
    sheet.fill(Role.SHIRT, limb(-0.16, shoulder - 0.05, -0.2 - arm / 2, hip + 0.03, 0.12), shade=0.85)
    sheet.fill(Role.SHIRT, [(-0.21, shoulder), (0.21, shoulder), (0.19, hip - 0.06), (-0.18, hip - 0.06)])
    sheet.fill(Role.SHIRT, limb(0.17, shoulder - 0.04, 0.2 + arm, hip + 0.05, 0.12), shade=0.93)
    sheet.fill(Role.SKIN, disc(0.2 + arm, hip + 0.03, 0.05), disc(0.0, 0.915 * height, 0.1, 0.085 * height))
    sheet.fill(Role.HAIR, disc(-0.02, 0.95 * height, 0.11, 0.06 * height), tint=draw_tint(rng))
    if rng.random() < 0.3:
        sheet.fill(Role.SHIRT, box(-0.36, hip - 0.1, -0.18, hip + 0.28), shade=0.7, tint=draw_tint(rng))


def _draw_cyclist_body(sheet: Sheet, rng: Generator, seat: float, lean: float) -> None:
    rider = sheet.of_class("rider", draw_tint(rng))
    shoulder = (lean, seat + 0.55)
    rider.fill(Role.TROUSERS, limb(-0.12, seat, 0.16, seat - 0.32, 0.17), limb(0.16, seat - 0.32, 0.04, 0.26, 0.14))
    rider.fill(Role.SHIRT, limb(-0.14, seat - 0.05, shoulder[0], shoulder[1], 0.34))
    rider.fill(Role.SHIRT, limb(shoulder[0], shoulder[1] - 0.06, 0.45, seat + 0.14, 0.12), shade=0.85)
    rider.fill(Role.SKIN, disc(lean + 0.1, shoulder[1] + 0.2, 0.12, 0.14), disc(0.45, seat + 0.14, 0.06))
    rider.fill(Role.HELMET, disc(lean + 0.07, shoulder[1] + 0.28, 0.15, 0.1), tint=draw_tint(rng))


def _draw_rider_from_behind(sheet: Sheet, rng: Generator, seat: float) -> None:
    rider = sheet.of_class("rider", draw_tint(rng))
    rider.fill(Role.TROUSERS, limb(-0.15, seat, -0.18, 0.3, 0.16), limb(0.15, seat, 0.18, 0.36, 0.16))
    rider.fill(Role.SHIRT, [(-0.25, seat + 0.56), (0.25, seat + 0.56), (0.19, seat - 0.08), (-0.19, seat - 0.08)])
    rider.fill(
        Role.SHIRT, limb(-0.24, seat + 0.5, -0.38, seat + 0.15, 0.12), limb(0.24, seat + 0.5, 0.38, seat + 0.15, 0.12)
    )
    rider.fill(Role.SKIN, disc(0.0, seat + 0.7, 0.11, 0.13))
    rider.fill(Role.HELMET, disc(0.0, seat + 0.79, 0.14, 0.11), tint=draw_tint(rng))


def draw_bicycle(canvas: Canvas, rng: Generator, x: float, z: float, base: float, ridden: bool) -> None:
    """A bicycle from the side or from behind, with or without its rider."""
    sheet = Sheet(canvas, CLASS["bicycle"], x, z, draw_tint(rng), float(rng.choice([-1.0, 1.0])), base)
    if rng.random() < 0.62:
        for wheel in (-0.52, 0.52):
            sheet.fill(Role.TYRE, disc(wheel, 0.35, 0.35, sides=16))
            sheet.fill(Role.SPOKES, disc(wheel, 0.35, 0.27, sides=16))
        frame = [(-0.52, 0.35, -0.14, 0.8), (-0.52, 0.35, 0.0, 0.35), (0.0, 0.35, 0.4, 0.78), (-0.14, 0.76, 0.4, 0.8)]
        sheet.fill(
            Role.BIKE_FRAME, *(limb(*tube, 0.09) for tube in [*frame, (0.52, 0.35, 0.4, 0.98), (0.0, 0.35, -0.16, 0.9)])
        )
        sheet.fill(Role.TYRE, limb(0.34, 1.0, 0.5, 1.03, 0.07), limb(-0.28, 0.93, -0.04, 0.93, 0.08))
        if ridden:
            _draw_cyclist_body(sheet, rng, 0.98, 0.2)
        return
    sheet.fill(Role.TYRE, box(-0.07, 0.0, 0.07, 0.68))
    sheet.fill(Role.BIKE_FRAME, box(-0.06, 0.6, 0.06, 0.98), limb(-0.3, 1.02, 0.3, 1.02, 0.08))
    if ridden:
        _draw_rider_from_behind(sheet, rng, 0.98)


def draw_motorbike(canvas: Canvas, rng: Generator, x: float, z: float, base: float, ridden: bool) -> None:
    """A motorbike from the side or from behind, with or without its rider."""
    sheet = Sheet(canvas, CLASS["motorbike"], x, z, draw_tint(rng), float(rng.choice([-1.0, 1.0])), base)
    if rng.random() < 0.6:
        for wheel in (-0.72, 0.72):
            sheet.fill(Role.TYRE, disc(wheel, 0.34, 0.34, sides=16))
            sheet.fill(Role.HUB, disc(wheel, 0.34, 0.17))
        sheet.fill(Role.BUMPER, box(-0.45, 0.2, 0.4, 0.55), limb(0.72, 0.34, 0.48, 0.95, 0.12))
        body = [
            (-0.95, 0.82),
            (-0.2, 0.74),
            (0.1, 0.95),
            (0.55, 0.98),
            (0.62, 0.75),
            (0.3, 0.42),
            (-0.4, 0.42),
            (-0.85, 0.66),
        ]
        sheet.fill(Role.MOTOR_BODY, body)
        sheet.fill(Role.TYRE, limb(-0.8, 0.85, -0.1, 0.8, 0.13), limb(0.4, 1.08, 0.56, 1.1, 0.08))
        sheet.fill(Role.TAIL_LIGHT, box(-1.0, 0.72, -0.9, 0.84))
        sheet.fill(Role.HEAD_LIGHT, disc(0.66, 0.86, 0.1))
        if ridden:
            _draw_cyclist_body(sheet, rng, 0.88, 0.1)
        return
    sheet.fill(Role.TYRE, box(-0.11, 0.0, 0.11, 0.66))
    sheet.fill(Role.MOTOR_BODY, [(-0.27, 0.5), (0.27, 0.5), (0.2, 0.95), (-0.2, 0.95)])
    sheet.fill(Role.BUMPER, limb(-0.4, 1.05, 0.4, 1.05, 0.09))
    sheet.fill(Role.TAIL_LIGHT if rng.random() < 0.5 else Role.HEAD_LIGHT, disc(0.0, 0.75, 0.1))
    if ridden:
        _draw_rider_from_behind(sheet, rng, 0.88)


def draw_tree(canvas: Canvas, rng: Generator, x: float, z: float, height: float) -> None:
    """A trunk under a crown of leaf clumps, or a bush where `height` is below two metres."""
    sheet = Sheet(canvas, CLASS["vegetation"], x, z, draw_tint(rng))
    spread, low = 0.32 * height, 0.34 * height
    if height >= 2.0:
        width = 0.028 * height
        sheet.fill(Role.TRUNK, [(-width, 0), (width, 0), (0.6 * width, 0.6 * height), (-0.6 * width, 0.6 * height)])
    else:
        spread, low = 0.7 * height, 0.0
    clumps = [
        disc(
            float(rng.normal(0, 0.5)) * spread,
            low + float(rng.uniform(0.15, 0.85)) * (height - low),
            float(rng.uniform(0.4, 0.65)) * spread,
            float(rng.uniform(0.13, 0.22)) * height,
            9,
        )
        for _ in range(11)
    ]
    sheet.fill(Role.LEAF, disc(0.0, (low + height) / 2, spread, (height - low) / 2, 14), *clumps[:5], shade=0.82)
    sheet.fill(Role.LEAF, *clumps[5:9])
    sheet.fill(Role.LEAF_LIGHT, *(0.6 * clump + 0.4 * clump.mean(0) + (0.1, 0.05 * height) for clump in clumps[6:11]))


def draw_lamp_post(canvas: Canvas, rng: Generator, x: float, z: float, base: float) -> None:
    """A street lamp whose arm reaches over the road."""
    height, reach = float(rng.uniform(5.0, 8.0)), -np.sign(x) * float(rng.uniform(0.8, 1.8))
    sheet = Sheet(canvas, CLASS["pole"], x, z, draw_tint(rng), 1.0, base)
    sheet.fill(Role.POLE, box(-0.1, 0, 0.1, height), limb(0, height, reach, height + 0.25, 0.14))
    sheet.fill(Role.LAMP, limb(0.75 * reach, height + 0.15, 1.15 * reach, height + 0.25, 0.16))


def draw_traffic_light(canvas: Canvas, rng: Generator, x: float, z: float, base: float) -> None:
    """A pole with one or two signal heads, at times with one more on an arm over the road."""
    sheet = Sheet(canvas, CLASS["pole"], x, z, draw_tint(rng), 1.0, base)
    lit, heads = int(rng.integers(3)), [(0.0, float(rng.uniform(2.3, 3.0)))]
    height = heads[0][1] + 1.0
    if rng.random() < 0.6:
        reach, height = -np.sign(x) * float(rng.uniform(2.0, 3.6)), float(rng.uniform(4.6, 5.6))
        heads.append((reach, height - 0.75))
        sheet.fill(Role.POLE, limb(0, height - 0.1, reach, height, 0.13))
    sheet.fill(Role.POLE, box(-0.09, 0, 0.09, height))
    signal = sheet.of_class("light")
    for hx, hy in heads:
        signal.fill(Role.SIGNAL_BOX, box(hx - 0.24, hy, hx + 0.24, hy + 1.15))
        for k, role in enumerate((Role.SIGNAL_GREEN, Role.SIGNAL_AMBER, Role.SIGNAL_RED)):
            signal.fill(role if k == lit else Role.SIGNAL_OFF, disc(hx, hy + 0.22 + 0.36 * k, 0.15, sides=10))


def draw_sign(canvas: Canvas, rng: Generator, x: float, z: float, base: float) -> None:
    """A pole with one or two traffic signs."""
    sheet = Sheet(canvas, CLASS["pole"], x, z, draw_tint(rng), 1.0, base)
    top = float(rng.uniform(2.5, 3.2))
    sheet.fill(Role.POLE, box(-0.07, 0, 0.07, top))
    plate, kind = sheet.of_class("sign"), int(rng.integers(4))
    for level in range(1 + int(rng.random() < 0.4)):
        y, size = top - 0.25 - 0.95 * level, 0.45
        if kind == 0:
            plate.fill(Role.SIGN_RED, disc(0, y, size, sides=14))
            plate.fill(Role.SIGN_WHITE, disc(0, y, 0.68 * size, sides=14))
        elif kind == 1:
            plate.fill(Role.SIGN_RED, [(-1.1 * size, y - 0.8 * size), (1.1 * size, y - 0.8 * size), (0, y + size)])
            plate.fill(
                Role.SIGN_WHITE, [(-0.6 * size, y - 0.5 * size), (0.6 * size, y - 0.5 * size), (0, y + 0.5 * size)]
            )
        else:
            wide = 1.5 if kind == 2 else 1.0
            plate.fill(Role.SIGN_BLUE, box(-wide * size, y - size, wide * size, y + size))
            plate.fill(Role.SIGN_WHITE, limb(0, y - 0.6 * size, 0.1, y + 0.6 * size, 0.16))
        kind = (kind + 1) % 4


def draw_bin(canvas: Canvas, rng: Generator, x: float, z: float, base: float) -> None:
    """A litter bin or a box: void in the label, as all that no class describes."""
    width, height = float(rng.uniform(0.25, 0.5)), float(rng.uniform(0.6, 1.1))
    sheet = Sheet(canvas, IGNORE, x, z, draw_tint(rng), 1.0, base)
    sheet.fill(Role.BIN, box(-width, 0, width, height))
    sheet.fill(Role.BIN, box(-1.1 * width, 0.86 * height, 1.1 * width, height), shade=0.75)
