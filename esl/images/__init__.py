"""Reading and writing images and labels: decoded by OpenCV, checked before and after (decisions 14 and 19).

headers.py   format, size and bit depth without decoding; is the file whole?
reading.py   images to RGB, labels to train ids; what cannot be trusted is refused
writing.py   PNG files that appear whole or not at all; labels to another size
"""

from esl.images.headers import ImageHeader, image_size, read_header
from esl.images.reading import decode_image, read_ids, read_image, read_label
from esl.images.writing import encode_palette_png, encode_png, resize_label, write_palette_png, write_png

__all__ = [
    "ImageHeader",
    "decode_image",
    "encode_palette_png",
    "encode_png",
    "image_size",
    "read_header",
    "read_ids",
    "read_image",
    "read_label",
    "resize_label",
    "write_palette_png",
    "write_png",
]
