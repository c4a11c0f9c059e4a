"""`demo`: the demo world on disk."""

from collections.abc import Sequence
from pathlib import Path

from esl.cli.terminal import parse, show
from esl.progress import ProgressLine


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("demo", demo, arguments)


def demo(
    out: Path,
    splits: tuple[str, ...] = (),
    size: tuple[int, int] | None = None,
    limit: int | None = None,
    json: bool = False,
) -> int:
    """Write the demo world as two Cityscapes trees, OUT/source and OUT/target.

    Args:
        out: a folder; splits that are there already are written anew, file by file.
        splits: some of source_train, source_val, target_train, target_val; all by default.
        size: height and width of the images.
        limit: at most so many images of each split.
        json: print the result as JSON.
    """
    from esl.data.demo import DEMO_SIZE, DEMO_SPLITS, write_demo

    counts = write_demo(
        out, splits=splits or tuple(DEMO_SPLITS), size=size or DEMO_SIZE, limit=limit, progress=ProgressLine("demo")
    )
    show({"out": str(out), **counts}, as_json=json)
    return 0
