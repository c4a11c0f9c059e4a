"""One iteration, as Sec. 3.1-3.2 write it: one function per equation, from networks and a batch to losses.

Nothing here steps an optimiser or moves a tensor; `accumulate_gradients` says in which order the terms are
differentiated, and every method is a choice of weights (`MethodConfig`), not a branch.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from esl.config import MethodConfig
from esl.losses.adversarial import (
    Adversary,
    fooling_loss,
    source_discrimination_loss,
    target_discrimination_loss,
)
from esl.losses.entropy import entropy_loss, self_information
from esl.losses.log_probs import log_probabilities
from esl.losses.segmentation import segmentation_loss

Outputs = Mapping[str, Tensor]
"""Maps (B, C, H, W) at the images' size by head, `aux` (if there is one) and `main`: log P, or what D is shown of it."""
Losses = dict[str, Tensor]
"""Scalars by name: the term and the head it is for."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step sees."""

    source_images: Tensor
    """(B, 3, H, W) RGB, 0..255."""
    source_labels: Tensor
    """(B, H, W) int64 train ids, 255 = ignore."""
    target_images: Tensor | None = None
    """(B, 3, H', W') RGB; None for a method that never touches the target."""
    pseudo_labels: Tensor | None = None
    """(B, H', W') int64; None without self-training."""
    names: tuple[str, ...] = ()
    """Image ids, for messages."""

    def pin_memory(self) -> "Batch":
        """The batch in page-locked memory, from which a GPU copies while it computes; `DataLoader` asks for it."""
        pinned = {name: value.pin_memory() for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **pinned)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The players."""

    segmenter: nn.Module
    """forward((B, 3, H, W)) -> (aux | None, main)."""
    discriminators: Mapping[str, nn.Module] = field(default_factory=dict)
    """By head; empty without an adversary."""


def predict(segmenter: nn.Module, images: Tensor) -> Outputs:
    """log P of the heads that exist, at the images' size."""
    aux, main = segmenter(images)
    heads = {"main": main} if aux is None else {"aux": aux, "main": main}
    height, width = images.shape[-2:]
    return {head: log_probabilities(logits, (height, width)) for head, logits in heads.items()}


def source_losses(outputs: Outputs, labels: Tensor) -> Losses:
    """Cross-entropy on labelled source images. Paper: Eq. (1), Sec. 3.1."""
    return {f"seg_{head}": segmentation_loss(log_probs, labels) for head, log_probs in outputs.items()}


def self_training_losses(outputs: Outputs, pseudo_labels: Tensor) -> Losses:
    """Cross-entropy on the target's pseudo-labels. Paper: Eq. (4), Sec. 3.2."""
    return {f"sl_{head}": segmentation_loss(log_probs, pseudo_labels) for head, log_probs in outputs.items()}


def entropy_losses(outputs: Outputs) -> Losses:
    """MinEnt: the entropy of target predictions, to be made small."""
    return {f"ent_{head}": entropy_loss(log_probs) for head, log_probs in outputs.items()}


def judged_maps(outputs: Outputs, networks: Networks, method: MethodConfig) -> Outputs:
    """What each discriminator looks at: probabilities (AdaptSegNet) or their self-information (ADVENT)."""
    show = self_information if method.discriminator_input == "self_information" else torch.exp
    return {head: show(outputs[head]) for head in networks.discriminators}


def adversarial_losses(maps: Outputs, networks: Networks, method: MethodConfig) -> Losses:
    """How well the discriminators tell target from source, to be spoilt. Paper: Eq. (3), Sec. 3.1."""
    adversary = _adversary(method)
    return {
        f"adv_{head}": fooling_loss(judge(maps[head]), adversary) for head, judge in networks.discriminators.items()
    }


def discriminator_source_losses(maps: Outputs, networks: Networks, method: MethodConfig) -> Losses:
    """The source half of the discriminators' loss. Paper: Eq. (2), Sec. 3.1."""
    adversary = _adversary(method)
    return {
        f"d_{head}_source": source_discrimination_loss(judge(maps[head]), adversary)
        for head, judge in networks.discriminators.items()
    }


