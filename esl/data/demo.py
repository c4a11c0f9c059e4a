"""The demo world on disk: four splits of procedural streets in Cityscapes' layout, made when first asked for.

`source_*` are clean midday photos with labels to learn from; `target_*` are other streets at dusk. Each image is a
function of its split and number, so two machines draw the same streets.
"""

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_19, IGNORE, ClassSet
from esl.cores import usable_cores
from esl.data.dataset import PairDataset, Sample
from esl.data.demo_render import draw_label, render_source, render_target
from esl.data.demo_scene import build_scene
from esl.errors import ConfigError, DataError
from esl.files import PARTIAL_SUFFIX, cache_dir, fsync_directory, write_bytes
from esl.images import encode_png
from esl.progress import Progress, no_progress

WORLD_VERSION = 1
"""Part of the cache folder's name; raise it whenever any pixel of the world changes."""
DEMO_SIZE = (256, 512)
"""(height, width) of the images."""

_LABEL_IDS = np.zeros(256, np.uint8)
"""Cityscapes' label id by train id; void is 0."""
for _label_id, _train_id in CITYSCAPES_19.label_formats["cityscapes"].items():
    if _train_id != IGNORE:
        _LABEL_IDS[_train_id] = _label_id


@dataclass(frozen=True, kw_only=True)
class DemoSplit:
    """One part of the demo world."""

    name: str
    index: int
    """Sets the seeds apart from those of the other splits."""
    count: int
    """Number of images."""

    @property
    def domain(self) -> str:
        """`source` or `target`."""
        return self.name.split("_")[0]

    @property
    def part(self) -> str:
        """`train` or `val`: the folder in Cityscapes' layout."""
        return self.name.split("_")[1]

    @property
    def city(self) -> str:
        """The folder below it."""
        return "noonford" if self.domain == "source" else "duskwater"

    def stem(self, number: int) -> str:
        """Start of the names of one image's files, as `duskwater/duskwater_000000_000007`."""
        return f"{self.city}/{self.city}_{self.index:06d}_{number:06d}"


DEMO_SPLITS = {
    split.name: split
    for split in (
        DemoSplit(name="source_train", index=0, count=400),
        DemoSplit(name="source_val", index=1, count=60),
        DemoSplit(name="target_train", index=2, count=200),
        DemoSplit(name="target_val", index=3, count=60),
    )
}


def demo_split(name: str) -> DemoSplit:
    """The split called `name`.

    Raises:
        ConfigError: there is none.
    """
    if name not in DEMO_SPLITS:
        raise ConfigError(f"A split of the demo world must be one of {', '.join(DEMO_SPLITS)}; got {name!r}.")
    return DEMO_SPLITS[name]


