"""Losses, accuracies and mean IoU."""

import torch
from torch import nn
from torch.nn import functional

from trajreg.data.dataset import Dataset

EVAL_VALUES = 500 * 3 * 32 * 32  # input values of an evaluation batch: bounds its memory whatever the image's size


def loss_function(task: str):
    """The mean mini-batch loss of a task: cross-entropy over samples or pixels, or half the mean squared error."""
    if task == "regression":
        return lambda outputs, targets: functional.mse_loss(outputs, targets) / 2
    return _pixel_cross_entropy if task == "segmentation" else functional.cross_entropy


def num_correct(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """(2,) how many class labels (of samples or pixels) are right, and how many there are; ignored ones (−100) count nowhere."""
    return torch.stack([(outputs.argmax(dim=1) == targets).sum(), (targets >= 0).sum()])


@torch.no_grad()
def sample_losses(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, task: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """(N,) the loss of each sample in eval mode, and (N,) how many terms it sums (pixels with a class, outputs), float64 on the CPU.

    Σ losses / Σ terms over a mini-batch is its mean loss, `loss_function`, of a net whose outputs are the same in both modes.
    """
    was_training = model.training
    model.eval()
    batch, sums, counts = _batch_size(inputs), [], []
    for some, wanted in zip(inputs.split(batch), targets.split(batch), strict=True):
        if task == "regression":
            terms, known = functional.mse_loss(model(some), wanted, reduction="none") / 2, torch.ones_like(wanted)
        else:
            terms, known = functional.cross_entropy(model(some), wanted, reduction="none"), wanted >= 0
        sums.append(terms.double().view(len(some), -1).sum(dim=1).cpu())
        counts.append(known.double().view(len(some), -1).sum(dim=1).cpu())
    model.train(was_training)
    return torch.cat(sums), torch.cat(counts)


@torch.no_grad()
def evaluate(model: nn.Module, data: Dataset) -> dict[str, float]:
    """Loss and, where there are classes, accuracy on the test set in eval mode; mean IoU too for segmentation.

    Loss and accuracy are over pixels for segmentation. Mean IoU is the mean over classes that occur in targets or predictions of
    intersection / union over the whole test set; ignored pixels (target −100) count nowhere.
    """
    was_training = model.training
    model.eval()
    loss_of, classes = loss_function(data.task), data.num_classes
    total, count, confusion = 0.0, 0, torch.zeros(classes * classes, dtype=torch.int64)
    batch = _batch_size(data.test_inputs)
    for inputs, targets in zip(data.test_inputs.split(batch), data.test_targets.split(batch), strict=True):
        outputs = model(inputs)
        known = torch.ones_like(targets, dtype=torch.bool) if data.task == "regression" else targets >= 0
        total += float(loss_of(outputs, targets)) * int(known.sum())
        count += int(known.sum())
        if data.task != "regression":
            pairs = targets[known] * classes + outputs.argmax(dim=1)[known]
            confusion += torch.bincount(pairs.cpu(), minlength=classes * classes)
    model.train(was_training)
    counts = confusion.view(classes, classes).double()
    result = {"test_loss": total / count}
    if data.task != "regression":
        result["test_accuracy"] = float(counts.trace() / counts.sum())
    if data.task == "segmentation":
        union = counts.sum(0) + counts.sum(1) - counts.diag()
        result["test_mean_iou"] = float((counts.diag() / union)[union > 0].mean())
    return result


def _pixel_cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean over pixels that are not ignored; PyTorch's own mean over pixels has no deterministic kernel on CUDA."""
    return functional.cross_entropy(outputs, targets, reduction="none").sum() / (targets >= 0).sum()


def _batch_size(inputs: torch.Tensor) -> int:
    return max(1, EVAL_VALUES // inputs[0].numel())
