"""What one person looks at, as a small value made anew from each request; the server keeps none of it (decision 17)."""

from dataclasses import dataclass, field
from typing import Literal

from esl.errors import ConfigError
from esl.labeling.thresholds import ThresholdRule

Source = Literal["set", "image"]
"""Where the medians come from: the whole set (the paper), or the image alone (a diagnostic)."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A store, an image of it, and a rule."""

    sid: str
    image: int = 0
    rule: ThresholdRule = field(default_factory=ThresholdRule)
    source: Source = "set"
    opacity: float = 0.0
    """How much of the photo shows through the panels, 0..1."""

    def __post_init__(self) -> None:
        if self.source not in ("set", "image"):
            raise ConfigError(f"Thresholds must come from the whole set or this image; got {self.source!r}.")
        if not 0.0 <= self.opacity <= 1.0:
            raise ConfigError(f"Image opacity must lie in 0..1; got {self.opacity}.")
        if self.image < 0:
            raise ConfigError(f"Image index must not be negative; got {self.image}.")
