"""`data-check`: examine a data set before a long run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from esl.cli.terminal import optional, parse, show
from esl.progress import ProgressLine


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    # Other verbs name their data set by a flag, which is understood here too.
    words = [word.removeprefix("--dataset=") for word in arguments if word != "--dataset"]
    return parse("data-check", data_check, words)


def data_check(
    name: tyro.conf.Positional[str],
    split: str = "",
    data_root: Annotated[Path, tyro.conf.arg(aliases=("--root",))] = Path(),
    class_set: str = "",
    label_format: str = "",
    full: bool = False,
    sha256: bool = False,
    json: bool = False,
) -> int:
    """Check counts, sizes, bit depths and ids; says what is wrong and what it probably is. The exit code is 1 where something is.

    Args:
        name: demo, cityscapes, gta5, synthia, mapillary, camvid or folder.
        split: which part of the data set; by default every one that is there.
        data_root: the data set's folder.
        class_set: a built-in class set; by default the data set's own.
        label_format: what the ids in the label files mean, where the data set leaves a choice.
        full: decode every file, not only a sample of labels.
        sha256: list the checksum of every file.
        json: print the result as JSON; without --split a list of the parts' results.
    """
    from esl.data.known import splits_there
    from esl.pipelines.data_check import data_check as examine

    root = optional(data_root)
    reports = []
    for part in (split,) if split else splits_there(name, root):
        report = examine(
            name,
            root,
            part,
            class_set_name=class_set or None,
            label_format=label_format or None,
            full=full,
            sha256=sha256,
            progress=ProgressLine(f"data-check {part}"),
        )
        reports.append(report)
        if not json:
            show(report, as_json=False)
    if json:
        show(reports[0] if split else {"splits": [r.to_json() for r in reports]}, as_json=True)
    return max(report.exit_code for report in reports)
