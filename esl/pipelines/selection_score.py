"""The score that the checkpoints of a run are compared by: the network as it is, on the selection split."""

import copy
from collections.abc import Callable

import torch

from esl.config import TrainConfig
from esl.data.dataset import PairDataset
from esl.models.predictor import Predictor
from esl.pipelines.evaluate import report_of
from esl.pipelines.scoring import score
from esl.training.agreement import take_buffers_of_first
from esl.training.engine import Engine
from esl.training.guards import StopRequest
from esl.training.loop import Scores


def chosen_on(config: TrainConfig) -> str:
    """What the best checkpoint of a run is chosen on, in words; empty without a selection split."""
    on = config.selection.data
    warning = ", target labels permitted" if config.selection.allow_target_labels else ""
    return f"{on.dataset} {on.split}{warning}" if on else ""


def evaluator(
    config: TrainConfig, pairs: PairDataset | None, engine: Engine, stop: StopRequest, tell: Callable[[str], None]
) -> Callable[[], Scores] | None:
    """What scores the network on `pairs`, the selection split, each rank a share of it; None where there is none."""
    if pairs is None:
        return None
    size, fabric = config.selection.data.size, engine.fabric
    if config.selection.allow_target_labels:
        tell(
            f"Checkpoints are compared on {config.selection.data.dataset} {config.selection.data.split}, which may be labels "
            "of the target domain."
        )

    def evaluate() -> Scores:
        share = (fabric.global_rank, fabric.world_size)
        take_buffers_of_first(engine.segmenter, fabric.world_size)
        network = predictor_of(engine)
        matrix = score(network.predict, pairs, size, device=network.device, share=share, should_stop=stop)
        if fabric.world_size > 1:
            summed = fabric.all_reduce(torch.from_numpy(matrix.counts).to(fabric.device), reduce_op="sum")
            assert isinstance(summed, torch.Tensor)
            matrix.counts = summed.cpu().numpy()
        how = f"input {size[0]}x{size[1]}, fp32"
        report = report_of(matrix, pairs, protocol="advent", how=how, predictions="run")
        return {
            "miou": report.miou,
            "iou": report.iou,
            "split": f"{pairs.name} {pairs.split}",
            "protocol": report.protocol,
        }

    return evaluate


def predictor_of(engine: Engine) -> Predictor:
    """A copy of a run's network as it is now, which training does not change."""
    network = copy.deepcopy(engine.segmenter).to(memory_format=torch.contiguous_format)
    return Predictor(network, engine.info({}), device=engine.fabric.device.type, precision="fp32")
