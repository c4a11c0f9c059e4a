"""A table's trials, the plan of a study, and rows that are never run twice."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.cli import main
from esl.errors import ConfigError, DataError
from esl.files import write_json
from esl.pipelines.reproduce import command_of, missing, reproduce
from esl.pipelines.row_facts import audited_labels
from esl.pipelines.study import Trial, benchmark_of, scored_on, trials_of
from esl.pipelines.study_places import StudyPlaces
from esl.pipelines.study_plan import describe_plan, measured_rate
from esl.presets import placed, preset, with_data_root
from esl.store.experiments import ExperimentRow, write_row
from esl.training.class_balanced import class_balanced_labels
from tests.commands import require_parses
from tests.unit.data.trees import make_cityscapes, make_gta5
from tests.unit.pipelines.stored_world import fill_store


def test_table_one_pairs_every_strategy_with_its_baseline_seed_by_seed() -> None:
    trials = trials_of("table1", "camvid_day_dusk", (1, 2), ("source_only", "advent"), ("none", "ssl", "esl"))
    assert [(t.seed, t.method, t.strategy) for t in trials[:4]] == [
        (1, "source_only", "none"), (1, "source_only", "ssl"), (1, "source_only", "esl"), (1, "advent", "none"),
    ]  # fmt: skip
    assert {t.baseline.name for t in trials} == {f"{m}-none-seed{s}" for m in ("source_only", "advent") for s in (1, 2)}


def test_table_five_sweeps_nu_star_around_its_default_and_ends_with_the_median() -> None:
    trials = trials_of("table5", "demo", (1,))
    assert [t.strategy for t in trials if not t.setting] == ["none", "esl", "median"]
    assert [t.setting["nu_star"] for t in trials if t.setting] == [0.05, 0.15, 0.2, 0.3]
    assert trials[-1].config().pseudo_labels.nu_star == 0.3
    assert trials[2].config().pseudo_labels.mode == "median"


def test_mu_star_is_swept_for_ssl_as_nu_star_is_for_esl() -> None:
    trials = trials_of("mu_sweep", "demo", (1,))
    assert [(t.method, t.strategy) for t in trials if not t.setting] == [("advent", s) for s in ("none", "ssl")]
    swept = [t for t in trials if t.setting]
    assert [(t.strategy, t.setting["mu_star"]) for t in swept] == [("ssl", mu) for mu in (0.5, 0.7, 0.8, 0.95, 1.0)]
    assert swept[0].config().pseudo_labels.mu_star == 0.5
    assert swept[0].baseline.name == trials[0].name


def test_a_full_preset_is_its_own_method_and_strategy() -> None:
    trials = trials_of("table1", "gta5_cityscapes_advent_esl", (1,))
    assert [(t.method, t.strategy) for t in trials] == [("advent", "none"), ("advent", "esl")]
    assert benchmark_of("synthia_mapillary_advent_ssl") == "synthia_mapillary"
    for bad in (("table9", "demo"), ("table1", "nobody"), ("table1", "kitti_advent")):
        with pytest.raises(ConfigError):
            trials_of(*bad, seeds=(1,))
    with pytest.raises(ConfigError, match="bdl"):
        trials_of("table1", "demo", (1,), ("bdl",))


def test_cbst_is_a_strategy_like_the_others() -> None:
    trials = trials_of("table1", "demo", (1,), ("advent",), ("none", "esl", "cbst"))
    labels = trials[-1].config().pseudo_labels
    assert (labels.criterion, labels.portion, labels.source) == ("class_balanced", 0.2, "none")
    assert trials[-1].name == "advent-cbst-seed1"
    assert [t.strategy for t in trials_of("table1", "demo_advent_cbst", (1,))] == ["none", "cbst"]
    with pytest.raises(ConfigError, match=r"one of none, it, ssl, .*; got sls"):
        trials_of("table1", "demo", (1,), ("advent",), ("sls",))


def test_translated_source_images_are_a_strategy_of_their_own(tmp_path: Path) -> None:
    trials = trials_of("table1", "demo", (1,), ("source_only",), ("none", "it", "esl+it"))
    assert [t.name for t in trials] == [f"source_only-{s}-seed1" for s in ("none", "it", "esl+it")]
    assert [t.baseline.strategy for t in trials] == ["none", "it", "none"]
    assert trials[1].config().pseudo_labels == trials[0].config().pseudo_labels
    assert trials[2].config().pseudo_labels.criterion == "entropy"
    places = StudyPlaces(work_dir=tmp_path, rows_dir=tmp_path)
    with pytest.raises(ConfigError, match="--translated"):
        places.config(trials[1])
    made = {"dataset": "demo", "split": "source_train", "direction": "to_target", "complete": True, "generator": "g"}
    out = tmp_path / "translated"
    places = StudyPlaces(work_dir=tmp_path, rows_dir=tmp_path, translated=out)
    write_json(out / "manifest.json", made)
    assert places.config(trials[0]).source.dataset == "demo"
    source = places.config(trials[1]).source
    assert (source.dataset, source.root, source.split) == ("folder", out, "source_train")
    assert places.config(trials[0]).selection.data, "a split of the demo's source domain"
    assert not places.config(trials[1]).selection.data, "cannot be told from the target's any more"
    assert "--source.root TRANSLATED" in command_of(trials[1], places)
    for wrong, error in (
        ({"direction": "to_source"}, ConfigError),
        ({"split": "x"}, ConfigError),
        ({"complete": False}, DataError),
    ):
        write_json(out / "manifest.json", made | wrong)
        with pytest.raises(error, match="ranslated"):
            places.config(trials[1])


def test_what_a_cbst_trial_learned_from_is_audited_by_its_own_labels(tmp_path: Path) -> None:
    store = fill_store(tmp_path / "s")
    config = Trial(benchmark="demo", method="advent", strategy="cbst", seed=1).config()
    audited = audited_labels(tmp_path / "s", config.pseudo_labels)
    labels = class_balanced_labels(store.directory, 0.2)
    assert audited["coverage"] == pytest.approx(100 * np.mean([(labels(i) != 255).mean() for i in store.image_ids]))
    assert len(audited["coverages"]) == 7


def test_a_finished_row_is_skipped_and_other_settings_are_not(tmp_path: Path) -> None:
    trials = [Trial(benchmark="demo", method="advent", strategy=s, seed=1) for s in ("none", "esl")]
    places = StudyPlaces(work_dir=tmp_path, rows_dir=tmp_path / "rows")
    row = ExperimentRow(
        benchmark="demo",
        method="advent",
        strategy="none",
        seed=1,
        class_set="cityscapes19",
        split="x",
        protocol="x",
        iou=(),
        miou=1.0,
        steps=1,
    )
    write_row(places.rows_dir, row)
    assert missing(trials, places) == trials[1:]
    shorter = StudyPlaces(work_dir=tmp_path, rows_dir=places.rows_dir, overrides={"steps": 5})
    assert missing(trials, shorter) == trials


def test_a_trial_with_the_labels_of_a_finished_one_takes_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under all medians nu* decides nothing: ESL there and the median alone are one training."""
    places = StudyPlaces(work_dir=tmp_path / "work", rows_dir=tmp_path / "rows")
    done = Trial(benchmark="demo", method="advent", strategy="esl", seed=1, setting={"nu_star": 0.0})
    same, other = replace(done, strategy="median", setting={}), replace(done, setting={"nu_star": 1.0})
    elsewhere = [
        replace(same, seed=2),
        replace(same, method="minent"),
        replace(done, strategy="ssl", setting={"mu_star": 1.0}),
    ]
    fill_store(places.store_of(done))
    row = ExperimentRow(
        benchmark="demo", method="advent", strategy="esl", seed=1, setting={"nu_star": 0.0}, class_set="cityscapes19",
        split="demo target_val", protocol="p", iou=(50.0,) * 19, miou=50.0, steps=5, provenance={"commit": "abc"},
    )  # fmt: skip
    write_row(places.rows_dir, row)

    def train_instead(*arguments: object, **settings: object) -> None:
        raise DataError("trains")

    monkeypatch.setattr("esl.pipelines.reproduce.train", train_instead)
    reproduce([done, same], places)
    written = json.loads(places.row_of(same).read_text())
    assert (written["strategy"], written["setting"], written["miou"]) == ("median", {}, 50.0)
    assert written["provenance"]["same_labels_as"] == row.key
    assert "--pseudo-labels.mode median" in written["provenance"]["command"]
    for different in (other, *elsewhere):
        with pytest.raises(DataError, match="trains"):
            reproduce([done, different], places)
    places.row_of(same).unlink()
    with pytest.raises(DataError, match="trains"):
        reproduce([done, same], places, with_stores=True)


