"""Random crops and flips of mini-batches of images, and of masks with them, on the device that they are on."""

from collections.abc import Iterable, Iterator

import torch
from torch.nn import functional

from trajreg.data.dataset import Dataset, Side
from trajreg.data.spec import AugmentSpec
from trajreg.errors import InputError

NO_CLASS = -100  # the target of a pixel from outside the image


class Augmentation:
    """What an `AugmentSpec` does to the mini-batches of a data set.

    padding: pixels, now that the image is known. Raises InputError where it is not less than the image's shorter side.
    """

    def __init__(self, spec: AugmentSpec, data: Dataset):
        side = min(data.input_shape[-2:])
        self.padding = side // 8 if spec.padding is None else spec.padding
        if self.padding >= side:
            raise InputError(
                f"data.augment.padding = {self.padding} could move the images of {data.name} out of sight: "
                f"it has to be less than their shorter side, {side} pixels"
            )
        self._flip, self._masks, self._device = spec.flip, data.task == "segmentation", data.train_inputs.device

    def of(self, batches: Iterable[Side], shape: tuple[int, int], generator: torch.Generator) -> Iterator[Side]:
        """The mini-batches of an epoch, moved; `shape` is (steps, batch size). All numbers are drawn on the CPU beforehand.

        The first draws are the corners of the crops, (steps, batch size, 2) integers from 0 to 2 · padding, then come the flips.
        """
        corners = torch.randint(2 * self.padding + 1, (*shape, 2), generator=generator).to(self._device)
        flips = torch.randint(2, shape, generator=generator).bool().to(self._device)
        for (inputs, targets), corner, flip in zip(batches, corners, flips & self._flip, strict=True):
            masks = moved(targets[:, None], self.padding, corner, flip, NO_CLASS)[:, 0] if self._masks else targets
            yield moved(inputs, self.padding, corner, flip), masks


def moved(
    images: torch.Tensor, padding: int, corners: torch.Tensor, flips: torch.Tensor, outside: float = 0
) -> torch.Tensor:
    """(N, C, H, W) images, padded on all four sides with `outside`, cropped to H × W with the upper left corner at `corners`, then flipped.

    Args:
        corners: (N, 2) row and column in the padded image, from 0 to 2 · padding; `padding` in both leaves an image where it is.
        flips: (N,) which are flipped left to right.
    """
    height, width = images.shape[-2:]
    rows = corners[:, :1] + torch.arange(height, device=images.device)
    across = torch.arange(width, device=images.device).expand(len(images), -1)
    columns = corners[:, 1:] + torch.where(flips[:, None], width - 1 - across, across)
    pixels = rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]
    padded = functional.pad(images, (padding,) * 4, value=outside).flatten(2)
    return padded.gather(2, pixels.flatten(1)[:, None].expand(-1, images.shape[1], -1)).view(images.shape)
