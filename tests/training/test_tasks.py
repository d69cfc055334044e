"""Every task: its loss against a formula by hand, its terms, its scores, and what it does with samples that have no class."""

import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional

from trajreg.data.dataset import Dataset
from trajreg.data.load import load
from trajreg.training.loop import train
from trajreg.training.session import Session
from trajreg.training.spec import TrainSpec
from trajreg.training.tasks import TASKS, evaluate, sample_losses

LABELS = torch.tensor([0, 2, 1, 2, 0, 1])
MASKS = torch.tensor([[[0, 1], [2, -100]], [[1, 1], [0, 2]]])


def cross_entropy(outputs, targets):
    chosen = outputs.double().log_softmax(dim=1).gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
    return -chosen[targets >= 0].mean()


def half_squares(outputs, targets):
    return (
        sum(float((outputs[i] - torch.eye(3)[label]).double().square().sum() / 2) for i, label in enumerate(targets))
        / 6
    )


# task → shape of the outputs, targets, the loss by hand, how many terms it is the mean of
EXAMPLES = {
    "classification": ((6, 3), LABELS, cross_entropy, 6),
    "segmentation": ((2, 3, 2, 2), MASKS, cross_entropy, 7),
    "regression": ((6, 2), torch.arange(12.0).view(6, 2), lambda o, t: (o - t).double().square().sum() / 24, 12),
    "one_hot_mse": ((6, 3), LABELS, half_squares, 6),
}


def test_every_task_has_an_example():
    assert EXAMPLES.keys() == TASKS.keys()


@pytest.mark.parametrize("name", TASKS)
def test_the_loss_is_the_formulas_and_the_mean_of_its_terms(name):
    shape, targets, by_hand, number = EXAMPLES[name]
    outputs = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3
    loss = float(TASKS[name].loss(outputs, targets))
    assert loss == pytest.approx(float(by_hand(outputs, targets)), rel=1e-6)
    terms, count = TASKS[name].terms(outputs, targets)
    assert terms.shape == count.shape
    assert len(terms) == len(targets)
    assert int(count.sum()) == number
    assert not terms[~count].any()
    assert loss == pytest.approx(float(terms.double().sum() / count.sum()), rel=1e-6)


@pytest.mark.parametrize("name", TASKS)
def test_outputs_that_could_not_be_better_have_loss_0(name):
    _, targets, _, _ = EXAMPLES[name]
    if name == "regression":
        outputs = targets
    else:
        scale = 1.0 if name == "one_hot_mse" else 200.0
        outputs = functional.one_hot(targets.clamp(min=0), 3).movedim(-1, 1) * scale
    assert float(TASKS[name].loss(outputs, targets)) == 0
    tally = TASKS[name].tally(outputs, targets)
    assert tally is None or tally[0] == tally[1]


def test_one_hot_mse_trains():
    one = spec(task="one_hot_mse", model={"name": "mlp", "hidden": [16]}, batch_size=None, num_epochs=60)
    trained = train(Session(one, load(one.data)))
    assert trained.losses[-1] < trained.losses[0] / 2
    assert trained.epochs["train_accuracy"].iloc[-1] > 0.7
    assert {"test_loss", "test_accuracy"} <= set(trained.epochs)


class Perfect(nn.Module):
    """Predicts each pixel's class from an image that holds it, and keeps an eye on its outputs."""

    def __init__(self):
        super().__init__()
        self.outputs, self.alive = [], []

    def forward(self, inputs):
        self.alive.append(sum(one() is not None for one in self.outputs))
        outputs = functional.one_hot(inputs[:, 0].long(), 3).movedim(-1, 1) * 50.0
        self.outputs.append(weakref.ref(outputs))
        return outputs


def segmentation(predicted, targets):
    inputs = predicted[:, None].float()
    return Dataset.of("hand", "segmentation", (inputs, targets), (inputs, targets), 3)


HAND = segmentation(
    torch.tensor([[[0, 0], [1, 1]], [[0, 1], [1, 1]]]), torch.tensor([[[0, 0], [1, 0]], [[0, 1], [-100, 1]]])
)


def test_evaluation_of_a_segmentation_by_hand():
    result = evaluate(Perfect(), TASKS["segmentation"], HAND)
    assert result["test_accuracy"] == pytest.approx(6 / 7)
    assert result["test_mean_iou"] == pytest.approx((3 / 4 + 3 / 4) / 2)  # class 2 occurs nowhere
    assert result["test_loss"] == pytest.approx(50 / 7)