def test_the_whole_paper_sweeps_the_method_of_tables_four_and_five() -> None:
    every = trials_of("paper", "gta5_cityscapes", (1,))
    assert {t.method for t in every if t.setting} == {"advent"}
    own = trials_of("paper", "gta5_cityscapes_advent_esl", (1,))
    assert [t.strategy for t in own if not t.setting] == ["none", "ssl", "esl", "median"], "what Tables 1, 4 and 5 need"
    assert sum(bool(t.setting) for t in own) == 4
    assert [t.strategy for t in trials_of("paper", "demo_minent_cbst", (1,)) if not t.setting][-1] == "cbst"
    assert {t.method for t in trials_of("paper", "demo_minent_esl", (1,)) if t.setting} == {"minent"}


def test_the_plan_says_commands_data_sizes_steps_hours_and_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, work = tmp_path / "data", tmp_path / "w"
    make_gta5(data / "GTA5")
    for split in ("train", "val"):
        make_cityscapes(data / "cityscapes", split)
    make_cityscapes(data / "somebody's copy", "train")
    words = ["reproduce", "paper", "--preset", "gta5_cityscapes_advent_esl", "--seeds", "1", "--dry-run"]
    words += ["--rows", str(tmp_path / "r"), "--work", str(work), "--data-root", str(data)]
    assert main([*words, "--steps-per-second", "10", "--gpu", "an H100"]) == 0
    said = capsys.readouterr().out
    assert "8 trials, 0 with a row already, 8 trainings to run, 960,000 steps." in said
    assert "120,000 steps, 720x1280 + 512x1024: python -m esl train gta5_cityscapes_advent " in said
    assert f"--source.root {data / 'GTA5'} --target.root {data / 'cityscapes'}" in said
    assert f"Data: gta5 train in {data / 'GTA5'}, 3 of 24,966 images." in said
    assert f"Data: cityscapes val in {data / 'cityscapes'}, 6 of 500 images." in said
    assert "Hours: about 26.7 on an H100 at 10 steps a second (as given)." in said
    assert "checkpoints of 8 runs 6.8 GB, stores of 7 0.0 GB" in said
    assert "The same command without --dry-run runs it." in said
    commands = [c for line in said.splitlines() if ": python" in line for c in line.split(": ", 1)[1].split(" && ")]
    assert len(commands) == 8 + 1, "a training each, and the score of the one without pseudo-labels"
    for command in commands:
        require_parses(command, monkeypatch)
    assert "--score-on.dataset cityscapes --score-on.split val --score-on.size 512 1024" in commands[-1]
    assert not work.exists(), "nothing is run"

    assert main([*words[:-1], str(tmp_path / "nowhere")]) == 0
    said = capsys.readouterr().out
    assert "gta5 train CANNOT BE READ YET. The data root must be a folder" in said
    assert "Hours: no rate is known yet." in said
    assert "stores of 7 6.6 GB (float16; twice that in fp32)" in said, "of the published 2,975 images"


