"""TensorBoard events of a run, for those who look there: a copy of metrics.jsonl's numbers, and pictures.

The record is metrics.jsonl; nothing reads events back, and their folder may be deleted at any time.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from esl.errors import ConfigError
from esl.losses.log_probs import log_probabilities
from esl.render import colourise
from esl.training.step import Batch

Picture = NDArray[np.uint8]


class EventLog:
    """Writes events into a folder; on a resume, what lies beyond the step is struck out."""

    def __init__(self, folder: Path, step: int, say: Callable[[str], None]) -> None:
        """Open `folder` for steps after `step`; `say` hears, once, when events can no longer be written.

        Raises:
            ConfigError: TensorBoard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "TensorBoard events need a package that is not installed: say pip install 'tensorboard>=2.18', or leave "
                "--tensorboard out."
            ) from error
        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1)
        self._say, self._is_broken = say, False

    def numbers(self, values: Mapping[str, Any]) -> None:
        """Every number of a line of metrics.jsonl, under its kind."""
        kind, step = values["kind"], values["step"]

        def write(writer: Any) -> None:
            for name, value in values.items():
                if isinstance(value, float | int) and not isinstance(value, bool) and name != "step":
                    writer.add_scalar(f"{kind}/{name}", value, step)

        self._write(write)

    def pictures(self, pictures: Mapping[str, Picture], step: int) -> None:
        """(H, W, 3) uint8 pictures by name."""

        def write(writer: Any) -> None:
            for name, picture in pictures.items():
                writer.add_image(name, picture, step, dataformats="HWC")

        self._write(write)

    def close(self) -> None:
        """Write what is left."""
        self._write(lambda writer: writer.close())

    def _write(self, work: Callable[[Any], None]) -> None:
        """Events are a copy: a disk that does not take them ends them, not the run."""
        if self._is_broken:
            return
        try:
            work(self._writer)
            self._writer.flush()
        except OSError as error:
            self._is_broken = True
            self._say(f"TensorBoard events end here: they could not be written ({error}). metrics.jsonl goes on.")


def pictures_of(batch: Batch, segmenter: nn.Module, palette: NDArray[np.uint8]) -> dict[str, Picture]:
    """The first image of each domain beside what is predicted for it and what it is taught.

    Args:
        batch: as the step saw it, after augmentation.
        segmenter: is asked in evaluation mode, so that no statistic of batch norm moves.
        palette: (256, 3) uint8.
    """
    found = {"source": _row(segmenter, batch.source_images, batch.source_labels, palette)}
    if batch.target_images is not None:
        found["target"] = _row(segmenter, batch.target_images, batch.pseudo_labels, palette)
    return found


def _row(segmenter: nn.Module, images: Tensor, labels: Tensor | None, palette: NDArray[np.uint8]) -> Picture:
    was_training = segmenter.training
    segmenter.eval()
    with torch.no_grad():
        _, main = segmenter(images[:1])
        predicted = log_probabilities(main, (images.shape[2], images.shape[3])).argmax(1)[0]
    segmenter.train(was_training)
    image = images[0].permute(1, 2, 0).round().clamp(0, 255).byte().cpu().numpy()
    maps = [predicted] if labels is None else [predicted, labels[0]]
    return np.hstack([image, *(colourise(m.byte().cpu().numpy(), palette) for m in maps)])
