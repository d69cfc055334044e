"""A random walk that comes to grief: its process is killed, it raises, or the disk is full where it is stored."""

import os
import signal
import time
from dataclasses import replace
from typing import ClassVar, Literal

import random_walk
from random_walk import RandomWalkSpec

from trajreg.runs import store as storing


class DoomedWalkSpec(RandomWalkSpec):
    """As a walk; the one with seed 1 kills its process, unless all of them raise, or meet a full disk."""

    KIND: ClassVar[str] = "doomed_walk"
    EXECUTOR: ClassVar[str] = "doomed_walk"

    fails: bool = False
    disk_is_full: bool = False
    pieces: Literal["", "fine", "raise", "kill"] = ""


check = random_walk.check


def execute(todo, store, tell):
    """Walk, as far as it goes."""
    if todo.spec.fails:
        raise RuntimeError("lost its way")
    if todo.spec.disk_is_full:
        storing.write_sealed = no_room
    elif todo.spec.seed == 1 and not todo.spec.pieces:
        os.kill(os.getpid(), signal.SIGKILL)
    walked = random_walk.execute(todo, store, tell)
    return replace(walked, pieces=range(30)) if todo.spec.pieces else walked


def replay(todo, store, piece, tell):
    """A piece that takes a moment; the fourth does what it is told to."""
    time.sleep(0.05)
    if piece == 3 and todo.spec.pieces == "raise":
        raise RuntimeError("stumbled")
    if piece == 3 and todo.spec.pieces == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return piece


def collect(todo, store, parts):
    """All of them, in their order."""
    assert list(parts) == [*range(30)]
    return {}


def no_room(*arguments):
    """What the system says where there is none."""
    raise OSError(28, "No space left on device")
