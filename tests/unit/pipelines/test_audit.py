"""The audit of a store answers from its cache, notices changed labels, and does without ground truth."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.cli import main
from esl.errors import ConfigError, DataError
from esl.labeling.selection import is_kept, select_pseudo_label
from esl.labeling.thresholds import ThresholdRule, class_thresholds
from esl.pipelines.audit import audit_store
from esl.pipelines.audit_pass import CACHE_NAME, AuditStopped
from esl.training.class_balanced import class_balanced_labels
from tests.unit.pipelines.stored_world import IDS, FakeLabels, fill_store

RULE = ThresholdRule(mu_star=0.8, nu_star=0.3, nu_overrides={2: 0.4})


def test_the_numbers_are_those_of_the_pixels(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    report = audit_store(store, RULE, labels=labels).report
    thresholds = class_thresholds(store.histogram(), RULE)
    kept = wrong = 0
    for image_id in IDS:
        pseudo = select_pseudo_label(store.maps(image_id), thresholds, "entropy")
        truth = labels.label(image_id)
        kept += int((pseudo != 255).sum())
        wrong += int(((pseudo != 255) & (truth != 255) & (pseudo != truth)).sum())
    assert report.total.esl.num_pixels == kept
    assert int(report.total.esl.counts[1]) == wrong


def test_a_second_rule_opens_no_label(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    first = audit_store(store, RULE, labels=labels)
    assert labels.opened == len(IDS)
    again = audit_store(store, RULE, labels=labels)
    other = audit_store(store, ThresholdRule(nu_star=0.5), labels=labels)
    assert labels.opened == len(IDS)
    assert again.to_json() == first.to_json() != other.to_json()


def test_calibration_is_said_where_it_is_asked_for_and_opens_no_label_again(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    plain = audit_store(store, RULE, labels=labels)
    asked = audit_store(store, RULE, labels=labels, with_calibration=True)
    assert labels.opened == len(IDS)
    assert "calibration" not in plain.to_json()
    assert "AUROC" not in plain.to_text()
    assert asked.to_json()["calibration"]["global"]["num_labelled"] == sum(
        row["num_labelled"] for row in asked.to_json()["calibration"]["classes"]
    )
    assert "AUROC entropy %" in asked.to_text()
    assert {k: v for k, v in asked.to_json().items() if k != "calibration"} == plain.to_json()


def test_true_classes_are_counted_where_asked_for_and_kept_for_the_same_thresholds(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    plain = audit_store(store, RULE, labels=labels)
    assert "by_truth" not in plain.to_json()
    asked = audit_store(store, RULE, labels=labels, with_truth=True)
    opened = labels.opened
    assert opened == 2 * len(IDS)
    rows = asked.to_json()["by_truth"]
    assert rows[-1]["num_pixels"] == sum(row["num_pixels"] for row in rows[:-1]) > 0
    assert rows[-1]["max_prob"]["wrong"] == pytest.approx(asked.report.rows()[-1]["ssl_error_rate"])
    assert "mostly as" in asked.to_text()
    assert {k: v for k, v in asked.to_json().items() if k != "by_truth"} == plain.to_json()
    assert audit_store(store, RULE, labels=labels, with_truth=True).to_json() == asked.to_json()
    assert labels.opened == opened
    audit_store(store, replace(RULE, mu_star=0.5), labels=labels, with_truth=True)
    assert labels.opened == opened + len(IDS)
    for path in (store.directory / CACHE_NAME).glob("*-truth-*.json"):
        path.write_text("{}")
    assert audit_store(store, RULE, labels=labels, with_truth=True).to_json() == asked.to_json()


def test_a_changed_label_is_counted_anew_and_old_counts_are_forgotten(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    audit_store(store, RULE, labels=labels, with_boundary=True)
    labels.stamp = 2
    audit_store(store, RULE, labels=labels)
    assert labels.opened == 3 * len(IDS)
    assert len(list((tmp_path / "s" / "audit").iterdir())) == 1


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    expected = audit_store(store, RULE, labels=labels, with_boundary=True).to_json()
    for path in (tmp_path / "s" / "audit").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    assert audit_store(store, RULE, labels=labels, with_boundary=True).to_json() == expected


def test_boundary_shares_are_counted_once_per_thresholds(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    first = audit_store(store, RULE, labels=labels, with_boundary=True)
    opened = labels.opened
    again = audit_store(store, RULE, labels=labels, with_boundary=True)
    assert labels.opened == opened
    assert first.boundary == again.boundary
    assert first.boundary is not None
    assert set(first.boundary) == {"predicted", "true"}
    assert "within 1, 2, 4, 8 px" in first.to_text()


def test_without_ground_truth_coverage_is_there_and_errors_are_not(tmp_path: Path) -> None:
    store = fill_store(tmp_path / "s")
    result = audit_store(store, RULE, labels=FakeLabels(missing=IDS))
    assert result.num_labelled == 0
    assert result.report.total.esl_coverage
    assert result.to_json()["global"]["esl"]["error_rate"] is None
    # The data set of this store is gone altogether: the same answer, no error.
    assert audit_store(store, RULE).to_json() == result.to_json()


def test_an_unfinished_store_is_audited_as_far_as_it_is_and_nothing_is_kept(tmp_path: Path) -> None:
    store = fill_store(tmp_path / "s", written=2)
    result = audit_store(store, RULE, labels=FakeLabels())
    assert (result.num_images, result.is_complete) == (2, False)
    assert "provisional" in result.to_text()
    assert not (tmp_path / "s" / "audit").exists()


def test_a_wrong_label_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    class Wrong(FakeLabels):
        def label(self, image_id: str) -> np.ndarray:
            raise DataError(f"Label of {image_id} has another size.")

    with pytest.raises(DataError, match=r"a/x\.jpg"):
        audit_store(fill_store(tmp_path / "s"), RULE, labels=Wrong())
    assert not (tmp_path / "s" / "audit").exists()


def test_it_can_be_stopped(tmp_path: Path) -> None:
    with pytest.raises(AuditStopped):
        audit_store(fill_store(tmp_path / "s"), RULE, labels=FakeLabels(), should_stop=lambda: True)


def test_cbst_is_audited_pixel_by_pixel_once_per_portion_and_rule(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    report = audit_store(store, RULE, labels=labels, portion=0.9).report
    opened = labels.opened
    thresholds = class_thresholds(store.histogram(), RULE)
    cbst = class_balanced_labels(store.directory, 0.9)
    kept, wrong, only, relabelled = (np.zeros(7, int) for _ in range(4))
    for image_id in IDS:
        maps, truth, label = store.maps(image_id), labels.label(image_id), cbst(image_id)
        others = is_kept(maps, thresholds, "max_prob") | is_kept(maps, thresholds, "entropy")
        for c in range(7):
            mine = label == c
            kept[c] += mine.sum()
            wrong[c] += (mine & (truth != 255) & (truth != c)).sum()
            only[c] += (mine & ~others).sum()
            relabelled[c] += (mine & (maps.label != c)).sum()
    shares = [row.cbst for row in report.rows_by_class if row.cbst is not None]
    assert [s.kept.num_pixels for s in shares] == kept.tolist()
    assert [int(s.kept.counts[1]) for s in shares] == wrong.tolist()
    assert [s.only.num_pixels for s in shares] == only.tolist()
    assert [s.relabelled.num_pixels for s in shares] == relabelled.tolist()
    assert only.sum() > 0
    assert relabelled.sum() > 0
    again = audit_store(store, RULE, labels=labels, portion=0.9)
    assert labels.opened == opened + len(IDS)  # by the test itself
    assert again.report.total.flat()["cbst_coverage"] == pytest.approx(kept.sum() / (len(IDS) * 24 * 40))
    assert again.to_json()["class_balanced"]["thresholds"] == cbst.thresholds.tolist()
    assert "CBST kept %" in again.to_text()
    assert "CBST" not in audit_store(store, RULE, labels=labels).to_text()
    with pytest.raises(ConfigError, match="portion"):
        audit_store(store, RULE, labels=labels, portion=0.0)


def test_cbst_may_take_its_thresholds_from_another_store(tmp_path: Path) -> None:
    store, other = fill_store(tmp_path / "s"), fill_store(tmp_path / "o", ids=IDS[:2])
    audited = audit_store(store, RULE, labels=FakeLabels(), scores=other.histogram(), portion=0.3)
    setting = audited.report.class_balanced
    assert setting is not None
    assert (setting.thresholds == class_balanced_labels(other.directory, 0.3).thresholds).all()
    with pytest.raises(ConfigError, match="sample_every"):
        audit_store(store, RULE, labels=FakeLabels(), scores=other.histogram(), portion=0.3, sample_every=4)


def test_a_damaged_count_of_cbst_is_made_anew(tmp_path: Path) -> None:
    store, labels = fill_store(tmp_path / "s"), FakeLabels()
    expected = audit_store(store, RULE, labels=labels, portion=0.3).to_json()
    (path,) = (tmp_path / "s" / "audit").glob("*-cbst-*.json")
    for damage in ('{"counts": [[1]]}', "{", '{"counts": "x"}'):
        path.write_text(damage)
        assert audit_store(store, RULE, labels=labels, portion=0.3).to_json() == expected


def test_the_command_prints_cbst_beside_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_store(tmp_path / "s")
    assert main(["audit", "--store", str(tmp_path / "s"), "--portion", "0.2"]) == 0
    assert "CBST's portion 0.2" in capsys.readouterr().out
    assert main(["audit", "--store", str(tmp_path / "s"), "--portion", "0.2", "--sample-every", "4"]) == 0
    capsys.readouterr()
    assert main(["audit", "--store", str(tmp_path / "s"), "--portion", "0.2", "--json"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["global"]["cbst"]["coverage"] < 1
