"""What a result row says beside its scores: quality of the pseudo-labels, and where the numbers come from."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from esl.config import PseudoLabelConfig
from esl.files import read_json
from esl.pipelines.audit import audit_store
from esl.presets import STRATEGY_OF_CRITERION
from esl.store.predictions import PredictionStore
from esl.training.pseudo_labels import rule_of


def scores_in_percent(scores: Mapping[str, Any]) -> dict[str, Any]:
    """`iou`, `miou` and `merged` of a row, from an evaluation's shares."""
    return {
        "iou": tuple(percent(v) for v in scores["iou"]),
        "miou": 100 * scores["miou"],
        "merged": {name: percent(v) for name, v in scores.get("merged", {}).items()},
    }


def audited_labels(store_dir: Path, labels: PseudoLabelConfig) -> dict[str, Any]:
    """Coverage and error rate (percent) of what was trained on, where the target has labels; they decide nothing.

    `protocol` says what the shares are of.
    """
    store = PredictionStore.open(store_dir)
    height, width = store.map_size
    side = STRATEGY_OF_CRITERION[labels.criterion]
    portion = labels.portion if side == "cbst" else None
    report = audit_store(
        store, rule_of(labels), portion=portion, sample_every=labels.sample_every, prior_path=labels.spatial_prior,
        keep_ties=labels.keep_ties,
    ).report  # fmt: skip
    coverages, errors = (
        [percent(row[f"{side}_{what}"]) for row in report.rows()] for what in ("coverage", "error_rate")
    )
    return {
        "coverage": coverages[-1],
        "error_rate": errors[-1],
        "coverages": coverages[:-1],
        "error_rates": errors[:-1],
        "protocol": f"wrong among kept pixels with ground truth, {store.num_done} images of {store.manifest.dataset} "
        f"{store.manifest.split}, maps {height}x{width}, {store.manifest.interpolate} resized",
    }


def provenance(run: Path) -> dict[str, Any]:
    """Versions, commit and hardware of a row, and how the run that it is about was computed.

    Versions and commit are those that the run began with. Hardware is this machine's, and left out where the run cannot
    have been computed on it.

    Args:
        run: the run's directory.
    """
    from esl.pipelines.run_record import versions

    record = read_json(run / "config.json")
    how = record["resolved"]
    return {
        **{name: record.get(name, now) for name, now in versions().items()},
        **_hardware(how["accelerator"]),
        "device": how["accelerator"],
        "precision": how["precision"],
    }


def percent(share: float | None) -> float | None:
    """A share in percent; None stays."""
    return None if share is None else 100 * share


def _hardware(accelerator: str) -> dict[str, str]:
    import torch

    if accelerator == "cuda" and not torch.cuda.is_available():
        return {}
    gpu = torch.cuda.get_device_name() if accelerator == "cuda" else "no GPU"
    return {"hardware": f"{os.cpu_count()} cores, {platform.machine()}, {gpu}"}
