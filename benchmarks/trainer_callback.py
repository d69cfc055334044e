"""What recording a Hugging Face training costs: the same trainings with and without the callback, in turn, in one process.

    .venv/bin/python benchmarks/trainer_callback.py [--turns 5] [--steps 60]

A small GPT-2, made on the spot (4 layers of width 128, 0.8 million weights, 8 sequences of 64 tokens a step, one thread), is trained in
pairs of turns without and with `RegularityCallback`, with gradient accumulation or not. Prints the ratio of processor seconds, its median,
smallest and largest over turns, of the whole training (with reduction and table at its end), and whether the weights are the same bits.

Found on a two-core CPU, five turns of 40 steps, 56 to 67 ms a step without; the weights are the same bits:

                        store                     sketch
    no accumulation     1.15 (1.10 … 1.33)        1.03 (1.02 … 1.05)
    of 4 mini-batches   1.15 (1.12 … 1.17)        1.03 (1.02 … 1.04)
"""

import argparse
import logging
import statistics
import tempfile
import time
import warnings

import torch

from trajreg.trajectory.transformers import RegularityCallback

SEQUENCE, BATCH, VOCABULARY = 64, 8, 256


def trainer(folder: str, steps: int, accumulate: int):
    """One that is ready to train, always from the same weights and data."""
    import transformers

    transformers.trainer.is_datasets_available = lambda: False  # a folder of that name looks like the library
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=SEQUENCE, n_embd=128, n_layer=4, n_head=4, loss_type="ForCausalLMLoss"
    )
    rows = torch.randint(0, VOCABULARY, (512, SEQUENCE), generator=torch.Generator().manual_seed(1))
    args = transformers.TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=BATCH // accumulate,
        gradient_accumulation_steps=accumulate,
        learning_rate=1e-3,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        logging_steps=10**9,
    )
    data = [{"input_ids": row, "labels": row} for row in rows]
    return transformers.Trainer(model=transformers.GPT2LMHeadModel(config), args=args, train_dataset=data)


def timed(folder: str, steps: int, accumulate: int, estimator: str | None) -> tuple[float, torch.Tensor]:
    """(seconds, weights at the end) of one training."""
    one = trainer(folder, steps, accumulate)
    if estimator:
        RegularityCallback(one, estimator)
    started = time.process_time()
    one.train()
    seconds = time.process_time() - started
    return seconds, torch.cat([weight.detach().flatten() for weight in one.model.parameters()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        timed(folder, 5, 1, None)  # warm
        for accumulate in (1, 4):
            for estimator in ("store", "sketch"):
                ratios, same = [], True
                for _ in range(options.turns):
                    without, alone = timed(folder, options.steps, accumulate, None)
                    watched, weights = timed(folder, options.steps, accumulate, estimator)
                    ratios.append(watched / without)
                    same &= torch.equal(alone, weights)
                print(
                    f"{estimator:7} accumulation {accumulate}: ×{statistics.median(ratios):.3f} ({min(ratios):.3f} … {max(ratios):.3f}), "
                    f"{1000 * without / options.steps:.0f} ms a step without, weights {'the same bits' if same else 'DIFFER'}"
                )


if __name__ == "__main__":
    main()
