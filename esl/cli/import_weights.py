"""`import-weights`: published `.pth` files become safetensors with a JSON beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from esl.cli.terminal import parse, show


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("import-weights", import_weights, arguments)


def import_weights(
    source: Path,
    out: Path,
    family: str = "auto",
    aspp_branches: Literal[0, 2, 4] = 0,
    class_set: str = "",
    json: bool = False,
) -> int:
    """Read a published file with weights_only=True in a process of its own, list what matched, write safetensors and JSON.

    Args:
        source: the .pth file.
        out: a .safetensors file or a folder.
        family: which code wrote it; auto goes by keys and shapes.
        aspp_branches: 2 or 4 ASPP branches in the sum; 0 takes the family's own number.
        class_set: the classes of the heads; by default the built-in set of that size.
        json: print the result as JSON.
    """
    from esl.models.weights import import_weights as import_file

    report = import_file(source, out, family=family, aspp_branches=aspp_branches, class_set_name=class_set)  # type: ignore[arg-type]  # checked there
    show(report, as_json=json)
    return 0
