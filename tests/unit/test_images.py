"""Images and labels: what decodes, what is refused and how it is said."""

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from esl.classes import CITYSCAPES_19, IGNORE
from esl.errors import DataError, ShapeError
from esl.images import (
    encode_palette_png,
    encode_png,
    image_size,
    read_header,
    read_ids,
    read_image,
    read_label,
    resize_label,
    write_palette_png,
    write_png,
)

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (37, 53, 3), np.uint8)
IDS = RNG.integers(0, 19, (37, 53), np.uint8)
LOOKUP = CITYSCAPES_19.lookup("train_ids")


def saved(tmp_path: Path, name: str, image: Image.Image, **options: object) -> Path:
    image.save(tmp_path / name, **options)  # type: ignore[arg-type]
    return tmp_path / name


def test_an_image_comes_back_as_rgb(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", RGB)
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), RGB)
    assert image_size(tmp_path / "a.png") == (37, 53)


def test_grey_palette_and_transparent_images_become_rgb(tmp_path: Path) -> None:
    for mode in ("L", "P", "RGBA", "LA", "1"):
        path = saved(tmp_path, f"{mode}.png", Image.fromarray(RGB).convert(mode))
        assert read_image(path).shape == RGB.shape, mode
        assert read_image(path).dtype == np.uint8


