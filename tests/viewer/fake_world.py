"""A synthetic store for the viewer's own tests: street-like maps whose errors sit on boundaries."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_19, IGNORE

SCALE = 65535


@dataclass
class FakeImage:
    """Integer maps and a photo of one scene."""

    label: NDArray[np.uint8]
    conf: NDArray[np.uint16]
    ent: NDArray[np.uint16]
    second: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    photo: NDArray[np.uint8]


@dataclass
class FakeWorld:
    """A set of scenes with the statistics that the routes answer."""

    height: int = 128
    width: int = 256
    num_images: int = 4
    distinct: int = 3
    names: tuple[str, ...] = CITYSCAPES_19.names
    truth: bool = True
    cache: dict[int, FakeImage] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        return len(self.names)

    def image(self, i: int) -> FakeImage:
        key = i % self.distinct
        if key not in self.cache:
            self.cache[key] = make_scene(np.random.default_rng(key), self.height, self.width, self.num_classes)
        return self.cache[key]

    @cached_property
    def joint(self) -> NDArray[np.uint32]:
        out = np.zeros(self.num_classes * 3 * 65536, np.int64)
        for i in range(self.distinct):
            im = self.image(i)
            state = np.where(im.truth == IGNORE, 2, np.where(im.truth == im.label, 0, 1))
            cell = (im.label.astype(np.int64) * 3 + state) * 65536
            flat = cell + (im.ent >> 8).astype(np.int64) * 256 + (im.conf >> 8)
            out += np.bincount(flat[im.label != IGNORE].ravel(), minlength=out.size)
        return out.astype(np.uint32)

    @cached_property
    def medians(self) -> dict[str, list[int]]:
        mu, nu = [], []
        images = [self.image(i) for i in range(self.distinct)]
        for c in range(self.num_classes):
            conf = np.sort(np.concatenate([im.conf[im.label == c] for im in images]))
            ent = np.sort(np.concatenate([im.ent[im.label == c] for im in images]))
            mu.append(int(conf[len(conf) // 2]) if len(conf) else -1)
            nu.append(int(ent[(len(ent) - 1) // 2]) if len(ent) else -1)
        return {"mu": mu, "nu": nu}


def make_scene(rng: np.random.Generator, height: int, width: int, num_classes: int) -> FakeImage:
    h, w = max(17, height // 8), max(33, width // 8)
    truth_low = street(rng, h, w, num_classes)
    seen = np.roll(
        truth_low, int(rng.integers(0, 2)), axis=1
    )  # what the network believes: a little off, with mistaken patches
    for _ in range(9):
        y, x, s = int(rng.uniform(0, h)), int(rng.uniform(0, w)), int(rng.integers(2, max(3, h // 9)))
        seen[y : y + s, x : x + 2 * s] = rng.integers(0, num_classes)
    logits = np.full((num_classes, h, w), -3.0, np.float32)
    np.put_along_axis(logits, seen[None].astype(np.int64), 4.2, axis=0)
    for c in range(num_classes):
        logits[c] = cv2.GaussianBlur(logits[c], (0, 0), 1.1)
        logits[c] += cv2.GaussianBlur(rng.normal(0, 3.4, (h, w)).astype(np.float32), (0, 0), 1.4)
    probs = np.exp(logits - logits.max(0))
    probs /= probs.sum(0)
    best = np.zeros((height, width), np.float32)
    other = np.zeros((height, width), np.float32)
    entropy = np.zeros((height, width), np.float32)
    label = np.zeros((height, width), np.uint8)
    second = np.zeros((height, width), np.uint8)
    for c in range(num_classes):
        p = cv2.resize(probs[c], (width, height), interpolation=cv2.INTER_LINEAR)
        entropy -= np.where(p > 0, p * np.log(np.maximum(p, 1e-12)), 0)
        is_best = p > best
        second = np.where(is_best, label, np.where(p > other, c, second)).astype(np.uint8)
        other = np.where(is_best, best, np.maximum(other, p))
        label = np.where(is_best, c, label).astype(np.uint8)
        best = np.maximum(best, p)
    truth = cv2.resize(truth_low, (width, height), interpolation=cv2.INTER_NEAREST)
    truth[int(height * 0.93) :] = IGNORE
    quantised = [
        np.floor(SCALE * v.astype(np.float64) + 0.5).clip(0, SCALE).astype(np.uint16)
        for v in (best, entropy / np.log(num_classes))
    ]
    return FakeImage(label, quantised[0], quantised[1], second, truth, paint(rng, truth_low, height, width))


def street(rng: np.random.Generator, h: int, w: int, num_classes: int) -> NDArray[np.uint8]:
    out = np.full((h, w), 10 % num_classes, np.uint8)
    horizon = int(h * 0.45)
    x = 0
    while x < w:
        step = int(rng.integers(max(2, w // 16), max(4, w // 5)))
        top = int(horizon * rng.uniform(0.1, 0.8))
        out[top : horizon + 2, x : x + step] = rng.choice([2, 2, 2, 3, 4, 8, 8, 9]) % num_classes
        x += step
    for y in range(horizon, h):
        spread = (y - horizon) / max(1, h - horizon)
        left, right = int(w * (0.45 - 0.5 * spread)), int(w * (0.55 + 0.5 * spread))
        out[y] = 1
        out[y, max(0, left) : max(0, right)] = 0
    for _ in range(14):
        c = int(rng.choice([11, 12, 13, 13, 13, 14, 15, 17, 18, 5, 6, 7])) % num_classes
        y, x = int(rng.uniform(horizon, h * 0.85)), int(rng.uniform(0, w))
        size = max(1, int((y - horizon + 4) * rng.uniform(0.2, 0.5)))
        wide = size * (2 if c in (13, 14, 15) else 1)
        out[max(0, y - size) : y, x : x + wide] = c
    for _ in range(6):
        x = int(rng.uniform(0, w))
        out[int(h * 0.2) : int(h * 0.6), x : x + 1] = 5 % num_classes
    return out


def paint(rng: np.random.Generator, truth: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    tone = np.array(CITYSCAPES_19.colors, np.float32).mean(1)
    colors = np.array(CITYSCAPES_19.colors, np.float32) * 0.35 + tone[:, None] * 0.35 + 45
    photo = cv2.resize(colors[truth % 19], (width, height), interpolation=cv2.INTER_LINEAR)
    grain = cv2.resize(rng.normal(0, 16, (height // 2, width // 2)).astype(np.float32), (width, height))
    shade = np.linspace(1.15, 0.8, height, dtype=np.float32)[:, None, None]
    return (photo * shade + grain[..., None]).clip(0, 255).astype(np.uint8)