@pytest.mark.parametrize("images", [1, 2, 100])
def test_an_image_without_any_class_counts_nowhere(images, monkeypatch):
    blank, predicted = torch.full((1, 2, 2), -100), HAND.test_inputs[:, 0].long()
    with_blank = segmentation(torch.cat([predicted, predicted[:1]]), torch.cat([HAND.test_targets, blank]))
    monkeypatch.setattr("trajreg.training.tasks.EVAL_VALUES", 4 * images)  # with 2, the last batch is the blank one
    result = evaluate(Perfect(), TASKS["segmentation"], with_blank)
    assert result == pytest.approx(evaluate(Perfect(), TASKS["segmentation"], HAND))


def test_a_test_set_without_any_class_has_no_scores():
    nothing = segmentation(HAND.test_inputs[:, 0].long(), torch.full_like(HAND.test_targets, -100))
    assert all(value != value for value in evaluate(Perfect(), TASKS["segmentation"], nothing).values())


def test_a_mini_batch_without_any_class_has_loss_0_and_no_gradient():
    outputs = torch.randn(2, 3, 2, 2, requires_grad=True)
    loss = TASKS["segmentation"].loss(outputs, torch.full((2, 2, 2), -100))
    loss.backward()
    assert loss == 0
    assert outputs.grad.eq(0).all()


def spec(**changes):
    base = {
        "data": {"name": "digits10", "num_train": 60, "num_test": 50},
        "model": {"name": "mlp", "hidden": [8], "dropout": 0.4, "norm": "batch"},
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
        "batch_size": 20,
        "num_epochs": 1,
    }
    return TrainSpec.parse(base | changes, "test")


@pytest.mark.parametrize("task", ["classification", "one_hot_mse"])
@pytest.mark.parametrize("batch", [1, 7, 50])
def test_evaluation_in_pieces_is_that_of_the_whole(task, batch, monkeypatch):
    one = spec(task=task)
    session = Session(one, load(one.data))
    whole = evaluate(session.model, session.task, session.data)
    whole_samples = sample_losses(session.model, session.task, session.data.test_inputs, session.data.test_targets)
    monkeypatch.setattr("trajreg.training.tasks.EVAL_VALUES", batch * session.data.test_inputs[0].numel())
    assert evaluate(session.model, session.task, session.data) == pytest.approx(whole, rel=1e-6)
    samples = sample_losses(session.model, session.task, session.data.test_inputs, session.data.test_targets)
    torch.testing.assert_close(samples, whole_samples, rtol=1e-5, atol=1e-7)
    assert float(samples[0].sum() / samples[1].sum()) == pytest.approx(whole["test_loss"], rel=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_is_in_eval_mode_and_leaves_the_net_as_it_was(training):
    one = spec()
    session = Session(one, load(one.data))
    session.model.train(training)
    before = {name: value.clone() for name, value in session.model.state_dict().items()}
    results = [evaluate(session.model, session.task, session.data) for _ in range(2)]
    assert results[0] == results[1]  # no mask of dropout is drawn
    assert all(torch.equal(before[name], value) for name, value in session.model.state_dict().items())
    assert {module.training for module in session.model.modules()} == {training}


def test_outputs_of_earlier_batches_are_not_kept(monkeypatch):
    monkeypatch.setattr("trajreg.training.tasks.EVAL_VALUES", 4)
    predicted = torch.arange(40).view(10, 2, 2) % 3
    data, net = segmentation(predicted, predicted), Perfect()
    evaluate(net, TASKS["segmentation"], data)
    sample_losses(net, TASKS["segmentation"], data.test_inputs, data.test_targets)
    assert len(net.alive) == 20
    assert max(net.alive) <= 1


def test_outputs_of_earlier_steps_are_not_kept():
    one, outputs, alive = spec(batch_size=5), [], []
    session = Session(one, load(one.data))
    session.model.register_forward_pre_hook(lambda *_: alive.append(sum(one() is not None for one in outputs)))
    session.model.register_forward_hook(lambda model, inputs, output: outputs.append(weakref.ref(output)))
    with session.running():
        session.run_epoch()
    assert len(alive) == 12
    assert max(alive) <= 1
