"""The callback of Hugging Face's Trainer, against that Trainer: the table is that of the same training written out by hand."""

import shutil
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import trajreg
from trajreg.errors import InputError

transformers = pytest.importorskip("transformers", reason="transformers is an extra", exc_type=ImportError)
pytestmark = pytest.mark.filterwarnings("ignore")  # it warns of its own dependencies

STEPS, BATCH = 6, 4


@pytest.fixture(autouse=True)
def no_library_called_datasets(monkeypatch):
    """The folder `datasets/` of a checkout, where archives are put, looks like that library to Trainer."""
    monkeypatch.setattr("transformers.trainer.is_datasets_available", lambda: False)


def model():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=17, n_positions=8, n_embd=12, n_layer=1, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    return transformers.GPT2LMHeadModel(config)


def tokens(count=200):
    """Some labels are left out, so that mini-batches differ in how many tokens their mean is over."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(0, 17, (count, 8), generator=generator)
    labels = rows.masked_fill(torch.rand(rows.shape, generator=generator) < 0.3, -100)
    return [{"input_ids": row, "labels": label} for row, label in zip(rows, labels, strict=True)]


class InOrder(transformers.Trainer):
    """One that takes the mini-batches as they come, so that a loop by hand can do so too."""

    def _get_train_sampler(self, *given):
        return torch.utils.data.SequentialSampler(self.train_dataset)


def trainer(folder, **options):
    settings = {
        "output_dir": str(folder),
        "max_steps": STEPS,
        "per_device_train_batch_size": BATCH,
        "learning_rate": 0.01,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
        "seed": 3,
        "max_grad_norm": 0.5,
        "weight_decay": 0.1,
    }
    args = transformers.TrainingArguments(**settings | options)
    return InOrder(model=model(), args=args, train_dataset=tokens(), eval_dataset=tokens(8))


def recorded(folder, resume=None, estimator="store", in_checkpoints=False, **options):
    from trajreg.trajectory.transformers import RegularityCallback

    one = trainer(folder, **options)
    callback = RegularityCallback(one, estimator, in_checkpoints=in_checkpoints)
    one.train(resume_from_checkpoint=resume)
    return callback, one


def by_hand(one, accumulate):
    """The same training as a loop: the loss of a step is a sum over the tokens of all its mini-batches, over the number of labels."""
    net, batches = model(), iter(one.get_train_dataloader())
    decayed = one.get_decay_parameter_names(net)
    named = list(net.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [tensor for name, tensor in named if name in decayed], "weight_decay": 0.1},
            {"params": [tensor for name, tensor in named if name not in decayed], "weight_decay": 0.0},
        ],
        lr=0.01,
    )
    recorder = trajreg.TrajectoryRecorder(optimizer)
    for step in range(STEPS):
        parts = [next(batches) for _ in range(accumulate)]
        tokens = sum(int((part["labels"] != -100).sum()) for part in parts)
        losses = [net(**part, num_items_in_batch=torch.tensor(tokens)).loss for part in parts]
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 - step / STEPS)
        optimizer.zero_grad()
        sum(losses).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        with recorder.step(sum(losses)):
            optimizer.step()
    return recorder.finish().regularity()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_table_is_that_of_a_loop_by_hand(accumulate, tmp_path):
    callback, one = recorded(tmp_path, gradient_accumulation_steps=accumulate)
    expected = by_hand(trainer(tmp_path, gradient_accumulation_steps=accumulate), accumulate)
    assert len(callback.table) == STEPS
    pd.testing.assert_frame_equal(callback.table, expected, rtol=1e-4)
    assert callback.trajectory.estimator == "store"
    assert one.model is one.model_wrapped


def test_the_weights_are_those_of_a_training_without_it(tmp_path):
    watched = recorded(tmp_path)[1]
    alone = trainer(tmp_path)
    alone.train()
    for one, other in zip(watched.model.parameters(), alone.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_training_resumed_from_a_checkpoint_has_the_same_table(tmp_path):
    options = {"save_strategy": "steps", "save_steps": 2, "in_checkpoints": True}
    whole = recorded(tmp_path, **options)[0].table
    assert (tmp_path / "checkpoint-4" / "trajreg.pt").is_file()
    resumed = recorded(tmp_path, resume=str(tmp_path / "checkpoint-4"), **options)[0].table
    pd.testing.assert_frame_equal(resumed, whole)


def test_the_recording_is_that_of_the_checkpoint_it_resumes_from(tmp_path):
    """Not the one of the same step that lies where checkpoints are saved now."""
    options = {"save_strategy": "steps", "save_steps": 2, "in_checkpoints": True}
    whole = recorded(tmp_path / "one", **options)[0].table
    (tmp_path / "one").rename(tmp_path / "moved")
    recorded(tmp_path / "other", learning_rate=0.03, **options)
    resumed = recorded(tmp_path / "other", resume=str(tmp_path / "moved" / "checkpoint-4"), **options)[0].table
    pd.testing.assert_frame_equal(resumed, whole)


def test_the_recording_of_another_training_is_refused(tmp_path):
    options = {"save_strategy": "steps", "save_steps": 2, "in_checkpoints": True}
    recorded(tmp_path / "one", **options)
    recorded(tmp_path / "other", learning_rate=0.03, **options)
    shutil.copy(tmp_path / "other" / "checkpoint-4" / "trajreg.pt", tmp_path / "one" / "checkpoint-4")
    with pytest.raises(InputError, match="the recording was left at other weights than these"):
        recorded(tmp_path / "one", resume=str(tmp_path / "one" / "checkpoint-4"), **options)


def test_resumed_without_its_recording_it_says_how_to_have_one(tmp_path):
    options = {"save_strategy": "steps", "save_steps": 2}
    recorded(tmp_path, **options)
    with pytest.raises(
        InputError,
        match=r"resumes from .*checkpoint-4, but .*trajreg.pt is not there: RegularityCallback\(trainer, in_ch",
    ):
        recorded(tmp_path, resume=str(tmp_path / "checkpoint-4"), **options)


def test_the_end_is_where_the_training_ended_not_the_best_checkpoint_it_loads(tmp_path):
    options = {"save_strategy": "steps", "eval_strategy": "steps", "save_steps": 1, "eval_steps": 1}
    plain = recorded(tmp_path / "plain")[0].table
    best = {"load_best_model_at_end": True, "metric_for_best_model": "loss", "greater_is_better": True}
    callback, one = recorded(tmp_path / "best", **options, **best)
    assert not one.state.best_model_checkpoint.endswith(f"checkpoint-{STEPS}")  # else it would show nothing
    pd.testing.assert_frame_equal(callback.table, plain)


@pytest.mark.parametrize(
    ("options", "num_left"), [({}, 3), ({"estimator": "epoch", "steps_per_epoch": 2}, 2)], ids=["store", "epoch"]
)
def test_stopped_by_a_callback_that_comes_later_the_last_step_is_left_out(options, num_left, tmp_path):
    class Stop(transformers.TrainerCallback):
        def on_evaluate(self, args, state, control, **others):
            control.should_training_stop = True

    from trajreg.trajectory.transformers import RegularityCallback

    one = trainer(tmp_path, max_steps=-1, load_best_model_at_end=True, save_strategy="epoch", eval_strategy="epoch")
    one.train_dataset = tokens(16)
    callback = RegularityCallback(one, **options)
    one.add_callback(Stop())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one.train()
    assert len(callback.trajectory.loss) == num_left
    assert any(f"the table has the first {num_left} of 4 steps" in str(one.message) for one in caught)


def test_a_training_that_diverges_keeps_its_good_steps(tmp_path):
    from trajreg.trajectory.transformers import RegularityCallback

    one = trainer(tmp_path)
    step_of, calls = one.training_step, []

    def diverging(*given, **options):
        calls.append(1)
        return step_of(*given, **options) * (float("nan") if len(calls) > 4 else 1)

    one.training_step = diverging
    callback = RegularityCallback(one)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one.train()
    assert len(callback.table) == 4
    assert any("the training diverged: the table has the first 4 of 6 steps" in str(one.message) for one in caught)


def test_a_look_while_it_trains(tmp_path):
    from trajreg.trajectory.transformers import RegularityCallback

    one, seen = trainer(tmp_path), []
    callback = RegularityCallback(one)

    class Look(transformers.TrainerCallback):
        def on_substep_end(self, args, state, control, **others):
            raise AssertionError("no gradients are accumulated here")

        def on_step_begin(self, args, state, control, **others):
            seen.append(len(callback.recorder.so_far()))

    one.add_callback(Look())
    one.train()
    assert seen == [0, 0, 1, 2, 3, 4]
    with pytest.raises(InputError, match="no recording"):
        _ = callback.recorder


def test_trained_twice_it_has_the_table_of_the_second_training(tmp_path):
    callback, one = recorded(tmp_path)
    first = callback.table
    one.train()
    assert len(callback.table) == STEPS
    assert not np.allclose(callback.table["loss"], first["loss"])


def test_what_is_no_trainer_is_refused():
    from trajreg.trajectory.transformers import RegularityCallback

    with pytest.raises(
        InputError, match=r"is given the trainer it records, not str: callback = RegularityCallback\(trainer\)"
    ):
        RegularityCallback("store")


def test_several_processes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(transformers.TrainingArguments, "world_size", 2)
    with pytest.raises(InputError, match="records one process that holds all weights, got 2 processes"):
        recorded(tmp_path)


def test_without_transformers_the_extra_is_named():
    code = """
import sys
sys.modules["transformers"] = None
from trajreg.errors import InputError
try:
    import trajreg.trajectory.transformers
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'trajreg[transformers]'" in done.stdout, done.stderr
