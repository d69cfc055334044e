"""The Lightning callback: the trainer itself where Lightning is installed (an extra), the message where it is not."""

import inspect
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

import trajreg
from trajreg.errors import InputError

PACKAGES = [name for name in ("lightning.pytorch", "pytorch_lightning") if find_spec(name.partition(".")[0])]
installed = pytest.mark.skipif(not PACKAGES, reason="Lightning is not installed")
warnings_of_lightning = pytest.mark.filterwarnings("ignore")  # it warns of workers, loggers and its own dependencies


def test_without_lightning_the_extra_is_named():
    code = """
import sys
sys.modules["lightning"] = sys.modules["lightning.pytorch"] = sys.modules["pytorch_lightning"] = None
from trajreg.errors import InputError
try:
    import trajreg.trajectory.lightning
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'trajreg[lightning]'" in done.stdout, done.stderr


def batches():
    generator = torch.Generator().manual_seed(3)
    inputs, targets = torch.randn(48, 6, generator=generator), torch.randint(0, 3, (48,), generator=generator)
    return list(zip(inputs.split(8), targets.split(8), strict=True))


def make_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def make_optimizer(net):
    groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[2].parameters(), "lr": 0.02}]
    return torch.optim.SGD(groups, momentum=0.5)


def by_hand(num_epochs, accumulate):
    net = make_net()
    optimizer = make_optimizer(net)
    recorder = trajreg.TrajectoryRecorder(optimizer.param_groups)
    for _ in range(num_epochs):
        for start in range(0, 6, accumulate):
            optimizer.zero_grad()
            losses = [
                nn.functional.cross_entropy(net(x), y) / accumulate for x, y in batches()[start : start + accumulate]
            ]
            for loss in losses:
                loss.backward()
            with recorder.step(torch.stack(losses).sum(), lr=[group["lr"] for group in optimizer.param_groups]):
                optimizer.step()
    return recorder.finish().regularity()


def by_lightning(folder, num_epochs, accumulate=1, checkpoint=None):
    lightning = import_module(PACKAGES[0])
    from trajreg.trajectory.lightning import RegularityCallback

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = make_net()

        def training_step(self, batch, index):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return make_optimizer(self.net)

    callback = RegularityCallback()
    trainer = lightning.Trainer(
        max_epochs=num_epochs,
        accumulate_grad_batches=accumulate,
        callbacks=[callback, lightning.callbacks.ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)],
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = torch.utils.data.DataLoader(batches(), batch_size=None)
    trainer.fit(Module(), loader, ckpt_path=checkpoint)
    return callback.table


@installed
@warnings_of_lightning
@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_table_is_that_of_a_loop_by_hand(accumulate, tmp_path):
    np.testing.assert_array_equal(by_lightning(tmp_path, 3, accumulate), by_hand(3, accumulate))


@installed
@warnings_of_lightning
def test_a_training_resumed_from_a_checkpoint_has_the_same_table(tmp_path):
    whole = by_lightning(tmp_path, 4)
    resumed = by_lightning(tmp_path / "again", 4, checkpoint=str(tmp_path / "epoch=1.ckpt"))
    np.testing.assert_array_equal(resumed, whole)


@installed
@warnings_of_lightning
def test_the_keywords_are_those_of_the_recorder():
    from trajreg.trajectory.lightning import RegularityCallback

    recorder, callback = (
        {name: one.default for name, one in inspect.signature(call).parameters.items()}
        for call in (trajreg.TrajectoryRecorder, RegularityCallback)
    )
    del recorder["parameters"]
    assert callback == recorder
    with pytest.raises(InputError, match=r"no recording: it begins and ends with the training"):
        RegularityCallback().on_train_end(None, None)
