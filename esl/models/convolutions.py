"""Convolutions and what follows them, arranged so that a training step does no work for nothing.

Results are those of torch's own modules to the last bits, and so are the key names; only the order of the work differs.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional


def normalised(convolution: nn.Conv2d, norm: nn.Module, x: Tensor) -> Tensor:
    """`norm(convolution(x))`; statistics that stand still are multiplied into the weights instead of into the maps.

    With running statistics a batch norm is `scale * y + shift` per channel, so `scale` may as well meet the few weights
    as the many pixels. The gradient of the weights takes the same way back.

    Args:
        convolution: without a bias of its own.
        norm: batch norm, or what stands in its place (an identity, once it is folded for good).
        x: (B, in, h, w).

    Returns:
        (B, out, h', w').
    """
    if not isinstance(norm, nn.BatchNorm2d) or norm.training:
        result: Tensor = norm(convolution(x))
        return result
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    folded: Tensor = convolution._conv_forward(x, convolution.weight * scale[:, None, None, None], shift)
    return folded


def _learns_on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and torch.is_grad_enabled()


def _as_torch_does(convolution: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = nn.Conv2d._conv_forward(convolution, x, weight, bias)
    return result


class NormalisedSequence(nn.Sequential):
    """Modules one after the other, each convolution together with the batch norm behind it."""

    def forward(self, x: Tensor) -> Tensor:
        """What the last one gives."""
        modules = list(self)
        while modules:
            module = modules.pop(0)
            if isinstance(module, nn.Conv2d) and modules and isinstance(modules[0], nn.BatchNorm2d):
                x = normalised(module, modules.pop(0), x)
            else:
                x = module(x)
        return x


class DepthwiseConv2d(nn.Conv2d):
    """One 3x3 filter per channel. A dilated one runs as plain ones on every d-th row and column, when it is to learn.

    The pixels that a filter of dilation d reads lie on one of d x d coarser grids, so each grid can be filtered as an
    image of its own. On CPUs the gradients of dilated depthwise filters have no fast kernel, those of plain ones do.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        step = self.dilation[0]
        is_plain = step == 1 or self.stride != (1, 1) or self.padding != (step, step)
        if is_plain or not _learns_on_cpu(x):
            return _as_torch_does(self, x, weight, bias)
        height, width = x.shape[-2:]
        filtered = functional.conv2d(_to_grids(x, step), weight, bias, padding=1, groups=self.groups)
        return _from_grids(filtered, step, height, width)


def _to_grids(x: Tensor, step: int) -> Tensor:
    """(B, C, h, w) to (step * step * B, C, ceil(h / step), ceil(w / step)); what is missing is 0, as in the padding."""
    batch, channels, height, width = x.shape
    x = functional.pad(x, (0, -width % step, 0, -height % step))
    # Channels last in memory: rows and columns part without a channel moving.
    pixels = x.permute(0, 2, 3, 1).reshape(batch, x.shape[2] // step, step, x.shape[3] // step, step, channels)
    grids = pixels.permute(2, 4, 0, 1, 3, 5).reshape(-1, x.shape[2] // step, x.shape[3] // step, channels)
    return grids.permute(0, 3, 1, 2)


def _from_grids(grids: Tensor, step: int, height: int, width: int) -> Tensor:
    """The way back from `_to_grids`."""
    _, channels, rows, columns = grids.shape
    pixels = grids.permute(0, 2, 3, 1).reshape(step, step, -1, rows, columns, channels)
    x = pixels.permute(2, 3, 0, 4, 1, 5).reshape(-1, rows * step, columns * step, channels)
    return x[:, :height, :width].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


class FewChannelsConv2d(nn.Conv2d):
    """A dilated 3x3 convolution from many channels to few, as a segmentation head has it.

    Its weight's gradient is one matrix product once the few channels of the output's gradient are laid out nine times;
    torch's own kernel for dilated filters lays out the many channels of the input and takes up to ten times as long on
    a CPU.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if bias is None or not _learns_on_cpu(x) or torch.is_autocast_enabled("cpu"):
            return _as_torch_does(self, x, weight, bias)
        result: Tensor = _FewChannels.apply(x, weight, bias, self.dilation[0])
        return result


class _FewChannels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        x, weight, bias, dilation = args
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        return functional.conv2d(x, weight, bias, padding=dilation, dilation=dilation)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        around = [ctx.dilation, ctx.dilation]
        of_input: Tensor | None = None
        if ctx.needs_input_grad[0]:
            of_input = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, [1, 1], around, around, False, [0, 0], 1, [True, False, False]
            )[0]
        # Tap k of the weight meets input p where the output is p - (k - 1) * dilation: the taps come in reverse.
        taps = functional.unfold(gradient, 3, dilation=ctx.dilation, padding=ctx.dilation)
        product = torch.matmul(taps, x.permute(0, 2, 3, 1).flatten(1, 2)).sum(0)
        of_weight = product.view(weight.shape[0], 3, 3, -1).flip(1, 2).permute(0, 3, 1, 2)
        return of_input, of_weight, gradient.sum((0, 2, 3)), None


class ReLU6(nn.ReLU6):
    """min(max(x, 0), 6). Its gradient is told from the result, so that nothing has to keep the input.

    Torch's own keeps the input, and copies it first where it works in place.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        if not (torch.is_grad_enabled() and x.requires_grad):
            return super().forward(x)
        result: Tensor = _Relu6.apply(x)
        return result


class _Relu6(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, *args: Any) -> Tensor:
        result: Tensor = args[0].clamp(0.0, 6.0)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        gradient: Tensor = torch.ops.aten.hardtanh_backward(gradients[0], result, 0.0, 6.0)
        return gradient
