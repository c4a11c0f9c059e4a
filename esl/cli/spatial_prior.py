"""`spatial-prior`: where each class lies in the labels of a source split."""

from collections.abc import Sequence
from pathlib import Path

from esl.cli.terminal import optional, parse, show
from esl.progress import ProgressLine


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("spatial-prior", spatial_prior, arguments)


def spatial_prior(
    dataset: str,
    split: str,
    out: Path,
    data_root: Path = Path(),
    class_set: str = "",
    label_format: str = "",
    size: tuple[int, int] = (128, 256),
    smoothing: float = 0.0684,
    json: bool = False,
) -> int:
    """Count source labels into one smoothed map per class, which CBST-SP multiplies to P before the arg max.

    Args:
        dataset: the source: demo, cityscapes, gta5, synthia, mapillary, camvid or folder.
        split: a labelled split of it.
        out: the .npz file to write; export, audit and training take it as spatial_prior.
        data_root: the data set's folder.
        class_set: the classes of the store that the priors are for; by default the data set's own.
        label_format: what the ids in the label files mean, where the data set leaves a choice.
        size: height and width of the maps.
        smoothing: standard deviation of the Gaussian as a share of the height; 0 does not smooth.
        json: print the result as JSON.
    """
    from esl.pipelines.spatial_prior import write_spatial_prior

    written = write_spatial_prior(
        out, dataset, optional(data_root), split, class_set_name=class_set or None, label_format=label_format or None,
        size=size, smoothing=smoothing, progress=ProgressLine("spatial-prior"),
    )  # fmt: skip
    show(written, as_json=json)
    return 0
