"""What a PNG or JPEG file says of itself, from its first bytes and its last: no pixel is decoded."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esl.errors import DataError

MAX_PIXELS = 1 << 27
"""Largest image that is decoded (134 million pixels); a small file that claims more is a decompression bomb."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
"""Endings of the files that may be images, in lower case."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
TAIL = 1024
"""Bytes at the end in which the end marker must lie; some writers append a few of their own."""
HEAD = 4096
"""Bytes at the start that hold the header of a PNG and of most JPEGs."""
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PNG_PALETTE = 3
# Start-of-frame markers: every SOFn but DHT (C4), JPG (C8) and DAC (CC).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """Format, size and encoding of an image file."""

    kind: Literal["png", "jpeg"]
    size: tuple[int, int]
    """(height, width) in pixels."""
    bit_depth: int
    """Bits per channel (per index of a palette)."""
    channels: int
    """1 grey or palette index, 2 grey and alpha, 3 RGB, 4 RGB and alpha or CMYK."""
    is_palette: bool
    is_whole: bool
    """The end marker (IEND, EOI) is there; a truncated file has none."""

    def describe(self) -> str:
        """A few words for messages: `16-bit 3-channel PNG`."""
        shape = "palette" if self.is_palette else f"{self.channels}-channel"
        return f"{self.bit_depth}-bit {shape} {self.kind.upper()}"


def image_size(path: Path | str) -> tuple[int, int]:
    """(height, width) of an image file, from its header.

    Raises:
        DataError: the file is missing, or neither PNG nor JPEG, or claims too many pixels.
    """
    return read_header(path).size


@dataclass(frozen=True, kw_only=True)
class FileEnds:
    """A file's first and last bytes, and its length."""

    head: bytes
    tail: bytes
    length: int


def read_ends(path: Path | str, *, head: int = HEAD) -> FileEnds:
    """First `head` bytes and last KiB of a file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(head)
            length = stream.seek(0, 2)
            stream.seek(max(length - TAIL, 0))
            return FileEnds(head=start, tail=stream.read(), length=length)
    except OSError as error:
        raise DataError(f"An image must be a readable file: {path} is not ({error.strerror or error}).") from error


def read_header(path: Path | str) -> ImageHeader:
    """Header of an image file; a few KiB of it are read, more where a JPEG begins with large previews.

    Raises:
        DataError: the file is missing, or neither PNG nor JPEG, or its header is damaged, or claims too many pixels.
    """
    return header_of(read_ends(path), path)


def header_of(ends: FileEnds, path: Path | str) -> ImageHeader:
    """`read_header` for a file whose ends have been read.

    Raises:
        DataError: see `read_header`.
    """
    try:
        return parse_header(ends.head, ends.tail, path)
    except NeedMore:
        pass
    try:
        return parse_header(read_ends(path, head=ends.length).head, ends.tail, path)
    except NeedMore as error:
        raise DataError(f"A JPEG must have a frame header: {path} ends before it. Fetch the file again.") from error


def parse_header(head: bytes, tail: bytes, path: Path | str) -> ImageHeader:
    """Header from a file's first and last bytes; `path` is for messages.

    Raises:
        DataError: see `read_header`.
    """
    if head.startswith(PNG_SIGNATURE):
        header = _png_header(head, tail, path)
    elif head.startswith(b"\xff\xd8\xff"):
        header = _jpeg_header(head, tail, path)
    else:
        raise DataError(f"An image must be a PNG or JPEG file: {path} {_what_it_is(head)}. Fetch or convert the file.")
    height, width = header.size
    if height < 1 or width < 1:
        raise DataError(f"An image must have at least one pixel: {path} claims {height} x {width}.")
    if height * width > MAX_PIXELS:
        raise DataError(
            f"An image must have at most {MAX_PIXELS} pixels: {path} claims {height} x {width}. Make it smaller first."
        )
    return header


def _what_it_is(head: bytes) -> str:
    if not head:
        return "is empty"
    start = head[:256].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return "is a web page or other text (a failed download?)"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself"
    return f"begins with the bytes {head[:8].hex(' ')}"


def _png_header(head: bytes, tail: bytes, path: Path | str) -> ImageHeader:
    if len(head) < 33 or head[12:16] != b"IHDR" or zlib.crc32(head[12:29]) != int.from_bytes(head[29:33], "big"):
        raise DataError(f"A PNG must begin with an intact header: {path} does not. Fetch the file again.")
    width, height, depth, color = struct.unpack(">IIBB", head[16:26])
    if depth not in _PNG_DEPTHS.get(color, ()):
        raise DataError(f"A PNG's colour type must be known: {path} has type {color} with {depth} bits.")
    return ImageHeader(
        kind="png",
        size=(height, width),
        bit_depth=depth,
        channels=_PNG_CHANNELS[color],
        is_palette=color == _PNG_PALETTE,
        is_whole=_PNG_END in tail,
    )


class NeedMore(Exception):
    """The bytes at hand end before the JPEG's frame header."""


def _jpeg_header(head: bytes, tail: bytes, path: Path | str) -> ImageHeader:
    position = 2
    while position + 10 <= len(head):
        if head[position] != 0xFF:
            raise DataError(f"A JPEG's segments must follow each other: {path} is damaged at byte {position}.")
        marker = head[position + 1]
        if marker in _JPEG_FRAMES:
            depth, height, width, channels = struct.unpack(">BHHB", head[position + 4 : position + 10])
            return ImageHeader(
                kind="jpeg",
                size=(height, width),
                bit_depth=depth,
                channels=channels,
                is_palette=False,
                is_whole=_JPEG_END in tail,
            )
        is_filler = marker == 0xFF
        position += 1 if is_filler else 2 + int.from_bytes(head[position + 2 : position + 4], "big")
    raise NeedMore
