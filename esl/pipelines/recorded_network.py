"""The network that goes on with a store: on the device and in the precision that the store records.

A store that is whole needs none, so it opens on machines that could not make it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError
from esl.pipelines.targets import DeviceName, load_predictor
from esl.store.predictions import MANIFEST_NAME, PredictionStore


class RecordedNetwork:
    """A checkpoint by its JSON alone, with a store's device and precision; its weights are loaded by the first `predict`."""

    def __init__(self, checkpoint: Path, store: PredictionStore) -> None:
        """Read the checkpoint's JSON.

        Raises:
            CheckpointError: there is no checkpoint, or its JSON is wrong.
        """
        from esl.models.weights import read_info

        self.info = read_info(checkpoint)
        self.device, self.precision = store.manifest.device, store.manifest.precision
        self._checkpoint, self._store = checkpoint, store
        self._loaded: Any = None

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.float16]:
        """As `Predictor.predict`; asked for only where a whole store turns out to have lost a chunk.

        Raises:
            ConfigError: this machine lacks the store's device or precision.
        """
        if self._loaded is None:
            self._loaded = load_recorded(self._checkpoint, self._store, "auto")
        logits: NDArray[np.float32] | NDArray[np.float16] = self._loaded.predict(images)
        return logits


def store_at(directory: Path) -> PredictionStore | None:
    """The store that an earlier extraction began in a folder, for reading; None where there is none.

    Raises:
        DataError: it is damaged.
    """
    return PredictionStore.open(directory) if (directory / MANIFEST_NAME).is_file() else None


def load_recorded(checkpoint: Path, store: PredictionStore, device: DeviceName) -> Any:
    """The `Predictor` that a store was begun with.

    Args:
        checkpoint: of the store's network.
        store: with images left to do.
        device: what the caller may compute on; anything but `auto` must be what the store records.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: this machine lacks the store's device or precision, or the caller may not use it.
    """
    made: Any = store.manifest
    begun = (
        f"A store goes on with what it was begun with: {store.directory} holds {store.num_done} of "
        f"{len(store.image_ids)} images, predicted on {made.device} in {made.precision}"
    )
    if device not in ("auto", made.device):
        raise ConfigError(
            f"{begun}, and this server computes on {device}. Start it with --device {made.device}, or move that folder "
            "away to begin anew."
        )
    try:
        return load_predictor(checkpoint, made.device, made.precision)
    except ConfigError as error:
        from esl.models.device import cuda_fault

        why = cuda_fault() if made.device == "cuda" else ""
        raise ConfigError(
            f"{begun}, which this machine cannot do{why and f' (of its GPU: {why})'}. Go on with it where it was begun, or "
            "move that folder away to begin anew."
        ) from error
