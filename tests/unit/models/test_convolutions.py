"""What runs in another order gives what torch's own modules give, and the same gradients."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from esl.models.convolutions import DepthwiseConv2d, FewChannelsConv2d, NormalisedSequence, ReLU6


def both_ways(ours: nn.Module, plain: nn.Module, shape: Sequence[int]) -> None:
    """Outputs, and the gradients of weights and of the input, of two modules with the same weights."""
    plain.load_state_dict(ours.state_dict())
    results: list[list[Tensor]] = []
    for module in (ours, plain):
        torch.manual_seed(1)
        x = (3 * torch.randn(*shape)).to(memory_format=torch.channels_last).requires_grad_(True)
        out = module(x)
        inputs = [x, *(p for p in module.parameters() if p.requires_grad)]
        results.append([out, *torch.autograd.grad(out, inputs, torch.randn_like(out))])
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def with_statistics(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert values is not None
        nn.init.uniform_(values, 0.5, 1.5)
    return norm


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("learns", [False, True])
def test_batch_norm_in_the_weights(is_training: bool, learns: bool) -> None:
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, 5, 3, padding=1, bias=False), with_statistics(nn.BatchNorm2d(5)), nn.ReLU()]
    plain = [nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU()]
    ours, theirs = NormalisedSequence(*parts).train(is_training), nn.Sequential(*plain).train(is_training)
    for module in (ours, theirs):
        module[1].requires_grad_(learns)
    both_ways(ours, theirs, (2, 3, 6, 7))
    for own, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(own, other)


def test_a_folded_network_has_an_identity_in_its_place() -> None:
    convolution = nn.Conv2d(3, 5, 1)
    x = torch.randn(1, 3, 4, 4)
    torch.testing.assert_close(NormalisedSequence(convolution, nn.Identity())(x), convolution(x))


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (3, 1)])
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_dilated_depthwise_filters(size: tuple[int, int], dilation: int) -> None:
    torch.manual_seed(0)
    settings = {"padding": dilation, "dilation": dilation, "groups": 6, "bias": False}
    both_ways(DepthwiseConv2d(6, 6, 3, **settings), nn.Conv2d(6, 6, 3, **settings), (2, 6, *size))


@pytest.mark.parametrize("dilation", [6, 24])
def test_few_channels(dilation: int) -> None:
    torch.manual_seed(0)
    settings = {"padding": dilation, "dilation": dilation}
    both_ways(FewChannelsConv2d(32, 3, 3, **settings), nn.Conv2d(32, 3, 3, **settings), (2, 32, 9, 13))


def test_a_head_whose_input_learns_nothing() -> None:
    head = FewChannelsConv2d(8, 3, 3, padding=6, dilation=6)
    head(torch.randn(1, 8, 5, 5)).sum().backward()  # type: ignore[no-untyped-call]
    assert head.weight.grad is not None


def test_relu6_at_its_corners() -> None:
    both_ways(ReLU6(inplace=True), nn.ReLU6(), (1, 4, 9, 9))
    x = torch.tensor([-1.0, 0.0, 3.0, 6.0, 7.0, float("nan")], requires_grad=True)
    for module in (ReLU6(inplace=True), nn.ReLU6()):
        (gradient,) = torch.autograd.grad(module(x).sum(), x)
        assert gradient.tolist() == [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
