"""The command line: quick help, exit codes, one sentence for a mistake, JSON where it reports."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from esl.cli import VERBS, main
from esl.cli.terminal import class_values
from esl.errors import ConfigError
from esl.images import read_ids, write_png
from tests.unit.data.trees import id_map, make_cityscapes, photo
from tests.unit.pipelines.stored_world import fill_store


def call(*words: object) -> int:
    """`main`, with the exit code of a parser's refusal as well."""
    try:
        return main([str(word) for word in words])
    except SystemExit as stop:
        return int(str(stop.code))


def test_no_help_loads_a_network_library() -> None:
    code = """
import contextlib, io, sys
from esl.cli import VERBS, main
for words in [["--help"], *([verb, "--help"] for verb in VERBS), ["train", "demo_advent", "--help"]]:
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        main(words)
    assert text.getvalue(), words
    loaded = {"torch", "numba", "cv2", "zarr", "plotly", "gradio"} & set(sys.modules)
    assert not loaded, (words, loaded)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_of_a_verb_without_arrays_loads_none() -> None:
    code = """
import contextlib, io, sys
from esl.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["audit", "--help"])
assert "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_overview_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help") == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in VERBS)
    assert call() == 2


def test_an_unknown_verb_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("exprot") == 2
    assert "exprot" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["extract", "--checkpoint", "/no/such", "--dataset", "demo", "--split", "target_val", "--store", "s"],
        ["extract", "--checkpoint", "x", "--dataset", "imagenet", "--split", "val", "--store", "s"],
        ["extract", "--checkpoint", "x", "--dataset", "cityscapes", "--split", "val", "--store", "s", "--data-root", "/no"],
        ["evaluate", "--checkpoint", "/no/such", "--dataset", "demo", "--split", "target_val"],
        ["evaluate", "--dataset", "demo", "--split", "target_val"],
        ["audit", "--store", "/no/such"],
        ["export", "--store", "/no/such", "--out", "o"],
        ["import-weights", "--source", "/no/such.pth", "--out", "o"],
        ["train", "demo_nothing", "--run", "r"],
        ["train", "--run", "r"],
        ["demo", "--out", "o", "--splits", "mars"],
    ],
)  # fmt: skip
def test_a_mistake_ends_with_two_and_one_sentence(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*words) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith(f"esl {words[0]}: ")
    assert "Traceback" not in streams.err
    assert list(tmp_path.iterdir()) == [], "nothing half-written"


