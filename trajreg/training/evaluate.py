"""Losses, accuracies and mean IoU."""

import torch
from torch import nn
from torch.nn import functional

from trajreg.data.dataset import Dataset

EVAL_BATCH = 500


def loss_function(task: str):
    """The mean mini-batch loss of a task: cross-entropy over samples or pixels, or half the mean squared error."""
    if task == "regression":
        return lambda outputs, targets: functional.mse_loss(outputs, targets) / 2
    return functional.cross_entropy


def num_correct(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """How many class labels (of samples or pixels) are right, as a tensor on the device."""
    return (outputs.argmax(dim=1) == targets).sum()


@torch.no_grad()
def evaluate(model: nn.Module, data: Dataset) -> dict[str, float]:
    """Loss and, where there are classes, accuracy on the test set in eval mode; mean IoU too for segmentation.

    Accuracy is over pixels for segmentation. Mean IoU is the mean over classes that occur in targets or predictions of
    intersection / union over the whole test set; ignored pixels (target −100) count nowhere.
    """
    was_training = model.training
    model.eval()
    loss_of, classes = loss_function(data.task), data.num_classes
    total, confusion = 0.0, torch.zeros(classes * classes, dtype=torch.int64)
    for start in range(0, len(data.test_inputs), EVAL_BATCH):
        inputs, targets = data.test_inputs[start : start + EVAL_BATCH], data.test_targets[start : start + EVAL_BATCH]
        outputs = model(inputs)
        total += float(loss_of(outputs, targets)) * len(inputs)
        if data.task != "regression":
            known = targets >= 0
            pairs = targets[known] * classes + outputs.argmax(dim=1)[known]
            confusion += torch.bincount(pairs.cpu(), minlength=classes * classes)
    model.train(was_training)
    result = {"test_loss": total / len(data.test_inputs)}
    if data.task != "regression":
        counts = confusion.view(classes, classes).double()
        result["test_accuracy"] = float(counts.trace() / counts.sum())
    if data.task == "segmentation":
        union = counts.sum(0) + counts.sum(1) - counts.diag()
        result["test_mean_iou"] = float((counts.diag() / union)[union > 0].mean())
    return result
