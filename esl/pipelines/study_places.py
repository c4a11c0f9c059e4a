"""Where a study reads and writes, and the config of each of its trials there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from esl.config import TrainConfig
from esl.files import read_json
from esl.pipelines.study import Trial
from esl.pipelines.translate_apply import MANIFEST, on_translated_source, require_translated
from esl.presets import with_data_root
from esl.store.experiments import row_key


@dataclass(frozen=True, kw_only=True)
class StudyPlaces:
    """Where a study reads and writes."""

    work_dir: Path
    """Runs and stores; may be deleted once the rows are there."""
    rows_dir: Path
    """Finished rows, e.g. `docs/results/rows`."""
    data_root: Path = Path()
    init_weights: Path = Path()
    translated: Path = Path()
    """A result of `translate apply` on the source split: what strategies `it` and `...+it` train on."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Top-level settings in place of the presets', e.g. `{"steps": 100}`; they are part of each row's `setting`."""

    def config(self, trial: Trial) -> TrainConfig:
        """A trial's config with its paths."""
        config = trial.config(self.overrides)
        config = with_data_root(config, self.data_root) if self.data_root != Path() else config
        if trial.is_translated:
            require_translated(self.translated, config.source)
            config = on_translated_source(config, self.translated)
        return replace(config, init_weights=self.init_weights) if self.init_weights != Path() else config

    @property
    def generator(self) -> str:
        """Digest of the weights that made the translated images; empty where there are none."""
        manifest = self.translated / MANIFEST
        return str(read_json(manifest).get("generator", "")) if manifest.is_file() else ""

    def folder_of(self, trial: Trial) -> Path:
        """What a trial leaves: its run, or with pseudo-labels its experiment."""
        return self.work_dir / trial.benchmark / trial.name

    def run_of(self, trial: Trial) -> Path:
        """The run of a trial's baseline."""
        return self.folder_of(trial.baseline) / "run"

    def experiment_of(self, trial: Trial) -> Path:
        """The experiment of a trial with pseudo-labels."""
        return self.folder_of(trial)

    def row_of(self, trial: Trial) -> Path:
        """Where a trial's row is or will be."""
        return (
            self.rows_dir
            / trial.benchmark
            / f"{row_key(trial.method, trial.strategy, self.setting(trial), trial.seed)}.json"
        )

    def store_of(self, trial: Trial) -> Path:
        """The store whose pseudo-labels a trial learns from."""
        return self.experiment_of(trial) / "round_0" / "store"

    def setting(self, trial: Trial) -> dict[str, float | str]:
        """What a row's numbers depend on beside method, strategy and seed."""
        return {**trial.setting, **self.overrides}
