"""`reproduce`: a table of the paper from nothing; `report`: the tables that finished rows allow."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from esl.cli.terminal import parse, show
from esl.errors import ConfigError
from esl.progress import ProgressLine

if TYPE_CHECKING:
    from esl.labeling.thresholds import ThresholdRule


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("reproduce", reproduce, arguments)


def reproduce(
    table: tyro.conf.Positional[str],
    preset: str,
    data_root: Path = Path(),
    init_weights: Path = Path(),
    seeds: tuple[int, ...] = (1, 2, 3),
    methods: tuple[str, ...] = (),
    strategies: tuple[str, ...] = (),
    translated: Path = Path(),
    steps: int = 0,
    work: Path = Path("runs/studies"),
    rows: Path = Path("docs/results/rows"),
    out: Path = Path("docs/results"),
    steps_per_second: float = 0.0,
    gpu: str = "",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    dry_run: bool = False,
) -> int:
    """Run the trials of a table or figure that have no row yet, then write it. Stopped or killed, the same command goes on.

    Args:
        table: table1 to table5, figure1, figure2, paper for all of them, or mu_sweep (Table 5 for SSL and mu*).
        preset: a benchmark (demo, camvid_day_dusk, gta5_cityscapes, ...) or one of its presets.
        data_root: folder of every data set of the benchmark, or one that holds their folders.
        init_weights: weights that every training starts from.
        seeds: rows of one seed are paired: only the labels differ.
        methods: in place of the benchmark's own.
        strategies: some of none, ssl, esl, median, cbst; it, ssl+it, ... train on translated source images.
        translated: a result of `translate apply` on the source split, for it and ...+it.
        steps: in place of the presets' (and of their schedule); part of the rows' names.
        work: where runs and stores go; may be deleted when the rows are there.
        rows: where finished rows are kept.
        out: where the tables are written.
        steps_per_second: the measured rate of the machine that shall run it, for the hours of --dry-run; by default that of finished rows.
        gpu: the name of what was measured.
        device: auto takes CUDA where there is one.
        dry_run: print the exact plan and run nothing.
    """
    if not 0 <= steps_per_second < math.inf:
        raise ConfigError(f"--steps-per-second must be a rate above 0; got {steps_per_second}.")
    if gpu and not steps_per_second:
        raise ConfigError("--gpu names what --steps-per-second was measured on: add it.")
    from esl.labeling.thresholds import ThresholdRule
    from esl.pipelines.reproduce import reproduce as run_study
    from esl.pipelines.study import FIGURES, method_of_labels, trials_of
    from esl.pipelines.study_places import StudyPlaces
    from esl.pipelines.study_plan import Rate, describe_plan
    from esl.training.guards import StopRequest

    trials = trials_of(table, preset, seeds, methods, strategies)
    wants_figures = table in (*FIGURES, "paper")
    if not trials:
        raise ConfigError("A study must have at least one seed and one strategy; got none.")
    overrides = {"steps": steps, "schedule_steps": steps} if steps else {}
    places = StudyPlaces(
        work_dir=work,
        rows_dir=rows,
        data_root=data_root,
        init_weights=init_weights,
        translated=translated,
        overrides=overrides,
    )
    if dry_run:
        known = Rate(steps_per_second=steps_per_second, device=gpu or "the machine measured", source="as given")
        print(describe_plan(trials, places, known if steps_per_second > 0 else None))
        print("The same command without --dry-run runs it.")
        return 0
    stop = StopRequest()
    found = run_study(
        trials, places, accelerator=device, with_stores=table in FIGURES, progress_of=ProgressLine, stop=stop,
        say=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    if stop:
        print("Stopped; no table is written. The same command goes on.", file=sys.stderr)
        return stop.exit_code
    drawn = next((places.store_of(t) for t in trials if t.strategy == "esl" and places.store_of(t).exists()), None)
    if wants_figures and drawn is not None:
        _draw(drawn, ThresholdRule(), out / f"{trials[0].benchmark}_figures")
    method = method_of_labels([trial.method for trial in trials])
    return _write([row for row in found if row.benchmark == trials[0].benchmark], out, method)


def run_report(arguments: Sequence[str]) -> int:
    """Parse and do `report`."""
    return parse("report", report, arguments)


def report(
    benchmark: tyro.conf.Positional[str],
    rows: Path = Path("docs/results/rows"),
    out: Path = Path("docs/results"),
    method: str = "advent",
    store: Path = Path(),
    images: tuple[str, ...] = (),
    mu_star: float = 0.9,
    nu_star: float = 0.1,
) -> int:
    """Write the paper's tables from finished rows as Markdown, CSV and LaTeX, beside the paper's own numbers.

    With a store also its figures: plates of images (Figures 1 and 2) as PNG, error and coverage curves as PNG, SVG and CSV.

    Args:
        benchmark: demo, camvid_day_dusk, gta5_cityscapes, ...
        rows: where finished rows are kept.
        out: where the tables go.
        method: whose pseudo-labels Tables 4 and 5 are about.
        store: a complete prediction store whose figures are drawn, into OUT/BENCHMARK_figures.
        images: ids of the figures' images; by default those with most SSL minus ESL.
        mu_star: SSL's threshold in the figures.
        nu_star: ESL's threshold in the figures.
    """
    from esl.labeling.thresholds import ThresholdRule
    from esl.store.experiments import read_rows

    found = read_rows(rows, benchmark)
    if store == Path():
        return _write(found, out, method)
    if found:
        _write(found, out, method)
    rule = ThresholdRule(mu_star=mu_star, nu_star=nu_star)
    return _draw(store, rule, out / f"{benchmark}_figures", images)


def _draw(store: Path, rule: "ThresholdRule", folder: Path, images: Sequence[str] = ()) -> int:
    from esl.pipelines.figures import write_figures
    from esl.store.predictions import PredictionStore

    files = write_figures(PredictionStore.open(store), rule, folder, image_ids=images, progress=ProgressLine("figures"))
    show({path.name: str(path) for path in files}, as_json=False)
    return 0


def _write(rows: Sequence[object], out: Path, method: str = "advent") -> int:
    from esl.pipelines.report import write_report

    written = write_report(rows, out, sweep_method=method)  # type: ignore[arg-type]
    show({"rows": len(rows), **{path.name: str(path) for path in written}}, as_json=False)
    return 0
