"""γ from a log that has not every step, under a schedule: against a recorder that saw every step."""

import numpy as np
import pandas as pd
import pytest
import torch

import trajreg
from trajreg.checkpoints.logged_stretches import logged_stretches
from trajreg.metrics.aggregate import over_stretches

NUM_STEPS, EVERY = 100, 25
EDGES = list(range(0, NUM_STEPS + 1, EVERY))
SCHEDULES = {
    "constant": np.full(NUM_STEPS, 0.3),
    "linear": 0.3 * (1 - np.arange(NUM_STEPS) / NUM_STEPS),
    "by row": np.repeat([0.3, 0.1, 0.1, 0.01], EVERY),
}
INTERPOLATED = "the learning rate is taken to be linear between the rows that have one"
VARIES = "the learning rate varies within rows, of whose losses the mean alone is known"


def train(rates):
    """Checkpoints every 25 steps, the log of every step as (step, loss, lr), counted as done, and γ of each stretch as recorded."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    inputs, targets = torch.randn(64, 8), torch.randint(0, 2, (64,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    recorder, checkpoints, losses = trajreg.TrajectoryRecorder(optimizer), [], []
    for step, rate in enumerate(rates):
        if step % EVERY == 0:
            checkpoints.append({name: one.clone() for name, one in net.state_dict().items()})
        optimizer.param_groups[0]["lr"] = float(rate)
        chosen = torch.randint(0, 64, (16,))
        loss = torch.nn.functional.cross_entropy(net(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        with recorder.step(loss):
            optimizer.step()
        losses.append(loss.item())
    log = pd.DataFrame({"step": np.arange(1, NUM_STEPS + 1), "loss": losses, "lr": rates})
    table = recorder.finish().regularity()
    return [*checkpoints, net.state_dict()], log, over_stretches(table, table["step"] // EVERY)["gamma"].to_numpy()


@pytest.fixture(scope="module", params=SCHEDULES)
def schedule(request):
    return request.param, *train(SCHEDULES[request.param])


@pytest.fixture(scope="module")
def linear():
    return train(SCHEDULES["linear"])


def means(log, every=EVERY):
    """Rows of the mean loss and the last learning rate of so many steps, as Hugging Face's trainer writes them."""
    rows = log.groupby((log["step"] - 1) // every)
    return pd.DataFrame({"step": rows["step"].last(), "loss": rows["loss"].mean(), "lr": rows["lr"].last()})


def gamma(checkpoints, folder, log, lr=None, **options):
    """γ by a log and perhaps one of learning rates, and what is said of it."""
    paths = {"log": folder / "log.csv", "lr": folder / "lr.csv"}
    log.to_csv(paths["log"], index=False)
    if isinstance(lr, pd.DataFrame):
        lr.to_csv(paths["lr"], index=False)
        lr = paths["lr"]
    known = logged_stretches(paths["log"], EDGES, lr, **options)
    table = trajreg.from_checkpoints(checkpoints, loss=known.loss, lr=known.lr, num_steps=EVERY)
    return table["gamma"].to_numpy(), " ".join(known.notes)


def test_a_log_of_every_step_is_exact(schedule, tmp_path):
    _, checkpoints, log, recorded = schedule
    found, said = gamma(checkpoints, tmp_path, log)
    np.testing.assert_allclose(found, recorded, rtol=1e-10)
    assert "approximate" not in said


def test_means_of_losses_and_the_learning_rate_of_every_step(schedule, tmp_path):
    """Exact where the learning rate is constant in each row; else what loss and learning rate have in common in a row is missing."""
    name, checkpoints, log, recorded = schedule
    found, said = gamma(checkpoints, tmp_path, means(log)[["step", "loss"]], log[["step", "lr"]])
    np.testing.assert_allclose(found, recorded, rtol=0.03 if name == "linear" else 1e-10)
    assert said.endswith(f"γ is approximate: {VARIES}.") == (name == "linear")


def test_a_constant_learning_rate_is_exact_by_sparse_rows_or_as_a_number(tmp_path):
    checkpoints, log, recorded = train(SCHEDULES["constant"])
    for every in (1, 5, EVERY):
        rows = means(log, every)
        for lr in (None, 0.3, rows[["step", "lr"]]):
            found, said = gamma(checkpoints, tmp_path, rows if lr is None else rows[["step", "loss"]], lr)
            np.testing.assert_allclose(found, recorded, rtol=1e-10)
            assert "approximate" not in said


@pytest.mark.parametrize("every", [5, EVERY])
def test_a_linear_schedule_is_found_from_the_last_learning_rate_of_each_row(linear, tmp_path, every):
    """The rates of single steps are exact then, and before the first row too."""
    checkpoints, log, recorded = linear
    found, said = gamma(checkpoints, tmp_path, means(log, every))
    by_step, _ = gamma(checkpoints, tmp_path, means(log, every)[["step", "loss"]], log[["step", "lr"]])
    np.testing.assert_allclose(found, by_step, rtol=1e-10)
    np.testing.assert_allclose(found, recorded, rtol=0.03)
    assert said.endswith(f"γ is approximate: {INTERPOLATED}, and {VARIES}.")


def test_sparse_learning_rates_beside_every_loss(linear, tmp_path):
    checkpoints, log, recorded = linear
    log = log.assign(lr=log["lr"].where(log["step"] % 10 == 1))
    found, said = gamma(checkpoints, tmp_path, log)
    np.testing.assert_allclose(found, recorded, rtol=1e-10)
    assert said.endswith(f"γ is approximate: {INTERPOLATED}.")
    assert "not of every step" not in said


def test_the_learning_rate_before_the_first_row_counts(tmp_path):
    """Rows at 25, 50 … of a net that is warmed up to 0.2 in the first, by 0.01 a step: it is not taken for constant there."""
    rows = pd.DataFrame({"step": EDGES[1:], "loss": 1.0, "lr": [0.1, 0.2, 0.2, 0.2]})
    rows.to_csv(tmp_path / "log.csv", index=False)
    known = logged_stretches(tmp_path / "log.csv", EDGES)
    slope = 0.1 / 25
    np.testing.assert_allclose(known.lr[0], np.mean(0.1 - slope * np.arange(25)))
    np.testing.assert_allclose(known.lr[1], np.mean(0.2 - slope * np.arange(25)))
    np.testing.assert_allclose(known.lr[2:], 0.2)
    assert INTERPOLATED in known.notes[-1]
    later = logged_stretches(tmp_path / "log.csv", EDGES[2:])
    assert "approximate" not in " ".join(later.notes)
    falling = logged_stretches(tmp_path / "log.csv", EDGES[1:])
    assert "approximate" in falling.notes[-1]


def test_a_steep_line_stops_at_zero(tmp_path):
    pd.DataFrame({"step": EDGES[1:], "loss": 1.0, "lr": [0.1, 1.0, 1.0, 1.0]}).to_csv(tmp_path / "a.csv", index=False)
    assert logged_stretches(tmp_path / "a.csv", EDGES).lr[0] == pytest.approx(0.1 / 2)
    pd.DataFrame({"step": [100], "loss": 1.0, "lr": [0.1]}).to_csv(tmp_path / "b.csv", index=False)
    alone = logged_stretches(tmp_path / "b.csv", [0, 100])
    assert alone.lr[0] == pytest.approx(0.1)
    assert INTERPOLATED in alone.notes[-1]


@pytest.mark.parametrize("counts_from", [0, 1])
def test_both_files_count_steps_alike(linear, tmp_path, counts_from):
    checkpoints, log, recorded = linear
    log = log.assign(step=log["step"] - 1 + counts_from)
    for given in (None, counts_from):
        found, said = gamma(checkpoints, tmp_path, log[["step", "loss"]], log[["step", "lr"]], counts_from=given)
        np.testing.assert_allclose(found, recorded, rtol=1e-10)
        assert (f"--counts-from {1 - counts_from}" in said) == (given is None)


def test_how_steps_are_counted_may_be_said(linear, tmp_path):
    """A log counted from 0 that goes on after the checkpoints and does not begin at 0 looks like one of steps as done."""
    _, log, _ = linear
    rows = log.assign(step=log["step"] - 1)[4::5]
    rows.to_csv(tmp_path / "log.csv", index=False)
    guessed = logged_stretches(tmp_path / "log.csv", EDGES[:3])
    assert guessed.notes[0].endswith("count steps as done: row s is after s steps. If it is not: --counts-from 0.")
    said = logged_stretches(tmp_path / "log.csv", EDGES[:3], counts_from=0)
    assert said.notes[0] == "The log is taken to count steps from 0: row s is the step after which s + 1 are done."
    of_all = logged_stretches(tmp_path / "log.csv", EDGES)
    np.testing.assert_allclose(said.loss, of_all.loss[:2], rtol=1e-12)
    assert np.abs(guessed.loss / said.loss - 1).max() > 1e-3


def test_a_day_in_a_name_is_no_reason_for_a_large_array(tmp_path):
    pd.DataFrame({"step": [10**12, 2 * 10**12], "loss": 1.0, "lr": 0.1}).to_csv(tmp_path / "log.csv", index=False)
    known = logged_stretches(tmp_path / "log.csv", [0, 10**12, 2 * 10**12])
    np.testing.assert_allclose(known.lr, 0.1)
