"""Generators, discriminators, pools and optimisers of a translation run: one update, and how to keep it all."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Adam

from esl.config.translation import TranslationConfig
from esl.errors import CheckpointError
from esl.losses.cycle import CycleWeights
from esl.models.deeplab_v2 import DeepLabV2
from esl.models.translation import Generator, PatchDiscriminator
from esl.training.backends import be_quick_or_repeatable
from esl.training.checkpoint import load_optimizer_tensors, optimizer_tensors
from esl.training.step import Batch
from esl.training.translation_pool import ImagePool
from esl.training.translation_step import (
    Losses,
    Translators,
    discriminator_losses,
    generator_losses,
    translate_both_ways,
    weighted_sum,
)

GENERATORS = ("to_target", "to_source")
JUDGES = ("judge_target", "judge_source")


def linear_factor(step: int, steps: int, constant_steps: int) -> float:
    """Factor on the learning rate: 1, and from `constant_steps` on falling linearly; it would be 0 at `steps`."""
    return 1.0 if step < constant_steps else (steps - step) / (steps - constant_steps)


class TranslationEngine:
    """The players of a run on its device."""

    def __init__(self, fabric: Fabric, config: TranslationConfig, observer: DeepLabV2 | None) -> None:
        """Build everything from the seed; `observer` is the frozen network of the perceptual loss."""
        self.fabric, self.config = fabric, config
        torch.manual_seed(config.seed)
        be_quick_or_repeatable(deterministic=False)
        self.players = Translators(
            to_target=Generator(config.num_blocks, config.generator_width),
            to_source=Generator(config.num_blocks, config.generator_width),
            judge_target=PatchDiscriminator(config.discriminator_width, config.discriminator_layers),
            judge_source=PatchDiscriminator(config.discriminator_width, config.discriminator_layers),
            observer=None if observer is None else observer.to(fabric.device).eval().requires_grad_(False),
        )
        for module in self.modules.values():
            module.to(fabric.device).train()
        self.weights = CycleWeights(
            cycle=config.cycle,
            identity=config.identity,
            perceptual=config.perceptual,
            perceptual_translated=config.perceptual_translated,
        )
        self.generator_adam = self._adam(GENERATORS)
        self.judge_adam = self._adam(JUDGES)
        self.pools = {
            name: ImagePool(config.pool_size, config.seed, domain)
            for domain, name in enumerate(("pool_source", "pool_target"))
        }

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks that learn, by the name of their file."""
        return {name: getattr(self.players, name) for name in (*GENERATORS, *JUDGES)}

    def _adam(self, names: Iterable[str]) -> Adam:
        parameters = itertools.chain.from_iterable(self.modules[name].parameters() for name in names)
        return Adam(list(parameters), lr=self.config.lr, betas=(self.config.beta1, 0.999))

    def generator_gradients(self, batch: Batch) -> tuple[Losses, Tensor, Tensor]:
        """Gradients of the generators; all terms, and the translations into source and target style, detached."""
        source, target = to_unit_range(batch)
        for name in JUDGES:
            self.modules[name].requires_grad_(False)
        self.generator_adam.zero_grad(set_to_none=True)
        with self.fabric.autocast():
            made = translate_both_ways(self.players, source, target)
            losses = generator_losses(self.players, made, source, target)
        self.fabric.backward(weighted_sum(losses, self.weights))
        return _detached(losses), made.in_source.detach(), made.in_target.detach()

    def judge_gradients(self, batch: Batch, in_source: Tensor, in_target: Tensor, step: int) -> Losses:
        """Gradients of the discriminators, on images and on what their pools show."""
        source, target = to_unit_range(batch)
        for name in JUDGES:
            self.modules[name].requires_grad_(True)
        self.judge_adam.zero_grad(set_to_none=True)
        shown_source = self.pools["pool_source"].draw(in_source, step)
        shown_target = self.pools["pool_target"].draw(in_target, step)
        with self.fabric.autocast():
            losses = discriminator_losses(
                self.players, source, target, shown_source=shown_source, shown_target=shown_target
            )
        self.fabric.backward(torch.stack(list(losses.values())).sum())
        return _detached(losses)

    def gradient_norm(self, names: Iterable[str]) -> Tensor:
        """L2 norm of the gradients of some networks together."""
        gradients = [p.grad for name in names for p in self.modules[name].parameters() if p.grad is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        return norm

    def set_learning_rate(self, step: int) -> float:
        """Give both optimisers the learning rate of `step`."""
        rate = self.config.lr * linear_factor(step, self.config.steps, self.config.constant_steps)
        for optimizer in (self.generator_adam, self.judge_adam):
            for group in optimizer.param_groups:
                group["lr"] = rate
        return rate

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint holds, by file."""
        kept = {name: dict(module.state_dict()) for name, module in self.modules.items()}
        kept |= {name: pool.tensors() for name, pool in self.pools.items()}
        slots: dict[str, Tensor] = {}
        for name, optimizer in self._optimizers.items():
            slots |= {f"{name}:{k}": v for k, v in optimizer_tensors(optimizer, self._parameter_names()).items()}
        return {**kept, "optim": slots}

    def load(self, folder: Path) -> None:
        """Take everything from a checkpoint's folder."""
        for name, module in self.modules.items():
            module.load_state_dict(load_file(folder / f"{name}.safetensors"))
        for name, pool in self.pools.items():
            images = load_file(folder / f"{name}.safetensors").get("images")
            pool.images = None if images is None else images.to(self.fabric.device)
        slots = load_file(folder / "optim.safetensors")
        for name, optimizer in self._optimizers.items():
            own = {k.partition(":")[2]: v for k, v in slots.items() if k.startswith(f"{name}:")}
            load_optimizer_tensors(optimizer, self._parameter_names(), own)

    @property
    def _optimizers(self) -> Mapping[str, Adam]:
        return {"generators": self.generator_adam, "judges": self.judge_adam}

    def _parameter_names(self) -> dict[Tensor, str]:
        return {p: f"{name}.{key}" for name, module in self.modules.items() for key, p in module.named_parameters()}


def to_unit_range(batch: Batch) -> tuple[Tensor, Tensor]:
    """Source and target images (B, 3, H, W), 0..255 to [-1, 1]."""
    if batch.target_images is None:
        raise CheckpointError("Translation must have images of both domains; this batch has none of the target.")
    return batch.source_images / 127.5 - 1, batch.target_images / 127.5 - 1


def _detached(losses: Losses) -> Losses:
    return {name: loss.detach() for name, loss in losses.items()}
