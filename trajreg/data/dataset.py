"""A data set: whole tensors and their checksum."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch

Task = Literal["classification", "segmentation", "regression"]
Side = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Dataset:
    """Training and test samples as whole tensors.

    inputs (N, ...) float32; targets int64 (N,) for classification, int64 (N, H, W) for segmentation (−100 is no class),
    float32 (N, num_classes) for regression, where num_classes counts the outputs.
    """

    name: str
    task: Task
    train_inputs: torch.Tensor
    train_targets: torch.Tensor
    test_inputs: torch.Tensor
    test_targets: torch.Tensor
    num_classes: int
    checksum: str

    @classmethod
    def of(cls, name: str, task: Task, train: Side, test: Side, num_classes: int) -> Self:
        """A data set of (inputs, targets) to train on and to test on, with the checksum of the four tensors."""
        return cls(name, task, *train, *test, num_classes, checksum(*train, *test))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.train_inputs.shape[1:])

    def to(self, device: torch.device | str) -> Self:
        """The same data on `device`."""
        tensors = ("train_inputs", "train_targets", "test_inputs", "test_targets")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})


def checksum(*tensors: torch.Tensor) -> str:
    """SHA-256 (hexadecimal) over the dtypes, shapes and bytes of `tensors`, on whatever device they are."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
