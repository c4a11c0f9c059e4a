"""What is exported is what the thresholds choose, read back from the disk; an export goes on where it was cut."""

import csv
import json
import resource
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from esl.classes import CITYSCAPES_7
from esl.errors import ConfigError, DataError
from esl.files import sha256_of
from esl.images import read_ids
from esl.labeling.audit import AuditHistogram, audit
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ThresholdRule, class_thresholds
from esl.pipelines.audit import keep_counts
from esl.pipelines.export import export_labels
from esl.pipelines.export_kinds import file_names
from esl.pipelines.targets import Targets
from esl.store.predictions import PredictionStore
from esl.store.recipes import Recipe, VerdictMask, load_recipe
from esl.store.verdicts import Verdict
from tests.unit.pipelines.stored_world import IDS, fill_store

RULE = ThresholdRule(nu_star=0.3, mu_overrides={1: 0.5})
FILES = {"a/x.jpg": "a/x.jpg.png", "a/x.png": "a/x.png.png", "b/x.png": "b/x.png", "c.png": "c.png"}


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> PredictionStore:
    return fill_store(tmp_path / "s")


def recipe(store: PredictionStore, **changes: object) -> Recipe:
    return replace(Recipe(store=store.store_hash, rule=RULE), **changes)  # type: ignore[arg-type]


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.mark.parametrize("criterion", ["entropy", "max_prob"])
def test_files_hold_the_selection_under_names_that_never_collide(
    tmp_path: Path, store: PredictionStore, criterion: str
) -> None:
    report = export_labels(store, recipe(store, criterion=criterion), tmp_path / "out")
    thresholds = class_thresholds(store.histogram(), RULE)
    for image_id, name in FILES.items():
        expected = select_pseudo_label(store.maps(image_id), thresholds, criterion)  # type: ignore[arg-type]
        np.testing.assert_array_equal(read_ids(tmp_path / "out" / name), expected)
    assert (report.files, report.verified, report.is_complete) == (4, 4, True)
    assert f"{100 * report.coverage:.1f} %" in report.to_text()


def test_statistics_hold_tables_4_and_5_of_a_set_that_was_audited(tmp_path: Path, store: PredictionStore) -> None:
    plain = export_labels(store, recipe(store), tmp_path / "plain", kinds=["statistics"])
    assert not (tmp_path / "plain/statistics/table4.csv").exists()
    counts = AuditHistogram(store.class_set.num_classes)
    for image_id in store.image_ids:
        maps = store.maps(image_id)
        counts.update(maps, np.where(np.arange(maps.label.size).reshape(maps.label.shape) % 3 == 0, 0, maps.label))
    keep_counts(store, Targets.of(store.manifest), counts)
    foretold = export_labels(store, recipe(store), tmp_path / "out", kinds=["statistics"], dry_run=True)
    done = export_labels(store, recipe(store), tmp_path / "out", kinds=["statistics"])
    assert foretold.files == done.files == plain.files + 2
    rows = list(csv.DictReader((tmp_path / "out/statistics/table4.csv").open()))
    expected = audit(counts, store.histogram(), RULE, store.class_set.names).rows()
    assert [float(row["esl_coverage"] or -1) for row in rows] == [row["esl_coverage"] or -1 for row in expected]
    assert [row["ssl_error_rate"] for row in rows] == [
        "" if (v := row["ssl_error_rate"]) is None else str(v) for row in expected
    ]
    sweep = list(csv.DictReader((tmp_path / "out/statistics/table5.csv").open()))
    assert [row["nu_star"] for row in sweep] == ["0.05", "0.1", "0.15", "0.2", "0.3", "median"]
    assert float(sweep[4]["esl_error_rate"]) == expected[-1]["esl_error_rate"]  # the rule's own nu*


def test_the_manifest_says_what_was_done(tmp_path: Path, store: PredictionStore) -> None:
    report = export_labels(store, recipe(store), tmp_path / "out", command=["esl", "export"])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    thresholds = class_thresholds(store.histogram(), RULE)
    assert manifest["is_complete"]
    assert manifest["store_hash"] == store.store_hash
    assert manifest["command"] == ["esl", "export"]
    assert manifest["coverage"] == report.coverage
    assert [manifest["thresholds"][name]["nu"] for name in CITYSCAPES_7.names] == thresholds.nu.tolist()
    assert list(manifest["classes"]) == sorted(CITYSCAPES_7.names)
    assert manifest["files"] == {name: sha256_of(tmp_path / "out" / name) for name in FILES.values()}
    assert load_recipe(tmp_path / "out" / "recipe" / f"{manifest['recipe']}.json")[0] == recipe(store)


def test_every_kind_reads_back(tmp_path: Path, store: PredictionStore) -> None:
    kinds = ["train_ids", "label_ids", "color", "difference", "scores", "statistics"]
    export_labels(store, recipe(store), tmp_path / "out", kinds=kinds)
    out, maps = tmp_path / "out", store.maps("c.png")
    label = read_ids(out / "c.png")
    np.testing.assert_array_equal(read_ids(out / "color/c.png"), label)
    shown = cv2.imread(str(out / "color/c.png"))[..., ::-1]
    np.testing.assert_array_equal(shown, CITYSCAPES_7.palette()[label])
    np.testing.assert_array_equal(cv2.imread(str(out / "entropy/c.png"), cv2.IMREAD_UNCHANGED), maps.entropy)
    np.testing.assert_array_equal(cv2.imread(str(out / "confidence/c.png"), cv2.IMREAD_UNCHANGED), maps.max_prob)
    back = CITYSCAPES_7.lookup("cityscapes")[read_ids(out / "label_ids/c.png")]
    np.testing.assert_array_equal(back, label)
    np.testing.assert_array_equal(np.isin(read_ids(out / "difference/c.png"), (1, 3)), label != 255)
    assert len((out / "statistics/classes.csv").read_text().splitlines()) == 8
    assert len((out / "statistics/images.csv").read_text().splitlines()) == 5


