"""What a network makes of its first images is said early, and wrongly read weights show in it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from esl.cli import main
from esl.pipelines.first_look import FirstLook

NAMES = ("road", "sky", "car")
NETWORK = Path(__file__).resolve().parents[3] / "assets" / "demo"


def logits(label: np.ndarray, sure: float) -> np.ndarray:
    """(3, h, w) float32 whose largest channel is `label`."""
    values = np.zeros((3, *label.shape), np.float32)
    np.put_along_axis(values, label[None], sure, axis=0)
    return values


def test_the_sentence_counts_what_is_inside_and_comes_once() -> None:
    said: list[str] = []
    look = FirstLook(NAMES, said.append, num_images=2)
    label = np.zeros((4, 4), np.int64)
    label[0] = 1
    label[2:] = 2
    look.add(logits(label, 20.0), (4, 4), (2, 4), "a.png")
    assert said == []
    for image_id in ("b.png", "c.png"):
        look.add(logits(label, 20.0), (4, 4), (2, 4), image_id)
    look.finish()
    assert said == ["First 2 images: mean entropy 0.00 of 1; predicted road 50.0 %, sky 50.0 %."]


def test_unsure_predictions_and_a_single_class_are_called_unusual() -> None:
    for label, sure in ((np.arange(16).reshape(4, 4) % 3, 0.1), (np.zeros((4, 4), np.int64), 20.0)):
        said: list[str] = []
        look = FirstLook(NAMES, said.append)
        look.add(logits(label, sure), (4, 4), (4, 4), "a.png")
        look.finish()
        assert "First 1 images" in said[0]
        assert "unusual" in said[0]


def test_nothing_is_said_of_no_image() -> None:
    said: list[str] = []
    FirstLook(NAMES, said.append).finish()
    assert said == []


@pytest.fixture
def as_another_family(tmp_path: Path) -> Path:
    """The bundled network with a JSON that says another input normalisation, as a wrong --family would."""
    folder = tmp_path / "another"
    shutil.copytree(NETWORK, folder)
    path = folder / "demo_source_only.json"
    about = json.loads(path.read_text())
    about["input_normalisation"] = "caffe_bgr"
    path.write_text(json.dumps(about))
    return folder / "demo_source_only.safetensors"


def test_both_commands_show_a_wrong_family(
    as_another_family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = ["--dataset", "demo", "--data-root", str(tmp_path / "demo"), "--split", "target_val", "--size", "64", "128"]
    assert main(["demo", "--out", str(tmp_path / "demo"), "--splits", "target_val", "--limit", "5"]) == 0
    found = {}
    for name, network in (("right", NETWORK / "demo_source_only.safetensors"), ("wrong", as_another_family)):
        capsys.readouterr()
        assert main(["extract", "--checkpoint", str(network), "--store", str(tmp_path / name), *demo]) == 0
        (found[name],) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("First 4 images")]
        assert main(["evaluate", "--checkpoint", str(network), *demo]) == 0
        assert found[name] in capsys.readouterr().err.splitlines()
    assert found["right"] != found["wrong"]
