"""How often ranks add up gradients: once an update for each network."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch.nn.parallel import DistributedDataParallel

from esl.presets import ADVENT
from esl.training.engine import Engine
from esl.training.step import Batch
from tests.integration.training_world import tiny_config


@pytest.fixture
def fabric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fabric]:
    """A group of one rank, which reduces as often as one of many."""
    for name, value in (("LOCAL_RANK", "0"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    yield Fabric(accelerator="cpu", devices=1, strategy="ddp")
    dist.destroy_process_group()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_gradients_are_reduced_once_an_update(fabric: Fabric, tmp_path: Path, accumulate: int) -> None:
    fabric.launch()
    method = replace(ADVENT, discriminator_width=4)
    engine = Engine(fabric, tiny_config(tmp_path, method=method, accumulate=accumulate), lambda message: None)
    buckets: Counter[str] = Counter()

    def counted(name: str, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        buckets[name] += bucket.is_last()
        done: torch.futures.Future[torch.Tensor] = torch.futures.Future()
        done.set_result(bucket.buffer())
        return done

    wrapped = {"model": engine.networks.segmenter, "judge": engine.networks.discriminators["main"]}
    for name, module in wrapped.items():
        ddp = module._forward_module
        assert isinstance(ddp, DistributedDataParallel)
        ddp.register_comm_hook(name, counted)
    image, label = torch.zeros(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.int64)
    batch = Batch(source_images=image, source_labels=label, target_images=image)
    for number in range(accumulate):
        engine.accumulate(batch, is_last=number == accumulate - 1)
    assert buckets == {"model": 1, "judge": 1}