def test_hours_come_from_the_rows_that_are_finished(tmp_path: Path) -> None:
    base = ExperimentRow(
        benchmark="demo", method="minent", strategy="none", seed=1, class_set="cityscapes19", split="x", protocol="x",
        iou=(), miou=1.0, steps=500,
    )  # fmt: skip
    for seed, seconds, hardware in ((1, 100.0, "2 cores"), (2, 250.0, "2 cores"), (3, 125.0, "2 cores"), (4, 1.0, "H")):
        write_row(tmp_path, replace(base, seed=seed, provenance={"wall_seconds": seconds, "hardware": hardware}))
    rate = measured_rate("demo", tmp_path)
    assert rate is not None
    assert (rate.steps_per_second, rate.device) == (4.0, "2 cores")
    assert measured_rate("camvid_day_dusk", tmp_path) is None
    places = StudyPlaces(work_dir=tmp_path / "w", rows_dir=tmp_path)
    plan = describe_plan(trials_of("table1", "demo", (9,), ("minent",), ("none", "esl")), places)
    assert "Hours: about 0.1 on 2 cores at 4 steps a second (median of 3 finished rows)." in plan
    assert describe_plan([], places).startswith("0 trials")


def test_a_folder_of_data_sets_serves_a_benchmark(tmp_path: Path) -> None:
    make_gta5(tmp_path / "a" / "gta5")
    make_cityscapes(tmp_path / "a" / "cs", "train")
    config = with_data_root(preset("gta5_cityscapes_advent"), tmp_path / "a")
    assert (config.source.root, config.target.root) == (tmp_path / "a" / "gta5", tmp_path / "a" / "cs")
    assert scored_on("gta5_cityscapes", tmp_path / "a").root == tmp_path / "a" / "cs"
    make_cityscapes(tmp_path / "a" / "other", "val")
    assert with_data_root(config, tmp_path / "a").target.root == tmp_path / "a", "no guess between two"
    make_gta5(tmp_path / "both")
    make_cityscapes(tmp_path / "both", "train")
    config = with_data_root(preset("gta5_cityscapes_advent"), tmp_path / "both")
    assert config.source.root == config.target.root == tmp_path / "both"
    config = placed(config, tmp_path / "a")
    assert config.source.root == tmp_path / "both", "a root of one's own stays"


def test_report_refuses_rows_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "demo", "--rows", str(tmp_path)]) == 2
    assert "rows of exactly one benchmark" in capsys.readouterr().err
