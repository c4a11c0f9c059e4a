"""`export`: pseudo-labels as PNG files."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from esl.cli.terminal import parse, show
from esl.errors import ConfigError
from esl.progress import ProgressLine

if TYPE_CHECKING:
    from esl.labeling.thresholds import ScoreHistogram
    from esl.pipelines.export import ExportReport
    from esl.store.predictions import PredictionStore
    from esl.store.recipes import Recipe


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("export", export, arguments)


def export(
    store: Path,
    out: Path,
    criterion: Literal["entropy", "max_prob", "class_balanced"] = "entropy",
    recipe: Path = Path(),
    mu_star: float = 0.9,
    nu_star: float = 0.1,
    mode: Literal["capped", "fixed", "median"] = "capped",
    override: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    mu_override: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    color: bool = False,
    kinds: tuple[str, ...] = ("train_ids",),
    naming: Literal["path", "cityscapes"] = "path",
    thresholds_from: Path = Path(),
    portion: float | None = None,
    sample_every: int = 1,
    spatial_prior: Path = Path(),
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Write 8-bit PNG files of train ids, 255 where nothing is kept, under each image's relative path.

    Every file is read again and compared. Stopped or killed, the same command goes on.

    Args:
        store: a complete prediction store.
        out: the folder to write; new, or one that this command began.
        criterion: entropy is ESL, max_prob is SSL, class_balanced is CBST, which takes portion, sample_every and spatial_prior alone.
        recipe: a saved recipe, instead of the flags for criterion and thresholds.
        mu_star: global threshold over max-prob, Eq. (6).
        nu_star: global threshold over entropy, Eq. (9).
        mode: capped is the paper's; fixed takes mu* and nu* alone, median the class medians alone.
        override: CLASS=VALUE sets ESL's nu of one class; may be repeated.
        mu_override: CLASS=VALUE sets SSL's mu of one class; may be repeated.
        color: also write colour PNGs, to OUT/color.
        kinds: some of train_ids, label_ids, color, difference, scores, statistics, verdicts, figures (Figure 1 of each image).
        naming: path keeps the image's relative path; cityscapes writes ..._gtFine_labelTrainIds.png.
        thresholds_from: another store whose medians to use, e.g. that of the training split.
        portion: CBST's share of each predicted class; 0.2 where it is not given.
        sample_every: CBST counts every n-th pixel; 1 is exact, the reference code takes 4.
        spatial_prior: CBST-SP: a file of `spatial-prior`, multiplied to P before the arg max.
        dry_run: only say what would be written.
        json: print the result as JSON.
    """
    from esl.cli.thresholds import rule_of
    from esl.labeling.thresholds import ThresholdRule
    from esl.pipelines.export import export_labels
    from esl.pipelines.export_class_balanced import export_class_balanced
    from esl.pipelines.export_kinds import KINDS
    from esl.store.predictions import PredictionStore
    from esl.store.recipes import Recipe, load_recipe

    chosen_kinds = [*dict.fromkeys([*kinds, *(["color"] if color else [])])]
    unknown = [kind for kind in chosen_kinds if kind not in (*KINDS, "figures")]
    if unknown or not chosen_kinds:
        raise ConfigError(f"--kinds must be some of {', '.join(KINDS)}, figures; got {', '.join(unknown) or 'none'}.")
    opened = PredictionStore.open(store)
    rule = rule_of(mu_star, nu_star, mode, override, mu_override, opened.class_set.names)
    if criterion == "class_balanced":
        if recipe != Path() or thresholds_from != Path() or rule != ThresholdRule():
            raise ConfigError(
                "Class-balanced labels take portion, sample_every and spatial_prior; leave out recipe, mu-star, nu-star, mode, "
                "overrides and thresholds-from."
            )
        balanced = export_class_balanced(
            opened, out, portion=0.2 if portion is None else portion, sample_every=sample_every, prior_path=spatial_prior,
            kinds=chosen_kinds, naming=naming, command=sys.argv, dry_run=dry_run, progress=ProgressLine("export"),
        )  # fmt: skip
        show(balanced, as_json=json)
        return 0
    if portion is not None or sample_every != 1 or spatial_prior != Path():
        raise ConfigError("--portion, --sample-every and --spatial-prior belong to --criterion class_balanced: add it.")
    medians = opened if thresholds_from == Path() else PredictionStore.open(thresholds_from)
    chosen, mask = Recipe(store=medians.store_hash, criterion=criterion, rule=rule), None
    if recipe != Path():
        if chosen != Recipe(store=medians.store_hash):
            raise ConfigError("An export takes either --recipe or flags for criterion and thresholds, not both.")
        chosen, mask = load_recipe(recipe)
    scores = None if medians is opened else medians.histogram()
    report = export_labels(
        opened,
        chosen,
        out,
        kinds=[kind for kind in chosen_kinds if kind != "figures"] or ["statistics"],
        mask=mask,
        scores=scores,
        naming=naming,
        command=sys.argv,
        dry_run=dry_run,
        progress=ProgressLine("export"),
    )
    if "figures" in chosen_kinds:
        report = _with_figures(report, opened, chosen, out / "figures", scores)
    show(report, as_json=json)
    return 0


def _with_figures(
    report: "ExportReport", store: "PredictionStore", recipe: "Recipe", folder: Path, scores: "ScoreHistogram | None"
) -> "ExportReport":
    """`report` with the plates in it; they are drawn where it is no dry run."""
    from esl.labeling.thresholds import class_thresholds
    from esl.pipelines.figures import write_plates

    if not report.is_complete:
        return replace(report, files=report.files + len(store.image_ids))
    thresholds = class_thresholds(store.histogram() if scores is None else scores, recipe.rule)
    files, num_bytes = write_plates(store, thresholds, store.image_ids, folder, progress=ProgressLine("figures"))
    return replace(report, files=report.files + files, bytes=report.bytes + num_bytes)
