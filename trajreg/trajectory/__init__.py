"""What is kept of θ_0 … θ_T while a net trains, and what is computed from it at the end.

- `recorder.TrajectoryRecorder`: wraps the optimiser's step of any PyTorch loop; `identity`, `reduction`: resuming and ending one
- `lightning`, `transformers`: the same as a callback of Lightning, and of Hugging Face's Trainer (`callback`: what both share)
- `way`: what can be known of the way before θ_T is; `export`: tables into TensorBoard and Weights & Biases
- `trajectory.Trajectory`: a finished recording and its table
- `parameters`: what θ is, in groups and by name
- `estimate`: bytes and seconds of a recording, before it starts
- `estimators`: the estimators by name, and which one `auto` means
- `store`: every iterate, in memory or memory-mapped; exact
- `epoch`: one iterate an epoch; exact for epoch means (Identity B), no per-step γ
- `sketch`, `projection`, `sketched`: a random projection of every update, the map, and what follows; unbiased, with standard errors, exact
  for epoch sums
- `towards`: distances towards a θ_T that is known, while epochs are run once more (`replay`); exact, no iterates
- `kept_path`: a path as `store` or `sketch` kept it, for the structure function of any stretch
- `tables`: what is kept of a trajectory: γ by step, by epoch and over the run
- `flat`, `recent`, `boundaries`, `distances`: θ as one vector, the latest iterates reduced a block at a time, those at the
  ends of epochs, and what all estimators hand over

An estimator has `keep()` (before each step, and at θ_T), `distances(num_steps)` → `Distances`, `way(first)` → `Way`, `state()`,
`load_state(state)` and `close()`.
"""
