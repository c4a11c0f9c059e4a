"""The filter language of the image list: words that must all hold (docs/api.md)."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError

_COMPARE = re.compile(r"(err|ssl|diff|kept|px|lost|entropy|verdicts)(<=|>=|<|>)(\d+(?:\.\d*)?|\.\d+)(%?)")
_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_FLAGS = ("labelled", "unlabelled", "judged", "unjudged")
_COLUMNS = {
    "err": "err_esl",
    "ssl": "err_ssl",
    "diff": "err_diff",
    "kept": "coverage",
    "px": "ssl_only",
    "lost": "esl_only",
}


@dataclass(frozen=True)
class ImageFacts:
    """What a filter may ask about N images."""

    names: Sequence[str]
    columns: Mapping[str, NDArray[np.float64]]
    """Rank keys -> (N,), NaN where a value does not exist."""
    class_pixels: NDArray[np.float64]
    """(N, C)."""
    class_names: Sequence[str]
    has_truth: NDArray[np.bool_]


def passing(text: str, facts: ImageFacts) -> NDArray[np.bool_]:
    """(N,): images for which every word of `text` holds.

    Raises:
        ConfigError: a word that means nothing here; it is named.
    """
    keep = np.ones(len(facts.names), np.bool_)
    for word in text.split():
        keep &= _holds(word, facts)
    return keep


def _holds(word: str, facts: ImageFacts) -> NDArray[np.bool_]:
    if match := _COMPARE.fullmatch(word):
        name, sign, number, percent = match.groups()
        values = facts.columns[_COLUMNS.get(name, name)]
        limit = float(number) / (100.0 if percent else 1.0)
        with np.errstate(invalid="ignore"):
            return np.asarray(_SIGNS[sign](values, limit), np.bool_)  # NaN holds for no sign
    if word.startswith("class:"):
        name = word.removeprefix("class:").replace("_", " ")
        known = [n for n in facts.class_names if n.replace("_", " ") == name]
        if not known:
            raise ConfigError(f"class: must name one of {', '.join(facts.class_names)}; got {name[:60]!r}.")
        return np.asarray(facts.class_pixels[:, facts.class_names.index(known[0])] > 0)
    if word in _FLAGS:
        judged = facts.columns["verdicts"] > 0
        return {"labelled": facts.has_truth, "unlabelled": ~facts.has_truth, "judged": judged, "unjudged": ~judged}[
            word
        ]
    if re.search(r"[<>]", word):
        raise ConfigError(
            f"A comparison must be err, ssl, diff, kept, px, lost, entropy or verdicts with a number, as err>5%; got {word[:60]!r}."
        )
    wanted = word.removeprefix("name:").lower()
    return np.asarray([wanted in name.lower() for name in facts.names], np.bool_)
