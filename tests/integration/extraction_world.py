"""Stand-ins for a network and a data set, and programs that extract with them in processes of their own."""

import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_7, CITYSCAPES_19, ClassSet
from esl.data.transforms import resize_image
from esl.pipelines.extract import extract


@dataclass(frozen=True)
class FakeInfo:
    """What `NetworkInfo` says of a network, as far as extraction asks."""

    num_classes: int = 7
    class_set: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"architecture": "fake", "num_classes": self.num_classes, "sha256": "f" * 64}


@dataclass
class FakeSource:
    """Logits that are a function of the image alone, at an eighth of its size."""

    info: FakeInfo = field(default_factory=FakeInfo)
    device: str = "cpu"
    precision: str = "fp32"
    seconds: float = 0.0
    calls: int = 0
    sizes: list[tuple[int, ...]] = field(default_factory=list)

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        self.sizes.append(images.shape)
        time.sleep(self.seconds)
        small = images[:, ::8, ::8].astype(np.float32)
        weights = np.sin(np.arange(3 * self.info.num_classes, dtype=np.float32)).reshape(3, -1)
        return np.ascontiguousarray(np.moveaxis(small @ weights, 3, 1) / 16)


@dataclass(frozen=True)
class FakeImages:
    """Images drawn from their names; there is nothing on disk and no label to open."""

    count: int = 6
    size: tuple[int, int] = (32, 64)
    classes: ClassSet = CITYSCAPES_7
    name: str = "fake"
    root: Path = Path("/nowhere")
    split: str = "train"
    label_format: str = "train_ids"

    @property
    def class_set(self) -> ClassSet:
        return self.classes

    @property
    def image_ids(self) -> Sequence[str]:
        return tuple(f"street/{i:05d}.png" for i in range(self.count))

    def read_image(self, image_id: str) -> NDArray[np.uint8]:
        rng = np.random.default_rng(int(image_id[-9:-4]))
        return rng.integers(0, 256, (*self.size, 3), np.uint8)

    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        return resize_image(self.read_image(image_id), size), size


class CachedLogits:
    """A network that costs nothing: the same few logits over and over, as large as Cityscapes at 1024x512 has them."""

    info = FakeInfo(num_classes=19)
    device = "cpu"
    precision = "fp32"

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._logits = rng.normal(size=(4, 19, 65, 129)).astype(np.float32) * 5
        self._turn = 0

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._turn += 1
        return self._logits[self._turn % 4][None]


class CachedImages(FakeImages):
    """One image for all names."""

    _image = np.zeros((512, 1024, 3), np.uint8)

    def read_image(self, image_id: str) -> NDArray[np.uint8]:
        return self._image


def measure(store_dir: Path, count: int) -> None:
    """Extract `count` predictions of 1024x512; print the peak resident memory in bytes."""
    images = CachedImages(count=count, size=(512, 1024), classes=CITYSCAPES_19)
    store = extract(CachedLogits(), images, store_dir)
    assert store.is_complete
    print(peak_memory())


def peak_memory() -> int:
    """Bytes; of this program alone, where `ru_maxrss` begins with what the process that started it had."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def kill_often(store_dir: Path, kills: int, seed: int) -> None:
    """Start the same extraction again and again, kill each after a random time, and let the last one end."""
    import esl.data.transforms  # noqa: F401  # imported once here, so that children spend their lives at work

    rng = random.Random(seed)
    for turn in range(kills + 1):
        child = os.fork()
        if child == 0:
            extract(FakeSource(seconds=0.002), FakeImages(count=40), store_dir)
            os._exit(0)
        if turn < kills:
            time.sleep(rng.uniform(0.02, 0.35))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    program, directory, *numbers = sys.argv[1:]
    {"measure": measure, "kill_often": kill_often}[program](Path(directory), *map(int, numbers))
