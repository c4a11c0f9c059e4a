"""What a study leaves: rows with their origin, of trials that can be compared, and nothing after a stop."""

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from esl.classes import CITYSCAPES_7
from esl.cli import main
from esl.errors import ConfigError, DataError
from esl.files import read_json, sha256_of, write_json
from esl.pipelines.reproduce import missing, reproduce
from esl.pipelines.row_facts import provenance
from esl.pipelines.study import Trial
from esl.pipelines.study_places import StudyPlaces
from esl.presets import DEMO_NETWORK
from esl.store.experiments import ExperimentRow, write_row
from esl.training.guards import StopRequest
from tests.unit.pipelines.stored_world import fill_store


@dataclass
class PretendStudy:
    """Trainings that leave at once what a run leaves; they are other tests' subject."""

    tmp_path: Path
    calls: list[str] = field(default_factory=list)

    def command(self, *words: str) -> list[str]:
        places = ["--work", str(self.tmp_path / "w"), "--rows", str(self.rows), "--out", str(self.tmp_path / "o")]
        return ["reproduce", *words, *places]

    @property
    def rows(self) -> Path:
        return self.tmp_path / "r"

    def row(self, name: str, benchmark: str = "demo") -> dict[str, Any]:
        row: dict[str, Any] = json.loads((self.rows / benchmark / f"{name}.json").read_text())
        return row


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PretendStudy:
    from esl.pipelines import reproduce as module

    scores = {
        "iou": [0.5] * 19,
        "miou": 0.5,
        "protocol": "p",
        "merged": dict.fromkeys(CITYSCAPES_7.names, 0.25) | {"sky": None},
    }
    pretended = PretendStudy(tmp_path)

    class Done:
        state = "done"

    def leave(run: Path, precision: str) -> None:
        resolved = {"accelerator": "cpu", "precision": precision}
        write_json(run / "config.json", {"resolved": resolved, "commit": "abc", "torch": "2.0"})

    def trained(config: object, run: Path, **more: object) -> Done:
        pretended.calls.append(run.parent.name)
        leave(run, "bf16")
        return Done()

    def trained_on_labels(config: object, experiment: Path, *a: object, **more: object) -> dict[str, Any]:
        leave(experiment / "round_1/run", "fp32")
        write_json(experiment / "experiment.json", {})
        return {"rounds": [{}, {"scores": scores, "run": "round_1/run"}]}

    monkeypatch.setattr(module, "train", trained)
    monkeypatch.setattr(module, "self_train", trained_on_labels)
    monkeypatch.setattr(module, "_score", lambda *a, **k: scores)
    monkeypatch.setattr(
        module,
        "audited_labels",
        lambda *a: {"coverage": 50.0, "error_rate": 1.0, "error_rates": [1.0] * 19, "coverages": [50.0] * 19},
    )
    return pretended


def test_a_study_runs_to_tables_and_skips_what_is_done(tmp_path: Path, study: PretendStudy) -> None:
    command = study.command("table1", "--preset", "demo", "--methods", "advent", "--strategies", "none", "ssl", "esl",
                            "--seeds", "1", "2")  # fmt: skip
    assert main(command) == 0
    assert len(study.calls) == 6
    assert len(list((study.rows / "demo").glob("*.json"))) == 6
    assert "ADVENT" in (tmp_path / "o" / "demo_table1.md").read_text()
    assert (tmp_path / "o" / "demo_table4.tex").exists()
    row = study.row("advent-esl-seed1")
    assert row["provenance"]["command"].startswith("python -m esl self-train demo_advent")
    assert (row["provenance"]["device"], row["provenance"]["precision"]) == ("cpu", "fp32")
    assert row["provenance"]["hardware"].endswith("no GPU")
    assert study.row("advent-none-seed1")["provenance"]["precision"] == "bf16"
    assert (row["merged"]["flat"], row["merged"]["sky"]) == (25.0, None)
    assert main(command) == 0
    assert len(study.calls) == 6


