import torch

from esl.models.deeplab_v2 import NetworkSpec, build_network
from esl.models.translation import Generator, PatchDiscriminator, semantic_logits


def test_published_sizes() -> None:
    with torch.device("meta"):
        assert sum(b.numel() for b in Generator().parameters()) == 11_378_179
        assert sum(b.numel() for b in PatchDiscriminator().parameters()) == 2_764_737
        assert Generator().train()(torch.empty(1, 3, 562, 1024)).shape == (1, 3, 564, 1024)


def test_a_smaller_generator_keeps_size_and_range() -> None:
    translated = Generator(num_blocks=2, width=8).train()(torch.rand(1, 3, 32, 48) * 2 - 1)
    assert translated.shape == (1, 3, 32, 48)
    assert float(translated.detach().abs().max()) <= 1


def test_semantic_logits_pass_a_gradient_to_the_image() -> None:
    network = build_network(NetworkSpec(num_classes=3, backbone="resnet18", multi_level=False)).eval()
    image = torch.zeros(1, 3, 33, 33, requires_grad=True)
    semantic_logits(network, image).sum().backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert float(image.grad.abs().sum()) > 0
