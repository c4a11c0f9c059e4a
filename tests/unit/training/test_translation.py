"""One step of image translation against its plain form; the pool; the schedule; tiles."""

import numpy as np
import pytest
import torch

from esl.config.translation import TRANSLATION_PRESETS, TranslationConfig, translation_preset
from esl.errors import ConfigError
from esl.losses.cycle import CycleWeights
from esl.models.memory import OutOfMemoryError
from esl.models.translation import Generator, PatchDiscriminator
from esl.pipelines.translate_image import TilePlan, reach, translate_image
from esl.training.translation_engine import linear_factor
from esl.training.translation_pool import ImagePool
from esl.training.translation_step import (
    Translators,
    discriminator_losses,
    generator_losses,
    translate_both_ways,
    weighted_sum,
)


@pytest.fixture
def players() -> Translators:
    torch.manual_seed(0)
    return Translators(
        to_target=Generator(1, 4), to_source=Generator(1, 4),
        judge_target=PatchDiscriminator(4, 2), judge_source=PatchDiscriminator(4, 2),
    )  # fmt: skip


def test_the_generators_loss_is_the_plain_sum_of_the_paper(players: Translators) -> None:
    a, b = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    made = translate_both_ways(players, a, b)
    loss = weighted_sum(generator_losses(players, made, a, b), CycleWeights())
    to_b, to_a = players.to_target, players.to_source
    gan = ((players.judge_target(to_b(a)) - 1) ** 2).mean() + ((players.judge_source(to_a(b)) - 1) ** 2).mean()
    cycle = (to_a(to_b(a)) - a).abs().mean() + (to_b(to_a(b)) - b).abs().mean()
    identity = (to_b(b) - b).abs().mean() + (to_a(a) - a).abs().mean()
    assert loss.item() == pytest.approx((gan + 10 * cycle + 5 * identity).item(), rel=1e-5)


def test_the_discriminators_loss_is_half_of_both_squares(players: Translators) -> None:
    a, b, fake = (torch.rand(1, 3, 32, 32) for _ in range(3))
    losses = discriminator_losses(players, a, b, shown_source=fake, shown_target=fake)
    real, made = players.judge_target(b), players.judge_target(fake)
    assert losses["d_target"].item() == pytest.approx((0.5 * ((real - 1) ** 2).mean() + 0.5 * (made**2).mean()).item())


def test_weights_of_the_perceptual_terms() -> None:
    names = ("perceptual_in_target", "perceptual_source_again", "gan_target")
    losses = {name: torch.tensor(1.0) for name in names}
    weights = CycleWeights(perceptual=2.0, perceptual_translated=0.1)
    assert weighted_sum(losses, weights).item() == pytest.approx(0.1 + 10 * 2.0 + 1.0)


def test_a_pool_fills_first_and_then_swaps_half() -> None:
    pool = ImagePool(size=4, seed=1, domain=0)
    shown = [float(pool.draw(torch.full((1, 3, 2, 2), float(n)), n)[0, 0, 0, 0]) for n in range(200)]
    assert shown[:4] == [0, 1, 2, 3]
    swapped = sum(value != n for n, value in enumerate(shown))
    assert 70 < swapped < 130
    assert len(set(shown[4:])) == 196, "after the filling, no image is shown twice"


def test_a_pool_that_was_kept_goes_on_alike() -> None:
    images = torch.arange(20.0).reshape(20, 1, 1, 1).expand(20, 3, 2, 2)
    whole, first = ImagePool(3, 7, 1), ImagePool(3, 7, 1)
    shown = [whole.draw(images[n : n + 1], n) for n in range(20)]
    for n in range(10):
        first.draw(images[n : n + 1], n)
    again = ImagePool(3, 7, 1, first.tensors()["images"].clone())
    assert all(torch.equal(again.draw(images[n : n + 1], n), shown[n]) for n in range(10, 20))
    assert torch.equal(ImagePool(0, 7, 1).draw(images[:2], 0), images[:2])


def test_the_learning_rate_falls_after_the_constant_part() -> None:
    assert [linear_factor(step, 8, 4) for step in range(8)] == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


def test_presets_are_those_of_the_method() -> None:
    gta5 = translation_preset("gta5_cityscapes")
    assert (gta5.num_blocks, gta5.generator_width, gta5.discriminator_width) == (9, 64, 64)
    assert (gta5.cycle, gta5.identity, gta5.pool_size, gta5.lr, gta5.beta1) == (10, 0.5, 50, 2e-4, 0.5)
    assert gta5.source.size[1] == gta5.target.size[1] == 1024
    assert gta5.source.augment.crop == (452, 452)
    demo = translation_preset("demo")
    assert (demo.num_blocks, demo.generator_width, demo.source.augment.crop) == (6, 32, (128, 128))
    for config in TRANSLATION_PRESETS.values():
        assert TranslationConfig.from_json(config.to_json()) == config
    with pytest.raises(ConfigError, match="gta5_cityscapes"):
        translation_preset("gta6")


@pytest.mark.parametrize("shape", [(45, 62), (64, 64), (9, 131)])
def test_tiles_make_the_image_that_one_pass_makes(shape: tuple[int, int]) -> None:
    torch.manual_seed(3)
    generator = Generator(1, 4).train()
    generator(torch.rand(2, 3, 32, 32) * 2 - 1)
    generator.eval().requires_grad_(False)
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    whole = translate_image(generator, image, TilePlan(statistics="running"))
    tiled = translate_image(generator, image, TilePlan(tile=16, statistics="running"))
    assert whole.shape == image.shape
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    assert (whole != tiled).mean() < 1e-3


def test_full_memory_is_one_sentence_that_names_the_knobs(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    generator = Generator(1, 4).eval()
    monkeypatch.setattr(generator, "forward", full)
    with pytest.raises(OutOfMemoryError, match=r"--tile.*--size.*--device cpu"):
        translate_image(generator, np.zeros((16, 16, 3), np.uint8), TilePlan())


def test_the_reach_covers_what_a_pixel_depends_on() -> None:
    torch.manual_seed(3)
    generator = Generator(2, 4).eval().double()
    image = torch.rand(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    generator(image)[0, :, 80:84, 80:84].sum().backward()
    assert image.grad is not None
    rows = torch.nonzero(image.grad.abs().sum((0, 1, 3))).flatten()
    assert 80 - int(rows.min()) <= reach(generator)
    assert int(rows.max()) - 83 <= reach(generator)


def test_tiles_with_statistics_of_each_instance_are_refused() -> None:
    with pytest.raises(ConfigError, match="seams"):
        TilePlan(tile=64)
    with pytest.raises(ConfigError, match="multiple of 4"):
        TilePlan(tile=30, statistics="running")