def test_what_a_store_has_decided_already_is_not_taken_silently(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--store", "s", "--dataset", "demo", "--split", "target_val"]
    for more in (["--class-set", "cityscapes16"], ["--size", "64", "128"], ["--label-format", "color"]):
        assert call(*words, *more) == 2
        assert "leave them out" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import esl.cli.demo

    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(esl.cli.demo, "run", interrupted)
    assert call("demo") == 130
    assert "go on" in capsys.readouterr().err


def test_audit_prints_a_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_store(tmp_path / "s")
    assert (
        call("audit", "--store", tmp_path / "s", "--nu-star", 0.3, "--override", "sky=0.5", "--override", "6=0.1") == 0
    )
    assert "nature" in capsys.readouterr().out
    assert call("audit", "--store", tmp_path / "s", "--nu-star", 0.3, "--override", "sky=0.5", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rule"]["nu_overrides"] == {"4": 0.5}
    assert report["num_images"] == 4
    assert call("audit", "--store", tmp_path / "s", "--override", "moon=0.5") == 2
    assert "moon" in capsys.readouterr().err


def test_audit_reads_labels_where_the_data_set_is_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = ("a/x.png", "c.png")
    store, data = fill_store(tmp_path / "s", ids=ids, split="all", label_format="train_ids"), tmp_path / "data"
    for name in ids:
        write_png(data / "images" / name, np.zeros((48, 80, 3), np.uint8))
        write_png(data / "labels" / name, store.maps(name).label.repeat(2, 0).repeat(2, 1))
    (data / "dataset.toml").write_text('class_set = "cityscapes7"\n')
    assert call("audit", "--store", tmp_path / "s", "--data-root", data, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["num_labelled"] == 2
    assert report["global"]["esl"]["error_rate"] == 0
    write_png(data / "labels" / "c.png", np.zeros((40, 80), np.uint8))
    assert call("audit", "--store", tmp_path / "s", "--data-root", data) == 2
    assert "c.png" in capsys.readouterr().err


def test_audit_takes_a_data_root_at_its_word_and_goes_without_data_that_are_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_store(tmp_path / "s", ids=("c.png",), split="all", label_format="train_ids")
    assert call("audit", "--store", tmp_path / "s") == 0
    assert "0 with ground truth" in capsys.readouterr().out
    other = tmp_path / "other"
    write_png(other / "images/d.png", np.zeros((48, 80, 3), np.uint8))
    (other / "dataset.toml").write_text('class_set = "cityscapes7"\n')
    told = {
        tmp_path / "nope": "does not exist",
        other / "dataset.toml": "is a file",
        tmp_path / "s": "folder of images",
        other: "has none of them, e.g. c.png",
    }
    for root, sentence in told.items():
        assert call("audit", "--store", tmp_path / "s", "--data-root", root) == 2
        assert sentence in capsys.readouterr().err


def test_export_writes_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_store(tmp_path / "s")
    out = tmp_path / "out"
    assert call("export", "--store", tmp_path / "s", "--criterion", "max_prob", "--out", out, "--color", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["files"], report["verified"]) == (8, 8)
    np.testing.assert_array_equal(read_ids(out / "c.png"), read_ids(out / "color" / "c.png"))
    saved = next((out / "recipe").glob("*.json"))
    again = tmp_path / "again"
    assert call("export", "--store", tmp_path / "s", "--recipe", saved, "--out", again) == 0
    assert (again / "c.png").read_bytes() == (out / "c.png").read_bytes()
    assert call("export", "--store", tmp_path / "s", "--recipe", saved, "--nu-star", 0.2, "--out", tmp_path / "no") == 2


def test_data_check_takes_every_split_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_cityscapes(tmp_path, "val")
    make_cityscapes(tmp_path, "train", ("aachen",))
    assert call("data-check", "cityscapes", "--root", tmp_path) == 1
    streams = capsys.readouterr()
    assert "cityscapes train in" in streams.out
    assert "City lindau must have 59 images; 2 are there." in streams.out
    assert "data-check val: 12/12" in streams.err, "how far it is"
    assert call("data-check", "cityscapes", "--root", tmp_path, "--json") == 1
    parts = json.loads(capsys.readouterr().out)["splits"]
    assert [(p["split"], p["num_images"], p["is_sound"]) for p in parts] == [("train", 2, False), ("val", 6, False)]
    assert call("data-check", "--dataset", "cityscapes", "--data-root", tmp_path, "--split", "val", "--json") == 1
    assert json.loads(capsys.readouterr().out)["num_expected"] == 500
    assert call("data-check", "cityscapes", "--root", tmp_path / "leftImg8bit") == 1
    assert f"The root is probably {tmp_path}." in capsys.readouterr().out
    assert call("data-check", "imagenet", "--root", tmp_path) == 2


def test_data_check_of_a_folder_takes_its_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        write_png(tmp_path / f"images/{number}.png", photo(number))
        write_png(tmp_path / f"labels/{number}.png", id_map([0, 1], number))
        (tmp_path / f"{number}.txt").write_text(f"{number}.png\n")
    about = tmp_path / "dataset.toml"
    about.write_text('classes = ["road", "car"]')
    assert call("data-check", "folder", "--root", tmp_path) == 0
    assert "folder all in" in capsys.readouterr().out
    about.write_text('classes = ["road", "car"]\n[splits]\nday = "0.txt"\nnight = "1.txt"')
    assert call("data-check", "folder", "--root", tmp_path) == 0
    said = capsys.readouterr().out
    assert ("folder day in" in said, "folder night in" in said, "folder all in" in said) == (True, True, False)


def test_pairs_of_class_and_value() -> None:
    names = ("road", "sky")
    assert class_values(["sky=0.5", "0=1"], names, "--override") == {1: 0.5, 0: 1.0}
    for wrong in ("sky", "sky=", "moon=0.5", "7=0.5", "sky=much"):
        with pytest.raises(ConfigError, match="--override"):
            class_values([wrong], names, "--override")
