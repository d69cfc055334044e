"""One training.

- `spec`: what it is; `streams`: its random streams; `optimizers`; `evaluate`: losses and accuracies
- `session`: a training while it runs, one epoch at a time, from its start or from a snapshot
- `snapshots`: its state at each epoch's end, on disk
- `optimum`: ℓ*
- `loop`: train and measure; `replay`: run epochs again from their snapshots; `result`: what is left
"""
