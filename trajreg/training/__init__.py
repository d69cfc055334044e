"""One training; it knows nothing of what is measured of it.

- `spec`: what it is; `streams`: its random streams; `columns`: what its tables hold
- `tasks`: loss, mini-batches and scores; `optimizers`; `schedule`: the learning rate from step to step
- `after_step`: what is done to the weights after the optimiser's step
- `observer`: what watches a training; `session`: a training while it runs, one epoch at a time
- `loop`: train, or run a stored training again and compare it with what was stored
- `snapshots`: its state after some epochs, on disk; `snapshot_index`: which there are
- `optimum`: ℓ* at the end point
"""
