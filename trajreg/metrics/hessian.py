"""The Hessian of a net's mean loss, as products with vectors: no more than a few vectors of P numbers are ever kept."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from trajreg.errors import InputError

Mode = Literal["eval", "train"]
LossFunction = Callable[[Any, Any], torch.Tensor]
Batches = Iterable[tuple[torch.Tensor, Any]]


class NotFinite(InputError):
    """The loss or a product with its Hessian is no finite number, as where a training diverges."""


class Hessian:
    """H = ∇²L(θ) of L = Σ_b n_b ℓ_b / Σ_b n_b, the mean loss over all samples, n_b being the samples of batch b.

    H v is the gradient of ⟨∇L, v⟩: a double backward, batch by batch, so that memory is that of the largest batch. Derivatives are
    taken in the parameters' own type, sums over batches in float64.

    Nothing is left behind, also when something raises: weights, gradients, buffers (running statistics of batch norm), the mode of every
    module and the global random streams are as before. Each pass starts from the same buffers and the same random stream (`seed`), so that
    dropout has the same masks in all of them and H is the Hessian of one function. A loader that shuffles by the global stream gives the
    same order in each pass then; one that shuffles by a generator of its own is refused at the second product.

    Args:
        model: called as `model(inputs)`.
        loss_fn: `loss_fn(outputs, targets)`, the mean loss over the samples of a batch, a scalar.
        batches: pairs (inputs, targets) on the model's device, gone through once a product: a list, or a loader that gives the same
            batches each time. The first axis of `inputs` counts samples. With a mean over something else (pixels that have a label, say)
            L is that over all samples only where every sample has as many.
        mode: "eval", or "train": batch norm with the statistics of each batch (batch sizes matter then), dropout with fixed masks.
        parameters: tensors that make up θ, each one trainable; by default all trainable parameters of the model.
        seed: of the random stream during a pass.

    Attributes:
        size: P, the weights in θ.
        num_products: how many products were computed so far.

    Raises:
        InputError: unknown mode, batches that can be gone through only once, no trainable parameter.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: LossFunction,
        batches: Batches,
        mode: Mode = "eval",
        *,
        parameters: Iterable[torch.Tensor] | None = None,
        seed: int = 0,
    ):
        if mode not in ("eval", "train"):
            raise InputError(f"mode {mode!r} is unknown, choose from 'eval', 'train'")
        if isinstance(batches, Iterator):
            raise InputError("batches can be gone through only once, and every product needs them; give list(batches)")
        self._model, self._loss_fn, self._batches, self._mode, self._seed = model, loss_fn, batches, mode, seed
        self._parameters = _trainable(model, parameters)
        self._losses: list[float] = []
        self.size = sum(one.numel() for one in self._parameters)
        self.num_products = 0

    def product(self, vector: np.ndarray) -> np.ndarray:
        """H v as (P,) float64, from v (P,) in the order of the parameters.

        Raises:
            InputError: a wrong length; no batches; a batch that is not a pair; a loss that is not a finite scalar or has no gradient; a
                product that is not finite; batches whose losses differ from those of the first product (a loader that shuffles).
        """
        if vector.shape != (self.size,):
            raise InputError(f"vector has shape {vector.shape}, should be ({self.size},), a number for each weight")
        direction = self._split(vector)
        sums = [torch.zeros(one.shape, dtype=torch.float64, device=one.device) for one in self._parameters]
        losses, total = [], 0
        # the faster attention kernels have no second derivative
        with _undisturbed(self._model, self._mode, self._seed), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            for index, batch in enumerate(self._batches):
                loss, num_samples = self._loss(index, batch)
                for part, term in zip(sums, self._second_derivative(loss, direction), strict=True):
                    part.add_(term, alpha=num_samples)
                losses.append(loss.detach())
                total += num_samples
                del loss  # and with it the graph, before the next batch makes its own
        self._refuse_other_batches(losses)
        self.num_products += 1
        result = np.concatenate([(part / total).flatten().cpu().numpy() for part in sums])
        if not np.isfinite(result).all():
            raise NotFinite("a product with the Hessian is not finite: the loss has no second derivative here")
        return result

    def _loss(self, index: int, batch: Any) -> tuple[torch.Tensor, int]:
        """The loss of a batch and its number of samples."""
        if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
            raise InputError(f"batch {index} is a {type(batch).__name__}, should be a pair (inputs, targets)")
        inputs, targets = batch
        if not isinstance(inputs, torch.Tensor) or inputs.ndim == 0 or len(inputs) == 0:
            raise InputError(f"the inputs of batch {index} should be a tensor whose first axis counts samples")
        loss = self._loss_fn(self._model(inputs), targets)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            what = tuple(loss.shape) if isinstance(loss, torch.Tensor) else type(loss).__name__
            raise InputError(f"loss_fn gave {what} for batch {index}, should be a scalar: the mean over the batch")
        if not loss.requires_grad:
            raise InputError(f"the loss of batch {index} depends on no trainable parameter; was it detached?")
        if not torch.isfinite(loss):
            raise NotFinite(f"the loss of batch {index} is {loss.item()}, should be finite")
        return loss, len(inputs)

    def _second_derivative(self, loss: torch.Tensor, direction: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """∇⟨∇loss, v⟩, with zeros where there is no path."""
        gradient = torch.autograd.grad(loss, self._parameters, create_graph=True, materialize_grads=True)
        curved = [pair for pair in zip(gradient, direction, strict=True) if pair[0].requires_grad]
        if not curved:  # the loss is linear in all of θ
            return tuple(torch.zeros_like(one) for one in self._parameters)
        outputs, weights = zip(*curved, strict=True)
        return torch.autograd.grad(outputs, self._parameters, weights, materialize_grads=True)

    def _split(self, vector: np.ndarray) -> list[torch.Tensor]:
        """The part of `vector` that belongs to each parameter, of its shape, type and device."""
        parts = torch.split(torch.from_numpy(np.ascontiguousarray(vector)), [one.numel() for one in self._parameters])
        return [part.to(one).view(one.shape) for part, one in zip(parts, self._parameters, strict=True)]

    def _refuse_other_batches(self, losses: list[torch.Tensor]) -> None:
        if not losses:
            raise InputError("batches is empty, give at least one pair (inputs, targets)")
        now, precision = [loss.item() for loss in losses], max(torch.finfo(loss.dtype).eps for loss in losses)
        self._losses = self._losses or now
        remedy = (
            "they must be the same each time, without shuffling or random augmentation; give list(loader) for a loader"
        )
        if len(now) != len(self._losses):
            raise InputError(f"there were {len(self._losses)} batches at first and {len(now)} later: {remedy}")
        difference = np.abs(np.subtract(now, self._losses))
        if difference.max() > 100 * precision * np.abs(self._losses).max():  # more than rounding
            worst = int(difference.argmax())
            pair = f"{self._losses[worst]:.8g} at first and {now[worst]:.8g} later"
            raise InputError(f"the loss of batch {worst} was {pair}, at the same weights: {remedy}")


@contextmanager
def _undisturbed(model: nn.Module, mode: Mode, seed: int) -> Iterator[None]:
    """The model in `mode` and the global random streams seeded; afterwards modes, buffers and streams are as before."""
    before = [(module, module.training, dict(module._buffers)) for module in model.modules()]
    copies = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    cuda = sorted({one.device.index for one in (*model.parameters(), *model.buffers()) if one.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=cuda):
            # torch.manual_seed would also seed devices that are not forked
            for generator in (torch.default_generator, *(torch.cuda.default_generators[index] for index in cuda)):
                generator.manual_seed(seed)
            model.train(mode == "train")
            yield
    finally:
        with torch.no_grad():
            for buffer, copy in copies:
                buffer.copy_(copy)
        for module, training, buffers in before:
            module.training = training
            module._buffers.clear()
            module._buffers.update(buffers)


def _trainable(model: nn.Module, chosen: Iterable[torch.Tensor] | None) -> list[torch.Tensor]:
    """The parameters that were chosen, each once, or all trainable ones."""
    if isinstance(chosen, torch.Tensor):
        raise InputError("parameters is one tensor; give a list of tensors")
    given = [one for one in model.parameters() if one.requires_grad] if chosen is None else list(chosen)
    for index, one in enumerate(given):
        if not isinstance(one, torch.Tensor):
            raise InputError(f"parameters[{index}] is a {type(one).__name__}, not a tensor")
        if not one.requires_grad:
            raise InputError(f"parameters[{index}] needs no gradient; leave it out or make it trainable")
        if not one.is_floating_point():
            raise InputError(f"parameters[{index}] is {one.dtype}; only real floating-point weights have this Hessian")
    if not given:
        raise InputError("the Hessian is that of trainable parameters, and there is none")
    return list({id(one): one for one in given}.values())
