"""What a net is trained for: the loss, the mini-batches, and how outputs are scored. One class a task, all of them in TASKS."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from trajreg.data.dataset import Dataset

EVAL_VALUES = 500 * 3 * 32 * 32  # input values of an evaluation batch: bounds its memory whatever the image's size

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


class Task(ABC):
    """Everything about a training that depends on what outputs and targets mean.

    takes: the `Dataset.task` of the data it can be trained on. dense: the net gives an output for every pixel.
    """

    takes: tuple[str, ...]
    dense: bool = False

    @abstractmethod
    def terms(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, …) the loss of each term (a sample, a pixel, an output), and whether it counts: not where there is no class."""

    @abstractmethod
    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean of the terms that count, which a step of training makes smaller."""

    def batches(self, data: Dataset, order: torch.Tensor | None) -> Batches:
        """(inputs, targets) of each step of an epoch: the rows of `order` (steps, batch_size), or all samples as they are."""
        if order is None:
            yield data.train_inputs, data.train_targets
            return
        for batch in order:
            yield data.train_inputs[batch], data.train_targets[batch]

    def tally(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | None:
        """(2,) how many of a mini-batch are right, and how many there are; None where nothing is right or wrong."""
        return None

    def counts(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor | None:
        """What `scores` needs of a batch of test samples, to be added up over batches; None where there is nothing to count."""
        return None

    def scores(self, counts: torch.Tensor) -> dict[str, float]:
        """How good a net is on the test set, beside its loss."""
        return {}


class Classification(Task):
    """Cross-entropy of samples with an integer label."""

    takes = ("classification",)

    def terms(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return functional.cross_entropy(outputs, targets, reduction="none"), targets >= 0

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs, targets)

    def tally(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.stack([(outputs.argmax(dim=1) == targets).sum(), (targets >= 0).sum()])

    def counts(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(C, C) how often each class (row) was taken for each (column), float64 on the CPU."""
        known, num_classes = targets >= 0, outputs.shape[1]
        pairs = targets[known] * num_classes + outputs.argmax(dim=1)[known]
        return torch.bincount(pairs.cpu(), minlength=num_classes**2).view(num_classes, num_classes).double()

    def scores(self, counts: torch.Tensor) -> dict[str, float]:
        return {"test_accuracy": float(counts.trace() / counts.sum())}


class Segmentation(Classification):
    """Cross-entropy of pixels; those without a class (target −100) count nowhere. A mini-batch without any has loss 0.

    The mean IoU is the mean over classes that occur in targets or predictions of intersection / union over the whole test set.
    """

    takes = ("segmentation",)
    dense = True

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        # PyTorch's own mean over pixels has no deterministic kernel on CUDA
        losses, known = self.terms(outputs, targets)
        return losses.sum() / known.sum().clamp(min=1)

    def scores(self, counts: torch.Tensor) -> dict[str, float]:
        union = counts.sum(0) + counts.sum(1) - counts.diag()
        return super().scores(counts) | {"test_mean_iou": float((counts.diag() / union)[union > 0].mean())}


class Regression(Task):
    """Half the mean squared error over all outputs."""

    takes = ("regression",)

    def terms(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return functional.mse_loss(outputs, targets, reduction="none") / 2, torch.ones_like(targets, dtype=torch.bool)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.mse_loss(outputs, targets) / 2


class OneHotMSE(Classification):
    """½‖outputs − one-hot label‖² of samples, as the edge-of-stability literature trains with (arXiv 2103.00065)."""

    def terms(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        wanted = functional.one_hot(targets, outputs.shape[1]).to(outputs)
        return (outputs - wanted).square().sum(dim=1) / 2, targets >= 0

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self.terms(outputs, targets)[0].mean()


TASKS: dict[str, Task] = {
    "classification": Classification(),
    "segmentation": Segmentation(),
    "regression": Regression(),
    "one_hot_mse": OneHotMSE(),
}


@torch.no_grad()
def evaluate(model: nn.Module, task: Task, data: Dataset) -> dict[str, float]:
    """test_loss, the mean over all terms of the test set that count, and the task's scores; in eval mode, the net's mode comes back."""
    was_training = model.training
    model.eval()
    total, count, counts = 0.0, 0, None
    for outputs, targets in _outputs(model, data.test_inputs, data.test_targets):
        if known := int(task.terms(outputs, targets)[1].sum()):  # a batch without any class has no mean
            total, count = total + float(task.loss(outputs, targets)) * known, count + known
        more = task.counts(outputs, targets)
        counts = more if counts is None or more is None else counts + more
    model.train(was_training)
    return {"test_loss": total / count if count else float("nan")} | ({} if counts is None else task.scores(counts))


@torch.no_grad()
def sample_losses(
    model: nn.Module, task: Task, inputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(N,) the loss of each sample in eval mode, and (N,) how many terms it sums (pixels with a class, outputs), float64 on the CPU.

    Σ losses / Σ terms over a mini-batch is its mean loss, `Task.loss`, of a net whose outputs are the same in both modes.
    """
    was_training = model.training
    model.eval()
    sums, counts = [], []
    for outputs, wanted in _outputs(model, inputs, targets):
        losses, known = task.terms(outputs, wanted)
        sums.append(losses.double().view(len(wanted), -1).sum(dim=1).cpu())
        counts.append(known.double().view(len(wanted), -1).sum(dim=1).cpu())
    model.train(was_training)
    return torch.cat(sums), torch.cat(counts)


def _outputs(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> Batches:
    batch = max(1, EVAL_VALUES // inputs[0].numel())
    for some, wanted in zip(inputs.split(batch), targets.split(batch), strict=True):
        yield model(some), wanted
