"""Tiny data sets in the official layouts, bit for bit as published: palettes, 16-bit classes, names of files."""

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.images import encode_palette_png, write_png

SIZE = (24, 32)
PALETTE = np.random.default_rng(7).integers(0, 256, (256, 3), np.uint8)


def photo(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """(h, w, 3) noise that no other seed gives."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def id_map(ids: list[int], seed: int = 0, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """(h, w) that holds each of `ids`."""
    values = np.resize(np.array(ids, np.uint8), size[0] * size[1])
    return np.random.default_rng(seed).permutation(values).reshape(size)


def write_palette(path: Path, ids: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_palette_png(ids, PALETTE))


def make_cityscapes(
    root: Path, split: str = "val", cities: tuple[str, ...] = ("frankfurt", "lindau", "munster")
) -> None:
    for number, city in enumerate(cities):
        for frame in range(2):
            stem = f"{city}_{number:06d}_{frame:06d}"
            write_png(root / f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png", photo(10 * number + frame))
            labels = id_map(list(range(34)), frame)
            write_png(root / f"gtFine/{split}/{city}/{stem}_gtFine_labelIds.png", labels)
            write_png(root / f"gtFine/{split}/{city}/{stem}_gtFine_labelTrainIds.png", labels % 19)
            write_png(root / f"gtFine/{split}/{city}/{stem}_gtFine_instanceIds.png", labels.astype(np.uint16) * 1000)


def make_gta5(root: Path, count: int = 3) -> None:
    for number in range(1, count + 1):
        size = (SIZE[0] - 2, SIZE[1]) if number == 2 else SIZE  # a few are of an odd size, labels too
        write_png(root / f"images/{number:05d}.png", photo(number, size))
        write_palette(root / f"labels/{number:05d}.png", id_map(list(range(35)), number, size))


def make_synthia(root: Path, count: int = 3, *, labels: str = "GT/LABELS") -> None:
    for number in range(count):
        write_png(root / f"RGB/{number:07d}.png", photo(number))
        classes = id_map(list(range(23)), number)
        path = root / labels / f"{number:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if labels == "GT/LABELS":
            # OpenCV's order: blue 0, green the instance, red the class.
            planes = [np.zeros(SIZE, np.uint16), np.full(SIZE, 1234 + number, np.uint16), classes.astype(np.uint16)]
            assert cv2.imwrite(str(path), np.stack(planes, axis=-1))
        else:
            write_png(path, classes)


def make_mapillary(root: Path, *, v2: bool = False, training: str = "training") -> None:
    for split, sizes in ((training, ((30, 40), (40, 30))), ("validation", ((20, 60),))):
        for number, size in enumerate(sizes):
            stem = f"{split[:4]}{number:018d}"
            (root / split / "images").mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / split / "images" / f"{stem}.jpg"), photo(number, size))
            folder = root / split / "v1.2" / "labels" if v2 else root / split / "labels"
            write_palette(folder / f"{stem}.png", id_map(list(range(66)), number, size))
            if v2:
                write_palette(root / split / "v2.0" / "labels" / f"{stem}.png", id_map(list(range(124)), number, size))
    if v2:
        labels = [{"name": f"object--bench-{i}"} for i in range(124)]
        for i, name in enumerate(
            ("construction--flat--road", "nature--sky", "object--vehicle--car", "void--unlabeled")
        ):
            labels[i] = {"name": name}
        (root / "config_v2.0.json").write_text(json.dumps({"labels": labels}))