def test_verdicts_are_applied_and_travel_along(tmp_path: Path, store: PredictionStore) -> None:
    one = Verdict(
        client_id="1",
        user="ann",
        store="s",
        image_id="c.png",
        decision="relabel",
        relabel_to=6,
        runs=((0, 5),),
        predicted=0,
    )
    mask = VerdictMask((one,))
    with pytest.raises(ConfigError, match="mask"):
        export_labels(store, recipe(store, mask=mask.id), tmp_path / "out")
    export_labels(store, recipe(store, mask=mask.id), tmp_path / "out", mask=mask, kinds=["train_ids", "verdicts"])
    assert (read_ids(tmp_path / "out" / "c.png")[0, :5] == 6).all()
    assert json.loads((tmp_path / "out" / "verdicts.json").read_text())["verdicts"][0]["user"] == "ann"
    assert list((tmp_path / "out" / "recipe").glob("*.mask.json"))


def test_stopped_it_goes_on_and_ends_the_same(tmp_path: Path, store: PredictionStore) -> None:
    export_labels(store, recipe(store), tmp_path / "whole", kinds=["train_ids", "color"])
    answers = iter([False, False, True])
    part = export_labels(
        store, recipe(store), tmp_path / "out", kinds=["train_ids", "color"], should_stop=lambda: next(answers)
    )
    assert (part.num_images, part.is_complete) == (2, False)
    assert not json.loads((tmp_path / "out" / "manifest.json").read_text())["is_complete"]
    (tmp_path / "out" / ".c.png.xyz.partial").write_bytes(b"half")
    done = tmp_path / "out" / FILES["a/x.jpg"]
    before = done.stat().st_mtime_ns
    export_labels(store, recipe(store), tmp_path / "out", kinds=["train_ids", "color"])
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert done.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [b"", b"\x89PNG half", None])
def test_a_damaged_file_is_written_anew(tmp_path: Path, store: PredictionStore, damage: bytes | None) -> None:
    export_labels(store, recipe(store), tmp_path / "out")
    expected = contents(tmp_path / "out")
    file = tmp_path / "out" / "c.png"
    file.write_bytes((tmp_path / "out" / "b/x.png").read_bytes() if damage is None else damage)
    export_labels(store, recipe(store), tmp_path / "out")
    assert contents(tmp_path / "out") == expected


def test_another_export_or_foreign_files_are_refused(tmp_path: Path, store: PredictionStore) -> None:
    export_labels(store, recipe(store), tmp_path / "out")
    with pytest.raises(DataError, match="criterion"):
        export_labels(store, recipe(store, criterion="max_prob"), tmp_path / "out")
    with pytest.raises(DataError, match="kinds"):
        export_labels(store, recipe(store), tmp_path / "out", kinds=["color"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match=r"thesis\.tex"):
        export_labels(store, recipe(store), tmp_path / "mine")


def test_a_dry_run_writes_nothing(tmp_path: Path, store: PredictionStore) -> None:
    report = export_labels(store, recipe(store), tmp_path / "out", dry_run=True)
    assert (report.files, report.first, report.is_complete) == (4, "a/x.jpg.png", False)
    assert report.bytes > 0
    assert not (tmp_path / "out").exists()


def test_an_unfinished_store_and_foreign_recipes_are_refused(tmp_path: Path, store: PredictionStore) -> None:
    part = fill_store(tmp_path / "part", written=2)
    with pytest.raises(DataError, match="2 of 4"):
        export_labels(part, recipe(part), tmp_path / "out")
    with pytest.raises(ConfigError, match="own store"):
        export_labels(store, replace(recipe(store), store="0" * 64), tmp_path / "out")
    with pytest.raises(ConfigError, match="heat"):
        export_labels(store, recipe(store), tmp_path / "out", kinds=["heat"])
    assert not (tmp_path / "out").exists()


def test_medians_may_come_from_another_store(tmp_path: Path, store: PredictionStore) -> None:
    part = fill_store(tmp_path / "part", written=2)
    export_labels(part, recipe(store), tmp_path / "out", scores=store.histogram(), image_ids=IDS[:2])
    export_labels(store, recipe(store), tmp_path / "same", image_ids=IDS[:2])
    names = [FILES[i] for i in IDS[:2]]
    assert [(tmp_path / "out" / n).read_bytes() for n in names] == [(tmp_path / "same" / n).read_bytes() for n in names]


def test_a_full_disk_is_a_sentence_and_nothing_is_half_there(tmp_path: Path, store: PredictionStore) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    export_labels(store, recipe(store), tmp_path / "whole", kinds=["train_ids", "scores"])
    limit = (tmp_path / "whole" / "manifest.json").stat().st_size - 400
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(DataError, match="Free disk space"):
            export_labels(store, recipe(store), tmp_path / "out", kinds=["train_ids", "scores"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [p for p in contents(tmp_path / "out") if p.endswith(".partial")]
    export_labels(store, recipe(store), tmp_path / "out", kinds=["train_ids", "scores"])
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_cityscapes_naming_and_collisions() -> None:
    city = "bonn/bonn_000000_000019_leftImg8bit.png"
    assert file_names([city], "cityscapes") == {city: "bonn/bonn_000000_000019_gtFine"}
    assert file_names(["A/x.png", "a/x.png", "y.png"], "path") == {
        "A/x.png": "A/x.png",
        "a/x.png": "a/x.png",
        "y.png": "y",
    }
    with pytest.raises(DataError, match="collide"):
        file_names(["a.jpg", "a.png"], "cityscapes")
