"""Learning rates over time."""

from torch.optim import Optimizer

from esl.config import TrainConfig


def poly_factor(step: int, schedule_steps: int, power: float = 0.9, warmup_steps: int = 0) -> float:
    """Factor on every learning rate at `step`: (1 - step / schedule_steps) ** power, rising linearly in the warm-up."""
    decay: float = (1.0 - min(step, schedule_steps) / schedule_steps) ** power
    return decay * min(1.0, (step + 1) / (warmup_steps + 1))


def set_learning_rates(config: TrainConfig, step: int, *optimizers: Optimizer) -> None:
    """Give each parameter group its `initial_lr` times the factor at `step`."""
    factor = poly_factor(step, config.schedule_steps, config.poly_power, config.warmup_steps)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
