"""The demo world's two looks: a clean midday photo (source) and a foggy, grainy dusk photo (target).

Both colour the same buffer of parts; only the target has texture, fog, light sources and a bad lens.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.data.demo_canvas import SUPERSAMPLING, Plane, Role, Scene
from esl.data.demo_palettes import DUSK, DUSK_TEXTURE, GLOW, MIDDAY, Span

Image = NDArray[np.uint8]
_Floats = NDArray[np.float32]
_TILE = 256

DAYLIGHT_LEFT = np.float32(0.6)
"""Share of the midday colours in the dusk ones: what sets the width of the gap between the domains."""


FOG_RANGE = (80.0, 180.0)
"""Metres after which 63 % of the light is lost to fog."""
NOISE = (4.0, 8.0)
"""Sensor noise in grey levels."""
SKY_GLOW = np.float32(0.3)
"""Weight of the evening glow in the sky."""
EXPOSURE = (0.9, 1.15)
"""Range of the camera's gain."""


def draw_label(scene: Scene) -> Image:
    """(H, W) uint8 train ids, 255 where void."""
    return scene.classes[_seen_parts(scene)]


def render_source(scene: Scene) -> Image:
    """(H, W, 3) uint8 RGB: flat colours under a midday sun."""
    return _paint(scene, _part_colors(scene, MIDDAY))


