"""The paper's presets hold the published numbers, one by one (implementations, table of hyper-parameters)."""

import pytest

from esl.config import AugmentConfig, TrainConfig
from esl.presets import METHODS, PRESETS, STRATEGIES, preset

METHODS_OF = {
    "gta5_cityscapes": tuple(METHODS),
    "synthia_cityscapes": tuple(METHODS),
    "synthia_mapillary": ("source_only", "advent"),
}
PAPER = [f"{benchmark}_{method}" for benchmark, methods in METHODS_OF.items() for method in methods]
# benchmark -> class set, C's benchmark sizes (height, width), length of the poly schedule
BENCHMARKS = {
    "gta5_cityscapes": ("cityscapes19", ("gta5", (720, 1280)), ("cityscapes", (512, 1024)), 250_000),
    "synthia_cityscapes": ("cityscapes16", ("synthia", (760, 1280)), ("cityscapes", (512, 1024)), 90_000),
    "synthia_mapillary": ("cityscapes7", ("synthia", (760, 1280)), ("mapillary", (768, 1024)), 90_000),
}


def benchmark_of(name: str) -> str:
    return next(b for b in BENCHMARKS if name.startswith(b))


@pytest.mark.parametrize("name", PAPER)
def test_what_all_recipes_share(name: str) -> None:
    config = preset(name)
    assert (config.lr, config.poly_power, config.momentum) == (2.5e-4, 0.9, 0.9)
    assert config.head_lr_multiplier == 10.0
    assert config.backbone_lr_multiplier == 3.0, "what stepping each backbone tensor three times comes to"
    assert config.weight_decay == 5e-4, "every code base; the paper's text says 1e-4"
    assert (config.batch_size, config.accumulate, config.warmup_steps) == (1, 1, 0)
    assert config.source.augment == AugmentConfig()
    assert config.target.augment == AugmentConfig()
    assert not config.selection.data, "only the last checkpoint exists, as in the paper"
    network = config.network
    assert (network.backbone, network.stride_on, network.output_stride) == ("resnet101", "conv1", 8)
    assert (network.input_normalisation, network.batch_norm) == ("caffe_bgr", "batch")
    method = config.method
    assert (method.lambda_seg_aux, method.lambda_sl) == (0.1, 1.0)
    assert (method.discriminator_lr, method.discriminator_width) == (1e-4, 64)
    assert method.discriminator_source_label == 0, "the code's convention; the paper's is 1"


@pytest.mark.parametrize("name", PAPER)
def test_data_and_schedule_of_each_benchmark(name: str) -> None:
    config = preset(name)
    class_set, source, target, schedule_steps = BENCHMARKS[benchmark_of(name)]
    assert config.class_set == class_set
    assert (config.source.dataset, config.source.size) == source
    assert (config.target.dataset, config.target.size) == target
    assert (config.source.split, config.target.split) == ("train", "train")
    assert config.schedule_steps == schedule_steps
    longest = 150_000 if "adaptsegnet" in name else 120_000
    assert config.steps == min(longest, schedule_steps)


@pytest.mark.parametrize("name", PAPER)
def test_weights_of_each_method(name: str) -> None:
    method = preset(name).method
    weights = (method.lambda_adv_main, method.lambda_adv_aux, method.lambda_ent_main, method.lambda_ent_aux)
    told = (method.discriminator_input, method.gan)
    kind = name.removeprefix(benchmark_of(name) + "_")
    if kind in ("source_only", "minent"):
        assert method.discriminator_input == "none"
        assert weights[2:] == ((1e-3, 2e-4) if kind == "minent" else (0.0, 0.0))
        return
    assert weights == (1e-2 if kind == "adaptsegnet_ls" else 1e-3, 2e-4, 0.0, 0.0)
    assert (
        told
        == {
            "advent": ("self_information", "bce"),
            "adaptsegnet": ("probs", "bce"),
            "adaptsegnet_single": ("probs", "bce"),
            "adaptsegnet_ls": ("probs", "ls"),
        }[kind]
    )


@pytest.mark.parametrize("name", PAPER)
def test_heads_and_branches(name: str) -> None:
    """AdaptSegNet's heads return after two branches; single-level forms and DADA's SYNTHIA configs of ADVENT have one head."""
    network = preset(name).network
    assert network.aspp_branches == (2 if "adaptsegnet" in name else 4)
    single = ("synthia_cityscapes_advent", "synthia_mapillary_advent")
    assert network.multi_level == (name not in single and not name.endswith(("_single", "_ls")))


def test_every_preset_has_its_four_ways_of_self_training() -> None:
    for name in PAPER:
        for strategy, labels in STRATEGIES.items():
            config = preset(f"{name}_{strategy}")
            assert config.pseudo_labels == labels
            assert config.method == preset(name).method
            assert config.steps == preset(name).steps


def test_thresholds_are_the_paper_s() -> None:
    assert (STRATEGIES["ssl"].criterion, STRATEGIES["ssl"].mu_star) == ("max_prob", 0.9)
    assert (STRATEGIES["esl"].criterion, STRATEGIES["esl"].nu_star) == ("entropy", 0.1)
    assert {STRATEGIES[s].mode for s in ("ssl", "esl")} == {"capped"}
    assert (STRATEGIES["median"].criterion, STRATEGIES["median"].mode) == ("entropy", "median")
    assert all(labels.keep_ties for labels in STRATEGIES.values()), "as the reference code; the paper's form is strict"


def test_a_preset_knows_its_own_name_and_laptop_presets_choose_on_the_source() -> None:
    for name, config in PRESETS.items():
        assert config.preset == name
        if config.selection.data:
            assert not config.selection.allow_target_labels
            assert config.selection.data.dataset in ("demo", "camvid")
    assert TrainConfig.__dataclass_params__.frozen  # type: ignore[attr-defined]
