"""After how many steps checkpoints were saved: by what they hold, else by a number in their names."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from trajreg.checkpoints.file import IN_FOLDER, SAFETENSORS, SUFFIXES, checkpoints_in, is_checkpoint, load
from trajreg.errors import InputError

TRAINER_STATE = "trainer_state.json"  # of Hugging Face's trainer, in a checkpoint's folder
COUNTER = "global_step"  # there, and in a file of Lightning's
_NUMBER = r"[ =_.-]?(\d+)"
_OWN = rf"({'|'.join(IN_FOLDER)})(-\d+-of-\d+)?\.\w+$"  # a file of weights of a folder that is a checkpoint itself
_NAMED = (rf"(?:steps?|iter(?:ation)?s?){_NUMBER}", rf"(?:checkpoint|ckpt|model|weights){_NUMBER}")


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The checkpoints meant: a folder that is none itself, or that has folders of checkpoints in it, stands for those in it.

    Raises:
        InputError: a folder without checkpoints, with both files and folders that look like some, or with a link that leads nowhere.
    """
    found: list[Path] = []
    for path in paths:
        inside = _inside(path) if path.is_dir() else []
        found += inside or [path]
    return found


def _inside(folder: Path) -> list[Path]:
    """The checkpoints in a folder; none where it is one itself, and all but its own weights where it has others in it."""
    _refuse_dead_links(folder)
    inside, itself = checkpoints_in(folder), is_checkpoint(folder)
    folders = [one for one in inside if one.is_dir()]
    files = [one for one in inside if not one.is_dir() and not (itself and re.match(_OWN, one.name))]
    if folders and files:
        kinds = " and ".join(f"{shown[0].name}{' …' * (len(shown) > 1)}" for shown in (files, folders))
        raise InputError(
            f"{folder} has files and folders that look like checkpoints, {kinds}: name those that are meant, as {folder}/*{files[0].suffix}"
        )
    if not inside and not itself:
        raise InputError(
            f"{folder} has no checkpoints in it: no file .safetensors, .pt, .pth, .bin or .ckpt of weights"
        )
    return folders or ([] if itself else files)


def _refuse_dead_links(folder: Path) -> None:
    for one in sorted(folder.iterdir()):
        is_meant = one.suffix in SUFFIXES or step_in_name(one.name) is not None
        if is_meant and one.is_symlink() and not one.exists():
            raise InputError(
                f"{one} is a link to {one.readlink()}, where nothing is: mend it, or name the checkpoints that are meant"
            )


def in_order(paths: Sequence[Path], steps: Sequence[int] | None = None) -> tuple[list[Path], list[int]]:
    """Checkpoints in the order of training, and after how many steps each was saved.

    `steps`, in the order of the paths, is believed; else what a checkpoint holds (`global_step` of Lightning, of Hugging Face's
    trainer_state.json), else its name (step=120, step_120, iter120, checkpoint-500, model_1000, or a lone number that is no epoch's).

    Raises:
        InputError: not as many steps as checkpoints, one whose step is not to be told, or two of the same step.
    """
    if steps is None:
        known = {path: _step(path, number) for number, path in enumerate(paths)}
        unknown = [path.name for path, step in known.items() if step is None]
        if unknown:
            raise InputError(
                f"after how many steps {', '.join(unknown)} {'was' if len(unknown) == 1 else 'were'} saved, neither contents nor name "
                f"tell: give --steps, a number for each of the {len(paths)} checkpoints"
            )
        steps = [step for path in paths if (step := known[path]) is not None]
    if len(steps) != len(paths):
        names = ", ".join(path.name for path in paths)
        raise InputError(f"--steps has {len(steps)} numbers for {len(paths)} checkpoints ({names})")
    pairs = sorted(zip(steps, paths, strict=True), key=lambda pair: pair[0])
    for (step, path), (other_step, other) in pairwise(pairs):
        if step == other_step:
            raise InputError(
                f"{path} and {other} are both of step {step}: name the checkpoints that are meant, or give --steps"
            )
    return [path for _, path in pairs], [step for step, _ in pairs]


def _step(path: Path, number: int) -> int | None:
    held = _step_inside(path, number)
    return step_in_name(path.name) if held is None else held


def _step_inside(path: Path, number: int) -> int | None:
    if path.is_dir():
        state = path / TRAINER_STATE
        if not state.is_file():
            return None
        try:
            content = json.loads(state.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{state} is damaged ({type(error).__name__})") from None
    elif path.suffix == SAFETENSORS:
        return None
    else:
        content = load(path, f"checkpoint {number} ({path})")
    step = content.get(COUNTER) if isinstance(content, dict) else None
    return step if isinstance(step, int) and step >= 0 else None


def step_in_name(name: str) -> int | None:
    """The number of steps that a file's or folder's name tells, if it does.

    >>> [step_in_name(name) for name in ("epoch=3-step=120.ckpt", "checkpoint-500", "model_1000.pt", "0042.pt", "epoch_3.pt")]
    [120, 500, 1000, 42, None]
    """
    stem = re.sub(r"\.(safetensors|pt|pth|bin|ckpt|tar)\b", "", name.lower())
    of_steps, of_model = (re.findall(pattern, stem) for pattern in _NAMED)
    if of_steps:
        return int(of_steps[-1])
    if "ep" in re.split(r"[^a-z]+", stem) or "epoch" in stem:
        return None
    numbers = of_model or re.findall(r"\d+", stem)
    return int(numbers[-1]) if len(numbers) == 1 else None
