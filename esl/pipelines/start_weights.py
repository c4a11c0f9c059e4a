"""The weights that the trainings of an experiment or a study start from: one and the same, wherever their file lies."""

from collections.abc import Mapping
from pathlib import Path

from esl.config import TrainConfig
from esl.errors import ConfigError
from esl.files import read_json
from esl.pipelines.run_record import init_weights_digest


def recorded_start(run: Path) -> str | None:
    """Digest of the weights that a run started from, empty for random ones; None without a run or in older ones."""
    path = run / "config.json"
    record = read_json(path) if path.is_file() else {}
    is_random = record.get("config", {}).get("init_weights") == ""
    digest: str | None = record.get("data", {}).get("init_weights", "" if is_random else None)
    return digest


def require_same_start(config: TrainConfig, others: Mapping[Path, str | None]) -> None:
    """Hold a training that is about to begin to the weights that those beside it started from.

    Args:
        config: of the training.
        others: what they left -> digest of the weights they started from, empty for random ones; None where not known.

    Raises:
        ConfigError: it would start from other ones.
        CheckpointError: the weights are not there.
    """
    known = {where: digest for where, digest in others.items() if digest is not None}
    own = init_weights_digest(config) if known else ""
    for where, digest in known.items():
        if digest != own:
            raise ConfigError(
                f"Trainings that are compared must start from the same weights: {where} started from {_in_words(digest)}, "
                f"this one would from {_in_words(own, config.init_weights)}. Name the same --init-weights as there, or "
                "begin in other folders."
            )


def _in_words(digest: str, path: Path = Path()) -> str:
    if not digest:
        return "random weights"
    return f"weights of sha256 {digest[:12]}" if path == Path() else f"{path} (sha256 {digest[:12]})"