def test_a_row_says_which_software_made_its_run_and_for_how_long_only_if_nothing_was_resumed(
    study: PretendStudy,
) -> None:
    begun = StudyPlaces(work_dir=study.tmp_path / "w", rows_dir=study.rows)
    esl = Trial(benchmark="demo", method="advent", strategy="esl", seed=1)
    for trial in (esl, replace(esl, seed=2)):
        write_json(begun.run_of(trial) / "config.json", {})
    write_json(begun.experiment_of(esl) / "experiment.json", {})
    assert main(study.command("table1", "--preset", "demo_advent_esl", "--seeds", "1", "2", "3")) == 0
    known = {p.stem: study.row(p.stem)["provenance"] for p in (study.rows / "demo").iterdir()}
    assert {name for name, facts in known.items() if "wall_seconds" not in facts} == {
        "advent-none-seed1", "advent-none-seed2", "advent-esl-seed1",
    }  # fmt: skip
    assert {(facts["commit"], facts["torch"]) for facts in known.values()} == {("abc", "2.0")}
    assert all(facts["python"] for facts in known.values()), "what no run recorded is this process's"


def test_a_trial_that_is_run_again_for_its_store_keeps_its_row(study: PretendStudy) -> None:
    assert main(study.command("table1", "--preset", "demo_advent_esl", "--seeds", "1")) == 0
    row = study.rows / "demo" / "advent-esl-seed1.json"
    row.write_text(row.read_text().replace('"miou": 50.0', '"miou": 49.0'))
    assert main(study.command("figure1", "--preset", "demo_advent_esl", "--seeds", "1")) == 0
    assert study.calls == ["advent-none-seed1"] * 3
    assert study.row(row.stem)["miou"] == 49.0


def test_a_row_of_a_gpus_run_is_written_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "config.json", {"resolved": {"accelerator": "cuda", "precision": "bf16"}, "commit": "abc"})
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    facts = provenance(tmp_path)
    assert (facts["device"], facts["commit"]) == ("cuda", "abc")
    assert "hardware" not in facts


