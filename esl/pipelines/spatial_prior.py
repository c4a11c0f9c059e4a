"""CBST-SP's spatial priors from the labels of a source split."""

from pathlib import Path
from typing import Any

from esl.data.opening import open_dataset
from esl.errors import DataError
from esl.labeling.spatial_prior import SMOOTHING, ClassFrequencies, require_smoothing
from esl.progress import Progress, no_progress


def write_spatial_prior(
    out: Path,
    dataset: str,
    root: Path | None,
    split: str,
    *,
    class_set_name: str | None = None,
    label_format: str | None = None,
    size: tuple[int, int] = (128, 256),
    smoothing: float = SMOOTHING,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Count every label of a split, smooth, and write one file.

    Args:
        out: the file to write, .npz.
        dataset: the source data set.
        root: its folder.
        split: a labelled split.
        class_set_name: the classes of the store that the priors are for.
        label_format: what the ids in the label files mean, where the data set leaves a choice.
        size: (height, width) of the maps; logits of any size are met by interpolation.
        smoothing: standard deviation of the Gaussian as a share of the height.
        progress: told after each label.

    Returns:
        What was written: path, labels, classes, size, and the classes that no label holds.

    Raises:
        DataError: the split has no labels, or one cannot be used.
        ConfigError: the size or the smoothing makes no sense.
    """
    require_smoothing(smoothing)
    data = open_dataset(dataset, root, split, class_set_name, label_format=label_format)
    labelled = [image_id for image_id in data.image_ids if data.has_label(image_id)]
    if not labelled:
        raise DataError(f"Spatial priors are counted over labels; {dataset} split {split!r} has none.")
    frequencies = ClassFrequencies(data.class_set.num_classes, size)
    for count, image_id in enumerate(labelled, start=1):
        frequencies.update(data.read_label(image_id, size))
        progress(count, len(labelled))
    prior = frequencies.prior(smoothing)
    prior.save(out)
    absent = [name for name, counts in zip(data.class_set.names, frequencies.counts, strict=True) if not counts.any()]
    return {
        "path": str(out),
        "digest": prior.digest,
        "labels": len(labelled),
        "classes": data.class_set.name,
        "size": list(size),
        "smoothing": smoothing,
        "absent": absent,
    }
