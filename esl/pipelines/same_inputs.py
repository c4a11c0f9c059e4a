"""What the trials of a study must share beside their settings, for their rows to be compared.

Translated images and initial weights: their names and places may change, their digests may not.
"""

from collections.abc import Iterable, Sequence

from esl.errors import ConfigError
from esl.files import read_json, write_json
from esl.pipelines.start_weights import recorded_start, require_same_start
from esl.pipelines.study import SWEPT, Trial
from esl.pipelines.study_places import StudyPlaces
from esl.store.experiments import ExperimentRow, read_rows, row_path
from esl.store.runs import RunDirectory

_MARK = "translated.json"
"""Beside what a trial leaves: which translation it is trained on, as paths and names of images do not say."""


def require_same_inputs(trials: Sequence[Trial], places: StudyPlaces) -> None:
    """Refuse to put trials beside rows that were trained on other translated images.

    Raises:
        ConfigError: a row of the same benchmark and settings is of another translation.
    """
    ours = places.generator
    if not ours or not any(trial.is_translated for trial in trials):
        return
    for row in _rows_beside(trials, places):
        theirs = row.provenance.get("translated", ours)
        if theirs != ours:
            raise ConfigError(
                f"Rows on translated images must be of one translation: {row_path(places.rows_dir, row)} is of weights "
                f"{theirs}, {places.translated} of {ours}. Name another --rows and --work, or delete the rows of the old "
                "translation and their runs."
            )


def hold_to_translation(trial: Trial, places: StudyPlaces) -> None:
    """Note which translation a trial begins with, or refuse to go on with another one.

    Raises:
        ConfigError: what the trial left so far was trained on other translated images.
    """
    if not trial.is_translated:
        return
    path, ours = places.folder_of(trial) / _MARK, places.generator
    theirs = read_json(path)["generator"] if path.is_file() else ours
    if theirs != ours:
        raise ConfigError(
            f"A trial must go on with the translated images that it began with: {path.parent} is of weights {theirs}, "
            f"{places.translated} of {ours}. Name another --work, or delete that folder."
        )
    write_json(path, {"generator": ours})


def hold_to_start(trial: Trial, places: StudyPlaces) -> str:
    """Digest of the weights that a trial starts from, which are those of its baseline and of its method's rows.

    Raises:
        ConfigError: they started from other ones.
        CheckpointError: the weights are not there.
    """
    config, baseline = places.config(trial), places.run_of(trial)
    rows = [row for row in _rows_beside([trial], places) if row.method == trial.method]
    others = {row_path(places.rows_dir, row): row.provenance.get("init_weights") for row in rows}
    return require_same_start(config, {baseline: recorded_start(RunDirectory(baseline)), **others})


def _rows_beside(trials: Sequence[Trial], places: StudyPlaces) -> Iterable[ExperimentRow]:
    """Rows of the same benchmarks and overrides, at any point of a sweep."""
    for benchmark in sorted({trial.benchmark for trial in trials}):
        for row in read_rows(places.rows_dir, benchmark):
            if {k: v for k, v in row.setting.items() if k not in SWEPT} == dict(places.overrides):
                yield row
