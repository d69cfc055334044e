"""γ of a training that is over, from the checkpoints that it left (Identity B)."""

from collections.abc import Iterable

import pandas as pd
from numpy.typing import ArrayLike

from trajreg.checkpoints.distances import Checkpoint, Snapshots, open_all
from trajreg.metrics.stretches import Stretches


def from_checkpoints(
    checkpoints: Iterable[Checkpoint],
    *,
    loss: ArrayLike,
    lr: ArrayLike,
    num_steps: ArrayLike,
    optimal_loss: ArrayLike = 0.0,
    update_sq: ArrayLike | None = None,
    leave_out: Iterable[str] = (),
) -> pd.DataFrame:
    """γ of each stretch between two checkpoints of a training that is over, exactly; nothing had to watch it.

    Over the steps a ≤ t < b between two iterates, with d = ‖θ − θ_T‖ and θ_T the last checkpoint,

        γ = Σ η_t γ_t gap_t / Σ η_t gap_t = (d_a² − d_b²) / (2 Σ η_t gap_t),   Σ η_t gap_t = num_steps · lr · (loss − optimal_loss)

    (Identity B: the definition of arXiv 2011.06702, summed). The last equation is exact where the learning rate is constant in a stretch
    and `loss` is the mean over its steps, or else where `loss` is the mean weighted by the learning rate and `lr` the mean of that.

    Args:
        checkpoints: m + 1 of them in the order of training, the last is θ_T: state dicts, or paths of `.safetensors`, of what torch.save
            wrote (`.pt`, `.pth`, `.bin`, `.ckpt` …), or of folders of Hugging Face's. A state dict may be nested in a mapping. Those in
            memory have to be copies, `copy.deepcopy(model.state_dict())`: what `state_dict()` returns changes as the net trains. γ begins
            at the first: trainers save none of step 0 by themselves.
        loss: (m,) or scalar, the mean mini-batch loss over the steps of each stretch.
        lr: (m,) or scalar, the mean learning rate of all weights.
        num_steps: (m,) or scalar, how many steps (of the optimiser) each stretch has.
        optimal_loss: (m,) or scalar, the infimum of the mini-batch loss; 0 is the over-parameterised setting of the paper.
        update_sq: (m,) Σ‖θ_t − θ_{t+1}‖² over the steps of each stretch, where it was summed up while the net trained.
        leave_out: patterns (`fnmatch`) of names that are not to count, such as buffers or frozen parts.

    Returns:
        A row a stretch: `stretch`, `num_steps`, and the columns of `trajreg.regularity`, with `step` the first step of the stretch (from
        0 at the first checkpoint), `distance` that at its start, and lr and loss as given, where a table of single steps has those at
        the step; gap = loss − optimal_loss; then `displacement` = ‖θ_a − θ_b‖ and
        `directedness` = D of the stretch. `trajreg.directedness` and `metrics.aggregate` take the table.

        What the ends do not tell is NaN: update_norm and all cosines; and without `update_sq`, for want of Σ‖θ_t − θ_{t+1}‖²,
        inner_product, gamma_walk, gamma_excess and directedness. γ is NaN where the gap or the learning rate is not positive.

        `attrs` has `weights`, how many there are, and `left_out`, the names of the tensors that are none: not floating point, running
        statistics of batch norm, and those of `leave_out`. Weights that share memory in a checkpoint (tied) count once; `alike` has the
        names, two and two, of those that do not but move the same way to the last bit: tied weights that were copied one by one, which
        count twice unless `leave_out` has one of them. A learning rate of 0 for frozen weights changes nothing: what does not move adds
        nothing.

    Raises:
        InputError: fewer than two checkpoints; one that is missing, damaged, or holds Python objects, several state dicts, other names or
            shapes than the last one, memory of another one, or numbers that are not finite; a wrong length or value of the other arguments.

    Tensors are read one after the other and subtracted in float64, in blocks: never more than two checkpoints are in memory, of files
    that can be mapped (safetensors, and torch.save's format since 1.6) little of them.

    `trajreg.regularity` must not be given checkpoints: its update_sq is the length of single steps, and ‖θ_a − θ_b‖² in its place is a
    different number, from which the walk, the excess and D come out wrong without a word.

    From 3 to 0 in 2 + 1 steps of length 1 on a line:

    >>> import torch, trajreg
    >>> path = [{"weight": torch.tensor([place])} for place in (3.0, 1.0, 0.0)]
    >>> table = trajreg.from_checkpoints(path, loss=[2.0, 0.5], lr=0.5, num_steps=[2, 1], update_sq=[2, 1])
    >>> table[["step", "num_steps", "distance", "gamma", "gamma_walk", "directedness"]]
       step  num_steps  distance  gamma  gamma_walk  directedness
    0     0          2       3.0    2.0         0.5           4.0
    1     2          1       1.0    2.0         2.0           1.0
    """
    opened = open_all(checkpoints, leave_out)
    stretches = Stretches.of(len(opened) - 1, loss, lr, num_steps, optimal_loss, update_sq)
    return table_of(stretches, Snapshots.of(opened))


def table_of(stretches: Stretches, snapshots: Snapshots) -> pd.DataFrame:
    """The table of `from_checkpoints`, from what it was given and what it read."""
    table = stretches.table(snapshots.distance_sq, snapshots.displacement_sq)
    table.attrs = {"weights": snapshots.num_weights, "left_out": snapshots.left_out, "alike": snapshots.alike}
    return table
