"""Networks and optimisers of a run, on its device, in its precision, over its ranks."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD, Adam, Optimizer

from esl.classes import class_set
from esl.config import TrainConfig
from esl.models.allocator import reuse_freed_memory
from esl.models.deeplab_v2 import DeepLabV2, NetworkSpec, build_network
from esl.models.device import Precision
from esl.models.discriminator import Discriminator
from esl.models.network_file import load_network, load_state
from esl.models.weights import NetworkInfo, load_backbone_init
from esl.training.backends import be_exact, be_quick_or_repeatable
from esl.training.checkpoint import load_optimizer_tensors, optimizer_tensors
from esl.training.local_ranks import is_started_here
from esl.training.step import Batch, Differentiation, Losses, Networks, accumulate_gradients

RANKS_WAIT = timedelta(minutes=10)
"""How long ranks wait for one of them: longer than writing a checkpoint, far shorter than a hung run goes unseen."""


def make_fabric(*, accelerator: str, precision: Precision, devices: int = 1, num_nodes: int = 1) -> Fabric:
    """Fabric for one process or for ranks; started by `local_ranks`, torchrun or srun."""
    be_exact(precision)
    strategy: str | DDPStrategy = "auto"
    if devices * num_nodes > 1:
        # Inside a SLURM job Fabric would take the job's own tasks for the ranks.
        environment = LightningEnvironment() if is_started_here() else None
        strategy = DDPStrategy(cluster_environment=environment, timeout=RANKS_WAIT)
    return Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
    )


def network_spec(config: TrainConfig) -> NetworkSpec:
    """The network that a config asks for."""
    network = config.network
    return NetworkSpec(
        num_classes=class_set(config.class_set).num_classes,
        backbone=network.backbone,
        aspp_branches=network.aspp_branches,
        multi_level=network.multi_level,
        input_normalisation=network.input_normalisation,
        stride_on=network.stride_on,
        output_stride=network.output_stride,
    )


class Engine:
    """The players of a run and their optimisers; knows how to make one update and how to keep itself."""

    def __init__(self, fabric: Fabric, config: TrainConfig, say: Callable[[str], None]) -> None:
        """Build everything from the seed; `say` gets notices (which weights were loaded)."""
        self.fabric, self.config = fabric, config
        torch.manual_seed(config.seed)
        if fabric.device.type == "cpu":
            reuse_freed_memory()
        self.segmenter = build_network(network_spec(config), batch_norm=config.network.batch_norm)
        _freeze_dead_branches(self.segmenter, config.network.aspp_branches)
        if config.init_weights != Path():
            say(_initialise(self.segmenter, config))
        self.discriminators = {h: _discriminator(config) for h in self._judged_heads()}
        self.sgd = self._make_sgd()
        self.adam = self._make_adam()
        self.networks = self._set_up()

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks that learn, unwrapped, by the name of their file."""
        return {"model": self.segmenter, **{f"disc_{head}": d for head, d in self.discriminators.items()}}

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """Those that have something to optimise."""
        return {"sgd": self.sgd} | ({"adam": self.adam} if self.adam is not None else {})

    def _judged_heads(self) -> tuple[str, ...]:
        if not self.config.method.is_adversarial:
            return ()
        return ("main", "aux") if self.config.network.multi_level else ("main",)

    def _make_sgd(self) -> SGD:
        config, groups = self.config, self.segmenter.parameter_groups()
        rates = (config.lr * config.backbone_lr_multiplier, config.lr * config.head_lr_multiplier)
        return SGD(
            [{"params": p, "lr": lr, "initial_lr": lr} for p, lr in zip(groups, rates, strict=True)],
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )

    def _make_adam(self) -> Adam | None:
        if not self.discriminators:
            return None
        lr = self.config.method.discriminator_lr
        parameters = [p for d in self.discriminators.values() for p in d.parameters()]
        return Adam([{"params": parameters, "lr": lr, "initial_lr": lr}], betas=(0.9, 0.99))

    def _set_up(self) -> Networks:
        fabric = self.fabric
        be_quick_or_repeatable(deterministic=self.config.deterministic)
        wrapped = {}
        for name, module in self.modules.items():
            module.train()
            module.to(fabric.device)
            module.to(memory_format=torch.channels_last)
            # Source and target have a size each: two graphs of fixed sizes are quicker than one for any.
            callable_module = cast(nn.Module, torch.compile(module, dynamic=False)) if self.config.compile else module
            wrapped[name] = cast(nn.Module, fabric.setup_module(callable_module))
        self._wrapped_optimizers = [cast(Optimizer, fabric.setup_optimizers(o)) for o in self.optimizers.values()]
        return Networks(
            segmenter=wrapped["model"], discriminators={h: wrapped[f"disc_{h}"] for h in self.discriminators}
        )

    def zero_grad(self) -> None:
        """Forget gradients."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def accumulate(self, batch: Batch, *, is_last: bool) -> Losses:
        """Add a micro-batch's gradients, weighted so that all micro-batches of an update make their mean."""
        share = 1.0 / self.config.accumulate
        fabric = self.fabric

        def without_sync(module: nn.Module) -> AbstractContextManager[object]:
            return fabric.no_backward_sync(cast(Any, module))

        how = Differentiation(backward=lambda loss: fabric.backward(share * loss), without_sync=without_sync)
        with ExitStack() as unfinished:
            for module in () if is_last else (self.networks.segmenter, *self.networks.discriminators.values()):
                unfinished.enter_context(without_sync(module))
            return accumulate_gradients(self.networks, batch, self.config.method, how)

    def gradient_norms(self) -> dict[str, Tensor]:
        """L2 norm of each network's gradient, after reduction over ranks."""
        return {f"grad_norm_{name}": _gradient_norm(module) for name, module in self.modules.items()}

    def update(self) -> None:
        """One step of every optimiser, with the segmentation network's gradient no longer than `max_grad_norm`."""
        if self.config.max_grad_norm > 0:
            clip_grad_norm_(self.segmenter.parameters(), self.config.max_grad_norm)
        for optimizer in self._wrapped_optimizers:
            optimizer.step()

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint holds beside the segmentation network."""
        discriminators = {name: dict(m.state_dict()) for name, m in self.modules.items() if name != "model"}
        slots: dict[str, Tensor] = {}
        for name, optimizer in self.optimizers.items():
            slots |= {f"{name}:{k}": v for k, v in optimizer_tensors(optimizer, self._parameter_names()).items()}
        return {**discriminators, "optim": slots}

    def load(self, folder: Path) -> None:
        """Take weights and optimisers from a checkpoint's folder."""
        for name, module in self.modules.items():
            module.load_state_dict(load_file(folder / f"{name}.safetensors"))
        slots = load_file(folder / "optim.safetensors")
        for name, optimizer in self.optimizers.items():
            own = {k.partition(":")[2]: v for k, v in slots.items() if k.startswith(f"{name}:")}
            load_optimizer_tensors(optimizer, self._parameter_names(), own)

    def _parameter_names(self) -> dict[Tensor, str]:
        return {p: f"{name}.{key}" for name, module in self.modules.items() for key, p in module.named_parameters()}

    def info(self, provenance: Mapping[str, Any]) -> NetworkInfo:
        """What the checkpoint's JSON says of the network."""
        spec = network_spec(self.config)
        return NetworkInfo(**vars(spec), class_set=self.config.class_set, provenance=dict(provenance))


def _gradient_norm(module: nn.Module) -> Tensor:
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    if not gradients:
        return torch.zeros((), device=next(module.parameters()).device)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return norm


def _discriminator(config: TrainConfig) -> Discriminator:
    return Discriminator(class_set(config.class_set).num_classes, config.method.discriminator_width)


def _initialise(network: DeepLabV2, config: TrainConfig) -> str:
    """Load the initial weights; a line for the log."""
    if config.init_part == "backbone":
        return load_backbone_init(network, config.init_weights).to_text()
    start, info = load_network(config.init_weights, class_set=class_set(config.class_set), prefer="latest")
    load_state(network, start.state_dict(), config.init_weights)
    return f"Whole network loaded from {config.init_weights} (sha256 {info.sha256[:12]})."


def _freeze_dead_branches(network: DeepLabV2, num_branches: int) -> None:
    """Branches that are not summed get no gradient; said beforehand, ranks do not wait for one."""
    for head in network.heads():
        for branch in list(head.conv2d_list)[num_branches:]:
            branch.requires_grad_(False)
