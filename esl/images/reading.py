"""Image files to RGB arrays and label files to train ids.

A label's stored numbers are its ids, whatever the encoding: palette PNGs give their indices, and no colour, gamma,
alpha or orientation is ever applied to them. For that a label PNG is handed to OpenCV as plain grey: palette
indices and grey values lie in the file in the same way, and only the header says what they mean.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.classes import UNKNOWN
from esl.errors import DataError
from esl.images.headers import PNG_SIGNATURE, TAIL, ImageHeader, NeedMore, parse_header

LabelEncoding = Literal["ids", "class_channel"]
"""`ids`: one channel of at most 8 bits, grey or palette. `class_channel`: that, or SYNTHIA's own 16-bit RGB whose
red channel is the class."""


def read_image(path: Path | str) -> NDArray[np.uint8]:
    """Read an image as RGB.

    Grey is repeated, a palette is applied, alpha is dropped, CMYK is converted; the EXIF orientation is ignored,
    because labels are drawn on the stored pixels.

    Args:
        path: a PNG or JPEG file with 8 bits a channel or fewer.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        DataError: missing, empty, truncated, damaged, too large, 16-bit, or another kind of file.
    """
    return decode_image(_read(path), path)


def decode_image(data: bytes, name: Path | str) -> NDArray[np.uint8]:
    """`read_image` for bytes at hand; `name` is for messages."""
    header = _checked_header(data, name)
    if header.bit_depth > 8:
        raise DataError(f"An image must have 8 bits a channel: {name} is a {header.describe()}. Convert it to 8 bits.")
    pixels = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, header, name)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def read_label(
    path: Path | str,
    lookup: NDArray[np.int16],
    *,
    expect_size: tuple[int, int] | None = None,
    encoding: LabelEncoding = "ids",
) -> NDArray[np.uint8]:
    """Read a label as train ids.

    Args:
        path: a PNG file of ids.
        lookup: (256,) int16, train id by file id, `UNKNOWN` for ids that must not occur (`ClassSet.lookup`).
        expect_size: (height, width) that the label must have: its image's own size.
        encoding: how ids are stored.

    Returns:
        (H, W) uint8 train ids, 255 = ignore.

    Raises:
        DataError: not such a PNG, another size, or ids that the format does not know (they are listed).
    """
    ids = read_ids(path, encoding=encoding)
    if expect_size is not None and ids.shape != tuple(expect_size):
        raise DataError(
            f"A label must have its image's size: expected {tuple(expect_size)} (height, width), got {ids.shape} in "
            f"{path}. Take the label of this image, or resize it with nearest neighbour."
        )
    return map_ids(ids, lookup, path)


def map_ids(ids: NDArray[np.uint8], lookup: NDArray[np.int16], name: Path | str) -> NDArray[np.uint8]:
    """Train ids of stored ids; `name` is for messages.

    Raises:
        DataError: ids that the lookup does not know, listed.
    """
    unknown = lookup == UNKNOWN
    if unknown.any() and cv2.LUT(ids, unknown.astype(np.uint8)).any():
        found = np.flatnonzero((np.bincount(ids.ravel(), minlength=256) > 0) & unknown).tolist()
        raise DataError(
            f"A label must hold only ids that its format names: {name} also holds {_listed(found)}. "
            "Choose the format that this file has (label ids, train ids, colours?)."
        )
    return np.asarray(cv2.LUT(ids, lookup.astype(np.uint8)), np.uint8)


def read_ids(path: Path | str, *, encoding: LabelEncoding = "ids") -> NDArray[np.uint8]:
    """Read the ids as they are stored in a label PNG.

    Returns:
        (H, W) uint8.

    Raises:
        DataError: not a PNG, not one channel of at most 8 bits (unless `encoding` says so), damaged, or truncated.
    """
    data = _read(path)
    header = _checked_header(data, path)
    if header.kind != "png":
        raise DataError(
            f"A label must be a PNG: {path} is a {header.kind.upper()}, whose ids are blurred by compression."
        )
    if header.channels == 1 and header.bit_depth <= 8:
        ids = _decode(_as_grey(data, path), cv2.IMREAD_UNCHANGED, header, path)
        # OpenCV spreads 1, 2 and 4 bits over 0..255.
        return np.asarray(ids // (255 // (2**header.bit_depth - 1)) if header.bit_depth < 8 else ids, np.uint8)
    if encoding == "class_channel" and header.channels in (3, 4) and header.bit_depth == 16:
        return _class_channel(_decode(data, cv2.IMREAD_UNCHANGED, header, path), path)
    raise DataError(
        f"A label must be one channel of 8-bit ids: {path} is a {header.describe()}"
        + (". Colours and instance numbers are no class ids; take the id file." if encoding == "ids" else ".")
    )


def _class_channel(pixels: NDArray[np.unsignedinteger], path: Path | str) -> NDArray[np.uint8]:
    classes = pixels[..., 2]  # OpenCV's order is BGR(A): red is 2
    if classes.max() > 255:
        raise DataError(f"A label's class channel must hold ids up to 255: {path} holds {int(classes.max())}.")
    return np.ascontiguousarray(classes, np.uint8)


def _listed(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:12]))
    return f"ids {shown}{', ...' if len(ids) > 12 else ''}"


def _read(path: Path | str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"An image must be a readable file: {path} is not ({error.strerror or error}).") from error


def _checked_header(data: bytes, name: Path | str) -> ImageHeader:
    try:
        header = parse_header(data, data[-TAIL:], name)
    except NeedMore as error:
        raise DataError(f"A JPEG must have a frame header: {name} ends before it. Fetch the file again.") from error
    if not header.is_whole:
        raise DataError(f"An image must be whole: {name} is truncated (no end marker). Fetch the file again.")
    return header


def _decode(data: bytes, flags: int, header: ImageHeader, name: Path | str) -> NDArray[np.unsignedinteger]:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise DataError(f"An image must decode: {name} is damaged ({error.err}). Fetch the file again.") from error
    if pixels is None:
        raise DataError(f"An image must decode: {name} is damaged. Fetch the file again.")
    if pixels.shape[:2] != header.size:
        raise DataError(
            f"An image must have the size of its header: {name} says {header.size}, holds {pixels.shape[:2]}."
        )
    return np.asarray(pixels)


def _chunks(data: bytes, path: Path | str) -> Iterator[tuple[bytes, bytes]]:
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        end = position + 12 + length
        yield data[position + 4 : position + 8], data[position:end]
        if data[position + 4 : position + 8] == b"IEND":
            return
        position = end
    raise DataError(f"A PNG must end with its end chunk: {path} does not. Fetch the file again.")


def _as_grey(data: bytes, path: Path | str) -> bytes:
    """The same PNG with indices or grey values declared as plain grey, and nothing but header, data and end."""
    parts = [PNG_SIGNATURE]
    for kind, chunk in _chunks(data, path):
        if kind == b"IHDR":
            body = chunk[4:17] + b"\0" + chunk[18:21]
            parts.append(chunk[:4] + body + zlib.crc32(body).to_bytes(4, "big"))
        elif kind in (b"IDAT", b"IEND"):
            parts.append(chunk)
    return b"".join(parts)