def discriminator_target_losses(maps: Outputs, networks: Networks, method: MethodConfig) -> Losses:
    """The target half of the discriminators' loss. Paper: Eq. (2), Sec. 3.1."""
    adversary = _adversary(method)
    return {
        f"d_{head}_target": target_discrimination_loss(judge(maps[head]), adversary)
        for head, judge in networks.discriminators.items()
    }


def target_losses(
    outputs: Outputs, maps: Outputs, pseudo_labels: Tensor | None, networks: Networks, method: MethodConfig
) -> Losses:
    """All terms on target images that the method weighs. Paper: Eq. (4), Sec. 3.2."""
    losses = adversarial_losses(maps, networks, method)
    if method.has_entropy:
        losses |= entropy_losses(outputs)
    if pseudo_labels is not None:
        losses |= self_training_losses(outputs, pseudo_labels)
    return losses


def loss_weights(method: MethodConfig) -> Mapping[str, float]:
    """The weight of every term by name; the discriminators' own terms have weight 1."""
    return {
        "seg_main": 1.0,
        "seg_aux": method.lambda_seg_aux,
        "sl_main": method.lambda_sl,
        "sl_aux": method.lambda_sl * method.lambda_seg_aux,
        "adv_main": method.lambda_adv_main,
        "adv_aux": method.lambda_adv_aux,
        "ent_main": method.lambda_ent_main,
        "ent_aux": method.lambda_ent_aux,
    }


def total(losses: Losses, weights: Mapping[str, float]) -> Tensor:
    """The weighted sum."""
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()


@dataclass(frozen=True, kw_only=True)
class Differentiation:
    """How gradients are taken: plainly, or through an engine that scales and shares them out over ranks."""

    backward: Callable[[Tensor], None]
    without_sync: Callable[[nn.Module], AbstractContextManager[object]]
    """Context in which a network's gradients are not yet reduced over ranks: more of them follow."""


def accumulate_gradients(networks: Networks, batch: Batch, method: MethodConfig, how: Differentiation) -> Losses:
    """Add the gradients of one batch to every network, and return all terms, detached and unweighted.

    Source, target and discriminators are differentiated one after the other, all at the weights before the step, so
    that the peak of memory is that of the larger of the two passes. Paper: Sec. 3.1-3.2.
    """
    weights = loss_weights(method)
    if batch.target_images is None:
        losses = source_losses(predict(networks.segmenter, batch.source_images), batch.source_labels)
        how.backward(total(losses, weights))
        return _detached(losses)
    for judge in networks.discriminators.values():
        judge.requires_grad_(False)
    with how.without_sync(networks.segmenter):
        on_source = predict(networks.segmenter, batch.source_images)
        losses = source_losses(on_source, batch.source_labels)
        how.backward(total(losses, weights))
    source_maps = judged_maps(_detached(on_source), networks, method)
    del on_source
    on_target = predict(networks.segmenter, batch.target_images)
    target_maps = judged_maps(on_target, networks, method)
    with ExitStack() as frozen:
        # A forward pass makes ready for the reduction that its backward ends with; a judge that stands still has none.
        for judge in networks.discriminators.values():
            frozen.enter_context(how.without_sync(judge))
        of_target = target_losses(on_target, target_maps, batch.pseudo_labels, networks, method)
    how.backward(total(of_target, weights))
    return _detached(losses | of_target) | _discriminator_gradients(
        source_maps, _detached(target_maps), networks, method, how
    )


def _discriminator_gradients(
    source_maps: Outputs, target_maps: Outputs, networks: Networks, method: MethodConfig, how: Differentiation
) -> Losses:
    losses: Losses = {}
    for head, judge in networks.discriminators.items():
        judge.requires_grad_(True)
        one = Networks(segmenter=networks.segmenter, discriminators={head: judge})
        with how.without_sync(judge):
            source = discriminator_source_losses(source_maps, one, method)
            how.backward(total(source, {}))
        target = discriminator_target_losses(target_maps, one, method)
        how.backward(total(target, {}))
        losses |= source | target
    return _detached(losses)


def _adversary(method: MethodConfig) -> Adversary:
    return Adversary(gan=method.gan, source_label=method.discriminator_source_label)


def _detached(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}