@pytest.mark.parametrize("table", ["table1", "paper", "figure1"])
def test_a_stopped_study_ends_with_the_signals_code_and_writes_nothing(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(config: object, run: Path, *, stop: StopRequest, **more: object) -> Any:
        stop.ask(143)
        return type("Stopped", (), {"state": "stopped"})()

    monkeypatch.setattr("esl.pipelines.reproduce.train", stopped)
    monkeypatch.setattr("esl.cli.reproduce._draw", lambda *arguments: pytest.fail("nothing is drawn"))
    esl = Trial(benchmark="demo", method="advent", strategy="esl", seed=1)
    places = StudyPlaces(work_dir=tmp_path / "w", rows_dir=tmp_path / "r")
    fill_store(places.store_of(esl))
    command = ["reproduce", table, "--preset", "demo_advent_esl", "--seeds", "1"]
    command += ["--work", str(places.work_dir), "--rows", str(places.rows_dir), "--out", str(tmp_path / "o")]
    assert main(command) == 143
    assert not (tmp_path / "o").exists()
    assert "The same command goes on." in capsys.readouterr().err


def test_trials_on_other_translated_images_are_neither_skipped_nor_paired_nor_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row, a twin's row or a run of one translation says nothing of another one."""
    out = tmp_path / "translated"
    made = {"dataset": "demo", "split": "source_train", "direction": "to_target", "complete": True, "generator": "new"}
    write_json(out / "manifest.json", made)
    places = StudyPlaces(work_dir=tmp_path / "w", rows_dir=tmp_path / "rows", translated=out)
    it = Trial(benchmark="demo", method="advent", strategy="it", seed=1)
    same = replace(it, strategy="median+it")
    done = replace(it, strategy="esl+it", setting={"nu_star": 0.0})
    row = ExperimentRow(
        benchmark="demo", method="advent", strategy="it", seed=1, class_set="cityscapes19", split="x", protocol="p",
        iou=(), miou=1.0, steps=1, provenance={"translated": "old"},
    )  # fmt: skip
    fill_store(places.store_of(done))
    for old, trials in (
        (row, [it]),
        (row, [replace(it, seed=2)]),
        (replace(row, strategy="esl+it", setting={"nu_star": 0.0}), [done, same]),
    ):
        path = write_row(places.rows_dir, old)
        with pytest.raises(ConfigError, match=r"old.*new.*--rows"):
            reproduce(trials, places)
        assert missing(trials, replace(places, overrides={"steps": 5})) == trials, "another experiment"
        write_row(places.rows_dir, replace(old, provenance={"translated": "new"}))
        assert missing(trials, places) == [t for t in trials if not places.row_of(t).exists()]
        path.unlink()
    assert missing([replace(it, strategy="none")], places)

    def train_instead(*arguments: object, **settings: object) -> None:
        raise DataError("trains")

    monkeypatch.setattr("esl.pipelines.reproduce.train", train_instead)
    for _ in range(2):
        with pytest.raises(DataError, match="trains"):
            reproduce([it], places)
    write_json(out / "manifest.json", made | {"generator": "newer"})
    with pytest.raises(ConfigError, match=r"new.*newer.*--work"):
        reproduce([it], places)


def test_trials_start_from_the_weights_of_their_baseline_and_of_their_methods_rows(
    study: PretendStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--init-weights` is typed at each start; forgotten once, half of a table would start at random."""
    weights, same, other = (study.tmp_path / f"{name}.safetensors" for name in ("weights", "same", "other"))
    for path, content in ((weights, "a"), (same, "a"), (other, "b")):
        path.write_text(content)
    words = ["table1", "--preset", "camvid_day_dusk_advent_esl", "--strategies", "none", "esl", "--seeds"]
    assert main(study.command(*words, "1", "--init-weights", str(weights))) == 0
    rows = study.rows / "camvid_day_dusk"
    for row in rows.iterdir():
        assert json.loads(row.read_text())["provenance"]["init_weights"] == sha256_of(weights)
    capsys.readouterr()
    for flags, said in (
        ([], "this one would from random weights"),
        (["--init-weights", str(other)], f"{other} (sha256"),
    ):
        assert main(study.command(*words, "1", "2", *flags)) == 2
        told = capsys.readouterr().err
        assert f"started from weights of sha256 {sha256_of(weights)[:12]}, this one would from" in told
        assert said in told
        assert "--init-weights" in told
    assert main(study.command(*words, "1", "2", "--init-weights", str(same))) == 0, "the same weights elsewhere"
    assert main(study.command(*words, "2", "--steps", "5")) == 0, "rows of other settings are never beside them"
    weightless = study.command("table1", "--preset", "camvid_day_dusk_minent", "--strategies", "none", "--seeds", "1")
    assert main(weightless) == 0, "another method"
    assert study.row("minent-none-seed1", "camvid_day_dusk")["provenance"]["init_weights"] == ""

    shutil.rmtree(study.rows)
    run = study.tmp_path / "w/camvid_day_dusk/minent-none-seed1/run"
    write_json(run / "config.json", read_json(run / "config.json") | {"data": {"init_weights": sha256_of(weights)}})
    assert main(weightless) == 2, "the baseline itself says what it started from"
    assert f"{run} started from weights of sha256" in capsys.readouterr().err


def test_the_demos_trials_start_from_the_bundled_weights(study: PretendStudy) -> None:
    for seed in ("1", "2"):
        assert main(study.command("table1", "--preset", "demo_advent_esl", "--seeds", seed)) == 0
    assert study.row("advent-esl-seed2")["provenance"]["init_weights"] == sha256_of(DEMO_NETWORK)
