"""What is done to the weights after `optimizer.step()`. One class a technique, all of them in AFTER_STEP; imports torch only when used."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from trajreg.schema import Spec

if TYPE_CHECKING:
    from torch import nn

Apply = Callable[[int], None]  # called with the step, from 0 on


class AfterStep(Spec):
    """A technique and its options, which are fields; `name` says which it is."""

    @abstractmethod
    def on(self, model: nn.Module) -> Apply:
        """What changes the weights of this net in place, after each step of the optimiser."""


class MaxNorm(AfterStep):
    """Scale the incoming weights of each unit or filter back to a Euclidean norm of at most `limit`; biases and norms stay.

    Source: Srivastava et al., Dropout, JMLR 15 (2014), section 5.1. A limit above all norms changes no bit.
    """

    name: Literal["max_norm"]
    limit: Annotated[float, Field(gt=0)]

    def on(self, model: nn.Module) -> Apply:
        """See AfterStep; linear and convolutional layers."""
        import torch
        from torch import nn

        # dimension 0 is the units of linear and convolutional layers; a transposed convolution has its inputs there
        weights = [
            layer.weight.detach().transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight.detach()
            for layer in model.modules()
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
        ]

        def apply(step: int) -> None:
            for weight in weights:
                dims = tuple(range(1, weight.ndim))
                norms = torch.linalg.vector_norm(weight, dim=dims, keepdim=True)
                weight.mul_(torch.where(norms > self.limit, self.limit / norms, 1.0))

        return apply


# a second technique makes this a union: Annotated[MaxNorm | Other, Field(discriminator="name")]
AnyAfterStep = MaxNorm
AFTER_STEP: dict[str, type[AfterStep]] = {"max_norm": MaxNorm}