def test_jpegs_give_their_size_from_the_header_even_after_much_metadata(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.jpg", Image.fromarray(RGB), quality=95, exif=b"Exif\0\0" + b"x" * 60000)
    assert image_size(path) == (37, 53)
    assert read_image(path).shape == RGB.shape
    progressive = saved(tmp_path, "p.jpg", Image.fromarray(RGB), progressive=True)
    assert image_size(progressive) == (37, 53)


def test_exif_rotation_is_ignored_since_labels_are_not_rotated(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, "r.jpg", Image.fromarray(RGB), exif=exif)
    assert read_image(path).shape == RGB.shape


@pytest.mark.parametrize("broken", ["truncated", "flipped", "empty", "html", "missing", "deep", "bomb"])
def test_what_is_no_sound_image_is_one_sentence(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "x.png"
    data = encode_png(np.kron(RGB, np.ones((8, 8, 1), np.uint8)))
    if broken == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif broken == "flipped":
        path.write_bytes(data[:3000] + bytes([data[3000] ^ 0x40]) + data[3001:])
    elif broken == "empty":
        path.write_bytes(b"")
    elif broken == "html":
        path.write_text("<html>not found</html>")
    elif broken == "deep":
        cv2.imwrite(str(path), RGB.astype(np.uint16) * 257)
    elif broken == "bomb":
        path.write_bytes(data[:16] + (40000).to_bytes(4, "big") * 2 + data[24:])
    with pytest.raises(DataError, match=r"x\.png") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_labels_give_their_indices_not_their_colours(tmp_path: Path, bits: int) -> None:
    ids = IDS % min(19, 1 << bits)
    image = Image.fromarray(ids, "P")
    image.putpalette(list(CITYSCAPES_19.palette()[: 1 << bits].ravel()))
    path = saved(tmp_path, "p.png", image, bits=bits)
    assert np.array_equal(read_label(path, LOOKUP), ids)


def test_a_palette_png_of_ours_reads_back_and_shows_its_colours(tmp_path: Path) -> None:
    write_palette_png(tmp_path / "p.png", IDS, CITYSCAPES_19.palette())
    assert np.array_equal(read_ids(tmp_path / "p.png"), IDS)
    shown = np.asarray(Image.open(io.BytesIO(encode_palette_png(IDS, CITYSCAPES_19.palette()))).convert("RGB"))
    assert np.array_equal(shown, CITYSCAPES_19.palette()[IDS])


def test_grey_labels_of_few_bits_keep_their_ids(tmp_path: Path) -> None:
    path = saved(tmp_path, "one.png", Image.fromarray((IDS % 2).astype(bool)))
    assert np.array_equal(read_ids(path), IDS % 2)


def test_labels_map_to_train_ids_and_unknown_ids_are_listed(tmp_path: Path) -> None:
    raw = np.array([[7, 8, 0], [33, 22, 11]], np.uint8)
    write_png(tmp_path / "l.png", raw)
    assert read_label(tmp_path / "l.png", CITYSCAPES_19.lookup("cityscapes")).tolist() == [[0, 1, IGNORE], [18, 9, 2]]
    with pytest.raises(DataError, match=r"l\.png also holds ids 22, 33"):
        read_label(tmp_path / "l.png", LOOKUP)


def test_a_label_of_another_size_is_refused(tmp_path: Path) -> None:
    write_png(tmp_path / "l.png", IDS)
    with pytest.raises(DataError, match=r"expected \(10, 10\).*got \(37, 53\) in .*l\.png"):
        read_label(tmp_path / "l.png", LOOKUP, expect_size=(10, 10))


@pytest.mark.parametrize(
    "kind", ["deep grey", "deep rgb", "rgb", "rgba", "jpeg", "truncated", "palette cut", "palette flipped"]
)
def test_labels_that_are_no_ids_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "l.png"
    big = np.kron(IDS, np.ones((8, 8), np.uint8))
    if kind == "deep grey":
        cv2.imwrite(str(path), IDS.astype(np.uint16))
    elif kind == "deep rgb":
        cv2.imwrite(str(path), RGB.astype(np.uint16))
    elif kind in ("rgb", "rgba"):
        Image.fromarray(RGB).convert(kind.upper()).save(path)
    elif kind == "jpeg":
        Image.fromarray(IDS).save(path, format="JPEG")
    elif kind == "truncated":
        path.write_bytes(encode_png(big)[:-600])
    else:
        data = encode_palette_png(big, CITYSCAPES_19.palette())
        at = len(data) - 300
        path.write_bytes(data[:at] if kind == "palette cut" else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(DataError, match=r"l\.png"):
        read_label(path, LOOKUP)


def test_sixteen_bit_class_channels_are_read_where_the_format_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.png"
    deep = np.stack([np.zeros_like(IDS), np.full_like(IDS, 7), IDS], axis=-1).astype(np.uint16)
    deep[0, 0, 1] = 54321  # instance numbers may be large
    cv2.imwrite(str(path), deep)
    assert np.array_equal(read_ids(path, encoding="class_channel"), IDS)
    assert np.array_equal(read_label(path, LOOKUP, encoding="class_channel"), IDS)
    deep[0, 0, 2] = 300
    cv2.imwrite(str(path), deep)
    with pytest.raises(DataError, match="ids up to 255.*300"):
        read_ids(path, encoding="class_channel")


def test_a_header_tells_kind_depth_and_whether_the_file_is_whole(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "d.png"), RGB.astype(np.uint16))
    header = read_header(tmp_path / "d.png")
    assert (header.kind, header.size, header.bit_depth, header.channels) == ("png", (37, 53), 16, 3)
    assert header.describe() == "16-bit 3-channel PNG"
    whole = saved(tmp_path, "a.jpg", Image.fromarray(RGB))
    assert read_header(whole).is_whole
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole.read_bytes()[:-20])
    assert not read_header(cut).is_whole
    with pytest.raises(DataError, match="truncated"):
        read_image(cut)
    cut.write_bytes(whole.read_bytes()[:30])
    for read in (read_header, read_image):
        with pytest.raises(DataError, match=r"cut\.jpg"):
            read(cut)


def test_cmyk_and_grey_jpegs_are_rgb(tmp_path: Path) -> None:
    smooth = np.asarray(Image.fromarray(RGB[:4, :6]).resize((53, 37)))
    for mode in ("CMYK", "L"):
        image = Image.fromarray(smooth).convert(mode)
        path = saved(tmp_path, f"{mode}.jpg", image, quality=100)
        expected = np.asarray(Image.open(path).convert("RGB"), np.int16)
        assert np.abs(read_image(path) - expected).max() <= 2, mode


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"", "is empty"),
        (b"GIF89a..........", "47 49 46"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "intact header"),
    ],
)
def test_what_a_file_is_instead_of_an_image_is_said(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(DataError, match=said):
        image_size(tmp_path / "x.png")


def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path) -> None:
    code = (
        "import resource, sys, numpy as np\n"
        "from esl.errors import DataError\n"
        "from esl.images import write_png\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_png(sys.argv[1], np.random.default_rng(0).integers(0, 255, (99, 99), np.uint8))\n"
        "except DataError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.png")], capture_output=True, text=True, check=True
    )
    assert "must be writable in full" in done.stdout
    assert not list(tmp_path.iterdir())


def test_nearest_neighbour_equals_pillows() -> None:
    for size in ((18, 26), (37, 53), (100, 90), (1, 1), (13, 200)):
        pillow = np.asarray(Image.fromarray(IDS).resize((size[1], size[0]), Image.Resampling.NEAREST))
        assert np.array_equal(resize_label(IDS, size), pillow), size


def test_sixteen_bits_survive_and_odd_arrays_are_refused(tmp_path: Path) -> None:
    deep = RNG.integers(0, 65536, (5, 7), np.uint16)
    write_png(tmp_path / "d.png", deep)
    assert np.array_equal(cv2.imread(str(tmp_path / "d.png"), cv2.IMREAD_UNCHANGED), deep)
    with pytest.raises(ShapeError, match="float64"):
        encode_png(np.zeros((3, 3)))  # type: ignore[arg-type]
    with pytest.raises(ShapeError):
        encode_png(np.zeros((0, 3), np.uint8))
