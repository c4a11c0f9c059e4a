"""The rows of Table 1 that a BDL experiment fills: one for each network that it scored."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from esl.config import PseudoLabelConfig, config_from_json
from esl.errors import ConfigError
from esl.files import read_json
from esl.pipelines.bdl_strategies import labels_of
from esl.pipelines.row_facts import audited_labels, provenance, scores_in_percent
from esl.store.experiments import ExperimentRow, row_path, write_row
from esl.store.runs import EXPERIMENT_FILE


def write_bdl_rows(
    experiment_dir: Path,
    rows_dir: Path,
    benchmark: str,
    *,
    setting: Mapping[str, float | str] | None = None,
    command: str = "",
) -> list[Path]:
    """Write a row for each scored network of an experiment, finished or not; the same experiment gives the same rows.

    `bdl_step1` is re-training on pseudo-labels of the adapted network, `bdl_step2` on those of the network re-trained
    once; strategy `none` is the network that makes them. Paper: Table 1.

    Args:
        experiment_dir: folder of the experiment.
        rows_dir: where rows are kept.
        benchmark: source and target, as rows name them.
        setting: what differs from the benchmark's preset.
        command: what was typed.

    Raises:
        DataError: there is no experiment, or a store's labels cannot be used.
        ConfigError: another experiment has left the same rows.
    """
    record = read_json(experiment_dir / EXPERIMENT_FILE)
    written = []
    for method, strategy, stage in _networks(record["stages"], int(record["plan"]["steps"])):
        row = _row(experiment_dir, record, method, strategy, stage, benchmark, setting or {}, command)
        path = row_path(rows_dir, row)
        if path.is_file() and read_json(path)["iou"] != list(row.iou):
            raise ConfigError(
                f"A row is never overwritten by another experiment; {path} holds other scores. Move it, or name another "
                "--seed or --rows."
            )
        written.append(path if path.is_file() else write_row(rows_dir, row))
    return written


def _networks(stages: Mapping[str, Any], steps: int) -> list[tuple[str, str, str]]:
    """(method, strategy, stage) of each network with scores, in the order of Table 1."""
    found = []
    teacher = "adapt/run"
    for step in range(1, steps + 1):
        here = f"step_{step}"
        found.append((f"bdl_step{step}", "none", teacher))
        found += [
            (f"bdl_step{step}", str(left["strategy"]), name)
            for name, left in stages.items()
            if name.startswith(f"{here}/") and "strategy" in left
        ]
        teacher = f"{here}/run"
    return [(method, strategy, stage) for method, strategy, stage in found if "scores" in stages.get(stage, {})]


def _row(
    directory: Path, record: Mapping[str, Any], method: str, strategy: str, stage: str, benchmark: str,
    setting: Mapping[str, float | str], command: str,
) -> ExperimentRow:  # fmt: skip
    scores, config = record["stages"][stage]["scores"], config_from_json(record["adaptation"])
    labels: dict[str, Any] = {}
    if strategy != "none":
        chosen: PseudoLabelConfig = replace(labels_of(strategy, config.pseudo_labels)[0], source="none")
        labels = audited_labels(directory / stage.split("/")[0] / "store", chosen)
    return ExperimentRow(
        benchmark=benchmark,
        method=method,
        strategy=strategy,
        seed=config.seed,
        setting=setting,
        class_set=config.class_set,
        split=f"{scores['dataset']} {scores['split']}",
        protocol=f"{scores['protocol']}; last checkpoint",
        **scores_in_percent(scores),
        steps=config.steps,
        pseudo_labels=labels,
        provenance={
            **provenance(directory / stage),
            **({"init_weights": record["init_weights"]} if "init_weights" in record else {}),
            "command": command,
            "stage": stage,
        },
    )
