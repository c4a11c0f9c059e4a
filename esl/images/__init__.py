"""Reading and writing images and labels: decoded by OpenCV, checked before and after (decisions 14 and 19).

headers.py   format, size and bit depth without decoding; is the file whole?
reading.py   images to RGB, labels to train ids; what cannot be trusted is refused
writing.py   PNG files that appear whole or not at all; labels to another size
"""

from esl.images.headers import IMAGE_SUFFIXES, MAX_PIXELS, ImageHeader, image_size, read_header
from esl.images.reading import LabelEncoding, decode_image, map_ids, read_ids, read_image, read_label
from esl.images.writing import encode_jpeg, encode_palette_png, encode_png, resize_label, write_palette_png, write_png

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageHeader",
    "LabelEncoding",
    "decode_image",
    "encode_jpeg",
    "encode_palette_png",
    "encode_png",
    "image_size",
    "map_ids",
    "read_header",
    "read_ids",
    "read_image",
    "read_label",
    "resize_label",
    "write_palette_png",
    "write_png",
]
