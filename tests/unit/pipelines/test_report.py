"""The paper's tables from rows: columns, means over seeds, bold, and the paper's own numbers."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from esl.errors import DataError
from esl.files import write_json
from esl.pipelines.paper_numbers import paper_table
from esl.pipelines.report import error_table, miou_table, sweep_table, write_report
from esl.pipelines.tables import Cell, Table, mark_best, signed
from esl.store.experiments import ExperimentRow, read_rows, row_path, write_row

BASE = ExperimentRow(
    benchmark="synthia_mapillary", method="advent", strategy="none", seed=0, class_set="cityscapes7", split="mapillary/val",
    protocol="logits, label size, last", iou=(10.0, 20.0, 30.0, None, 50.0, 60.0, 70.0), miou=40.0, steps=10,
    provenance={"commit": "abc", "hardware": "2 cores"},
)  # fmt: skip


def rows() -> list[ExperimentRow]:
    audit = {"error_rates": [10.0] * 6 + [None], "error_rate": 10.0, "coverage": 50.0}
    better = {"error_rates": [5.0] * 6 + [None], "error_rate": 12.0, "coverage": 50.0}
    out = []
    for seed in (0, 1):
        out.append(replace(BASE, seed=seed, miou=40.0 + seed))
        out.append(replace(BASE, seed=seed, strategy="ssl", miou=41.0 + seed, pseudo_labels=audit))
        out.append(replace(BASE, seed=seed, strategy="esl", miou=42.0 + seed, pseudo_labels=better))
        out.append(replace(BASE, seed=seed, strategy="median", miou=39.0 + seed))
        out.append(replace(BASE, seed=seed, strategy="esl", miou=45.0 + seed, setting={"nu_star": 0.05}))
    return out


def test_mious_are_means_over_seeds_and_the_best_of_a_method_is_bold() -> None:
    table = miou_table(rows())
    assert table.header == (
        "Method",
        "Self-training",
        "flat",
        "construction",
        "object",
        "nature",
        "sky",
        "human",
        "vehicle",
        "mIoU",
    )
    assert [r[1].text for r in table.rows] == ["-", "SSL", "ESL", "Median"]
    assert [r[-1].text for r in table.rows] == ["40.5 ± 0.7", "41.5 ± 0.7", "42.5 ± 0.7", "39.5 ± 0.7"]
    assert [r[-1].is_best for r in table.rows] == [False, False, True, False]
    assert table.rows[0][5].text == ""
    assert "**42.5 ± 0.7**" in table.to_markdown()
    assert r"\textbf{42.5 $\pm$ 0.7}" in table.to_latex()
    assert "logits, label size, last" in table.notes[0]
    assert "Seeds 0, 1" in table.notes[0]


def test_rows_of_a_short_trial_are_shown_where_there_are_no_others() -> None:
    short = [replace(BASE, setting={"steps": 20}), replace(BASE, strategy="ssl+it", setting={"steps": 20})]
    table = miou_table([*short, replace(BASE, strategy="esl", setting={"nu_star": 0.2})])
    assert [r[1].text for r in table.rows] == ["-", "SSL + IT"]
    assert table.notes[0] == "Setting: steps = 20."
    assert "Setting" not in miou_table([*short, BASE]).notes[0]


def test_means_of_fewer_seeds_are_named() -> None:
    assert len(miou_table(rows()).notes) == 1
    table = miou_table([r for r in rows() if (r.strategy, r.seed) != ("ssl", 1)])
    assert table.notes[0] == "Not of all seeds yet: ADVENT SSL (0)."


def test_table_four_compares_the_seeds_that_ssl_and_esl_both_have(tmp_path: Path) -> None:
    """A mean over other seeds would differ by the baselines, not by the labels."""
    hard = replace(BASE, seed=2, strategy="ssl", pseudo_labels={"error_rates": [90.0] * 7, "error_rate": 90.0})
    cbst = replace(hard, strategy="cbst", seed=0)
    table = error_table([*rows(), hard, cbst], "advent")
    assert [r[-1].text for r in table.rows] == ["10.0", "12.0", "+20.0", "90.0"]
    assert table.notes[0] == "Not of all seeds yet: ESL (0, 1); CBST (0)."
    assert "Seeds 0, 1; 10 steps." in table.notes[1]
    apart = [r for r in [*rows(), hard] if (r.strategy, r.seed) not in (("ssl", 0), ("ssl", 1))]
    with pytest.raises(DataError, match="same seed"):
        error_table(apart, "advent")
    assert "synthia_mapillary_table4.md" not in {p.name for p in write_report(apart, tmp_path)}


def test_table_five_names_the_columns_of_fewer_seeds() -> None:
    table = sweep_table([r for r in rows() if (r.setting, r.seed) != ({"nu_star": 0.05}, 1)], "advent")
    assert table.notes[0] == "Not of all seeds yet: 0.05 (0)."
    assert [c.text for c in table.rows[0][2:] if c.text] == ["40.0", "45.0", "42.0", "39.0"], (
        "of the seed that all have"
    )
    assert "Not of all" not in sweep_table(rows(), "advent").notes[0]


def test_sixteen_classes_bring_the_thirteen_class_mean() -> None:
    iou = tuple(float(i) for i in range(16))
    row = replace(BASE, benchmark="synthia_cityscapes", class_set="cityscapes16", iou=iou, miou=7.5)
    table = miou_table([row])
    assert table.header[-1] == "mIoU*"
    assert table.rows[0][-1].text == f"{sum(v for i, v in enumerate(iou) if i not in (3, 4, 5)) / 13:.1f}"


def test_errors_of_the_pseudo_labels_with_relative_change() -> None:
    table = error_table(rows(), "advent")
    assert [r[2].text for r in table.rows] == ["10.0", "5.0", "-50.0"]
    assert [r[-1].text for r in table.rows] == ["10.0", "12.0", "+20.0"]
    assert [r[-1].is_best for r in table.rows[:2]] == [True, False]
    assert table.rows[2][-2].text == ""
    with pytest.raises(DataError, match="minent"):
        error_table(rows(), "minent")


def test_cbst_stands_in_tables_one_and_four_where_there_are_rows_of_it() -> None:
    audit = {"error_rates": [4.0] * 6 + [None], "error_rate": 11.0, "coverage": 20.0}
    more = [*rows(), replace(BASE, strategy="cbst", miou=43.0, pseudo_labels=audit)]
    assert [r[1].text for r in miou_table(more).rows] == ["-", "SSL", "ESL", "Median", "CBST"]
    table = error_table(more, "advent")
    assert [r[0].text for r in table.rows] == ["SSL", "ESL", "Rel. change (%)", "CBST"]
    assert [r[-1].text for r in table.rows] == ["10.0", "12.0", "+20.0", "11.0"]
    assert table.rows[3][2].is_best


def test_the_sweep_takes_the_default_nu_star_as_its_point_one() -> None:
    table = sweep_table(rows(), "advent")
    assert [c.text for c in table.rows[0][2:]] == ["40.5 ± 0.7", "45.5 ± 0.7", "42.5 ± 0.7", "", "", "", "39.5 ± 0.7"]
    assert [c.is_best for c in table.rows[0][2:]] == [False, True, False, False, False, False, False]


def test_the_sweep_of_mu_star_is_ssls_own_and_has_no_table_of_the_paper(tmp_path: Path) -> None:
    swept = [
        replace(BASE, strategy="ssl", setting={"mu_star": mu}, miou=miou)
        for mu, miou in ((0.5, 44.0), (0.95, 48.0), (1.0, 47.0))
    ]
    both = [*rows(), *swept]
    table = sweep_table(both, "advent", "mu_star")
    assert table.header[2:] == ("Baseline", "0.5", "0.7", "0.8", "0.9", "0.95", "median")
    cells = [c.text for c in table.rows[0][2:]]
    assert (cells[0], cells[1], cells[5], cells[2]) == ("40.0", "44.0", "48.0", "")
    assert cells[6] == "47.0", "SSL's own medians, not the strategy of entropy's"
    assert cells[4] == "41.0", "mu*'s default, of the seed that the sweep has"
    assert sweep_table(both, "advent") == sweep_table(rows(), "advent"), "a sweep does not see the other's rows"
    assert miou_table(both) == miou_table(rows())
    names = {p.name for p in write_report(both, tmp_path)}
    assert {f"synthia_mapillary_mu_sweep{s}" for s in (".md", ".csv", ".tex")} <= names
    assert "synthia_mapillary_mu_sweep_paper.csv" not in names


def test_the_papers_rows_average_to_their_printed_means_but_one() -> None:
    for name, width in (("table1", 19), ("table2", 16), ("table3", 7)):
        for row in paper_table(name).rows:
            values = [float(c.text) for c in row[2:]]
            gap = abs(sum(values[:width]) / width - values[width])
            assert (gap < 0.065) != (name == "table3" and row[1].text == "ESL"), (name, row)
    assert "misprint" in paper_table("table3").notes[0]
    decreased = [c.text.startswith("-") for c in paper_table("table4").rows[2][2:21]]
    assert sum(decreased) == 14
    assert paper_table("table5").header[2:] == ("baseline", "0.05", "0.1", "0.15", "0.2", "0.3", "median")
    with pytest.raises(DataError, match="table6"):
        paper_table("table6")


def test_a_report_is_written_in_three_forms(tmp_path: Path) -> None:
    names = {p.name for p in write_report(rows(), tmp_path)}
    assert {
        f"synthia_mapillary_{t}{s}"
        for t in ("table3", "table4", "table5")
        for s in (".md", ".csv", "_paper.csv", ".tex")
    } | {f"synthia_mapillary_differences{s}" for s in (".md", ".csv", ".tex")} == names
    assert (
        "| ADVENT | ESL - SSL | +1.0 | +1.0 | +1.0 ± 0.0 |"
        in (tmp_path / "synthia_mapillary_differences.md").read_text()
    )
    assert "Paper, SYNTHIA" in (tmp_path / "synthia_mapillary_table3.md").read_text()
    assert (tmp_path / "synthia_mapillary_table3.tex").read_text().count(r"\end{tabular}") == 2, "ours and the paper's"
    assert (tmp_path / "synthia_mapillary_table5_paper.csv").read_text().splitlines()[1] == (
        "mIoU,,43.7,45.6,45.9,45.5,45.3,44.9,45.1"
    )
    with pytest.raises(DataError, match="none"):
        write_report([], tmp_path)


def test_a_finished_demo_experiment_gives_all_five_tables(tmp_path: Path) -> None:
    """The demo is scored once, over 19 classes; Tables 2 and 3 are other means of the same predictions."""
    iou = tuple(float(i) for i in range(19))
    merged = dict(zip(("flat", "construction", "object", "nature", "sky", "human", "vehicle"), map(float, range(7))))
    demo = [replace(r, benchmark="demo", class_set="cityscapes19", iou=iou, merged=merged) for r in rows()]
    demo = [
        replace(r, pseudo_labels={**r.pseudo_labels, "error_rates": [1.0] * 19} if r.pseudo_labels else {})
        for r in demo
    ]
    names = {p.name for p in write_report(demo, tmp_path) if p.suffix == ".md"}
    assert names == {*(f"demo_table{k}.md" for k in range(1, 6)), "demo_differences.md"}
    (header, numbers, *_) = (tmp_path / "demo_table2.csv").read_text().splitlines()
    shown = dict(zip(header.split(","), numbers.split(",")))
    assert len(shown) == 2 + 16 + 2
    assert (shown["sky"], shown["bicycle"]) == ("10.0", "18.0"), "by name, not by place"
    kept = [v for i, v in enumerate(iou) if i not in (9, 14, 16)]
    assert shown["mIoU"].split()[0] == f"{sum(kept) / 16:.1f}"
    assert shown["mIoU*"] == f"{sum(v for v in kept if v not in (3, 4, 5)) / 13:.1f}"
    (header, numbers, *_) = (tmp_path / "demo_table3.csv").read_text().splitlines()
    assert header == "Method,Self-training," + ",".join(merged) + ",mIoU"
    assert numbers.split(",")[2:] == ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "3.0 ± 0.0"]
    assert "on mapillary/val, 7 classes merged from the 19\n" in (tmp_path / "demo_table3.md").read_text()
    assert "on mapillary/val, 16 of the 19 classes\n" in (tmp_path / "demo_table2.md").read_text()
    without = [replace(r, merged={}) for r in demo]
    assert "demo_table3.md" not in {p.name for p in write_report(without, tmp_path / "old")}


def test_a_short_study_fills_tables_four_and_five_too(tmp_path: Path) -> None:
    short = [replace(r, setting={**r.setting, "steps": 2}) for r in rows()]
    assert [c.text for c in sweep_table(short, "advent").rows[0][2:]][:3] == ["40.5 ± 0.7", "45.5 ± 0.7", "42.5 ± 0.7"]
    assert sweep_table(short, "advent").rows[0][-1].text == "39.5 ± 0.7"
    assert error_table(short, "advent").rows[0][2].text == "10.0"
    other = [*short, *(replace(r, miou=99.0) for r in rows() if r.strategy == "none")]
    assert sweep_table(other, "advent").rows[0][3].text == "", "rows of another setting do not mix"


def test_table_four_says_what_its_shares_are_of() -> None:
    told = [
        replace(r, pseudo_labels={**r.pseudo_labels, "protocol": "maps 4x8"}) if r.pseudo_labels else r for r in rows()
    ]
    table = error_table(told, "advent")
    assert "(ADVENT, synthia_mapillary)" in table.title
    assert table.notes[0].startswith("Kept: SSL 50.0 %, ESL 50.0 %. Protocol: maps 4x8. Seeds 0, 1")
    assert error_table(rows(), "advent").notes[0].startswith("Kept: SSL 50.0 %, ESL 50.0 %. Seeds")


def test_rows_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    row = rows()[-1]
    path = write_row(tmp_path, row)
    assert path == row_path(tmp_path, row)
    assert "nu_star=0.05" in path.name
    assert read_rows(tmp_path) == [row]
    assert read_rows(tmp_path, "demo") == []
    older = asdict(row)
    del older["merged"]
    write_json(path, older)
    assert read_rows(tmp_path) == [row], "a row from before the seven merged classes were kept"
    write_json(path, {**asdict(row), "extra": 1})
    with pytest.raises(DataError, match="extra"):
        read_rows(tmp_path)
    path.write_text(json.dumps([]))
    with pytest.raises(DataError, match=path.name[:20]):
        read_rows(tmp_path)
    with pytest.raises(DataError, match="best"):
        replace(row, strategy="best")
    with pytest.raises(DataError, match="finite"):
        replace(row, miou=float("nan"))


def test_text_cannot_break_a_table() -> None:
    table = Table(title="a & b", header=("x", "y|z"), rows=((Cell(text="50 %"), Cell(text="<b>")),))
    assert r"50 \%" in table.to_latex()
    assert r"a \& b" in table.to_latex()
    assert "&lt;b>" in table.to_markdown()
    starred = Table(title="nu* -> 1", header=("a", "b"), rows=((Cell(text="mIoU*"), Cell(text=r"x^2\{~$")),))
    assert r"| mIoU\* |" in starred.to_markdown()
    assert r"$\nu^*$ $\to$ 1" in starred.to_latex()
    assert r"x\textasciicircum{}2\textbackslash{}\{\textasciitilde{}\$" in starred.to_latex()
    assert table.to_csv() == "x,y|z\n50 %,<b>\n"


def test_a_wide_latex_table_fits_the_page_with_upright_names() -> None:
    wide = Table(title="t", header=("Method", "", *(f"class{k}" for k in range(19))), rows=())
    latex = wide.to_latex()
    assert r"\rotatebox{90}{class18}" in latex
    assert r"Method &  & \rotatebox" in latex
    assert r"\resizebox{\ifdim\width>\textwidth\textwidth" in latex
    assert latex.count("{") == latex.count("}")
    assert r"\rotatebox" not in Table(title="t", header=("a", "b", "c"), rows=()).to_latex()


def test_a_change_that_rounds_to_nothing_has_no_minus() -> None:
    assert [signed(v) for v in (-0.04, 0.04, -12.34, None)] == ["+0.0", "+0.0", "-12.3", ""]


def test_ties_as_printed_are_all_best_and_a_single_number_is_not() -> None:
    assert mark_best([[1.04, 1.0, 0.5], [None, 2.0, None]]) == [[True, True, False], [False, False, False]]


def test_a_long_setting_still_makes_a_file_name_of_its_own(tmp_path: Path) -> None:
    long = {f"translation.some_setting_{k}": float(k) for k in range(20)}
    rows = [replace(BASE, setting=long), replace(BASE, setting={**long, "lr": 0.1})]
    paths = [write_row(tmp_path, row) for row in rows]
    assert len({p.name for p in paths}) == 2
    assert all(len(p.name) < 120 for p in paths)
    assert [dict(r.setting) for r in read_rows(tmp_path)] in ([long, {**long, "lr": 0.1}], [{**long, "lr": 0.1}, long])
    assert row_path(tmp_path, replace(BASE, setting={"nu_star": 0.05})).name == "advent-none-nu_star=0.05-seed0.json"