def draw_pair(
    split: DemoSplit, number: int, size: tuple[int, int] = DEMO_SIZE
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image (H, W, 3) RGB and label (H, W) of train ids, both uint8, of one place in the demo world."""
    scene = build_scene((WORLD_VERSION, split.index, number), size)
    if split.domain == "source":
        return render_source(scene), draw_label(scene)
    return render_target(scene, (WORLD_VERSION, split.index, number, 1)), draw_label(scene)


def open_demo(
    root: Path | str | None = None, split: str = "target_val", class_set: ClassSet = CITYSCAPES_19
) -> PairDataset:
    """Open one split of the demo world; draw it first where it is missing.

    Args:
        root: Folder to keep the world in, or a folder that `write_demo` wrote; without one, `cache_dir()`.
        split: `source_train`, `source_val`, `target_train` or `target_val`.
        class_set: 19, 16, 13 or 7 classes.

    Raises:
        ConfigError: no such split.
        DataError: the folder cannot be written.
    """
    part = demo_split(split)
    kept = Path(root) if root is not None else cache_dir()
    folder = kept / part.domain
    if not _is_written(folder, part):
        height, width = DEMO_SIZE
        folder = kept / f"demo-v{WORLD_VERSION}-{width}x{height}" / split
        if not folder.is_dir():
            with _appearing(folder) as partial:
                deque(_draw_split(partial, part, DEMO_SIZE, part.count, _write_plainly), maxlen=0)
    samples = tuple(
        Sample(
            image_id=f"{part.stem(n)}_leftImg8bit.png",
            image_path=_image_path(folder, part, n),
            label_path=_label_path(folder, part, n, "labelIds"),
        )
        for n in range(part.count)
    )
    return PairDataset(
        name="demo", root=folder, split=split, class_set=class_set, label_format="cityscapes", samples=samples
    )


def write_demo(
    out_dir: Path | str,
    *,
    splits: tuple[str, ...] = tuple(DEMO_SPLITS),
    size: tuple[int, int] = DEMO_SIZE,
    limit: int | None = None,
    progress: Progress = no_progress,
) -> dict[str, int]:
    """Write the demo world as two Cityscapes trees, `out_dir/source` and `out_dir/target`.

    Args:
        out_dir: Made if missing; splits already there are overwritten file by file.
        splits: Which of them to write.
        size: (height, width).
        limit: At most so many images a split.
        progress: Told after each image.

    Returns:
        Number of images by split.

    Raises:
        ConfigError: no such split, or a size or limit that is not positive.
        DataError: the folder cannot be written.
    """
    parts = [demo_split(name) for name in splits]
    if min(size) < 32 or (limit is not None and limit < 1):
        raise ConfigError(
            f"A demo image must have 32 pixels a side and a split one image; got size {size}, limit {limit}."
        )
    counts = {part.name: min(part.count, limit or part.count) for part in parts}
    total, before = sum(counts.values()), 0
    for part in parts:
        for done in _draw_split(Path(out_dir) / part.domain, part, size, counts[part.name], write_bytes):
            progress(before + done, total)
        before += counts[part.name]
    return counts


def _image_path(root: Path, split: DemoSplit, number: int) -> Path:
    return root / "leftImg8bit" / split.part / f"{split.stem(number)}_leftImg8bit.png"


def _label_path(root: Path, split: DemoSplit, number: int, kind: str) -> Path:
    return root / "gtFine" / split.part / f"{split.stem(number)}_gtFine_{kind}.png"


def _is_written(root: Path, split: DemoSplit) -> bool:
    return all(
        path.is_file()
        for n in range(split.count)
        for path in (_image_path(root, split, n), _label_path(root, split, n, "labelIds"))
    )


def _write_plainly(path: Path, data: bytes) -> None:
    """Write into a folder that is itself still partial; nobody reads it before it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _draw_split(
    root: Path,
    split: DemoSplit,
    size: tuple[int, int],
    count: int,
    write: Callable[[Path, bytes], None],
) -> Iterator[int]:
    """Draw `count` pairs below `root` and yield how many are done; OpenCV and NumPy free the interpreter as they work."""

    def draw(number: int) -> None:
        image, label = draw_pair(split, number, size)
        write(_image_path(root, split, number), encode_png(image))
        write(_label_path(root, split, number, "labelIds"), encode_png(_LABEL_IDS[label]))
        write(_label_path(root, split, number, "labelTrainIds"), encode_png(label))

    with ThreadPoolExecutor(max_workers=min(usable_cores(), 8), thread_name_prefix="demo") as pool:
        for done, _ in enumerate(pool.map(draw, range(count)), 1):
            yield done


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder that takes its name only when whole; whoever comes first wins, the other's copy is dropped."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PARTIAL_SUFFIX, dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield partial
        partial.chmod(0o755)
        partial.rename(folder)
        fsync_directory(folder.parent)
    except OSError as error:
        if not folder.is_dir():
            raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"The demo world must be writable in full: {folder} was not ({error.strerror or error}). "
        "Free disk space or name another folder."
    )
