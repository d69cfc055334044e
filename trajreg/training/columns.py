"""The columns that every training has, whatever is measured of it. Imports no torch."""

from trajreg.columns import Column, Columns

TRAINING_COLUMNS = Columns(
    summary=(
        Column("steps_to_loss", "steps to a training loss", claimable=True, first_below="loss"),
        Column("final_train_loss", "final train loss", claimable=True, compared=True, shown=True),
        Column("final_train_accuracy", "train accuracy"),
        Column("final_test_loss", "final test loss", claimable=True),
        Column("final_test_accuracy", "test accuracy", claimable=True, compared=True, shown=True),
        Column("final_test_mean_iou", "test mean IoU", claimable=True, shown=True),
    ),
    epochs=(
        Column("train_loss", "training loss", unit="loss, mean of the epoch", scale="log"),
        Column("train_accuracy", "training accuracy", unit="accuracy, mean of the epoch"),
        Column("test_loss", "test loss", unit="loss at the epoch's end", scale="log"),
        Column("test_accuracy", "test accuracy", unit="accuracy at the epoch's end"),
        Column("test_mean_iou", "test mean IoU", unit="mean IoU at the epoch's end"),
    ),
)
"""Losses and accuracies: where there are classes, and the mean IoU where every pixel has one."""

ACCURACIES = ("train_accuracy", "test_accuracy", "final_train_accuracy", "final_test_accuracy")
MEAN_IOU = ("test_mean_iou", "final_test_mean_iou")