def render_target(scene: Scene, seed: int | tuple[int, ...]) -> Image:
    """(H, W, 3) uint8 RGB: dusk, fog by depth, texture, glare, blur and sensor noise drawn from `seed`."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    seen = _seen_parts(scene)
    depth = _depth_map(scene, seen)
    colors = (1 - DAYLIGHT_LEFT) * _part_colors(scene, DUSK) + DAYLIGHT_LEFT * _part_colors(scene, MIDDAY)
    image = _paint(scene, colors) * _texture(scene, seen, depth, rng)[..., None]
    light, haze = _dusk_light(scene, rng)
    is_sky = (scene.roles <= Role.CLOUD)[seen]
    rows, columns = np.nonzero(is_sky)
    sky = (1 - SKY_GLOW) * image[rows, columns] + SKY_GLOW * light[rows, 0]
    clear = np.exp(depth * np.float32(-1 / rng.uniform(*FOG_RANGE)))[..., None]
    image -= haze
    image *= clear
    image += haze
    image[rows, columns] = sky
    clear[is_sky] = 1
    blurred = cv2.GaussianBlur(image + _glare(scene, seen, clear), (0, 0), float(rng.uniform(0.5, 0.95)))
    return _expose(np.asarray(blurred, np.float32), rng)


def _seen_parts(scene: Scene) -> NDArray[np.uint16]:
    return scene.parts[SUPERSAMPLING // 2 :: SUPERSAMPLING, SUPERSAMPLING // 2 :: SUPERSAMPLING]


def _part_colors(scene: Scene, palette: Mapping[Role, Span]) -> _Floats:
    """(P, 3) float32 RGB 0..255 of each part."""
    spans = np.array([palette[role] for role in Role], np.float32)
    low, high = spans[scene.roles, 0], spans[scene.roles, 1]
    hsv = low + scene.tints * (high - low)
    hsv[:, 0] %= 360
    rgb = cv2.cvtColor(hsv[None].astype(np.float32), cv2.COLOR_HSV2RGB)[0]
    return np.asarray(rgb * scene.shades[:, None] * 255, np.float32)


def _paint(scene: Scene, part_colors: _Floats) -> Image:
    """(H, W, 3) uint8 RGB: each part in its colour, edges smoothed."""
    colors = np.zeros((len(part_colors), 4), np.uint8)
    colors[:, :3] = np.clip(part_colors, 0, 255)
    height, width = scene.camera.size
    # Four bytes are one word, so that a pixel is one look-up.
    large = colors.view(np.uint32)[:, 0][scene.parts].view(np.uint8).reshape(*scene.parts.shape, 4)
    return np.ascontiguousarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)[..., :3])


def _depth_map(scene: Scene, seen: NDArray[np.uint16]) -> _Floats:
    """(H, W) metres, from the plane on which each part lies."""
    height, width = seen.shape
    a, b, c = scene.inverse_depths[seen].transpose(2, 0, 1)
    inverse = a * np.arange(width, dtype=np.float32) + b * np.arange(height, dtype=np.float32)[:, None] + c
    return np.asarray(1 / np.clip(inverse, 1 / 4000, 0.5), np.float32)


def _texture(scene: Scene, seen: NDArray[np.uint16], depth: _Floats, rng: np.random.Generator) -> _Floats:
    """(H, W) brightness factors: grain that sits on the surfaces and thins out with distance."""
    camera = scene.camera
    height, width = seen.shape
    scale = depth / np.float32(camera.focal)
    x = (np.arange(width, dtype=np.float32) - np.float32(camera.center_x)) * scale
    y = (
        np.float32(camera.height)
        - (np.arange(height, dtype=np.float32)[:, None] - np.float32(camera.horizon_y)) * scale
    )
    plane = scene.planes[seen]
    u, v = np.where(plane == Plane.SIDE, depth, x), np.where(plane == Plane.GROUND, depth, y)
    fine = rng.normal(0, 1, (_TILE, _TILE)).astype(np.float32)
    cells = np.pad(rng.normal(0, 1, (_TILE // 8, _TILE // 8)).astype(np.float32), 4, mode="wrap")
    coarse = cv2.resize(cells, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)[32:-32, 32:-32]
    tile = np.float32(0.6) * fine + coarse
    rows, columns = np.floor(v * 14).astype(np.int32) % _TILE, np.floor(u * 14).astype(np.int32) % _TILE
    strength = np.array([DUSK_TEXTURE.get(role, 0.05) for role in Role], np.float32)[scene.roles][seen]
    return np.asarray(np.clip(1 + strength * tile[rows, columns] / (1 + depth / 25), 0.3, 1.8), np.float32)


def _dusk_light(scene: Scene, rng: np.random.Generator) -> tuple[_Floats, _Floats]:
    """((H, 1, 3) glow of the sky by height, (3,) colour of the haze)."""
    height = scene.camera.size[0]
    up = np.clip(1 - np.arange(height, dtype=np.float32) / np.float32(scene.camera.horizon_y), 0, 1)[:, None, None]
    horizon = np.array([222, 150, 104], np.float32) + rng.normal(0, 10, 3).astype(np.float32)
    zenith = np.array([72, 78, 122], np.float32) + rng.normal(0, 8, 3).astype(np.float32)
    light = horizon * (1 - up) + zenith * up
    haze = np.float32(0.62) * horizon + np.float32(0.38) * zenith
    return np.asarray(light, np.float32), np.asarray(haze, np.float32)


def _glare(scene: Scene, seen: NDArray[np.uint16], clear: _Floats) -> _Floats:
    """(H, W, 3) light to add: lamps, lit windows and what their light does in the lens."""
    glow = np.array([GLOW.get(role, (0.0, 0.0, 0.0)) for role in Role], np.float32)[scene.roles]
    unlit = (scene.roles == Role.WINDOW) & (scene.tints[:, 2] < 0.66)
    glow[unlit] = 0
    light = glow[seen] * (np.float32(0.4) + np.float32(0.6) * clear)
    small = cv2.resize(light, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    halo = cv2.GaussianBlur(small, (0, 0), 1.1) * 1.3 + cv2.GaussianBlur(small, (0, 0), 4) * 1.6
    return np.asarray(light + cv2.resize(halo, (light.shape[1], light.shape[0])), np.float32)


def _expose(image: _Floats, rng: np.random.Generator) -> Image:
    """Vignette, exposure and sensor noise, stronger where it is dark."""
    height, width = image.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    image = image * (np.float32(rng.uniform(*EXPOSURE)) * (1 - np.float32(0.16) * (x * x + y * y)))[..., None]
    grain = rng.standard_normal(image.shape, np.float32)
    sigma = image / np.float32(-400)
    sigma += np.float32(1.25)
    sigma *= np.float32(rng.uniform(*NOISE))
    grain *= sigma
    grain += image
    grain += np.float32(0.5)
    return np.clip(grain, 0, 255, out=grain).astype(np.uint8)
