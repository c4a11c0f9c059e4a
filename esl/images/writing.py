"""PNG files that appear whole or not at all, and labels brought to another size."""

import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.errors import DataError, ShapeError
from esl.files import write_bytes

_HEADER_END = 33
"""Bytes of a PNG's signature and header chunk."""


def encode_png(array: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """PNG bytes of an array, with OpenCV's default compression (the fastest for labels).

    Args:
        array: (H, W) uint8 or uint16 grey, or (H, W, 3) uint8 RGB.

    Raises:
        ShapeError: another shape or type.
    """
    is_grey = array.ndim == 2 and array.dtype in (np.uint8, np.uint16)
    is_rgb = array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8
    if not (is_grey or is_rgb) or array.size == 0:
        raise ShapeError(
            "A PNG must be (H, W) uint8 or uint16, or (H, W, 3) uint8, with at least one pixel; "
            f"got {array.shape} {array.dtype}."
        )
    done, data = cv2.imencode(".png", np.ascontiguousarray(array[..., ::-1] if is_rgb else array))
    if not done:
        raise DataError(f"A PNG must be encodable: OpenCV refused an array {array.shape} {array.dtype}.")
    return bytes(data)


def encode_jpeg(image: NDArray[np.uint8], quality: int = 85) -> bytes:
    """JPEG bytes of (H, W, 3) uint8 RGB: for thumbnails only, since detail is lost."""
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise DataError(f"A JPEG must be encodable: OpenCV refused an array {image.shape} {image.dtype}.")
    return bytes(data)


def write_png(path: Path | str, array: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write `encode_png(array)` to `path`, whole or not at all.

    Raises:
        ShapeError: the array is none that `encode_png` takes.
        DataError: the file cannot be written.
    """
    write_bytes(path, encode_png(array))


def encode_palette_png(ids: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """PNG bytes with one byte a pixel and a palette: shown in colour, read as ids.

    Args:
        ids: (H, W) uint8.
        palette: (256, 3) uint8 RGB by id.

    Raises:
        ShapeError: either has another shape or type.
    """
    if palette.shape != (256, 3) or palette.dtype != np.uint8 or ids.ndim != 2 or ids.dtype != np.uint8:
        raise ShapeError(
            "A palette PNG needs (H, W) uint8 ids and a (256, 3) uint8 palette; "
            f"got {ids.shape} {ids.dtype} and {palette.shape} {palette.dtype}."
        )
    grey = encode_png(ids)
    # Indices lie in the file as grey values do; the header says which of the two they are (colour type 3 or 0).
    header = grey[12:25] + b"\3" + grey[26:29]
    colors = b"PLTE" + palette.tobytes()
    return b"".join(
        (
            grey[:12],
            header,
            zlib.crc32(header).to_bytes(4, "big"),
            (len(colors) - 4).to_bytes(4, "big"),
            colors,
            zlib.crc32(colors).to_bytes(4, "big"),
            grey[_HEADER_END:],
        )
    )


def write_palette_png(path: Path | str, ids: NDArray[np.uint8], palette: NDArray[np.uint8]) -> None:
    """Write `encode_palette_png(ids, palette)` to `path`, whole or not at all.

    Raises:
        ShapeError: the arrays are none that `encode_palette_png` takes.
        DataError: the file cannot be written.
    """
    write_bytes(path, encode_palette_png(ids, palette))


def resize_label(label: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a label with nearest neighbour: each new pixel takes the old one under its centre.

    Args:
        label: (H, W) uint8.
        size: (height, width) of the result.

    Returns:
        (height, width) uint8; the label itself where it has that size.
    """
    if label.shape == tuple(size):
        return label
    # The centre of pixel i of n lies at (2 i + 1) / 2n of the side; in integers, so that no rounding can differ.
    rows, columns = (((2 * np.arange(new) + 1) * old) // (2 * new) for new, old in zip(size, label.shape, strict=True))
    return np.ascontiguousarray(label[rows][:, columns])
