"""Flags that make no sense, or that could have no effect, are refused before anything is written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from esl.cli import main
from esl.errors import ConfigError
from esl.labeling.folds import save_counts
from esl.labeling.thresholds import ThresholdRule
from esl.pipelines.audit import audit_store
from esl.training.class_balanced import class_balanced_labels
from tests.unit.pipelines.stored_world import fill_store

NETWORK = "assets/demo/demo_source_only.safetensors"
Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Gives the sentence with which a command is refused that must leave nothing behind."""

    def call(*words: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        assert main([str(word) for word in words]) == 2
        streams = capsys.readouterr()
        assert streams.out == ""
        assert sorted(tmp_path.rglob("*")) == before, "nothing half-written"
        return streams.err

    return call


@pytest.mark.parametrize(
    "more", [("--devices", 0), ("--devices", -1), ("--num-nodes", 0), ("--devices", -1, "--num-nodes", -1)]
)
def test_a_training_needs_a_process(more: tuple[object, ...], refused: Refused, tmp_path: Path) -> None:
    assert "--devices and --num-nodes must be 1 or more" in refused(
        "train", "demo_source_only", "--run", tmp_path / "r", *more
    )


@pytest.mark.parametrize("every", [0, -3])
def test_a_sampling_counts_pixels(every: int, refused: Refused, tmp_path: Path) -> None:
    store = fill_store(tmp_path / "s")
    with pytest.raises(ConfigError, match="--sample-every"):
        class_balanced_labels(store.directory, 0.2, every)
    with pytest.raises(ConfigError, match="sample_every"):
        audit_store(store, ThresholdRule(), scores=store.histogram(), portion=0.2, sample_every=every)
    export = ("export", "--store", tmp_path / "s", "--out", tmp_path / "o", "--criterion", "class_balanced")
    assert "--sample-every" in refused(*export, "--sample-every", every)


@pytest.mark.parametrize("verb", [("self-train", "demo_advent_esl"), ("bdl", "demo")])
def test_an_experiment_has_a_folder_of_its_own(verb: tuple[str, str], refused: Refused, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "dataset.toml").write_text("")
    assert "x holds dataset.toml" in refused(*verb, "--experiment", folder)
    (folder / "dataset.toml").unlink()
    (folder / "experiment.json").write_text('{"format": "another"}')
    assert "holds another" in refused(*verb, "--experiment", folder)


@pytest.mark.parametrize("size", [(0, 5), (-1, -1)])
def test_sizes_are_positive(size: tuple[int, int], refused: Refused, tmp_path: Path) -> None:
    where = ("--dataset", "demo", "--split", "target_val", "--size", *size)
    assert "size must be positive" in refused("evaluate", "--checkpoint", NETWORK, *where)
    assert "size must be positive" in refused("extract", "--checkpoint", NETWORK, *where, "--store", tmp_path / "s")
    assert "height and a width of at least 1" in refused("spatial-prior", *where, "--out", tmp_path / "prior.npz")


def test_a_smoothing_is_refused_before_labels_are_read(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esl.data.dataset.PairDataset.read_label", lambda *_: pytest.fail("a label was read"))
    words = ("spatial-prior", "--dataset", "demo", "--split", "source_train", "--out", tmp_path / "prior.npz")
    assert "Smoothing must be" in refused(*words, "--smoothing", -1)


def test_a_file_that_is_no_prior_is_not_to_be_deleted(refused: Refused, tmp_path: Path) -> None:
    store = fill_store(tmp_path / "s")
    (tmp_path / "text.npz").write_text("my notes")
    save_counts(tmp_path / "counts.npz", {"scores": store.histogram().counts})
    export = ("export", "--store", tmp_path / "s", "--out", tmp_path / "o", "--criterion", "class_balanced")
    for name in ("text.npz", "counts.npz"):
        said = refused(*export, "--spatial-prior", tmp_path / name)
        assert f"{name} is another kind of file" in said
        assert "elete" not in said
        assert "pickle" not in said


def test_flags_without_effect_are_refused(refused: Refused, tmp_path: Path) -> None:
    fill_store(tmp_path / "s")
    export = ("export", "--store", tmp_path / "s", "--out", tmp_path / "o")
    for more in (("--portion", 0.2), ("--sample-every", 4), ("--spatial-prior", "nope.npz")):
        assert "belong to --criterion class_balanced" in refused(*export, *more)
    for more in (("--mu-star", 0.2), ("--nu-star", 0.2), ("--mode", "fixed"), ("--override", "sky=0.5")):
        assert "leave out" in refused(*export, "--criterion", "class_balanced", *more)
    for more in (("--spatial-prior", "nope.npz"), ("--sample-every", 4)):
        assert "add --portion" in refused("audit", "--store", tmp_path / "s", *more)
    extract = (
        "extract",
        "--checkpoint",
        NETWORK,
        "--dataset",
        "demo",
        "--split",
        "target_val",
        "--store",
        tmp_path / "e",
    )
    assert "add --world" in refused(*extract, "--rank", 3)
    assert "world must be at least 1" in refused(*extract, "--world", -1)
    reproduce = ("reproduce", "table1", "--preset", "demo", "--dry-run")
    for rate in (-5, "nan", "inf"):
        assert "--steps-per-second must be" in refused(*reproduce, "--steps-per-second", rate)
    assert "--gpu names what" in refused(*reproduce, "--gpu", "an H100")


def test_kinds_of_an_export_are_named_in_full(refused: Refused, tmp_path: Path) -> None:
    fill_store(tmp_path / "s")
    export = ("export", "--store", tmp_path / "s", "--out", tmp_path / "o", "--kinds")
    said = refused(*export, "bogus")
    assert "verdicts, figures; got bogus" in said
    assert "got none" in refused(*export)


def test_a_preset_that_is_none_is_named(refused: Refused, tmp_path: Path) -> None:
    for verb in ("train", "self-train", "bdl"):
        assert "got 'nope'" in refused(verb, "nope", "--experiment", tmp_path / "x")


def test_all_checkpoints_are_those_of_a_folder(refused: Refused) -> None:
    said = refused("evaluate", "--checkpoint", NETWORK, "--all", "--dataset", "demo", "--split", "target_val")
    assert "leave --all out" in said
