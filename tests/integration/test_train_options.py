"""What a run may be told beside its method: accumulation, compilation, what its best checkpoint is chosen on."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from esl.config import DataConfig, SelectionConfig
from esl.data.opening import open_dataset
from esl.images.reading import read_ids, read_image
from esl.labeling.maps import derive_maps
from esl.models.predictor import Predictor
from esl.pipelines.evaluate import evaluate_checkpoint
from esl.pipelines.extract import extract
from esl.pipelines.samples import PHOTO, sample_name, sample_steps
from esl.pipelines.train import train
from esl.presets import ADVENT, SOURCE_ONLY
from tests.integration.training_world import SIZE, make_world, metrics_of, tiny_config, weights_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


def test_two_passes_make_the_update_of_the_doubled_batch(world: Path, tmp_path: Path) -> None:
    method = replace(ADVENT, discriminator_width=4)
    config = tiny_config(world, method=method, steps=3, selection=SelectionConfig())
    train(replace(config, accumulate=2), tmp_path / "passes")
    train(replace(config, batch_size=2), tmp_path / "batch")
    for name in ("model", "disc_main"):
        file = f"checkpoints/step_000003/{name}.safetensors"
        passes, batch = load_file(tmp_path / "passes" / file), load_file(tmp_path / "batch" / file)
        for key, value in batch.items():
            torch.testing.assert_close(passes[key], value, rtol=0, atol=1e-5, msg=key)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # dynamo's own looking around
def test_compiled_networks_train_and_keep_their_names(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[torch.nn.Module] = []
    compile_plainly = partial(torch.compile, backend="eager")  # no C++ compiler is needed

    def counted(module: torch.nn.Module, **told: object) -> object:  # Fabric compiles again what it wrapped
        calls.append(module)
        return compile_plainly(module)

    config = tiny_config(world, method=replace(ADVENT, discriminator_width=4), steps=2, selection=SelectionConfig())
    train(config, tmp_path / "plain")
    assert not calls
    monkeypatch.setattr(torch, "compile", counted)
    train(replace(config, compile=True), tmp_path / "compiled")
    assert len(set(map(id, calls))) == 2, "the network and its discriminator"
    file = "checkpoints/step_000002/model.safetensors"
    plain, compiled = load_file(tmp_path / "plain" / file), load_file(tmp_path / "compiled" / file)
    assert plain.keys() == compiled.keys()
    for key, value in plain.items():
        torch.testing.assert_close(compiled[key], value, rtol=1e-4, atol=1e-5, msg=key)


def test_a_discriminator_that_has_won_is_said_once(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esl.training.loop.ADVERSARY_HAS_WON", 0.1)
    config = tiny_config(world, method=replace(ADVENT, discriminator_width=4), steps=2, log_every=1)
    train(replace(config, selection=SelectionConfig()), tmp_path / "run")
    said = (tmp_path / "run" / "log.txt").read_text()
    assert said.count("the discriminator has won") == 1


def test_target_labels_that_chose_are_named_in_every_result(world: Path, tmp_path: Path) -> None:
    chosen_on = DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE)
    config = tiny_config(world, steps=2, selection=SelectionConfig(data=chosen_on, allow_target_labels=True))
    said: list[str] = []
    result = train(config, tmp_path / "run", say=said.append)
    assert result.chosen_on == "camvid day_test, target labels permitted"
    assert any("labels of the target domain" in sentence for sentence in said)
    report = evaluate_checkpoint(tmp_path / "run", dataset="camvid", root=world, split="day_test", size=SIZE)
    assert "The checkpoint was chosen on target labels." in report.to_text()
    images = open_dataset("camvid", world, "day_test", "camvid11")
    store = extract(tmp_path / "run", images, tmp_path / "store", size=SIZE)
    assert store.manifest.model["name"].endswith("(chosen on target labels)")
    assert weights_of(tmp_path / "run")


def test_each_checkpoint_leaves_a_prediction_of_one_target_image(world: Path, tmp_path: Path) -> None:
    method = replace(ADVENT, discriminator_width=4)
    config = tiny_config(world, method=method, steps=4, save_every=2, selection=SelectionConfig())
    train(config, tmp_path / "run")
    folder = tmp_path / "run" / "samples"
    assert sample_steps(folder) == [2, 4]
    target = open_dataset(config.target.dataset, config.target.root, config.target.split, config.class_set)
    image, _ = target.read_input(target.image_ids[0], config.target.size)
    assert read_image(folder / PHOTO).shape == image.shape
    predictor = Predictor.load(tmp_path / "run", device="cpu", precision="fp32")
    expected = derive_maps(predictor.predict(image[None])[0], config.target.size).label
    assert (read_ids(folder / sample_name(4)) == expected).mean() > 0.99  # a loaded network folds its batch norms


def test_a_method_without_a_target_shows_a_source_image(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, method=SOURCE_ONLY, target=DataConfig(), steps=1, selection=SelectionConfig())
    train(config, tmp_path / "run")
    source = open_dataset(config.source.dataset, config.source.root, config.source.split, config.class_set)
    image, _ = source.read_input(source.image_ids[0], config.source.size)
    shown = read_image(tmp_path / "run" / "samples" / PHOTO)
    assert abs(shown.astype(float).mean((0, 1)) - image.mean((0, 1))).max() < 3


def test_samples_that_cannot_be_written_do_not_end_the_run(world: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = tiny_config(world, steps=2, selection=SelectionConfig())
    train(replace(config, steps=1), run)
    said: list[str] = []
    other = tmp_path / "other"
    other.mkdir()
    (other / "log.txt").touch()
    (other / "config.json").write_bytes((run / "config.json").read_bytes())
    (other / "samples").write_text("in the way")
    result = train(replace(config, steps=1), other, say=said.append)
    assert result.state == "done"
    assert sum("No more sample predictions" in s for s in said) == 1


def test_a_gradient_longer_than_allowed_is_shortened_and_logged_as_it_was(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, steps=2, log_every=1, weight_decay=0.0, momentum=0.0, selection=SelectionConfig())
    train(config, tmp_path / "free")
    free = [line["grad_norm_model"] for line in metrics_of(tmp_path / "free")]
    train(replace(config, max_grad_norm=1e3 * max(free)), tmp_path / "loose")
    assert weights_of(tmp_path / "loose") == weights_of(tmp_path / "free")
    train(replace(config, max_grad_norm=free[0] / 2), tmp_path / "half")
    assert metrics_of(tmp_path / "half")[0] == metrics_of(tmp_path / "free")[0]
    train(replace(config, steps=1), tmp_path / "one")
    train(replace(config, steps=1, max_grad_norm=free[0] / 2), tmp_path / "one_half")
    train(replace(config, steps=1, lr=0.0), tmp_path / "none")
    whole, half, none = (
        load_file(tmp_path / run / "checkpoints/step_000001/model.safetensors") for run in ("one", "one_half", "none")
    )
    for key in ("features.0.0.weight", "layer6.conv2d_list.0.weight"):
        torch.testing.assert_close(half[key] - none[key], (whole[key] - none[key]) / 2, rtol=1e-2, atol=1e-7)
