"""How large a training is: what estimates of a measure's time and bytes rest on."""

from dataclasses import dataclass

FORWARD = 1 / 3  # of a training step: a forward pass, where the backward pass takes about twice as long
TABLE_BYTES = 12_000  # a table of a few rows with its measurement's manifest: parquet's descriptions of the columns


@dataclass(frozen=True)
class Extent:
    """A training in numbers. num_train: training samples. num_weights: P."""

    num_epochs: int
    steps_per_epoch: int
    batch_size: int
    num_train: int
    num_weights: int

    @property
    def num_steps(self) -> int:
        """T."""
        return self.num_epochs * self.steps_per_epoch
