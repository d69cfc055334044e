"""`trajreg gamma`: from checkpoints and a log to a table, wherever it is called; what it assumes and what it refuses."""

import csv
import errno
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from safetensors.torch import save_file

import trajreg
from trajreg.checkpoints.order import step_in_name
from trajreg.cli import main

EDGES = (0, 20, 50, 60)
STEPS = np.arange(60)
LOSS, LR = 2.0 * 0.97**STEPS, 0.1 * 0.99**STEPS


def state(step):
    torch.manual_seed(1)
    return {"w": torch.randn(5) * (1 - step / 60), "norm.running_var": torch.full((2,), 9.0 * step)}


def written(folder, name="step_{}.pt", save=torch.save):
    folder.mkdir(exist_ok=True)
    paths = [folder / name.format(step) for step in EDGES]
    for path, step in zip(paths, EDGES, strict=True):
        path.parent.mkdir(exist_ok=True)
        save(state(step), path)
    return paths


def write_csv(path, rows, header=("step", "loss", "lr")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def exact():
    """The table that follows from every step."""
    stretch = np.searchsorted(EDGES, STEPS, side="right") - 1
    lr, weighted = (pd.Series(one).groupby(stretch).sum().to_numpy() for one in (LR, LR * LOSS))
    num_steps = np.diff(EDGES)
    states = [state(step) for step in EDGES]
    return trajreg.from_checkpoints(states, loss=weighted / lr, lr=lr / num_steps, num_steps=num_steps)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a training left checkpoints and the log of every step, counted from 0."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "run")
    write_csv(tmp_path / "losses.csv", zip(STEPS, LOSS, LR, strict=True))
    return tmp_path


def gamma(*arguments):
    """The table that the command writes."""
    assert main(["gamma", *map(str, arguments), "--out", "table.csv"]) == 0
    return pd.read_csv("table.csv")


def same(table, wanted=None, rtol=1e-12):
    wanted = exact() if wanted is None else wanted
    np.testing.assert_allclose(table.to_numpy(dtype=float), wanted.to_numpy(dtype=float), rtol=rtol)
    assert list(table) == list(wanted)


def test_it_says_what_it_found(folder, capsys):
    same(gamma("run", "--log", "losses.csv"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["steps", "loss", "lr", "γ", "rate", "ηγ", "distance", "D"]
    assert [line.split()[0] for line in lines[1:4]] == ["0–20", "20–50", "50–60"]
    assert all(line.endswith("–") for line in lines[1:4])
    assert lines[5:] == [
        "5 weights; left out: norm.running_var.",
        "The log is taken to count steps from 0: row s is the step after which s + 1 are done. If it is not: --counts-from 1.",
        "Checkpoints do not tell the steps between them: D, γ of a random walk and cosines are known of a training that is recorded, "
        "by trajreg.TrajectoryRecorder (docs/own-loop.md).",
    ]


def rows():
    return zip(STEPS, LOSS, LR, strict=True)


LOGS = {
    "done.csv": lambda path: write_csv(
        path, [(s + 1, a, b) for s, a, b in rows()], ("Iteration", "train_loss", "learning_rate")
    ),
    "state.json": lambda path: path.write_text(
        json.dumps(
            {
                "log_history": [
                    *({"step": int(s) + 1, "loss": a, "learning_rate": b} for s, a, b in rows()),
                    {"step": 60, "eval_loss": 1.0},
                    {"step": 60, "train_loss": 9.0, "train_runtime": 3},
                ]
            }
        )
    ),
    "rows.json": lambda path: path.write_text(
        json.dumps([{"iter": int(s), "train/loss": a, "lr": b} for s, a, b in rows()])
    ),
    "log.jsonl": lambda path: path.write_text(
        "\n\n".join(json.dumps({"global_step": int(s), "training_loss": a, "lr": b}) for s, a, b in rows())
    ),
    "log.parquet": lambda path: pd.DataFrame(list(rows()), columns=["step", "train_loss_step", "lr-Adam"]).to_parquet(
        path
    ),
    "blank lines.csv": lambda path: path.write_text(
        "\ufeff\n \n" + "\r\n\r\n".join(["step,loss,lr,,", *(f"{s},{a},{b},," for s, a, b in rows())]), encoding="utf-8"
    ),
    "short rows.csv": lambda path: path.write_text(
        "step,loss,lr,val_loss\n" + "\n".join(f"{s},{a},{b}" for s, a, b in rows())
    ),
    "lightning.csv": lambda path: write_csv(
        path,
        [
            one
            for s, a, b in rows()
            for one in ((s, b, "", ""), (s, "", a, ""), *([(s, "", "", 3.0)] if s % 10 == 9 else []))
        ],
        ("step", "lr-SGD", "train_loss_step", "val_loss"),
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_every_kind_of_log_gives_the_same_table(folder, name):
    LOGS[name](folder / name)
    same(gamma("run", "--log", name))


def test_a_learning_rate_may_be_given(folder, capsys):
    write_csv(folder / "loss.csv", zip(STEPS, LOSS, strict=True), ("step", "loss"))
    write_csv(folder / "lr.csv", zip(STEPS, LR, strict=True), ("step", "lr"))
    same(gamma("run", "--log", "loss.csv", "--lr", "lr.csv"))
    constant = gamma("run", "--log", "losses.csv", "--lr", 0.5)
    assert constant["lr"].tolist() == [0.5] * 3
    np.testing.assert_allclose(constant["loss"][0], LOSS[:20].mean())
    write_csv(folder / "lr.csv", [(0, 0.5), (9, 0.5), (10, 0.25), (59, 0.25)], ("step", "lr"))
    np.testing.assert_allclose(gamma("run", "--log", "loss.csv", "--lr", "lr.csv")["lr"], [0.375, 0.25, 0.25])


def test_columns_and_the_optimal_loss_may_be_named(folder):
    write_csv(folder / "own.csv", [(0, *row) for row in rows()], ("step", "t", "nll", "eta"))
    table = gamma("run", "--log", "own.csv", "--columns", "step=t", "loss=nll", "lr=eta", "--optimal-loss", 0.1)
    np.testing.assert_allclose(table["gap"], exact()["loss"] - 0.1)


def test_a_row_of_several_steps_is_shared_out(folder, capsys):
    """Rows of the mean over ten steps each, at 5, 15, 25 …: half of row 25 is of either side of the checkpoint at 20."""
    write_csv(
        folder / "means.csv",
        [(5, 3.0), (15, 2.0), (25, 1.0), *((step, 0.5) for step in range(35, 66, 10))],
        ("step", "loss"),
    )
    table = gamma("run", "--log", "means.csv", "--lr", 0.1)
    np.testing.assert_allclose(table["loss"], [(5 * 3 + 10 * 2 + 5 * 1) / 20, (5 * 1 + 25 * 0.5) / 30, 0.5])
    said = capsys.readouterr().out
    assert "The log is taken to count steps as done: row s is after s steps." in said
    assert "The log is not of every step: a row's loss is taken for the mean since the row before it." in said
    assert "approximate" not in said
    write_csv(folder / "lr.csv", [(0, 0.1), (30, 0.2), (65, 0.2)], ("step", "lr"))
    gamma("run", "--log", "means.csv", "--lr", "lr.csv")
    assert (
        "γ is approximate: the learning rate is taken to be linear between the rows that have one"
        in capsys.readouterr().out
    )


def test_how_the_log_counts_may_be_said(folder, capsys):
    """Without the row of step 0, and with checkpoints that end before it, a log from 0 looks like one of steps as done."""
    write_csv(folder / "late.csv", list(rows())[4::5])
    first = [f"run/step_{step}.pt" for step in EDGES[:3]]
    guessed = gamma(*first, "--log", "late.csv")
    assert "If it is not: --counts-from 0." in capsys.readouterr().out
    said = gamma(*first, "--log", "late.csv", "--counts-from", 0)
    assert "--counts-from" not in capsys.readouterr().out
    np.testing.assert_allclose(said["loss"], gamma("run", "--log", "late.csv")["loss"][:2], rtol=1e-12)
    assert not np.allclose(guessed["loss"], said["loss"])


def hf_save(content, path):
    path.mkdir()
    save_file(content, path / "model.safetensors")
    torch.save({}, path / "optimizer.pt")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": int(path.name.split("-")[-1])}))


def lightning_save(content, path):
    torch.save({"state_dict": content, "global_step": int(re.findall(r"\d+", path.name)[-1]), "epoch": 3}, path)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("epoch=3-step={}.ckpt", torch.save),
        ("x{}.ckpt", lightning_save),
        ("checkpoint-{}", hf_save),
        ("model_{}.safetensors", save_file),
        ("{}.pth", torch.save),
    ],
)
def test_checkpoints_are_put_in_order(folder, name, save):
    paths = written(folder / "other", name, save)
    torch.save({}, folder / "other" / "optimizer.pt")
    same(gamma("other", "--log", "losses.csv"))
    same(gamma(*reversed(paths), "--log", "losses.csv"))


def test_a_final_model_beside_checkpoints_is_none_of_them(folder):
    written(folder / "hf", "checkpoint-{}", hf_save)
    save_file(state(60), folder / "hf" / "model.safetensors")
    same(gamma("hf", "--log", "losses.csv"))


def refused(capsys, *arguments):
    assert main(["gamma", *map(str, arguments)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_files_beside_folders_of_checkpoints_are_not_left_out_silently(folder, capsys):
    hf_save(state(50), folder / "run" / "best-50")
    kinds = "files and folders that look like checkpoints, step_0.pt … and best-50"
    assert (
        refused(capsys, "run", "--log", "losses.csv")
        == f"error: run has {kinds}: name those that are meant, as run/*.pt\n"
    )
    same(gamma(*sorted((folder / "run").glob("*.pt")), "--log", "losses.csv"))
    save_file(state(60), folder / "run" / "model.safetensors")
    assert f"run has {kinds}: " in refused(capsys, "run", "--log", "losses.csv")


def test_a_link_that_leads_nowhere_is_told(folder, capsys):
    (folder / "run" / "latest").symlink_to("nothing")  # its name is none of a checkpoint
    same(gamma("run", "--log", "losses.csv"))
    moved = (folder / "run" / "step_20.pt").rename(folder / "moved.pt")
    (folder / "run" / "step_20.pt").symlink_to(moved)
    same(gamma("run", "--log", "losses.csv"))
    moved.unlink()
    wanted = f"error: run/step_20.pt is a link to {moved}, where nothing is: mend it, or name the checkpoints that are meant\n"
    assert refused(capsys, "run", "--log", "losses.csv") == wanted
    (folder / "run" / "step_20.pt").rename(folder / "run" / "checkpoint-20")
    assert "run/checkpoint-20 is a link to" in refused(capsys, "run", "--log", "losses.csv")


def test_the_start_may_be_saved_beside_checkpoints_of_a_trainer(folder):
    """As `save_pretrained` writes it, without the state of a trainer."""
    written(folder / "hf", "checkpoint-{}", hf_save)
    (folder / "hf" / "checkpoint-0" / "trainer_state.json").unlink()
    same(gamma("hf", "--log", "losses.csv"))


def test_steps_may_be_given_and_need_not_begin_at_0(folder):
    paths = written(folder / "named", "{}-th.pt")
    renamed = [path.rename(path.with_name(letter + ".pt")) for path, letter in zip(paths, "dbca", strict=True)]
    same(gamma(*renamed, "--log", "losses.csv", "--steps", *EDGES))
    later = gamma(*renamed[1:], "--log", "losses.csv", "--steps", *EDGES[1:])
    assert later["step"].tolist() == [20, 50]
    np.testing.assert_allclose(later["gamma"], exact()["gamma"][1:])


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step=120-v1.ckpt", 120),
        ("iter_0000500", 500),
        ("ckpt12.pt", 12),
        ("global_step100", 100),
        ("resnet_checkpoint-50.pth.tar", 50),
        ("steps-7.pt", 7),
        ("last.ckpt", None),
        ("epoch=3.ckpt", None),
        ("net18_v2.pt", None),
    ],
)
def test_steps_in_names(name, step):
    assert step_in_name(name) == step


def test_copies_of_tied_weights_are_told(folder, capsys):
    for step in EDGES:
        torch.save(
            {"embedding": state(step)["w"], "head": state(step)["w"].clone()}, folder / "run" / f"step_{step}.pt"
        )
    gamma("run", "--log", "losses.csv")
    assert "Copies of each other, which count twice: head = embedding. Tied weights?" in capsys.readouterr().out
    same(gamma("run", "--log", "losses.csv", "--leave-out", "head"))


@pytest.mark.parametrize(("suffix", "read"), [(".parquet", pd.read_parquet), (".json", pd.read_json)])
def test_the_table_in_other_formats(folder, suffix, read):
    out = folder / "new" / f"table{suffix}"
    assert main(["gamma", "run", "--log", "losses.csv", "--out", str(out)]) == 0
    same(read(out))
    assert [one.name for one in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize("option", ["--out=table.csv", "--picture=picture.png"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.ENAMETOOLONG])
def test_what_cannot_be_written_is_one_plain_line(folder, capsys, monkeypatch, option, number):
    def replace(source, target):
        raise OSError(number, os.strerror(number), str(source))

    monkeypatch.setattr(os, "replace", replace)
    before = sorted(folder.iterdir())
    wanted = f"error: {option.replace('=', ' ')} cannot be written: {os.strerror(number)}\n"
    assert refused(capsys, "run", "--log", "losses.csv", option) == wanted
    assert sorted(folder.iterdir()) == before


def test_it_is_said_why_there_is_no_gamma(folder, capsys):
    assert gamma("run", "--log", "losses.csv", "--lr", 0)["gamma"].isna().all()
    assert "There is no γ of steps 0–20, 20–50, 50–60: the learning rate is 0.\n" in capsys.readouterr().out
    table = gamma("run", "--log", "losses.csv", "--optimal-loss", 1)
    assert table["gamma"].isna().tolist() == [False, True, True]
    said = capsys.readouterr().out
    assert "There is no γ of steps 20–50, 50–60: the loss is not above the optimal loss.\n" in said


def test_checkpoints_like_the_last_are_told(folder, capsys):
    torch.save(state(60), folder / "run" / "step_50.pt")
    assert gamma("run", "--log", "losses.csv")["gamma"].iloc[-1] == 0
    wanted = "step_50.pt and step_60.pt have the same weights: γ is 0 where nothing moves. Copies of one checkpoint?\n"
    assert wanted in capsys.readouterr().out


@pytest.mark.parametrize(("suffix", "begin"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_the_picture(folder, suffix, begin):
    path = folder / f"picture{suffix}"
    assert main(["gamma", "run", "--log", "losses.csv", "--picture", str(path)]) == 0
    assert path.read_bytes().startswith(begin)
    assert not any(folder.glob(".picture*"))


BAD_LOGS = {
    "no_lr.csv": "step,loss\n20,2\n50,2\n60,1\n",
    "no_loss.csv": "step,eval_loss,lr\n1,2,.1\n",
    "empty.csv": "",
    "evaluations.csv": "step,loss,lr\n1,,.1\n",
    "text.csv": "step,loss,lr\n1,2,.1\n2,high,.1\n",
    "nan.csv": "step,loss,lr\n1,nan,.1\n",
    "steps.csv": "step,loss,lr\n1,2,.1\n1.5,2,.1\n",
    "huge.csv": "step,loss,lr\n1,2,.1\n99999999999999999999999,2,.1\n",
    "unsorted.csv": "step,loss,lr\n1,2,.1\n3,2,.1\n2,2,.1\n",
    "repeated.csv": "step,loss,lr\n1,2,.1\n3,2,.1\n3,2,.1\n",
    "wide.csv": "step,loss,lr\n1,2,.1,7\n",
    "twice.csv": "step,loss,loss\n1,2,3\n",
    "lr_twice.csv": "\n\nstep,loss, lr,lr\n1,2,.1,.1\n",
    "semicolons.csv": "step;loss;lr\n1;2,5;0,1\n",
    "tabs.csv": "step\tloss\tlr\n1\t2\t.1\n",
    "decimals.csv": 'step,loss,lr\n1,"2,5",.1\n',
    "blank.csv": "\n \n\n",
    "gap.csv": "step,loss,lr\n1,2,.1\n60,1,.1\n",
    "short.csv": "step,loss,lr\n1,2,.1\n40,1,.1\n",
    "late.csv": "step,lr\n30,.1\n80,.1\n",
    "early.csv": "step,lr\n0,.1\n30,.1\n",
    "negative.csv": "step,lr\n0,.1\n80,-1\n",
    "two.csv": "step,loss,lr-SGD/pg1,lr-SGD/pg2\n20,2,.1,.2\n50,2,.1,.2\n60,2,.1,.2\n",
    "object.json": "{}",
    "numbers.json": "[1]",
    "broken.json": "[",
    "broken.jsonl": '{"step": 1}\n{',
    "broken.parquet": "x",
    "log.txt": "",
}
ON_RUN = [
    (
        ["--log", "no_lr.csv"],
        "no_lr.csv has no learning rate (lr, learning_rate or one lr-…), but step, loss: give --lr, a number or a CSV",
    ),
    (
        ["--log", "two.csv"],
        "two.csv has no learning rate (lr, learning_rate or one lr-…), but step, loss, lr-SGD/pg1, lr-SGD/pg2",
    ),
    (
        ["--log", "no_loss.csv"],
        "has no column loss or train_loss or train_loss_step or train/loss or training_loss, but eval_loss",
    ),
    (["--log", "no_loss.csv"], "say which it is: --columns loss=NAME"),
    (["--log", "empty.csv"], "empty.csv has no rows"),
    (["--log", "evaluations.csv"], "has no column loss"),
    (["--log", "text.csv"], "text.csv, line 3, column loss: 'high', should be a finite number"),
    (["--log", "nan.csv"], "nan.csv, line 2, column loss: 'nan', should be a finite number"),
    (["--log", "steps.csv"], "steps.csv, line 3: step is '1.5', should be a whole number"),
    (
        ["--log", "huge.csv"],
        "huge.csv, line 3: step is '99999999999999999999999', should be a whole number, below 2**53",
    ),
    (["--log", "unsorted.csv"], "unsorted.csv, line 4: step 2 follows 3; steps must rise"),
    (["--log", "repeated.csv"], "repeated.csv, line 4: step 3 follows 3; steps must rise"),
    (["--log", "wide.csv"], "wide.csv, line 2: more values than the 3 columns of the first line"),
    (["--log", "twice.csv"], "twice.csv, line 1: the column 'loss' occurs 2 times, should occur once"),
    (["--log", "lr_twice.csv"], "lr_twice.csv, line 3: the column 'lr' occurs 2 times, should occur once"),
    (
        ["--log", "semicolons.csv"],
        "semicolons.csv, line 1 has ';' between columns, should have commas, and numbers a decimal point: pandas.read_csv(…, sep=';', ",
    ),
    (["--log", "tabs.csv"], "tabs.csv, line 1 has '\\t' between columns, should have commas"),
    (
        ["--log", "decimals.csv"],
        "decimals.csv, line 2, column loss: '2,5', should be a finite number, with a decimal point",
    ),
    (["--log", "blank.csv"], "blank.csv has no rows"),
    (["--log", "gap.csv"], "gap.csv has no row with a loss between the checkpoints of steps 20 and 50"),
    (["--log", "short.csv"], "short.csv ends after 40 steps, the last checkpoint is of step 60"),
    (
        ["--log", "losses.csv", "--lr", "late.csv"],
        "late.csv has learning rates of steps 30 to 80, steps 0 to 59 are wanted",
    ),
    (
        ["--log", "losses.csv", "--lr", "early.csv"],
        "early.csv has learning rates of steps 0 to 30, steps 0 to 59 are wanted",
    ),
    (
        ["--log", "losses.csv", "--lr", "negative.csv"],
        "negative.csv: the learning rate of step 80 is -1, which is negative",
    ),
    *(
        (["--log", "losses.csv", "--lr", text], f"--lr {text}: a learning rate should be a finite number of at least 0")
        for text in ("-1", "nan", "inf")
    ),
    (
        ["--log", "losses.csv", "--lr", "0,1"],
        "--lr 0,1 is neither a number, with a decimal point, nor a file .csv, .json, .jsonl, .parquet",
    ),
    (["--log", "losses.csv", "--lr", "other.csv"], "other.csv is not there"),
    (["--log", "losses.csv", "--optimal-loss", "nan"], "optimal_loss of stretch 0 is nan"),
    (["--log", "losses.csv", "--out", "folder.csv"], "--out folder.csv cannot be written: it is a folder"),
    (["--log", "losses.csv", "--out", "losses.csv/a/t.csv"], "--out losses.csv/a/t.csv cannot be written: /"),
    (["--log", "losses.csv", "--out", "losses.csv/a/t.csv"], "/losses.csv is no folder"),
    (["--log", "losses.csv", "--picture", "folder.png"], "--picture folder.png cannot be written: it is a folder"),
    (["--log", "object.json"], "object.json should have a list log_history"),
    (["--log", "numbers.json"], "numbers.json, row 1: 1, should be a row with names"),
    (["--log", "broken.json"], "broken.json cannot be read as json"),
    (["--log", "broken.jsonl"], "broken.jsonl, line 2 is no JSON"),
    (["--log", "broken.parquet"], "broken.parquet cannot be read as parquet"),
    (["--log", "log.txt"], "log.txt: a log should be one of .csv, .json, .jsonl, .parquet"),
    (["--log", "none.csv"], "none.csv is not there"),
    (
        ["--log", "losses.csv", "--columns", "loss=los"],
        "--columns loss=los: losses.csv has no such column, there are loss, ",
    ),
    (
        ["--log", "losses.csv", "--columns", "rate=lr"],
        "--columns rate=lr: losses.csv has no such column, there are step, loss, lr",
    ),
    (
        ["--log", "losses.csv", "--steps", "0", "1"],
        "--steps has 2 numbers for 4 checkpoints (step_0.pt, step_20.pt, step_50.pt",
    ),
    (
        ["--log", "losses.csv", "--out", "table.xlsx"],
        "--out table.xlsx: its name should end with .csv, .parquet or .json",
    ),
    (["--log", "losses.csv", "--picture", "a.jpg"], "--picture a.jpg: its name should end with .png or .svg"),
    (["--log", "losses.csv", "--leave-out", "x"], "leave_out: no tensor is called 'x'"),
]


@pytest.mark.parametrize(("arguments", "message"), ON_RUN)
def test_bad_input_is_one_line(folder, capsys, arguments, message):
    for name, text in BAD_LOGS.items():
        (folder / name).write_text(text)
    for name in ("folder.csv", "folder.png"):
        (folder / name).mkdir()
    before = sorted(folder.iterdir())
    assert main(["gamma", "run", *arguments]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_checkpoints_that_cannot_be_ordered(folder, capsys):
    torch.save(state(3), folder / "epoch_3.pt")
    torch.save(state(3), folder / "final.pt")
    assert main(["gamma", "run", "epoch_3.pt", "final.pt", "--log", "losses.csv"]) == 2
    assert (
        "after how many steps epoch_3.pt, final.pt were saved, neither contents nor name tell"
        in capsys.readouterr().err
    )
    torch.save(state(20), folder / "step-20.pt")
    assert main(["gamma", "run", "step-20.pt", "--log", "losses.csv"]) == 2
    assert "step-20.pt and" not in (said := capsys.readouterr().err)
    assert "run/step_20.pt and step-20.pt are both of step 20" in said
    (folder / "nothing").mkdir()
    assert main(["gamma", "nothing", "--log", "losses.csv"]) == 2
    assert "nothing has no checkpoints in it" in capsys.readouterr().err
    assert main(["gamma", "run/step_20.pt", "--log", "losses.csv"]) == 2
    assert "got 1 checkpoint, should be at least two" in capsys.readouterr().err


BLOCKED = [
    "matplotlib",
    "seaborn",
    "jupyterlab",
    "jupyter_core",
    "papermill",
    "nbconvert",
    "nbformat",
    "IPython",
    "latex2mathml",
]
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({BLOCKED})); from trajreg.cli import main; sys.exit(main())"


def test_outside_a_checkout_without_notebooks(tmp_path):
    written(tmp_path / "run")
    write_csv(tmp_path / "losses.csv", rows())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT, "gamma", "run", "--log", "losses.csv", "--out", "table.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    same(pd.read_csv(tmp_path / "table.csv"))
    done = subprocess.run(
        [*command, "--picture", "a.png"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --picture needs matplotlib, which is not installed: pip install 'trajreg[plots]'\n"
    command = [sys.executable, "-m", "trajreg", "gamma", "run", "--log", "losses.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
