"""`data-check`: examine a data set before a long run."""

from collections.abc import Sequence
from pathlib import Path

from esl.cli.terminal import optional, parse, show
from esl.progress import ProgressLine


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("data-check", data_check, arguments)


def data_check(
    dataset: str,
    split: str,
    data_root: Path = Path(),
    class_set: str = "",
    label_format: str = "",
    full: bool = False,
    sha256: bool = False,
    json: bool = False,
) -> int:
    """Check counts, sizes, bit depths and ids of one split; says what is wrong and what it probably is. The exit code is 1 where something is.

    Args:
        dataset: demo, cityscapes, gta5, synthia, mapillary, camvid or folder.
        split: which part of the data set.
        data_root: the data set's folder.
        class_set: a built-in class set; by default the data set's own.
        label_format: what the ids in the label files mean, where the data set leaves a choice.
        full: decode every file, not only a sample of labels.
        sha256: list the checksum of every file.
        json: print the result as JSON.
    """
    from esl.pipelines.data_check import data_check as examine

    report = examine(
        dataset,
        optional(data_root),
        split,
        class_set_name=class_set or None,
        label_format=label_format or None,
        full=full,
        sha256=sha256,
        progress=ProgressLine("data-check"),
    )
    show(report, as_json=json)
    return report.exit_code
